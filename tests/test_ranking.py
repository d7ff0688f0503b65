"""From a map to the order of its places."""

import numpy as np
import pytest
from tiny import tiny
from trusting import noise_session

from msresnet.faithfulness import PATCHES
from msresnet.faithfulness.ranking import Subject, order

SIDES = (32, 48, 64)


def test_a_pixel_maps_density_keeps_its_sum():
    maps = tuple(np.random.default_rng(side).normal(size=(side, side)) for side in (*SIDES, 50))
    density = Subject("x", maps, (1,) * 4).density((*SIDES, 50))
    assert density.mean() == pytest.approx(sum(one.sum() for one in maps))


@pytest.mark.parametrize("side", [16, 48, 50, 224])
def test_a_pixel_counts_in_the_patch_that_it_lies_in(side):
    values = np.zeros((side, side))
    row, column = side // 3, side - 2
    values[row, column] = 1.0
    density = Subject("x", (values,), (1,)).density([side])
    assert np.unravel_index(density.argmax(), density.shape) == (row * PATCHES // side, column * PATCHES // side)


def test_a_cell_counts_about_its_centre():
    values = np.zeros((4, 4))
    values[1, 2] = 1.0
    density = Subject("x", (values,), (16,)).density([64])
    row, column = np.unravel_index(density.argmax(), density.shape)
    assert abs((row + 0.5) * 4 - 16.5) <= 2 and abs((column + 0.5) * 4 - 32.5) <= 2


def test_the_strongest_comes_first_and_equals_as_chance_has_it():
    density = np.zeros((PATCHES, PATCHES))
    density[3, 5], density[0, 1], density[9, 9] = 3.0, 2.0, -1.0
    ranked = order(density)
    assert ranked[0] == 3 * PATCHES + 5 and ranked[1] == 1 and ranked[-1] == 9 * PATCHES + 9
    assert sorted(ranked) == list(range(PATCHES**2))
    assert list(ranked) == list(order(density)) != list(order(density, seed=1))
    assert not (np.diff(ranked[2:-1]) > 0).all(), "equals would go from top left to bottom right"


def test_slopes_are_ranked_by_their_magnitude_and_shares_by_their_sign():
    session = noise_session(tiny())
    target = session.target()
    saliency, shares = (session.attribution(name, target) for name in ("saliency", "input-x-gradient"))
    assert all((one >= 0).all() for one in Subject.of_method(saliency).maps)
    assert any((one < 0).any() for one in Subject.of_method(shares).maps)


def test_a_map_of_nothing_is_flat():
    assert Subject("x", (np.zeros((3, 3)), np.zeros((4, 4))), (16, 16)).is_flat
    assert not Subject("x", (np.zeros((3, 3)), np.eye(4)), (16, 16)).is_flat
