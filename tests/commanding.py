"""What the tests of commands give them: a picture, and a model's checkpoint."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from msresnet.checkpoint import save_checkpoint
from msresnet.model import ModelConfig, MultiscaleResNet
from msresnet.resnet import Stem

LABELS = ("red thing", "green thing", "blue thing", "tabby", "tench", "grey", "seventh")
SIDES = (24, 32, 48)


def write_picture(path: Path, *, seed: int, size: tuple[int, int] = (60, 50)) -> Path:
    """Noise with a bright patch."""
    pixels = np.random.default_rng(seed).integers(0, 160, size=(size[1], size[0], 3), dtype=np.uint8)
    pixels[10:25, 20:40] = 230
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def save_model(folder: Path) -> Path:
    """A checkpoint of a small model of ``SIDES`` and ``LABELS``."""
    torch.manual_seed(0)
    config = ModelConfig("resnet18", SIDES, 32, LABELS, stem=Stem.STRIDE_2, width=8)
    model = MultiscaleResNet(config).eval()
    with torch.no_grad():
        model.head.fc.weight.mul_(3).add_(0.5)  # what all classes share moves raw numbers, not centred ones
    save_checkpoint(model, folder, name="tiny")
    return folder
