"""The ledger: what is added adds up, and a gauge changes nothing that is shown."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import tiny

from msresnet.errors import ConfigError, UnknownNameError
from msresnet.features import feature_maps
from msresnet.ledger import Ledger, Target, find_class


@pytest.fixture(scope="module")
def model():
    return tiny()


@pytest.fixture
def output(model):
    with torch.no_grad():
        return model(torch.rand(2, 3, 48, 48))


def test_a_reading_adds_up(model, output):
    ledger = Ledger.of(output, model.classes, item=1)
    for target in (Target(2), Target(2, against=4)):
        reading = ledger.read(target)
        assert np.isclose(sum(reading.contributions) + reading.bias, reading.total, atol=1e-5)
        sums = [maps.sum() for maps in ledger.evidence_for(target)]
        assert np.allclose(sums, reading.contributions, atol=1e-5)
    assert abs(ledger.residuals).max() < 1e-5
    assert np.isclose(ledger.level_weights.sum(), 1)


def test_a_gauge_changes_nothing_that_is_read(model, output):
    ledger = Ledger.of(output, model.classes)
    gauge = np.array([[7], [0], [0]])
    shifted = replace(ledger, contributions=ledger.contributions + gauge, logits=ledger.logits + 7)
    for target in (Target(0), Target(0, against=3)):
        assert np.allclose(shifted.read(target).contributions, ledger.read(target).contributions)
        assert np.isclose(shifted.read(target).total, ledger.read(target).total)
    assert np.allclose(shifted.probabilities, ledger.probabilities)


def test_the_difference_of_two_classes_is_antisymmetric(model, output):
    ledger = Ledger.of(output, model.classes)
    one, other = ledger.read(Target(1, against=2)), ledger.read(Target(2, against=1))
    assert np.allclose(one.contributions, [-value for value in other.contributions])
    assert np.isclose(one.total, ledger.logits[1] - ledger.logits[2])


def test_top_k_is_sorted_and_raw(model, output):
    ledger = Ledger.of(output, model.classes)
    top = ledger.top_k(3)
    assert [entry.logit for entry in top] == sorted(ledger.logits, reverse=True)[:3]
    assert np.isclose(ledger.probabilities.sum(), 1)
    for entry in top:
        assert np.isclose(sum(entry.contributions) + entry.bias + entry.residual, entry.logit, rtol=1e-9)
    assert len(ledger.top_k(99)) == 5


def test_classes_are_found_by_label_or_number():
    classes = ("tabby", "Egyptian cat", "tiger cat", "7")
    assert find_class("egyptian CAT", classes) == 1
    assert find_class(2, classes) == 2
    assert find_class("7", classes) == 3, "a label comes before a number"
    assert find_class(3, ("7", "3", "x", "y")) == 3, "an integer is an index"
    assert find_class("cardigan", ("Cardigan", "cardigan")) == 1
    assert find_class("CARDIGAN", ("Cardigan", "cardigan")) == 0
    with pytest.raises(UnknownNameError, match="tabby"):
        find_class("taby", classes)
    with pytest.raises(UnknownNameError):
        find_class("99", classes)


def test_a_class_against_itself_is_refused():
    with pytest.raises(ConfigError):
        Target(1, against=1)


@pytest.mark.parametrize("target", [Target(2), Target(2, against=0)])
def test_channels_add_up_to_the_ledger_in_the_last_stage(model, target):
    levels = [torch.rand(1, 3, side, side) for side in model.sides]
    with torch.no_grad():
        output = model.vote(levels)
    stages = feature_maps(model, levels, target, gate=output.gate, count=10_000)
    reading = Ledger.of(output, model.classes).read(target)
    for s, maps in enumerate(stages[3]):
        assert np.isclose(sum(maps.contributions), reading.contributions[s], atol=1e-5)
        assert maps.channel_count == len(maps.channels) == 64
    magnitudes = [abs(value) for value in stages[1][0].contributions]
    assert magnitudes == sorted(magnitudes, reverse=True)


def test_feature_maps_are_the_activations(model):
    levels = [torch.rand(1, 3, side, side) for side in model.sides]
    with torch.no_grad():
        output = model.vote(levels)
    maps = feature_maps(model, levels, Target(0), gate=output.gate, count=3)[2][1]
    assert np.allclose(maps.maps, output.stages[2][1][0, list(maps.channels)].numpy(), atol=1e-6)
    assert maps.maps.shape[0] == 3
    assert maps.stride == 8
