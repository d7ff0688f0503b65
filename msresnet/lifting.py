"""A file of a torchvision ResNet's weights as a multi-scale model: read, verified, lifted."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from .calibration import LABEL_FREE
from .classes import imagenet_classes
from .errors import CheckpointError, ConfigError
from .identity import Identity, remember, same_start
from .model import MultiscaleResNet
from .resnet import ARCHITECTURES, MultiscaleTrunk, recognise
from .tensors import (
    check,
    check_finite,
    digest,
    few,
    is_counter,
    pack,
    read_tensors,
)
from .vote import GateMode

IMAGENET_SIDES = (160, 224, 320, 448)  # of lifted weights; 224 is scale 1


def lift_file(path: Path, known: Identity, *, sides: Sequence[int] | None, gate: str | None) -> MultiscaleResNet:
    """A file of a torchvision ResNet's state as a model; ImageNet's labels where it has 1,000 classes.

    Args:
        path: see :func:`msresnet.tensors.read_tensors`.
        known: what is known of the file; the hash of its tensors is filled in.

    Raises:
        CheckpointError: what is wrong with it.
        ConfigError: the sides do not fit.
    """
    state = read_tensors(path)
    check(state, torchvision_shapes(state, where=path), where=path)
    check_finite(state, where=path)
    labels = tuple(imagenet_classes().values())
    with same_start():
        model = MultiscaleResNet.from_torchvision_state(
            {key: value.float() for key, value in state.items() if not is_counter(key)},
            sides=tuple(sides or IMAGENET_SIDES),
            gate=gate or GateMode.GATED.value,
            classes=labels if len(state["fc.bias"]) == len(labels) else None,
        )
    notes = known.notes + ((LABEL_FREE,) if model.config.gate is GateMode.GATED else ())
    remember(model, replace(known, sha256=digest(pack(model.state_dict())), notes=notes))
    return model


def torchvision_shapes(state: Mapping[str, Tensor], *, where: Path) -> dict[str, torch.Size]:
    """Shape of every tensor of the torchvision ResNet that a state is of.

    Raises:
        CheckpointError: it is of none that we know.
    """
    stem, bias = state.get("conv1.weight"), state.get("fc.bias")
    if stem is None or bias is None or stem.ndim != 4 or bias.ndim != 1 or not len(stem) or not len(bias):
        raise CheckpointError(
            f"{where} is not a torchvision ResNet: it has no stem conv1 or no classifier fc, but {few(state)}"
        )
    try:
        architecture = recognise(dict(state))
    except (ConfigError, ValueError, LookupError) as error:  # a key like layer1.x has no number
        raise CheckpointError(f"{where} is not a torchvision ResNet: {error}") from error
    with torch.device("meta"):
        trunk = MultiscaleTrunk(ARCHITECTURES[architecture], scale_count=1, width=len(stem))
    shapes = {key.replace(".scales.0.", "."): value.shape for key, value in trunk.state_dict().items()}
    return {**shapes, "fc.weight": torch.Size((len(bias), trunk.out_channels)), "fc.bias": bias.shape}
