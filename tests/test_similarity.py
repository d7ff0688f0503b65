"""How alike two maps are, written a second way."""

import numpy as np
import pytest
import torch
from torchmetrics.functional import spearman_corrcoef

from msresnet.faithfulness.similarity import rank_correlation, structural_similarity


def test_rank_correlation_is_spearmans():
    draw = np.random.default_rng(0)
    one, other = draw.integers(0, 9, 200).astype(float), draw.normal(size=200)
    other[::2] += one[::2]
    expected = spearman_corrcoef(torch.from_numpy(one), torch.from_numpy(other))
    assert rank_correlation(one, other) == pytest.approx(expected.item(), abs=1e-6)
    assert rank_correlation(one, np.exp(one)) == pytest.approx(1)
    assert rank_correlation(one, -one) == pytest.approx(-1)
    assert rank_correlation(one, np.zeros(200)) == 0


def test_structural_similarity_is_wangs():
    draw = np.random.default_rng(0)
    one = draw.random((20, 24))
    other = one + 0.5 * draw.random((20, 24))
    x, y = ((v - v.min()) / np.ptp(v) for v in (one, other))
    likenesses = []
    for row in range(20 - 6):
        for column in range(24 - 6):
            a, b = (v[row : row + 7, column : column + 7].ravel() for v in (x, y))
            (var_a, cov), (_, var_b) = np.cov(a, b, ddof=0)
            means = (2 * a.mean() * b.mean() + 1e-4) / (a.mean() ** 2 + b.mean() ** 2 + 1e-4)
            likenesses.append(means * (2 * cov + 9e-4) / (var_a + var_b + 9e-4))
    assert structural_similarity(one, other) == pytest.approx(np.mean(likenesses))
    assert structural_similarity(one, 3 * one - 7) == pytest.approx(1), "each by its own range"
    assert structural_similarity(one, np.ones((20, 24))) == 0
    assert structural_similarity(one[:2, :2], one[:2, :2]) == pytest.approx(1), "smaller than the window"
