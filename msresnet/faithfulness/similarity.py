"""How alike two maps are: by the ranks of their values, and by their local structure."""

from collections.abc import Sequence

import numpy as np

WINDOW = 7  # px of SSIM's uniform window; Wang et al. 2004 have 11 Gaussian, 7 uniform is scikit-image's default
C1, C2 = 0.01**2, 0.03**2  # of Wang et al. 2004, for a range of 1


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's: Pearson's correlation of the ranks, equal values sharing theirs; 0 where a map is flat."""
    x, y = ranks(one.ravel()), ranks(other.ravel())
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / scale) if scale > 0 else 0.0


def ranks(values: np.ndarray) -> np.ndarray:
    """``(n,)`` ranks from 0, equal values sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts + 1) / 2)[inverse]


def structural_similarity(one: np.ndarray, other: np.ndarray) -> float:
    """SSIM of two ``(h, w)`` maps, in [-1, 1] (Wang et al. 2004), each brought to [0, 1] by its own range first.

    0 where a map is flat: it has no structure.
    """
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    x, y = ((values - values.min()) / np.ptp(values) for values in (one.astype(np.float64), other.astype(np.float64)))
    window = min(WINDOW, *x.shape)
    mean_x, mean_y = windowed(x, window), windowed(y, window)
    var_x = windowed(x * x, window) - mean_x**2
    var_y = windowed(y * y, window) - mean_y**2
    covariance = windowed(x * y, window) - mean_x * mean_y
    likeness = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    return float((likeness / ((mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2))).mean())


def windowed(values: np.ndarray, window: int) -> np.ndarray:
    """The mean of every ``window`` × ``window`` square within ``(h, w)``."""
    return np.lib.stride_tricks.sliding_window_view(values, (window, window)).mean(axis=(2, 3))


def mean_over_scales(measure, some: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> float:
    """A likeness of each scale's two maps, the mean over the scales."""
    return float(np.mean([measure(one, other) for one, other in zip(some, others, strict=True)]))
