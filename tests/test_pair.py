"""Two pictures, one class: the difference of their ledgers adds up, and turns round with them."""

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import tiny

from msresnet.errors import ConfigError
from msresnet.explain import Session
from msresnet.ledger import Target

TARGETS = [Target(1), Target(2, against=0)]


@pytest.fixture(scope="module")
def model():
    return tiny()


@pytest.fixture(scope="module")
def sessions(model):
    draw = np.random.default_rng(0)
    pictures = (draw.integers(0, top, (70, 90, 3), dtype=np.uint8) for top in (256, 90))
    return tuple(Session(model, Image.fromarray(picture)) for picture in pictures)


@pytest.mark.parametrize("target", TARGETS)
def test_the_differences_add_up(sessions, target):
    one, other = sessions
    found = one.compare(other, target)
    assert found.first == one.ledger.read(target) and found.second == other.ledger.read(target)
    assert found.difference.bias == 0
    assert sum(found.difference.contributions) == pytest.approx(found.first.total - found.second.total, abs=1e-4)
    assert found.difference.total == found.first.total - found.second.total
    expected = tuple(session.ledger.probabilities[target.index] for session in sessions)
    assert found.probabilities == expected


@pytest.mark.parametrize("target", TARGETS)
def test_exchanged_pictures_exchange_the_sign(sessions, target):
    one, other = sessions
    there, back = one.compare(other, target), other.compare(one, target)
    assert there.difference.total == -back.difference.total != 0
    assert there.difference.contributions == tuple(-value for value in back.difference.contributions)
    assert there.probabilities == back.probabilities[::-1]


def test_a_picture_does_not_differ_from_itself(sessions):
    found = sessions[0].compare(sessions[0], Target(1))
    assert found.difference.total == 0 and set(found.difference.contributions) == {0}


def test_the_file_has_both_and_their_difference(sessions):
    kept = sessions[0].compare(sessions[1], Target(1)).to_dict()
    for scale in range(3):
        first, second, difference = (kept[name]["contributions"][scale] for name in ("first", "second", "difference"))
        assert difference == first - second
    assert kept["target"] == {"index": 1, "against": None}


def test_another_models_ledger_is_refused(model, sessions):
    other = tiny()
    with torch.no_grad():
        other.head.fc.bias += 1
    stranger = Session(other, Image.new("RGB", (9, 9)))
    with pytest.raises(ConfigError, match="by one model"):
        sessions[0].compare(stranger, Target(0))
    with pytest.raises(ConfigError, match="by one model"):
        sessions[0].compare(Session(tiny(classes=tuple("abcdf")), Image.new("RGB", (9, 9))), Target(0))
