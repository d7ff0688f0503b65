"""Object zoom: the same picture nearer or farther, on a canvas that keeps its side.

At zoom ½ the picture covers the middle quarter of the canvas, at zoom 2 its central
quarter covers the whole canvas. Around a picture that is far away lies the mean colour,
or the picture continued symmetrically: a grey border is something that the model never
saw, a mirrored one shows the object more than once, so that each checks the other.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

import numpy as np
from PIL import Image, ImageFilter
from torch import Tensor

from .errors import ConfigError, UnknownNameError
from .geometry import IMAGENET_MEAN_RGB, Geometry, crop_to
from .pyramid import Preprocessing, pixels, upload_levels

CANVAS_SIDE_PX = 448  # of the zoom sweep by which models are compared
MAX_MAGNIFICATION = 64.0  # either way; beyond it a picture is a single pixel, or a single pixel the picture

# Before a picture is mirrored it is reduced to so many times what it will measure on the canvas: from
# 3 on, says Pillow of its ``reducing_gap``, a reduction in two steps is indistinguishable from one.
_GAP = 3
_FILTER_MARGIN_PX = 2  # on the canvas: what the filter of the outermost pixel reaches


class Canvas(Enum):
    """What lies around a picture that is farther away than the canvas is wide."""

    GREY = "grey"  # the mean colour
    MIRROR = "mirror"  # the picture, continued symmetrically

    @classmethod
    def find(cls, name: "str | Canvas") -> "Canvas":
        """The canvas of a name; raises ``UnknownNameError`` where there is none."""
        known = {canvas.value: canvas for canvas in cls}
        if isinstance(name, cls):
            return name
        if name not in known:
            raise UnknownNameError("canvas", str(name), known)
        return known[name]


def zoom_canvas(
    picture: Image.Image, zoom: float, *, canvas: str | Canvas = Canvas.GREY, side: int = CANVAS_SIDE_PX
) -> Image.Image:
    """The centre square of an RGB picture at ``zoom`` on a canvas of ``side`` px; 1 fills it exactly.

    Raises:
        ConfigError: a zoom that is not in [1/64, 64], a side below 1 px, a mode other than RGB.
        UnknownNameError: there is no such canvas.
    """
    return place(picture, Geometry.centre_crop(picture.size), zoom, canvas=canvas, side=side)


def place(
    picture: Image.Image,
    geometry: Geometry,
    zoom: float,
    *,
    canvas: str | Canvas = Canvas.GREY,
    side: int,
    fill: tuple[int, int, int] = IMAGENET_MEAN_RGB,
) -> Image.Image:
    """The field of view of ``geometry`` at ``zoom`` on a canvas of ``side`` px.

    Resized, anti-aliased, from the picture's own pixels. Below 1 nothing of the picture
    outside the field of view is shown. At 1 it is :func:`msresnet.geometry.crop_to`, exactly.

    Raises:
        ConfigError, UnknownNameError: as :func:`zoom_canvas`.
    """
    canvas = Canvas.find(canvas)
    if not (math.isfinite(zoom) and 1 / MAX_MAGNIFICATION <= zoom <= MAX_MAGNIFICATION):
        raise ConfigError(f"a zoom must be in [1/{MAX_MAGNIFICATION:g}, {MAX_MAGNIFICATION:g}], got {zoom}")
    if zoom < 1:
        cut = mirrored if canvas is Canvas.MIRROR else alone
        picture, geometry = cut(picture, geometry, zoom, side=side, fill=fill)
    return crop_to(picture, scaled(geometry, 1 / zoom), side, fill=fill)


def zoomed_levels(
    upload: Image.Image,
    zoom: float,
    sides: Sequence[int],
    preprocessing: Preprocessing,
    *,
    canvas: str | Canvas = Canvas.GREY,
) -> tuple[Tensor, ...]:
    """Levels of an upright RGB picture at ``zoom``: ``(1, 3, side, side)`` float32 in [0, 1] per side.

    What the model sees of the picture is put on the canvas, and the levels are made from the
    canvas, uncropped. At 1 they are :func:`msresnet.pyramid.upload_levels`, exactly.

    Raises:
        ConfigError, UnknownNameError: as :func:`zoom_canvas`.
    """
    geometry = preprocessing.geometry(upload.size)
    source_side = preprocessing.source_side
    if source_side is not None and width(geometry) / zoom > source_side:
        source = place(upload, geometry, zoom, canvas=canvas, side=source_side, fill=preprocessing.fill)
        return upload_levels(source, sides, replace(preprocessing, crop_fraction=1.0, sees_whole_image=False))
    if preprocessing.is_denoised:
        upload = upload.filter(ImageFilter.MedianFilter(3))
    return tuple(
        pixels(place(upload, geometry, zoom, canvas=canvas, side=side, fill=preprocessing.fill)) for side in sides
    )


def alone(
    picture: Image.Image, geometry: Geometry, zoom: float, *, side: int, fill: tuple[int, int, int]
) -> tuple[Image.Image, Geometry]:
    """The picture without what lies outside the field of view, which :func:`crop_to` then fills."""
    left, top, right, bottom = geometry.box
    left, top = max(math.floor(left), 0), max(math.floor(top), 0)
    cut = picture.crop((left, top, min(math.ceil(right), picture.width), min(math.ceil(bottom), picture.height)))
    return cut, moved(geometry, cut.size, -left, -top)


def mirrored(
    picture: Image.Image, geometry: Geometry, zoom: float, *, side: int, fill: tuple[int, int, int]
) -> tuple[Image.Image, Geometry]:
    """The field of view, continued symmetrically as far as a canvas of ``side`` px shows it."""
    own_side = max(min(round(width(geometry)), math.ceil(_GAP * zoom * side)), 1)
    cut = np.asarray(crop_to(picture, geometry, own_side, fill=fill))
    shown = own_side / zoom
    reach = math.ceil((shown - own_side) / 2 + _FILTER_MARGIN_PX * max(shown / side, 1))
    continued = Image.fromarray(np.pad(cut, ((reach, reach), (reach, reach), (0, 0)), mode="symmetric"))
    return continued, moved(Geometry.centre_crop((own_side, own_side)), continued.size, reach, reach)


def moved(geometry: Geometry, size: tuple[int, int], x: int, y: int) -> Geometry:
    """The same field of view, ``x`` and ``y`` px farther, in a picture of another size."""
    left, top, right, bottom = geometry.box
    return Geometry(size, (left + x, top + y, right + x, bottom + y))


def scaled(geometry: Geometry, factor: float) -> Geometry:
    """The field of view ``factor`` times as wide, about the same centre."""
    if factor == 1:
        return geometry
    left, top, right, bottom = geometry.box
    x, y, half = (left + right) / 2, (top + bottom) / 2, factor * (right - left) / 2
    return Geometry(geometry.upload_size, (x - half, y - half, x + half, y + half))


def width(geometry: Geometry) -> float:
    """How wide the field of view is, in px of the upload."""
    return geometry.box[2] - geometry.box[0]
