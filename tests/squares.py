"""Noisy coloured squares in class folders, and a small model that knows their colours now and then."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from msresnet.model import ModelConfig, MultiscaleResNet
from msresnet.pyramid import Preprocessing
from msresnet.resnet import Stem

LABELS = ("red", "green", "blue", "tench", "goldfish", "grey", "unseen")
COLOURS = {
    "red": (200, 30, 30), "green": (30, 190, 40), "blue": (20, 40, 210), "n01440764": (90, 120, 60),
    "goldfish": (240, 140, 20), "grey": (128, 128, 128),
}  # fmt: skip


def small_model(classes: tuple[str, ...] = LABELS, *, seed: int = 3, **options) -> MultiscaleResNet:
    """A random trunk, and a classifier that least squares fitted to a few colours: right now and then."""
    torch.manual_seed(seed)
    defaults = {
        "architecture": "resnet18", "sides": (24, 32), "base_side": 32, "classes": classes, "stem": Stem.STRIDE_2,
        "width": 8, "preprocessing": Preprocessing(crop_fraction=0.75),
    }  # fmt: skip
    model = MultiscaleResNet(ModelConfig(**{**defaults, **options})).eval()
    labels = torch.arange(48) % len(COLOURS)
    colours = torch.tensor(list(COLOURS.values()))[labels, :, None, None] / 255
    squares = colours + 0.3 * torch.randn(48, 3, 32, 32)
    with torch.no_grad():
        features = model(squares.clamp(0, 1)).stages[-1][-1].mean(dim=(2, 3))
        features = torch.cat([features / features.std(), torch.ones(48, 1)], dim=1)
        wanted = 4.0 * torch.nn.functional.one_hot(labels, len(classes))
        fitted = torch.linalg.solve(features.T @ features + torch.eye(features.shape[1]), features.T @ wanted)
        model.head.fc.weight.copy_(fitted[:-1].T)
        model.head.fc.bias.copy_(fitted[-1])
    return model


def write_squares(root: Path, *, per_class: int, size: tuple[int, int] | None = None) -> Path:
    """Noisy coloured pictures, not square unless a ``(height, width)`` is asked for, in a folder per class."""
    random = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (root / name).mkdir(parents=True)
        for i in range(per_class):
            noise = random.normal(0, 60, size=(*(size or (40, 48 + i)), 3))
            picture = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(picture).save(root / name / f"{i}.png")
    return root
