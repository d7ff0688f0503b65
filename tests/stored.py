"""A small model with random tensors, and its checkpoint's folder."""

import os
import subprocess
import sys
from pathlib import Path

import torch

from msresnet.config import ModelConfig
from msresnet.model import MultiscaleResNet
from msresnet.pyramid import Preprocessing
from msresnet.resnet import Stem
from msresnet.vote import Temperature

ROOT = Path(__file__).resolve().parents[1]
TINY = ModelConfig(
    architecture="resnet18",
    sides=(16, 24, 32),
    base_side=24,
    classes=("a", "b", "c"),
    stem=Stem.STRIDE_2,
    width=4,
    has_links=True,
    temperature=Temperature.LEARNED,
    preprocessing=Preprocessing(source_side=24),
)


def tiny_model(config: ModelConfig = TINY) -> MultiscaleResNet:
    """A model with random tensors, also those that start as zeros or ones."""
    model = MultiscaleResNet(config)
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.add_(0.1 * torch.rand_like(value))
            else:
                value.fill_(7)
    return model.eval()


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def run_python(program: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", program]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True)
