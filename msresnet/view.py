"""What people see of what a model looks at: levels and the field of view as pixels."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .images import Geometry, crop_to

VIEW_SIDE_PX = 448  # the largest level of the listed models; a panel of a figure has 420 px


def pictures_of(levels: Sequence[Tensor]) -> tuple[np.ndarray, ...]:
    """``(1, 3, side, side)`` pixels in [0, 1] as ``(side, side, 3)`` uint8 per scale."""
    return tuple((255 * level[0].permute(1, 2, 0)).round().to("cpu", torch.uint8).numpy() for level in levels)


def field_of_view(picture: Image.Image, geometry: Geometry, *, at_least: int) -> np.ndarray:
    """``(side, side, 3)`` uint8: what the levels show, as sharp as the upload has it, at most 448 px."""
    left, _, right, _ = geometry.box
    side = min(VIEW_SIDE_PX, max(math.ceil(right - left), at_least))
    return np.asarray(crop_to(picture, geometry, side))
