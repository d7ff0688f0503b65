"""What a share or a correlation is worth: its interval over the pictures, and ranks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

BOOTSTRAP_DRAWS = 2000


@dataclass(frozen=True)
class Estimate:
    """A mean or a correlation with its 95 % interval by bootstrap over the pictures."""

    value: float
    low: float
    high: float

    @classmethod
    def of(
        cls,
        values: np.ndarray,
        *,
        statistic: Callable[[np.ndarray], float] = lambda rows: float(rows.mean()),
        seed: int,
    ) -> "Estimate":
        """The statistic of ``(picture, ...)`` values; pictures are drawn with replacement."""
        draw = np.random.default_rng(seed)
        count = len(values)
        drawn = [statistic(values[draw.integers(count, size=count)]) for _ in range(BOOTSTRAP_DRAWS)]
        low, high = np.nanpercentile(drawn, [2.5, 97.5])
        return cls(statistic(values), float(low), float(high))

    def percent(self) -> str:
        """A share as ``57.8 % (55.6 to 60.0)``."""
        return f"{100 * self.value:.1f} % ({100 * self.low:.1f} to {100 * self.high:.1f})"

    def points(self) -> str:
        """A difference of shares as ``+2.1 (+0.3 to +3.9)`` points."""
        return f"{100 * self.value:+.1f} ({100 * self.low:+.1f} to {100 * self.high:+.1f})"

    def signed(self) -> str:
        """A correlation as ``+0.12 (+0.05 to +0.19)``."""
        return f"{self.value:+.2f} ({self.low:+.2f} to {self.high:+.2f})"


def spearman(pairs: np.ndarray) -> float:
    """Spearman's rank correlation of ``(n, 2)`` values; nan where one of them is constant."""
    ranks = np.stack([mean_ranks(pairs[:, 0]), mean_ranks(pairs[:, 1])])
    ranks -= ranks.mean(axis=1, keepdims=True)
    norm = np.sqrt((ranks**2).sum(axis=1).prod())
    return float((ranks[0] * ranks[1]).sum() / norm) if norm > 0 else float("nan")


def mean_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    return (last - (counts + 1) / 2)[place]
