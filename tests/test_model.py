"""The whole network and its public surface."""

import copy
import json
import pickle
import threading

import pytest
import torch
import torchvision
from PIL import Image
from tiny import tiny
from torch import nn

from msresnet import MultiscaleResNet
from msresnet.config import ModelConfig
from msresnet.errors import ConfigError
from msresnet.pyramid import tensor_levels
from msresnet.resnet import ARCHITECTURES, MultiscaleTrunk, Stem, recognise
from msresnet.vote import GateMode


def test_the_public_surface():
    model = tiny()
    out = model(torch.rand(2, 3, 48, 48))
    assert model.sides == (32, 48, 64)
    assert model.scales == (32 / 48, 1.0, 64 / 48)
    assert model.classes == tuple("abcde")
    assert out.logits.shape == (2, 5)
    assert out.contributions.shape == (2, 3, 5)
    assert torch.allclose(out.contributions.sum(1) + out.bias, out.logits, atol=1e-6)
    evidence = out.evidence(3)
    assert [tuple(maps.shape) for maps in evidence] == [(2, 2, 2), (2, 3, 3), (2, 4, 4)]
    assert torch.allclose(torch.stack([m.sum((1, 2)) for m in evidence], 1), out.contributions[:, :, 3], atol=1e-6)
    assert [tuple(x.shape[1:]) for x in out.stages[0]] == [(8, 16, 16), (8, 24, 24), (8, 32, 32)]
    levels = model.pyramid(Image.new("RGB", (70, 50)))
    assert torch.is_tensor(model.forward_levels(*levels))


def test_evidence_of_all_classes_is_the_evidence_of_each():
    out = tiny()(torch.rand(2, 3, 48, 48))
    for k in range(5):
        for everything, one in zip(out.evidence_of_all(), out.evidence(k), strict=True):
            assert torch.allclose(everything[:, k], one, atol=1e-6)
    per_item = out.evidence(torch.tensor([1, 4]))
    assert torch.allclose(per_item[2][1], out.evidence(4)[2][1])


def test_images_and_their_levels_give_the_same():
    model, images = tiny(), torch.rand(1, 3, 64, 64)
    assert torch.equal(model(images).logits, model.forward_levels(*tensor_levels(images, model.sides)))


def test_logits_are_differentiable_in_every_level():
    model = tiny()
    levels = [torch.rand(1, 3, side, side, requires_grad=True) for side in model.sides]
    model.forward_levels(*levels)[0, 0].backward()
    assert all(level.grad.abs().sum() > 0 for level in levels)


def test_new_links_change_nothing_and_learned_ones_mix():
    plain, linked = tiny(has_links=False), tiny(has_links=True)
    linked.load_state_dict(plain.state_dict(), strict=False)
    images = torch.rand(1, 3, 48, 48)
    assert torch.allclose(plain(images).logits, linked(images).logits, atol=1e-6)
    nn.init.normal_(linked.trunk.link3.up.weight, std=0.5)
    before, after = plain(images).stages[3], linked(images).stages[3]
    assert torch.allclose(before[0], after[0], atol=1e-6), "nothing is coarser than the smallest scale"
    assert not torch.allclose(before[1], after[1])


def test_a_lifted_model_has_no_links():
    model = MultiscaleResNet.lift(torchvision.models.resnet18(), (160, 224), "gated")
    assert not any("link" in key for key in model.state_dict())


def test_lifting_copies():
    resnet = torchvision.models.resnet18()
    model = MultiscaleResNet.lift(resnet, (224,))
    nn.init.zeros_(resnet.conv1.weight)
    assert model.trunk.conv1.weight.abs().sum() > 0


@pytest.mark.parametrize(
    ("name", "make"), [("resnet34", torchvision.models.resnet34), ("resnet50", torchvision.models.resnet50)]
)
def test_architectures_are_recognised(name, make):
    assert recognise(make().state_dict()) == name


def test_another_network_is_refused():
    with pytest.raises(ConfigError, match="not a torchvision ResNet"):
        MultiscaleResNet.lift(torchvision.models.mobilenet_v3_small())
    with pytest.raises(ConfigError, match="gate must be"):
        MultiscaleResNet.lift(torchvision.models.resnet18(), gate="soft")


@pytest.mark.parametrize(
    "options",
    [
        {"sides": ()},
        {"sides": (48, 32), "base_side": 48},
        {"sides": (32, 48), "base_side": 64},
        {"classes": ()},
        {"dropout": 1.0},
        {"architecture": "vgg"},
    ],
)
def test_impossible_models_are_refused(options):
    with pytest.raises(ConfigError):
        tiny(**options)


def test_wrong_levels_are_refused():
    model = tiny()
    with pytest.raises(ValueError, match="one level per scale"):
        model.forward_levels(torch.rand(1, 3, 32, 32))
    with pytest.raises(ValueError, match="at least one"):
        model.forward_levels(None, None, None)


def test_a_description_survives_json():
    config = tiny(gate=GateMode.MEAN, dropout=0.1).config
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    with pytest.raises(ConfigError, match="not the description"):
        ModelConfig.from_dict({"architecture": "resnet18"})


def test_copies_and_pickles_have_a_lock_of_their_own():
    model = tiny()
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin.lock is not model.lock
        images = torch.rand(1, 3, 48, 48)
        assert torch.equal(twin(images).logits, model(images).logits)


def test_frozen_restores_also_after_an_error():
    model = tiny().train()
    model.trunk.conv1.weight.requires_grad_(False)
    model.head.eval()
    modes = [module.training for module in model.modules()]
    trained = [parameter.requires_grad for parameter in model.parameters()]
    with pytest.raises(RuntimeError, match="inside"), model.frozen():
        assert not model.training
        assert not any(parameter.requires_grad for parameter in model.parameters())
        raise RuntimeError("inside")
    assert [module.training for module in model.modules()] == modes
    assert [parameter.requires_grad for parameter in model.parameters()] == trained


def test_frozen_keeps_others_out():
    model, order = tiny(), []
    inside, tried = threading.Event(), threading.Event()

    def second() -> None:
        inside.wait()
        tried.set()
        with model.frozen():
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with model.frozen():
        inside.set()
        tried.wait()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


@pytest.mark.parametrize("stem", Stem)
def test_cells_are_where_the_trunk_puts_them(stem):
    trunk = MultiscaleTrunk(ARCHITECTURES["resnet18"], scale_count=1, stem=stem, width=8).eval()
    with torch.no_grad():
        stages = trunk([torch.rand(1, 3, 64, 64)])
    for index, (x,) in enumerate(stages):
        assert x.shape[-1] == -(-64 // trunk.cell_stride(index))
    assert trunk.cell_centres(1, 2) == [0.5, trunk.cell_stride(1) + 0.5]


def test_dropout_acts_in_training_only():
    model = tiny(dropout=0.5)
    images = torch.rand(1, 3, 48, 48)
    assert torch.equal(model(images).logits, model(images).logits)
    model.trunk.dropout.train()
    assert not torch.equal(model(images).logits, model(images).logits)
