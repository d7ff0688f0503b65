"""A model with its spec: saved, and verified when it is loaded.

A checkpoint is a folder::

    config.json                       the spec: what shapes the model, how it came to be, the hash
    model-00001-of-00003.safetensors  tensors, in shards under 10 MB
    model.safetensors.index.json      the Hub's index of the shards
    README.md                         the model card, written by people
"""

import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from .calibration import CALIBRATION_NAME
from .config import ModelConfig
from .device import choose_device
from .errors import CheckpointError
from .identity import Identity, remember, same_start
from .model import MultiscaleResNet
from .spec import Spec, read_spec
from .tensors import (
    CONFIG_NAME,
    INDEX_NAME,
    SHARD_NAME,
    check,
    check_finite,
    digest,
    is_counter,
    pack,
    read_shards,
    write_json,
    write_shards,
)


def save_checkpoint(
    model: MultiscaleResNet,
    folder: str | os.PathLike,
    *,
    name: str,
    metrics: Mapping | None = None,
    data: Mapping | None = None,
    recipe: Mapping | None = None,
    licence: str = "",
    notes: Sequence[str] = (),
    max_shard_bytes: int = 9_500_000,
) -> Spec:
    """Write a model as a checkpoint, all of it or nothing; returns its spec.

    An older checkpoint in ``folder`` is replaced and other files there, such as the model
    card, are kept: the new folder is made whole beside it, and then takes its place.

    Args:
        model: its kernels are stored in half precision, see :func:`msresnet.tensors.pack`.
        folder: new, empty, or a checkpoint.
        name: what the model is called from now on.
        metrics, data, recipe, licence, notes: see :class:`Spec`.
        max_shard_bytes: of a shard's tensors; its header comes on top, about 100 bytes a tensor.

    Raises:
        CheckpointError: the model holds NaN or infinity, or ``folder`` holds something else.
        ConfigError: one tensor alone is larger than a shard.
    """
    folder = Path(folder).expanduser().resolve()
    is_free = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    if not is_free and not (folder / CONFIG_NAME).is_file():
        raise CheckpointError(f"{folder} holds something that is not a checkpoint; name another folder")
    with model.lock:
        tensors = pack(model.state_dict())
    check_finite(tensors, where=f"the model {name}")
    spec = Spec(
        name=name,
        config=model.config,
        sha256=digest(tensors),
        metrics=dict(metrics or {}),
        data=dict(data or {}),
        recipe=dict(recipe or {}),
        licence=licence,
        notes=tuple(notes),
    )
    token = secrets.token_hex(4)
    made, old = (folder.with_name(f".{folder.name}.{token}.{state}") for state in ("part", "old"))
    try:
        made.mkdir(parents=True)
        write_shards(tensors, made, max_shard_bytes=max_shard_bytes)
        write_json(spec.to_dict(), made / CONFIG_NAME)
        if folder.exists():
            shutil.copytree(folder, made, ignore=ours, dirs_exist_ok=True)
        take_place(made, folder, old=old)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return spec


def ours(folder: str, names: list[str]) -> list[str]:
    """The files of a checkpoint among those of a folder, its calibration too: that fits no other weights."""
    return [name for name in names if name in (CONFIG_NAME, CALIBRATION_NAME, INDEX_NAME) or SHARD_NAME.fullmatch(name)]


def take_place(made: Path, folder: Path, *, old: Path) -> None:
    """Rename ``made`` to ``folder``; what was there is removed, or put back where that fails."""
    is_replacing = folder.exists()
    if is_replacing:
        folder.rename(old)
    try:
        made.rename(folder)
    except OSError:
        if is_replacing:
            old.rename(folder)
        raise
    if is_replacing:
        shutil.rmtree(old)


def load_checkpoint(path: str | os.PathLike, device: str | torch.device = "cpu") -> MultiscaleResNet:
    """The model of a checkpoint's folder, verified, in evaluation mode.

    Keys, shapes, types, the hash over all tensors, and that every number is finite are
    verified before the model is made. This tells damage, not forgery: whoever writes
    the tensors can write the hash.

    Raises:
        CheckpointError: what is wrong with it.
        ConfigError: there is no such device.
    """
    folder, device = Path(path), choose_device(device)
    spec = read_spec(folder)
    shapes = model_shapes(spec.config, where=folder / CONFIG_NAME)
    tensors = read_shards(folder)
    check(tensors, shapes, where=folder)
    for key, value in pack(tensors).items():
        if value.dtype != tensors[key].dtype:
            raise CheckpointError(
                f"{folder} holds another type: {key} must be {value.dtype}, got {tensors[key].dtype}; "
                "write it with save_checkpoint"
            )
    if (found := digest(tensors)) != spec.sha256:
        raise CheckpointError(
            f"{folder} was altered or is damaged: the SHA-256 of its tensors is {found[:12]}…, "
            f"its spec says {spec.sha256[:12]}…; fetch the folder again"
        )
    check_finite(tensors, where=folder)
    with same_start():
        model = MultiscaleResNet(spec.config)
    counters = {key: value for key, value in model.state_dict().items() if is_counter(key)}
    model.load_state_dict({**tensors, **counters})
    remember(model, Identity(spec.name, spec.sha256, True, spec.notes, spec.licence))
    return model.eval().to(device)


def model_shapes(config: ModelConfig, *, where: Path) -> dict[str, torch.Size]:
    """Shape of every tensor of a model, without making any.

    Raises:
        CheckpointError: no model can be made by this description.
    """
    try:
        with torch.device("meta"):
            model = MultiscaleResNet(config)
    except (TypeError, ValueError, RuntimeError, ArithmeticError) as error:  # a wrong number, or a wrong type
        raise CheckpointError(f"{where} does not describe a model: {error}") from error
    return {key: value.shape for key, value in model.state_dict().items()}
