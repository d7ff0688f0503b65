"""A switch beside the truth: what the model says without the level, and why the cached votes differ."""

import numpy as np
import pytest
import torch
from tiny import tiny

from msresnet.errors import ConfigError
from msresnet.ledger import Ledger, Target, softmax
from msresnet.probes import Switches, recomputed
from msresnet.vote import GateMode, Temperature

OFF = [(True, False, True), (False, True, True), (False, False, True)]
TARGET = Target(1)


def asked(is_on, gains=(1, 1, 1), **options):
    """A model with open links and a gate of its own, its levels, and the answer."""
    model = tiny(**options)
    torch.manual_seed(4)
    for name, parameter in model.named_parameters():
        if "link" in name or "head" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    levels = tuple(torch.rand(1, 3, side, side) for side in model.sides)
    with torch.no_grad():
        output = model.vote(levels)
    ledger = Ledger.of(output, model.classes)
    switches = Switches(is_on, gains)
    return model, levels, recomputed(model, levels, ledger, output.gate, switches)


@pytest.mark.parametrize("is_on", OFF)
def test_recomputed_is_the_model_without_the_level(is_on):
    model, levels, found = asked(is_on)
    with torch.no_grad():
        expected = model.forward_levels(*(level if on else None for level, on in zip(levels, is_on, strict=True)))
    assert np.allclose(found.anew, expected[0].numpy(), atol=1e-5)
    assert found.probabilities(1) == (softmax(found.cached)[1], softmax(found.anew)[1])
    assert abs(found.by_links(TARGET)) > 1e-3
    assert found.by_links(TARGET) + found.by_gate(TARGET) == pytest.approx(found.difference(TARGET), abs=1e-12)


@pytest.mark.parametrize("is_on", OFF)
def test_without_links_the_votes_are_the_same(is_on):
    _, _, found = asked(is_on, has_links=False)
    assert np.allclose(found.held, found.cached, atol=1e-4)
    has_choice = sum(is_on) > 1  # the gate then weighs by the statistics of fewer levels
    assert (abs(found.by_gate(TARGET)) > 1e-3) == has_choice


@pytest.mark.parametrize("is_on", OFF)
def test_a_gate_that_does_not_look_chooses_the_same(is_on):
    _, _, found = asked(is_on, gate=GateMode.MEAN)
    assert np.allclose(found.anew, found.held, atol=1e-5)
    assert abs(found.by_links(TARGET)) > 1e-3


def test_with_every_level_nothing_is_recomputed_otherwise():
    _, _, found = asked((True, True, True), (1, 2, 0.5))
    assert np.allclose(found.anew, found.cached, atol=1e-4) and np.allclose(found.held, found.cached, atol=1e-4)


def test_gains_multiply_the_recomputed_votes():
    plain = asked((True, False, True))[2]
    louder = asked((True, False, True), (2, 2, 2))[2]
    bias = asked((True, False, True))[0].head.fc.bias.detach().numpy()
    assert np.allclose(louder.anew - bias, 2 * (plain.anew - bias), atol=1e-5)
    assert np.allclose(louder.held - bias, 2 * (plain.held - bias), atol=1e-5)


def test_matched_temperatures_without_the_base_level():
    model, levels, found = asked((True, False, True), temperature=Temperature.MATCHED)
    with torch.no_grad():
        expected = model.forward_levels(levels[0], None, levels[2])
    assert np.allclose(found.anew, expected[0].numpy(), atol=1e-5)


def test_scales_without_a_vote_cannot_stand_alone():
    with pytest.raises(ConfigError, match="no vote"):
        asked((True, False, True), gate=GateMode.SINGLE)
