"""The vote and its gate, each rule written a second time."""

import math

import pytest
import torch

from msresnet.vote import Gate, GateMode, ScaleSpaceGate, Temperature, VoteHead, entropy, uniform_gate

SIDES = (2, 3, 5)


def head(mode: GateMode, temperature: Temperature = Temperature.MATCHED, scales: int = 3) -> VoteHead:
    return VoteHead(6, 4, scale_count=scales, base_index=1, mode=mode, temperature=temperature).double()


def maps(batch: int = 2) -> list[torch.Tensor]:
    return [torch.randn(batch, 6, side, side, dtype=torch.float64).relu() for side in SIDES]


def stirred(head: VoteHead) -> VoteHead:
    """A head whose gate has learned something."""
    for parameter in head.gate.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return head


@pytest.mark.parametrize("mode", GateMode)
@pytest.mark.parametrize("temperature", Temperature)
def test_weights_are_a_distribution(mode, temperature):
    gate = head(mode, temperature).weigh(maps())
    total = sum(w.sum(dim=(1, 2)) for w in gate.weights)
    assert torch.allclose(total, torch.ones_like(total))
    assert all((w >= 0).all() for w in gate.weights)
    assert torch.allclose(gate.levels.sum(1), torch.ones_like(gate.levels[:, 0]))


def test_the_logit_is_the_equation_of_the_design():
    voter, xs = stirred(head(GateMode.GATED, Temperature.LEARNED)), maps()
    ballot = voter(xs)
    logits = voter.fc.bias.repeat(2, 1)
    for s, x in enumerate(xs):
        for i in range(x.shape[2]):
            for j in range(x.shape[3]):
                vote = x[:, :, i, j] @ voter.fc.weight.T
                weight = ballot.gate.weights[s][:, i, j] / ballot.gate.temperatures[:, s]
                logits = logits + weight[:, None] * vote
    assert torch.allclose(ballot.logits, logits)


def test_the_untrained_gate_weighs_levels_alike_and_cells_by_entropy():
    voter, xs = head(GateMode.GATED), maps()
    gate = voter.weigh(xs)
    assert torch.allclose(gate.levels, torch.full((2, 3), 1 / 3, dtype=torch.float64))
    score = -entropy(voter.votes(xs[2]), dim=1)
    expected = score.flatten(1).softmax(1).view_as(score) / 3
    assert torch.allclose(gate.weights[2], expected)


def test_matched_temperatures_equalise_the_spread():
    voter, xs = head(GateMode.GATED), maps()
    gate = voter.weigh(xs)
    assert torch.allclose(gate.temperatures[:, 1], torch.ones(2, dtype=torch.float64))
    spreads = []
    for s, x in enumerate(xs):
        level = (x * gate.weights[s][:, None] * 3).sum((2, 3)) @ voter.fc.weight.T / gate.temperatures[:, s, None]
        spreads.append(level.std(dim=1))
    assert torch.allclose(spreads[0], spreads[1])
    assert torch.allclose(spreads[2], spreads[1])


def test_modes_single_and_mean():
    xs = maps()
    single, mean = uniform_gate(xs, base_index=1), uniform_gate(xs, base_index=None)
    assert single.levels.tolist() == [[0, 1, 0]]
    assert torch.allclose(mean.levels, torch.full((1, 3), 1 / 3, dtype=torch.float64))
    assert uniform_gate([xs[0], None, xs[2]], base_index=1).levels.tolist() == [[0.5, 0, 0.5]]


def test_a_given_gate_is_held_and_serves_any_batch():
    voter = stirred(head(GateMode.GATED))
    held = voter.weigh(maps(1)).detach()
    big = maps(5)
    one_by_one = torch.cat([voter([x[i : i + 1] for x in big], held).logits for i in range(5)])
    assert torch.allclose(voter(big, held).logits, one_by_one)
    assert voter(big, held).gate is held


@pytest.mark.parametrize("mode", GateMode)
def test_a_level_that_is_left_out_weighs_nothing(mode):
    xs = maps()
    ballot = head(mode)([None, *xs[1:]])
    assert ballot.gate.weights[0] is None
    assert (ballot.contributions[:, 0] == 0).all()
    assert torch.allclose(ballot.gate.levels.sum(1), torch.ones_like(ballot.gate.levels[:, 0]))


def test_the_gate_does_not_train_the_trunk_to_please_it():
    voter = stirred(head(GateMode.GATED, Temperature.LEARNED))
    xs = [x.requires_grad_() for x in maps()]
    gate = voter.weigh(xs)
    score = sum((w * torch.rand_like(w)).sum() for w in gate.weights)
    score.backward()
    assert all(x.grad is None for x in xs)
    assert voter.fc.weight.grad is None
    assert voter.gate.entropy_weight.grad.abs().sum() > 0
    assert voter.gate.perceptron[-1].weight.grad.abs().sum() > 0


def test_over_renormalises_and_keeps_the_cells_proportions():
    gate = stirred(head(GateMode.GATED)).weigh(maps())
    off = gate.over((True, False, True))
    assert torch.allclose(sum(w.sum((1, 2)) for w in off.weights), torch.ones(2, dtype=torch.float64))
    assert (off.weights[1] == 0).all()
    ratio = off.weights[0] / gate.weights[0]
    assert torch.allclose(ratio, ratio[:, :1, :1].expand_as(ratio))
    assert torch.allclose(gate.over((True, True, True)).weights[2], gate.weights[2])
    with pytest.raises(ValueError, match="at least one"):
        gate.over((False, False, False))


def test_over_what_weighs_nothing_shares_alike():
    gate = uniform_gate(maps(), base_index=1).over((True, False, True))
    assert torch.allclose(gate.levels, torch.tensor([[0.5, 0, 0.5]], dtype=torch.float64))


def test_coefficients_are_weights_over_temperatures():
    gate = Gate((torch.full((1, 2, 2), 0.25),), torch.tensor([[2.0]]))
    assert torch.equal(gate.coefficients[0], torch.full((1, 2, 2), 0.125))


def test_entropy_of_a_uniform_vote_is_log_of_the_classes():
    assert math.isclose(float(entropy(torch.zeros(1, 8), dim=1)), math.log(8), rel_tol=1e-6)


def test_the_gate_is_a_handful_of_parameters():
    gate = ScaleSpaceGate(4, base_index=1, temperature=Temperature.LEARNED)
    assert sum(p.numel() for p in gate.parameters()) < 1000
