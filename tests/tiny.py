"""A model that is small enough for any test."""

import torch

from msresnet.model import ModelConfig, MultiscaleResNet
from msresnet.resnet import Stem
from msresnet.vote import Temperature


def tiny(**options) -> MultiscaleResNet:
    """A seeded random model of width 8."""
    torch.manual_seed(0)
    defaults = {
        "architecture": "resnet18",
        "sides": (32, 48, 64),
        "base_side": 48,
        "classes": tuple("abcde"),
        "stem": Stem.STRIDE_2,
        "width": 8,
        "has_links": True,
        "temperature": Temperature.LEARNED,
    }
    return MultiscaleResNet(ModelConfig(**{**defaults, **options})).eval()
