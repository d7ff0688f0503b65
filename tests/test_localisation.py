"""Where a class is: boxes of made-up maps are exact, and one geometry leads to the upload."""

import math

import numpy as np
import pytest
import torch
from tiny import tiny

from msresnet.boxes import bounding_box, box_iou, energy_in_box, moment_box
from msresnet.errors import ConfigError
from msresnet.geometry import Geometry
from msresnet.ledger import Ledger, Target
from msresnet.localisation import (
    Rule,
    evidence_density,
    largest_component,
    locate,
    located,
    object_mask,
)

PLAIN = Rule(threshold=0.5)


def flood_largest(mask: np.ndarray) -> np.ndarray:
    """The largest 4-connected part a second way: one place after another, by its neighbours."""
    left, best = {tuple(place) for place in np.argwhere(mask)}, set()
    for start in sorted(left):
        if start not in left:
            continue
        part, rim = {start}, [start]
        left.discard(start)
        while rim:
            row, column = rim.pop()
            for place in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
                if place in left:
                    left.discard(place)
                    part.add(place)
                    rim.append(place)
        best = max(best, part, key=len)
    drawn = np.zeros_like(mask)
    for place in best:
        drawn[place] = True
    return drawn


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (5, 9, 23, 40), (60, 0, 64, 64), (10, 10, 64, 11)])
def test_the_box_of_a_rectangle_is_exact(box):
    left, top, right, bottom = box
    density = np.full((64, 64), -1.0)
    density[top:bottom, left:right] = 3.0
    found = located(density, Target(0), rule=PLAIN)
    assert found.box == (left / 64, top / 64, right / 64, bottom / 64)
    assert found.mask.sum() == (right - left) * (bottom - top)
    assert found.energy == pytest.approx(1)


@pytest.mark.parametrize("density_of_ones", [0.05, 0.4, 0.6, 0.95])
def test_the_largest_part_is_that_of_a_flood(density_of_ones):
    generator = np.random.default_rng(0)
    for shape in ((1, 1), (1, 9), (9, 1), (17, 23), (40, 40)):
        mask = generator.random(shape) < density_of_ones
        found, expected = largest_component(mask), flood_largest(mask)
        assert found.sum() == expected.sum()
        assert not (found & ~mask).any()
        assert largest_component(found).sum() == found.sum(), "it hangs together"


def test_parts_that_meet_at_a_corner_only_are_two():
    mask = np.array([[1, 1, 0], [0, 0, 1], [0, 0, 1]], dtype=bool)
    assert np.argwhere(largest_component(mask)).tolist() == [[0, 0], [0, 1]]


def test_a_spiral_is_one_part():
    rows = ["#######", "......#", "#####.#", "#...#.#", "#.###.#", "#.....#", "#######"]
    mask = np.array([[place == "#" for place in row] for row in rows])
    assert np.array_equal(largest_component(mask), mask)


def test_where_nothing_speaks_for_it_there_is_no_box():
    found = located(np.full((8, 8), -0.5), Target(1), rule=PLAIN)
    assert found.box is None and found.box_px is None and found.energy == 0 and not found.mask.any()
    assert found.to_dict()["box_px"] is None
    assert not object_mask(np.zeros((8, 8)), 0.2).any()
    with pytest.raises(ValueError, match="empty"):
        bounding_box(np.zeros((3, 3), dtype=bool))


def test_a_threshold_is_a_share_of_the_maximum():
    density = np.zeros((8, 8))
    density[2, 2:6] = [1.0, 2.0, 4.0, 1.9]
    assert object_mask(density, 0.5)[2].tolist() == [False, False, False, True, True, False, False, False]
    assert object_mask(density, 0.25).sum() == 4
    assert np.array_equal(object_mask(1000 * density, 0.5), object_mask(density, 0.5))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0, 2, 2), (0, 0, 2, 2), 1),
        ((0, 0, 2, 2), (1, 0, 3, 2), 2 / 6),
        ((0, 0, 4, 4), (1, 1, 3, 3), 4 / 16),
        ((0, 0, 1, 1), (1, 0, 2, 1), 0),
        ((0, 0, 1, 1), (5, 5, 6, 6), 0),
        ((1, 1, 1, 1), (1, 1, 1, 1), 0),
    ],
)
def test_intersection_over_union(one, other, expected):
    assert box_iou(one, other) == pytest.approx(expected)
    assert box_iou(other, one) == pytest.approx(expected)


def test_energy_is_the_share_of_the_positive_part_in_the_box():
    values = np.zeros((4, 4))
    values[1, 1], values[1, 2], values[3, 3] = 3, 1, -100
    left_half = (0, 0, 0.5, 1)
    assert energy_in_box(values, left_half, side=4) == pytest.approx(0.75)
    assert energy_in_box(values, (0, 0, 1, 1), side=4) == pytest.approx(1)
    assert energy_in_box(values, (0.375, 0.25, 0.5, 0.5), side=4) == pytest.approx(3 / 4 / 2), (
        "half a pixel counts half"
    )
    assert energy_in_box(-np.ones((4, 4)), left_half, side=4) == 0
    assert energy_in_box(np.ones((6, 6)), (0.1, 0.2, 0.7, 0.9), side=6) == pytest.approx(0.6 * 0.7), (
        "chance is the area"
    )


def test_a_cells_energy_lies_about_its_centre():
    values = np.array([[1.0, 0.0], [0.0, 0.0]])  # of a level of 32 px: centres at 0.5 and 16.5, so it reaches to 8.5
    assert energy_in_box(values, (0, 0, 8.5 / 32, 8.5 / 32), side=32, stride=16) == pytest.approx(1)
    assert energy_in_box(values, (8.5 / 32, 0, 1, 1), side=32, stride=16) == 0


def test_the_density_of_an_even_map_is_its_sum_and_scales_add_up():
    maps = [np.full((3, 3), 2 / 9), np.full((6, 6), -0.5 / 36)]
    density = evidence_density(maps, sides=(48, 96), strides=(16, 16))
    assert np.allclose(density, 1.5)


@pytest.mark.parametrize("cell", [(0, 0), (1, 2), (3, 3)])
def test_the_density_peaks_at_the_centre_of_the_receptive_field(cell):
    values = np.zeros((4, 4))
    values[cell] = 1
    density = evidence_density([values], sides=(64,), strides=(16,), resolution=64)
    peak = np.unravel_index(density.argmax(), density.shape)
    assert peak == (16 * cell[0], 16 * cell[1])
    assert density.max() == pytest.approx(16)


def test_tiling_moves_the_cells_to_the_middles_of_their_tiles():
    """Which mirrors with the map; the receptive fields' centres do not."""
    values = np.random.default_rng(0).random((4, 4))
    options = {"sides": (64,), "strides": (16,)}
    tiled = evidence_density([values], **options, tiling=1)
    assert np.allclose(evidence_density([values[:, ::-1]], **options, tiling=1), tiled[:, ::-1])
    assert not np.allclose(
        evidence_density([values[:, ::-1]], **options), evidence_density([values], **options)[:, ::-1]
    )
    alone = np.zeros((4, 4))
    alone[1, 2] = 1
    drawn = evidence_density([alone], **options, tiling=1)
    assert np.argwhere(drawn > 0.95 * drawn.max()).mean(axis=0) == pytest.approx([23.5, 39.5])


def test_two_scales_place_a_thing_better_than_one():
    """A coarse cell says roughly where; the fine ones within it say where."""
    coarse, fine = np.zeros((2, 2)), np.zeros((4, 4))
    coarse[0, 0], fine[1, 1] = 1, 1
    density = evidence_density([coarse, fine], sides=(32, 64), strides=(16, 16))
    assert np.unravel_index(density.argmax(), density.shape) == (16, 16)


def test_trust_draws_between_the_masks_box_and_the_typical_one():
    typical = (0.2, 0.2, 0.8, 0.8)
    own = (0.0, 0.5, 0.2, 0.7)
    assert Rule(0.5, 0, 1, 1, typical).draw(own) == pytest.approx(own)
    assert Rule(0.5, 0, 0, 0, typical).draw(own) == pytest.approx(typical)
    assert Rule(0.5, 0, 1, 0, typical).draw(own) == pytest.approx((0, 0.3, 0.4, 0.9)), "cut at the field of view"
    assert Rule(0.5, 0, 0, 1, typical).draw(own) == pytest.approx((0.4, 0.4, 0.6, 0.6))
    assert Rule(0.5, 0, 0.5, 0.5, typical).draw(own) == pytest.approx((0.1, 0.35, 0.5, 0.75))


def test_a_box_by_deviations_weighs_every_place():
    even = np.ones((64, 64))
    assert moment_box(even, reach=math.sqrt(3)) == pytest.approx((0, 0, 1, 1), abs=1e-3)
    density = np.zeros((64, 64))
    density[16:32, 8:56] = 1.0
    density[40:, :] = -5.0
    box = moment_box(density, reach=math.sqrt(3))
    assert box == pytest.approx((8 / 64, 0.25, 56 / 64, 0.5), abs=5e-3), "what is negative has no weight"
    assert moment_box(7 * density, reach=math.sqrt(3)) == pytest.approx(box), "nor has the unit"
    wide, narrow = (moment_box(density, reach=reach) for reach in (2.0, 1.0))
    assert wide[2] - wide[0] == pytest.approx(2 * (narrow[2] - narrow[0]))
    peaked = even + np.eye(64)[30][:, None]
    flat, sharp = (moment_box(peaked, reach=1.0, power=power) for power in (1.0, 4.0))
    assert sharp[3] - sharp[1] < flat[3] - flat[1], "a power lets peaks weigh more"
    with pytest.raises(ValueError):
        moment_box(-even, reach=1.0)


def test_a_rule_with_a_reach_draws_about_the_mean():
    density = np.zeros((64, 64))
    density[16:32, 8:56] = 1.0
    location = located(density, Target(0), rule=Rule(0.5, reach=1.0))
    assert location.box == pytest.approx(moment_box(density, reach=1.0))
    assert np.array_equal(location.mask, density == 1.0), "the mask is the threshold's"
    assert location.to_dict()["rule"]["reach"] == 1.0


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 0},
        {"threshold": 1.2},
        {"threshold": 0.2, "size_trust": 2},
        {"threshold": 0.2, "tiling": -1},
        {"threshold": 0.2, "reach": 0},
        {"threshold": 0.2, "power": 0.5},
    ],
)
def test_an_impossible_rule_is_told(options):
    with pytest.raises(ConfigError):
        Rule(**options)


def test_a_model_is_asked_without_another_forward_pass_and_the_box_lies_in_the_upload():
    model = tiny()
    with torch.no_grad():
        ledger = Ledger.of(model(torch.rand(1, 3, 48, 48)), model.classes)
    geometry = Geometry.centre_crop((200, 100))  # the field of view is x from 50 to 150
    for target in (Target(2), Target(0, 3)):
        found = locate(ledger, target, sides=model.sides, stride=16, rule=PLAIN, geometry=geometry)
        assert found.target == target
        if found.box is None:
            continue
        left, top, right, bottom = found.box_px
        assert (left, right) == pytest.approx((50 + 100 * found.box[0], 50 + 100 * found.box[2]))
        assert (top, bottom) == pytest.approx((100 * found.box[1], 100 * found.box[3]))
        total = sum(ledger.read(target).contributions)
        assert math.isfinite(total) and found.density.shape == (64, 64)


def test_a_box_beyond_the_picture_is_cut():
    geometry = Geometry.whole((100, 50))  # a square about the picture: y from -25 to 75
    density = np.ones((64, 64))
    found = located(density, Target(0), rule=PLAIN)
    whole = type(found)(**{**vars(found), "geometry": geometry})
    assert whole.box_px == (0, 0, 100, 50)
