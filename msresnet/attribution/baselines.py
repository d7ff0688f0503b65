"""Pictures that stand for nothing: what an attribution compares the image with."""

from collections.abc import Sequence
from enum import Enum

import torch
from torch import Tensor

from ..errors import UnknownNameError
from ..model import MultiscaleResNet

# Standard deviation of the blur as a share of a level's side: every level loses the same detail.
# About twice what Fong and Vedaldi (arXiv 1704.03296) take, 10 px of 224: no object survives it.
BLUR_SHARE = 0.1


class Baseline(Enum):
    """A named choice; after normalisation a tensor of zeros is the mean colour, not black."""

    BLACK = "black"
    MEAN = "mean"  # the mean colour of the training pictures: what the network sees as nothing
    BLUR = "blur"  # the image without its detail: keeps its colours
    NOISE = "noise"  # uniform, seeded

    @classmethod
    def find(cls, name: "str | Baseline") -> "Baseline":
        """The baseline by name; raises ``UnknownNameError``."""
        try:
            return cls(name)
        except ValueError:
            raise UnknownNameError("baseline", str(name), [one.value for one in cls]) from None


def baseline_levels(
    model: MultiscaleResNet, levels: Sequence[Tensor], baseline: Baseline, *, seed: int = 0
) -> tuple[Tensor, ...]:
    """The baseline of an image, to compare it with or to show: ``(1, 3, side, side)`` in [0, 1] per scale."""
    levels = [level.detach() for level in levels]
    match baseline:
        case Baseline.BLACK:
            return tuple(torch.zeros_like(level) for level in levels)
        case Baseline.MEAN:
            return tuple(model.mean.to(level).expand_as(level).clone() for level in levels)
        case Baseline.BLUR:
            return tuple(blur(level) for level in levels)
        case Baseline.NOISE:
            generator = torch.Generator().manual_seed(seed)
            return tuple(torch.rand(level.shape, generator=generator).to(level) for level in levels)


def blur(level: Tensor) -> Tensor:
    """Gaussian blur of ``(batch, 3, height, width)``; at the border only what is there counts."""
    height, width = level.shape[-2:]
    return gaussian(height).to(level) @ level @ gaussian(width).to(level).T


def gaussian(side: int) -> Tensor:
    """``(side, side)`` blur along one axis: row i weighs the pixels for pixel i, 1 in sum."""
    place = torch.arange(side, dtype=torch.float64)
    distance = (place[:, None] - place[None, :]) / (BLUR_SHARE * side)
    return (-(distance**2) / 2).softmax(dim=1)
