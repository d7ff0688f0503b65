"""Insertion and deletion: laws of every curve, and maps whose advantage is known beforehand."""

import numpy as np
import pytest
import torch
from tiny import tiny

from msresnet.attribution.question import Meter
from msresnet.faithfulness import CONTROLS, PATCHES, STEPS, Advantage, Control, Curve, Direction
from msresnet.faithfulness.curves import Bench, masks, mix, score
from msresnet.faithfulness.randomisation import private_copy
from msresnet.faithfulness.ranking import order, random_order
from msresnet.ledger import Target

SIDES = (32, 48, 64)
OBJECT = (slice(4, 8), slice(9, 13))  # patches that the stand-in's class lies in


def test_insertion_is_deletion_backwards_step_by_step():
    patches = random_order(0)
    inserted, deleted = (masks(patches, way) for way in (Direction.INSERTION, Direction.DELETION))
    assert inserted.shape == (STEPS + 1, PATCHES, PATCHES)
    assert (inserted == ~deleted).all()
    assert not inserted[0].any() and inserted[-1].all()
    assert (np.diff(inserted.sum(axis=(1, 2))) == PATCHES**2 // STEPS).all()
    assert (inserted[1:] >= inserted[:-1]).all()
    assert set(np.flatnonzero(inserted[1])) == set(patches[: PATCHES**2 // STEPS])


def test_every_level_changes_at_the_same_places():
    kept = torch.zeros(1, PATCHES, PATCHES, dtype=torch.bool)
    kept[0, 2, 13] = True
    for side in (16, 48, 50, 64):
        seen = mix(torch.ones(1, 3, side, side), torch.zeros(1, 3, side, side), kept)
        rows, columns = np.nonzero(seen[0, 0].numpy())
        centre = (rows.min() + rows.max() + 1) / 2, (columns.min() + columns.max() + 1) / 2
        assert centre == pytest.approx((2.5 * side / PATCHES, 13.5 * side / PATCHES), abs=0.5)
        assert seen.sum() == 3 * len(set(rows)) * len(set(columns))


def test_the_score_is_a_probability():
    logits = torch.tensor([[1.0, 2.0, 0.5]])
    assert score(logits, Target(1)) == pytest.approx(logits.softmax(1)[0, 1].item())
    both = logits[0, [1, 2]].softmax(0)[0].item()
    assert score(logits, Target(1, against=2)) == pytest.approx(both)


def test_the_area_is_the_mean_of_the_curve():
    assert Curve(np.linspace(0, 1, STEPS + 1)).area == pytest.approx(0.5)
    assert Curve(np.full(STEPS + 1, 0.3)).area == pytest.approx(0.3)


@pytest.fixture(scope="module")
def bench() -> Bench:
    """A stand-in that sees its class in OBJECT and nothing elsewhere: white there, on black."""
    stand_in = private_copy(tiny())

    def logits(*levels):
        seen = sum(part_of(level).mean(dim=(1, 2, 3)) for level in levels) / len(levels)
        return torch.stack([6 * seen - 3, torch.zeros_like(seen)], dim=1)

    stand_in.forward_levels = logits
    levels = tuple(torch.ones(1, 3, side, side) for side in SIDES)
    gate = stand_in.vote(levels).gate.detach()
    meter = Meter(1, lambda: False, lambda share: None)
    return Bench(stand_in, levels, tuple(map(torch.zeros_like, levels)), Target(0), gate, meter)


def part_of(level: torch.Tensor) -> torch.Tensor:
    side = level.shape[-1] // PATCHES
    rows, columns = (slice(one.start * side, one.stop * side) for one in OBJECT)
    return level[..., rows, columns]


def perfect() -> np.ndarray:
    density = np.zeros((PATCHES, PATCHES))
    density[OBJECT] = 1.0
    return density


@pytest.mark.parametrize("way", list(Direction))
def test_a_perfect_map_beats_random_and_its_opposite_does_worse(bench, way):
    control = bench.control(way)
    best, worst = bench.curves([order(perfect()), order(-perfect())], way)
    advantage = Advantage.over(control, best, way)
    assert advantage.is_real and advantage.low > 0.2
    assert best.scores[1] == pytest.approx(best.scores[-1]), "the object is a sixteenth of the field of view"
    opposite = Advantage.over(control, worst, way)
    assert not opposite.is_real and opposite.high < 0


@pytest.mark.parametrize("way", list(Direction))
def test_random_maps_lie_in_the_controls_interval(bench, way):
    control = bench.control(way)
    assert len(control.curves) == CONTROLS
    orders = [order(np.random.default_rng(100 + seed).random((PATCHES, PATCHES))) for seed in range(40)]
    curves = bench.curves(orders, way)
    inside = [control.low <= curve.area <= control.high for curve in curves]
    assert np.mean(inside) >= 0.85, "95 of 100 are expected"
    assert np.mean([Advantage.over(control, curve, way).is_real for curve in curves]) <= 0.1


def test_the_interval_is_that_of_one_more_random_order():
    areas = np.random.default_rng(0).normal(0.5, 0.1, CONTROLS)
    control = Control.of([Curve(np.full(STEPS + 1, area)) for area in areas])
    reach = 2.262157 * np.std(areas, ddof=1) * np.sqrt(1.1)  # t of 9 degrees of freedom at 0.975
    assert (control.low, control.high) == pytest.approx((areas.mean() - reach, areas.mean() + reach), rel=1e-4)
    advantage = Advantage.over(control, Curve(np.full(STEPS + 1, 0.2)), Direction.DELETION)
    assert advantage.value == pytest.approx(areas.mean() - 0.2)
    assert (advantage.low, advantage.high) == pytest.approx((control.low - 0.2, control.high - 0.2))
    with pytest.raises(ValueError, match="a control has 10 random orders, got 2"):
        Control.of(control.curves[:2])
