"""What the checks of maps share: a question about a picture of noise, and all numbers of a network."""

import numpy as np
import torch
from PIL import Image

from msresnet.explain import Session
from msresnet.model import MultiscaleResNet


def noise_session(model: MultiscaleResNet) -> Session:
    """A model and a picture in which nothing is to be seen."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8))
    return Session(model, picture)


def everything(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A copy of its state."""
    return {name: value.clone() for name, value in module.state_dict().items()}
