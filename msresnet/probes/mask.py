"""A mask: where a picture was brushed, in the coordinates of the upright upload."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..errors import ConfigError
from ..geometry import Geometry

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Mask:
    """Where a picture was brushed.

    Attributes:
        values: ``(height, width)`` in [0, 1], boolean or float: 1 where it was brushed; between, a mixture.
        box: (left, top, right, bottom) of the rectangle that the values cover, in px of the upright
            upload. Beyond it they go on as at its edges.
    """

    values: np.ndarray
    box: Box

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        if values.ndim != 2 or not values.size:
            raise ConfigError(f"a mask must be (height, width), got the shape {values.shape}")
        if not np.issubdtype(values.dtype, np.number) and values.dtype != bool:
            raise ConfigError(f"a mask must hold numbers or booleans, got {values.dtype}")
        if not (values.min() >= 0 and values.max() <= 1):  # NaN is neither
            raise ConfigError(f"a mask must be in [0, 1], got {values.min()} to {values.max()}; divide by its maximum")
        left, top, right, bottom = self.box
        if not all(map(math.isfinite, self.box)) or not (left < right and top < bottom):
            raise ConfigError(f"a mask's box must be finite with left < right and top < bottom, got {self.box}")

    @classmethod
    def over_upload(cls, values: np.ndarray, upload_size: tuple[int, int]) -> "Mask":
        """Values that cover the whole upright upload of ``(width, height)`` px, at any resolution."""
        return cls(values, (0.0, 0.0, *map(float, upload_size)))

    @classmethod
    def over_view(cls, values: np.ndarray, geometry: Geometry) -> "Mask":
        """Values that cover the field of view, the square that the levels show, at any resolution."""
        return cls(values, geometry.box)

    @classmethod
    def rectangle(cls, box: Box, upload_size: tuple[int, int]) -> "Mask":
        """A rectangle in px of the upright upload, whole pixels; it must overlap the upload."""
        width, height = upload_size
        values = np.zeros((height, width), dtype=bool)
        if all(map(math.isfinite, box)):
            left, top, right, bottom = (max(round(edge), 0) for edge in box)
            values[top:bottom, left:right] = True
        if not values.any():
            raise ConfigError(f"the rectangle must overlap the {width} x {height} px picture, got {box}")
        return cls.over_upload(values, upload_size)

    @classmethod
    def of_picture(cls, picture: Image.Image, upload_size: tuple[int, int]) -> "Mask":
        """A picture over the whole upright upload: white where it is brushed, black where it is not."""
        return cls.over_upload(np.asarray(picture.convert("L"), dtype=np.float32) / 255, upload_size)

    @property
    def inverted(self) -> "Mask":
        """What was not brushed."""
        return Mask(1 - np.asarray(self.values, dtype=np.float32), self.box)

    def on(self, rectangle: Box, size: tuple[int, int]) -> Image.Image:
        """The values over a rectangle of the upload, as an ``L`` picture of ``size`` (width, height) px."""
        values = np.rint(255 * np.asarray(self.values, dtype=np.float32)).astype(np.uint8)
        return stretched(Image.fromarray(values), self.box, rectangle, size)


def stretched(picture: Image.Image, box: Box, rectangle: Box, size: tuple[int, int]) -> Image.Image:
    """A picture that covers ``box``, as seen over ``rectangle`` with ``size`` (width, height) px.

    Bilinear, anti-aliased; beyond its box it goes on as at its edges.
    """
    across = picture.width / (box[2] - box[0])
    down = picture.height / (box[3] - box[1])
    left, right = (across * (edge - box[0]) for edge in (rectangle[0], rectangle[2]))
    top, bottom = (down * (edge - box[1]) for edge in (rectangle[1], rectangle[3]))
    before = (math.ceil(max(-top, 0)), math.ceil(max(-left, 0)))
    after = (math.ceil(max(bottom - picture.height, 0)), math.ceil(max(right - picture.width, 0)))
    if any(before + after):
        array = np.asarray(picture)
        margins = [(before[0], after[0]), (before[1], after[1]), (0, 0)][: array.ndim]
        picture = Image.fromarray(np.pad(array, margins, mode="edge"))
    shown = (left + before[1], top + before[0], right + before[1], bottom + before[0])
    limits = (picture.width, picture.height) * 2
    shown = tuple(min(max(edge, 0.0), float(limit)) for edge, limit in zip(shown, limits, strict=True))
    return picture.resize(size, Image.Resampling.BILINEAR, box=shown)
