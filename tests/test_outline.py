"""The edge of a mask, drawn."""

import numpy as np
import pytest

from msresnet.outline import border_lines, border_path, located_picture


def test_the_edge_of_a_rectangle_is_its_four_sides():
    mask = np.zeros((8, 8), dtype=bool)
    mask[2:5, 1:7] = True
    assert set(border_lines(mask)) == {(1, 2, 7, 2), (1, 5, 7, 5), (1, 2, 1, 5), (7, 2, 7, 5)}
    assert border_path(mask).count("M") == 4
    assert border_path(np.zeros((4, 4), dtype=bool)) == ""


def test_the_pictures_own_edge_counts():
    assert set(border_lines(np.ones((3, 3), dtype=bool))) == {(0, 0, 3, 0), (0, 3, 3, 3), (0, 0, 0, 3), (3, 0, 3, 3)}


@pytest.mark.parametrize("seed", range(4))
def test_the_edge_is_as_long_as_there_are_differing_neighbours(seed):
    mask = np.random.default_rng(seed).random((9, 13)) < 0.5
    around = np.pad(mask, 1)
    expected = (around[1:] != around[:-1]).sum() + (around[:, 1:] != around[:, :-1]).sum()
    assert sum(abs(x1 - x0) + abs(y1 - y0) for x0, y0, x1, y1 in border_lines(mask)) == expected


def test_the_picture_is_as_it_was_inside_and_pale_outside():
    picture = np.zeros((64, 64, 3), dtype=np.uint8)
    picture[..., 0] = 200
    mask = np.zeros((16, 16), dtype=bool)
    mask[4:12, 4:12] = True
    drawn = np.asarray(located_picture(picture, mask, (0.125, 0.125, 0.875, 0.875)))
    assert drawn[32, 32].tolist() == [200, 0, 0], "inside"
    assert drawn[2, 2, 0] == drawn[2, 2, 1] > 100, "outside: grey and pale"
    lightest = (drawn == 255).all(axis=2)
    assert lightest[8, 20] and lightest[20, 8] and lightest[55, 40], "the box, an eighth from each edge"
    without = np.asarray(located_picture(picture, mask, None))
    assert not (without[8] == 255).all(axis=1).any()
