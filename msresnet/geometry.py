"""The invertible record that leads from an upload's pixels to a level and back.

One :class:`Geometry` serves every map that is drawn over the upload, so that a dot in the
picture and a dot on a map are at the same place after EXIF rotation, crop and resize.

Coordinates are continuous and refer to pixel *edges*: pixel ``i`` covers ``[i, i + 1)``,
its centre is ``i + 0.5``, and x and the width always come first.
"""

import math
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
from PIL import Image

from .errors import ConfigError

# The mean of ImageNet, (0.485, 0.456, 0.406), in 8 bits: what the network sees as nothing.
IMAGENET_MEAN_RGB = (124, 116, 104)

# A box edge this near to the picture's edge lies on it: far above the rounding of
# (width - side) / 2 and far below anything that would show.
_ON_EDGE_PX = 1e-6

Coordinate = TypeVar("Coordinate", float, np.ndarray)


@dataclass(frozen=True)
class Geometry:
    """The invertible record from the upright upload's pixels to a level of any side.

    ``upload_size`` is (width, height) in px. ``box`` is (left, top, right, bottom) of the
    model's square field of view in upload pixels, in the pixel-edge coordinates of this
    module; it may reach beyond the upload, where the level shows padding.

    Raises :class:`ConfigError` unless the sizes are whole and at least 1 px and the box is
    finite, square and overlaps the upload.
    """

    upload_size: tuple[int, int]
    box: tuple[float, float, float, float]

    def __post_init__(self) -> None:
        width, height = self.upload_size
        if not all(isinstance(edge, int) and edge >= 1 for edge in self.upload_size):
            raise ConfigError(f"upload_size must be two whole numbers >= 1, got {self.upload_size}")
        left, top, right, bottom = self.box
        if not all(math.isfinite(edge) for edge in self.box) or not (left < right and top < bottom):
            raise ConfigError(f"box must be finite with left < right and top < bottom, got {self.box}")
        if not math.isclose(right - left, bottom - top, rel_tol=1e-6, abs_tol=_ON_EDGE_PX):
            raise ConfigError(f"box must be square, got {right - left:g} x {bottom - top:g} px")
        if right <= 0 or bottom <= 0 or left >= width or top >= height:
            raise ConfigError(f"box must overlap the {width} x {height} px upload, got {self.box}")

    @classmethod
    def centre_crop(cls, size: tuple[int, int], *, fraction: float = 1.0) -> Self:
        """The centre square of ``fraction`` (> 0) times the short side of ``size`` (width, height)."""
        if not (math.isfinite(fraction) and fraction > 0):
            raise ConfigError(f"fraction must be > 0, got {fraction}; 1 is the largest square inside")
        return cls._centred(size, fraction * min(size))

    @classmethod
    def whole(cls, size: tuple[int, int]) -> Self:
        """The centred square that holds the entire picture of ``size`` (width, height)."""
        return cls._centred(size, float(max(size)))

    @classmethod
    def _centred(cls, size: tuple[int, int], side: float) -> Self:
        width, height = size
        left, top = (width - side) / 2, (height - side) / 2
        return cls((width, height), (left, top, left + side, top + side))

    def to_level(self, x: Coordinate, y: Coordinate, *, side: int) -> tuple[Coordinate, Coordinate]:
        """Upload coordinates → coordinates on a level of ``side`` px; floats or arrays.

        Inside the field of view the result lies in [0, side].
        """
        left, top, right, bottom = self.box
        return (x - left) * (side / (right - left)), (y - top) * (side / (bottom - top))

    def to_upload(self, x: Coordinate, y: Coordinate, *, side: int) -> tuple[Coordinate, Coordinate]:
        """The inverse of :meth:`to_level`: coordinates on a level of ``side`` px → upload."""
        left, top, right, bottom = self.box
        return x * ((right - left) / side) + left, y * ((bottom - top) / side) + top

    def px_per_level_px(self, side: int) -> float:
        """How many upload pixels lie side by side in one pixel of a level of ``side`` px."""
        return (self.box[2] - self.box[0]) / side


def crop_to(
    image: Image.Image,
    geometry: Geometry,
    side: int,
    *,
    fill: tuple[int, int, int] = IMAGENET_MEAN_RGB,
) -> Image.Image:
    """The field of view of ``geometry`` as a new ``side`` × ``side`` RGB image.

    Resized by Pillow's bilinear filter, which widens with the reduction (antialiased);
    where the box reaches outside the picture, the colour ``fill`` (RGB, 0 to 255) continues
    it. A whole-numbered box of ``side`` px comes out unchanged.

    Raises :class:`ConfigError` for a side below 1, a mode other than RGB, or a geometry
    that was made for another size.
    """
    require_rgb(image)
    if side < 1:
        raise ConfigError(f"side must be at least 1 px, got {side}")
    if image.size != tuple(geometry.upload_size):
        raise ConfigError(
            f"a geometry fits the size it was made for, {geometry.upload_size}, got a picture of {image.size}"
        )
    left, top, right, bottom = (_snap(edge, length) for edge, length in zip(geometry.box, image.size * 2, strict=True))
    if left >= 0 and top >= 0 and right <= image.width and bottom <= image.height:
        return image.resize((side, side), Image.Resampling.BILINEAR, box=(left, top, right, bottom))
    # The filter is separable. The axis along which nothing is padded goes first, so that
    # padding never multiplies a long picture's pixels.
    across = ("x", left, right), ("y", top, bottom)
    for axis, start, stop in across if left >= 0 and right <= image.width else across[::-1]:
        image = _resize_padded(image, axis, start, stop, side, fill)
    return image


def require_rgb(image: Image.Image) -> None:
    """Raise :class:`ConfigError` for another mode."""
    if image.mode != "RGB":
        raise ConfigError(f"the mode must be RGB, got {image.mode}; pass the image through read_image first")


def _resize_padded(
    image: Image.Image, axis: str, start: float, stop: float, side: int, fill: tuple[int, int, int]
) -> Image.Image:
    """One axis of ``image``, from ``start`` to ``stop`` in px, on ``side`` px; ``fill`` outside it.

    Only the level pixels that the picture can reach are resized, with just the padding that
    their filter sees: a box far larger than the picture costs no memory.
    """
    length = image.width if axis == "x" else image.height
    px_per_level_px = (stop - start) / side
    reach = max(px_per_level_px, 1.0)  # half the width of the triangle filter, in px
    first = max(math.floor((-reach - start) / px_per_level_px), 0)
    last = min(math.ceil((length + reach - start) / px_per_level_px), side)
    # An outermost such pixel lies at most reach + px_per_level_px outside, its filter as much again.
    margin = math.ceil(3 * reach) + 1
    before, after = margin * (start < 0), margin * (stop > length)
    near = before + start + first * px_per_level_px
    far = min(before + start + last * px_per_level_px, before + length + after)

    def along(value: float, other: float) -> tuple:
        return (value, other) if axis == "x" else (other, value)

    other = image.height if axis == "x" else image.width
    padded = Image.new("RGB", along(before + length + after, other), fill)
    padded.paste(image, along(before, 0))
    strip = padded.resize(along(last - first, other), Image.Resampling.BILINEAR, box=along(near, 0) + along(far, other))
    level = Image.new("RGB", along(side, other), fill)
    level.paste(strip, along(first, 0))
    return level


def _snap(edge: float, length: int) -> float:
    """``edge``, or the picture's own edge (0 or ``length``) where rounding alone keeps them apart."""
    return next((float(own) for own in (0, length) if abs(edge - own) <= _ON_EDGE_PX), edge)
