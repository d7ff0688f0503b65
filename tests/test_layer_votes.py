"""Stage 3 votes beside stage 4: everything stays an exact sum."""

import pytest
import torch
from tiny import tiny

from msresnet.attribution import attribute
from msresnet.features import feature_maps
from msresnet.ledger import Ledger, Target
from msresnet.losses import level_logits


@pytest.fixture(scope="module")
def model():
    model = tiny(has_layer_votes=True).double()
    with torch.no_grad():
        for parameter in model.head.gate.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


@pytest.fixture(scope="module")
def levels():
    torch.manual_seed(1)
    return tuple(torch.rand(1, 3, side, side, dtype=torch.float64) for side in (32, 48, 64))


def test_both_layers_vote_on_the_cells_of_the_last(model, levels):
    output = model.vote(levels)
    assert model.voting_channels == (64, 32)
    assert output.classifier.shape == (5, 96)
    for voters, last, below in zip(output.voters, *output.stages[:1:-1], strict=True):
        assert voters.shape[-2:] == last.shape[-2:]
        assert torch.equal(voters[:, :64], last)
        centre = below[:, :, 1:4, 1:4].mean(dim=(2, 3))  # about cell (2, 2) of stage 3
        assert torch.allclose(voters[:, 64:, 1, 1], centre)


def test_logits_are_the_sum_of_what_both_layers_say(model, levels):
    output = model.vote(levels)
    assert torch.allclose(output.contributions.sum(1) + output.bias, output.logits, atol=1e-12)
    for scale, evidence in enumerate(output.evidence(2)):
        assert torch.allclose(evidence.sum(), output.contributions[0, scale, 2], atol=1e-12)
    for one, all_classes in zip(output.evidence(2), output.evidence_of_all(), strict=True):
        assert torch.allclose(one, all_classes[:, 2], atol=1e-12)
    ledger = Ledger.of(output, model.classes)
    assert abs(ledger.residuals).max() < 1e-10


def test_without_stage_3s_columns_it_is_the_plain_vote(levels):
    model = tiny(has_layer_votes=True).double()
    plain = tiny().double()
    with torch.no_grad():
        model.head.fc.weight[:, 64:] = 0
    plain.load_state_dict({**model.state_dict(), "head.fc.weight": model.head.fc.weight[:, :64].detach()})
    ours, theirs = model.vote(levels), plain.vote(levels)
    for one, other in zip(level_logits(ours), level_logits(theirs), strict=True):
        assert torch.allclose(one, other, atol=1e-12)


def test_grad_cam_of_a_stage_is_its_own(model, levels):
    """The closed form of stage 4 against autograd, where stage 3 votes too."""
    output = model.vote([level.clone().requires_grad_() for level in levels])
    gradients = torch.autograd.grad(output.logits[0, 1], output.stages[-1])
    found = attribute(model, levels, Target(1), method="grad-cam", gate=output.gate.detach())
    held = model.vote(levels, gate=output.gate.detach())
    gradients = torch.autograd.grad(held.logits[0, 1], held.stages[-1])
    for map_, x, gradient in zip(found.maps, held.stages[-1], gradients, strict=True):
        cam = (gradient.mean(dim=(2, 3), keepdim=True) * x).sum(1).relu()[0]
        assert torch.allclose(torch.as_tensor(map_).double(), cam.detach(), atol=1e-5)


def test_stage_4s_channels_add_up_to_their_own_part(model, levels):
    with torch.no_grad():
        output = model.vote(levels)
    stages = feature_maps(model, levels, Target(1, 3), gate=output.gate, count=64)
    weight = (output.classifier[1] - output.classifier[3])[:64]
    for scale, maps in enumerate(stages[-1]):
        pooled = (output.stages[-1][scale] * output.gate.coefficients[scale][:, None]).sum(dim=(2, 3))[0]
        assert sum(maps.contributions) == pytest.approx((weight @ pooled).item(), abs=1e-8)
