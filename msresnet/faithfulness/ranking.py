"""From a map per scale to one order of places: the field of view in patches, the strongest first.

The maps of all scales are laid over the field of view as densities and added up: a pixel's
value counts in the patch that it lies in, a cell's runs linearly to its neighbours'. Where
the maps are shares, the density of a patch is its share of the score.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..attribution import METHODS, Attribution
from ..ledger import Ledger, Target
from ..localisation import evidence_density

# Patches along an axis. 16 divides the sides of every listed model; a patch of the default model is 3 px
# of its smallest level, the least that a 3 × 3 kernel sees.
PATCHES = 16

EVIDENCE = "evidence"


@dataclass(frozen=True, eq=False)
class Subject:
    """Maps on trial.

    Attributes:
        name: a method's, or ``evidence``.
        maps: per scale ``(h_s, w_s)``, what places are ranked by, the highest first: the signed
            values, or the magnitudes of a method whose values are slopes.
        strides: level px between neighbouring values of each map.
    """

    name: str
    maps: tuple[np.ndarray, ...]
    strides: tuple[int, ...]

    @classmethod
    def of_evidence(cls, ledger: Ledger, target: Target, *, stride: int) -> "Subject":
        """The evidence of a target, as the page draws it."""
        maps = ledger.evidence_for(target)
        return cls(EVIDENCE, maps, (stride,) * len(maps))

    @classmethod
    def of_method(cls, result: Attribution) -> "Subject":
        """The maps of a method that says where."""
        is_slope = METHODS[result.method].is_slope
        return cls(result.method, result.magnitudes if is_slope else result.maps, result.strides)

    @property
    def is_flat(self) -> bool:
        """Whether every value is the same, so that it ranks nothing."""
        return all(np.ptp(values) == 0 for values in self.maps)

    def density(self, sides: Sequence[int]) -> np.ndarray:
        """The maps of all scales together, ``(PATCHES, PATCHES)``, in their unit per field of view."""
        total = np.zeros((PATCHES, PATCHES))
        for values, stride, side in zip(self.maps, self.strides, sides, strict=True):
            if stride == 1:
                rows, columns = (overlaps(length) for length in values.shape)
                total += rows @ values.astype(np.float64) @ columns.T * PATCHES**2
            else:
                total += evidence_density([values], sides=[side], strides=[stride], resolution=PATCHES)
        return total


def overlaps(length: int) -> np.ndarray:
    """``(PATCHES, length)``: the share of each pixel of an axis that lies in each patch; a pixel's add up to 1."""
    edges = np.arange(PATCHES + 1) * length / PATCHES
    starts = np.arange(length)
    low = np.maximum(edges[:-1, None], starts)
    high = np.minimum(edges[1:, None], starts + 1)
    return np.clip(high - low, 0, None)


def order(density: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """``(PATCHES²,)`` indices of the patches, the strongest first; what is equally strong in random order."""
    shuffled = np.random.default_rng(seed).permutation(density.size)
    return shuffled[np.argsort(-density.ravel()[shuffled], kind="stable")]


def random_order(seed: int) -> np.ndarray:
    """``(PATCHES²,)`` indices of the patches, as chance has it."""
    return np.random.default_rng(seed).permutation(PATCHES**2)
