"""A tiny model and what the tests of attributions ask of it."""

from functools import cache

import numpy as np
import torch
from torch import nn

from msresnet.attribution import (
    attribute,
)
from msresnet.ledger import Target
from msresnet.model import ModelConfig, MultiscaleResNet
from msresnet.resnet import Stem

SIDES = (24, 32, 48)
TARGET = Target(1)


@cache
def model_of(
    architecture: str = "resnet18", *, has_links: bool = False, stem: Stem = Stem.STRIDE_2
) -> MultiscaleResNet:
    """A tiny seeded model in float64 whose norms and gate are not trivial."""
    torch.manual_seed(1)
    config = ModelConfig(architecture, SIDES, 32, tuple("abcde"), width=8, stem=stem, has_links=has_links, dropout=0.1)
    model = MultiscaleResNet(config)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.4, 0.9)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.normal_(module.running_mean, std=0.2)
    for link in filter(None, (model.trunk.link2, model.trunk.link3)):
        nn.init.normal_(link.down.weight, std=0.1)
        nn.init.normal_(link.up.weight, std=0.1)
    return model.double().eval()


@cache
def levels_of_image() -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(2)
    return tuple(torch.rand(1, 3, side, side, generator=generator, dtype=torch.float64) for side in SIDES)


def gate_of(model: MultiscaleResNet):
    return model.vote(levels_of_image()).gate.detach()


def ask(method: str, model: MultiscaleResNet | None = None, target: Target = TARGET, **options):
    model = model or model_of()
    return attribute(model, levels_of_image(), target, method=method, gate=gate_of(model), **options)


def f_of(model: MultiscaleResNet, target: Target = TARGET):
    """The explained function once more: levels to a scalar."""
    gate = gate_of(model)

    def f(*levels):
        logits = model.forward_levels(*levels, gate=gate)[0]
        return logits[target.index] - (0 if target.against is None else logits[target.against])

    return f


def close(maps, expected, tolerance: float = 1e-9) -> None:
    for one, other in zip(maps, expected, strict=True):
        np.testing.assert_allclose(one, np.asarray(other.detach()), atol=tolerance, rtol=1e-6)
