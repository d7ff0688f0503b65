"""Image to levels: a scale space of one field of view.

Every level is resized, anti-aliased, from the same source pixels with the same
field of view. Levels go up as well as down. The source is the upload reduced to
the side of the pictures that the model was trained on, where that is smaller, so
that no level meets detail that its statistics never saw.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor
from torch.nn import functional as F

from .errors import ConfigError
from .geometry import Geometry, crop_to

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """A trunk's own convention from an upload to its levels.

    Attributes:
        crop_fraction: side of the central square that the model sees, as a share of
            the upload's short side; torchvision's 224 of 256 is 0.875.
        source_side: side in px of the pictures that the model was trained on; larger
            uploads are reduced to it before the levels are made. ``None``: no limit.
        mean, std: per RGB channel, of pixels in [0, 1]; applied inside the model.
        sees_whole_image: the square that holds the whole upload, padded with the mean
            colour, instead of the central crop.
        is_denoised: a 3×3 median filter on the source; off unless asked for.
    """

    crop_fraction: float = 1.0
    source_side: int | None = None
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    sees_whole_image: bool = False
    is_denoised: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.crop_fraction <= 1:
            raise ConfigError(f"crop_fraction must be in (0, 1], got {self.crop_fraction}")
        if self.source_side is not None and self.source_side < 1:
            raise ConfigError(f"source_side must be at least 1 px, got {self.source_side}")
        if min(self.std) <= 0:
            raise ConfigError(f"std must be > 0 in every channel, got {self.std}")

    def geometry(self, upload_size: tuple[int, int]) -> Geometry:
        """Where the model looks in an upright upload of ``(width, height)`` px."""
        if self.sees_whole_image:
            return Geometry.whole(upload_size)
        return Geometry.centre_crop(upload_size, fraction=self.crop_fraction)

    def source(self, upload: Image.Image) -> tuple[Image.Image, Geometry]:
        """The pixels that every level is made from, and where the field of view lies in them."""
        geometry = self.geometry(upload.size)
        left, _, right, _ = geometry.box
        if self.source_side is not None and right - left > self.source_side:
            upload = crop_to(upload, geometry, self.source_side, fill=self.fill)
            geometry = Geometry.centre_crop(upload.size)
        if self.is_denoised:
            upload = upload.filter(ImageFilter.MedianFilter(3))
        return upload, geometry

    @property
    def fill(self) -> tuple[int, int, int]:
        """The mean colour in 8 bits: what lies outside the upload."""
        red, green, blue = (round(255 * value) for value in self.mean)
        return red, green, blue


def upload_levels(upload: Image.Image, sides: Sequence[int], preprocessing: Preprocessing) -> tuple[Tensor, ...]:
    """Levels of an upright RGB picture of any size: ``(1, 3, side, side)`` float32 in [0, 1] per side."""
    return levels_of(*preprocessing.source(upload), sides, preprocessing)


def levels_of(
    source: Image.Image, geometry: Geometry, sides: Sequence[int], preprocessing: Preprocessing
) -> tuple[Tensor, ...]:
    """Levels of a source and its geometry, as :meth:`Preprocessing.source` gives them."""
    return tuple(pixels(crop_to(source, geometry, side, fill=preprocessing.fill)) for side in sides)


def tensor_levels(images: Tensor, sides: Sequence[int]) -> tuple[Tensor, ...]:
    """Levels of ``(batch, 3, height, width)`` float pixels as they are: ``(batch, 3, side, side)`` per side.

    A level whose side already matches is not resized; a picture that is not square
    is first cropped to its centre square.
    """
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise ValueError(
            "images must be float (batch, 3, height, width) in [0, 1], "
            f"got {images.dtype} {tuple(images.shape)}; use model.pyramid for a picture"
        )
    images = centre_square(images)
    return tuple(resize_pixels(images, side) for side in sides)


def pixels(picture: Image.Image) -> Tensor:
    """An RGB picture as ``(1, 3, height, width)`` float32 in [0, 1]."""
    array = np.asarray(picture.convert("RGB"), dtype=np.float32) / 255
    return torch.from_numpy(array).permute(2, 0, 1).unsqueeze(0).contiguous()


def centre_square(images: Tensor) -> Tensor:
    """The central square of ``(batch, 3, height, width)``; a view."""
    height, width = images.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images[..., top : top + side, left : left + side]


def resize_pixels(images: Tensor, side: int) -> Tensor:
    """Bilinear, anti-aliased resize of square pictures to ``side`` px; the same tensor where it fits."""
    if images.shape[-1] == side:
        return images
    return F.interpolate(images, (side, side), mode="bilinear", antialias=True)
