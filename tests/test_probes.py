"""Probes: the cached votes say what the model would."""

import numpy as np
import pytest
import torch
from tiny import tiny

from msresnet.errors import ConfigError
from msresnet.ledger import Ledger, Target
from msresnet.probes import Switches, switched
from msresnet.vote import GateMode


@pytest.fixture(scope="module")
def model():
    model = tiny(has_links=False)
    for parameter in model.head.gate.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


@pytest.fixture(scope="module")
def output(model):
    torch.manual_seed(1)
    with torch.no_grad():
        return model(torch.rand(1, 3, 48, 48))


@pytest.mark.parametrize("is_on", [(True, False, True), (False, False, True), (True, True, True)])
def test_off_is_the_gate_renormalised_over_the_others(model, output, is_on):
    ledger = switched(Ledger.of(output, model.classes), Switches(is_on, (1, 1, 1)))
    with torch.no_grad():
        expected = model.head(output.stages[-1], output.gate.over(is_on))
    assert np.allclose(ledger.logits, expected.logits[0].numpy(), atol=1e-5)
    assert np.allclose(ledger.contributions, expected.contributions[0].numpy(), atol=1e-5)
    assert np.isclose(ledger.level_weights.sum(), 1)
    for s, maps in enumerate(ledger.evidence_for(Target(1))):
        assert np.isclose(maps.sum(), ledger.read(Target(1)).contributions[s], atol=1e-5)


def test_a_gain_multiplies_one_scales_votes_and_no_others(model, output):
    before = Ledger.of(output, model.classes)
    after = switched(before, Switches((True, True, True), (1, 2, 0.5)))
    assert np.allclose(after.contributions, before.contributions * np.array([[1], [2], [0.5]]))
    assert np.allclose(after.logits, after.contributions.sum(0) + before.bias)
    assert np.allclose(after.evidence[1], 2 * before.evidence[1])
    assert np.allclose(after.level_weights, before.level_weights), "the gate is held"
    assert np.isnan(after.residuals).all(), "no forward pass has confirmed it"


def test_neutral_switches_change_nothing(model, output):
    before = Ledger.of(output, model.classes)
    neutral = Switches.neutral(3)
    assert neutral.are_neutral
    after = switched(before, neutral)
    assert np.allclose(after.logits, before.logits, atol=1e-6)
    assert np.allclose(after.probabilities, before.probabilities)


@pytest.mark.parametrize(
    ("is_on", "gains"),
    [((False, False, False), (1, 1, 1)), ((True, True, True), (1, 1, 3)), ((True, True), (1, 1, 1))],
)
def test_impossible_positions_are_told(is_on, gains):
    with pytest.raises(ConfigError):
        Switches(is_on, gains)


def test_scales_without_a_vote_cannot_stand_alone():
    model = tiny(gate=GateMode.SINGLE)
    with torch.no_grad():
        ledger = Ledger.of(model(torch.rand(1, 3, 48, 48)), model.classes)
    with pytest.raises(ConfigError, match="no vote"):
        switched(ledger, Switches((True, False, True), (1, 1, 1)))
    with pytest.raises(ConfigError, match="3 scales"):
        switched(ledger, Switches.neutral(2))
