"""A name finds its model: a listed one, a checkpoint, a torchvision ResNet's weights, or a repository of the Hub."""

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from .calibration import CALIBRATION_NAME, calibrated, read_calibration
from .config import MODES
from .device import choose_device
from .download import Progress, cache_folder, fetch
from .errors import CheckpointError, ConfigError, DownloadError, UnknownNameError
from .identity import Identity, identify, remember, same_start
from .lifting import lift_file
from .listed import MODELS, ListedModel
from .listed import is_available as is_available  # names that have always been found here
from .model import MultiscaleResNet
from .storage import load_checkpoint
from .storage import save_checkpoint as save_checkpoint
from .tensors import (
    CONFIG_NAME,
    FILE_SUFFIXES,
    INDEX_NAME,
    digest,
    pack,
)
from .vote import GateMode, Temperature

REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)

UNVERIFIED = "loaded from a bare state dict: nobody vouches for these weights"


def load_model(
    name_or_path: str | os.PathLike,
    device: str | torch.device = "auto",
    *,
    sides: Sequence[int] | None = None,
    gate: str | None = None,
    calibration: str | os.PathLike | None = "auto",
    on_progress: Progress = lambda done, total: None,
) -> MultiscaleResNet:
    """A model by its name, from a file or folder, or from the Hub; in evaluation mode.

    Args:
        name_or_path: a listed name (:data:`msresnet.listed.MODELS`); the folder of a checkpoint; a bare torchvision
            state dict (``.safetensors``, ``.pth``, ``.pt``), which is lifted and marked unverified;
            or a Hub repository ``owner/name`` that holds a checkpoint. They are tried in this order.
        device: ``auto`` is the first there is of ``cuda``, ``mps`` and ``cpu``.
        sides: side of each level in px, for lifted weights; by default 160, 224, 320 and 448.
            A checkpoint's are its own.
        gate: ``single``, ``mean`` or ``gated``; by default the checkpoint's own, and
            ``gated`` for lifted weights.
        calibration: a file that ``msresnet calibrate`` wrote for these very weights; ``auto`` is the one in
            the checkpoint's folder, if there is one and its own gate is asked for; ``None`` is none.
        on_progress: called with the bytes that are here and in all, while torchvision's weights are
            fetched; what it raises ends the download.

    Raises:
        UnknownNameError: there is no such model.
        CheckpointError: the weights are missing, damaged, altered, or of another architecture; or the
            calibration is damaged, or was measured on other weights.
        DownloadError: they could not be fetched.
        ConfigError: there is no such device or gate, or the sides do not fit.

    That torchvision's servers and the Hub answer as expected is not measured: the tests fetch
    from a server of their own.
    """
    device = choose_device(device)
    if gate is not None and gate not in MODES:
        raise ConfigError(f"gate must be one of {', '.join(MODES)}, got {gate!r}")
    if sides is not None and not len(sides):
        raise ConfigError("sides must name at least one, got none; leave sides out for the model's own")
    name = os.fspath(name_or_path)
    path = Path(os.path.expanduser(name))
    listed = {entry.name: entry for entry in MODELS}
    if name in listed:
        model = load_listed(listed[name], sides=sides, gate=gate, on_progress=on_progress)
        folder = listed[name].folder
    elif name and os.path.exists(path):
        model, folder = load_path(path, sides=sides, gate=gate), path
    elif is_path(name_or_path):
        raise CheckpointError(f"There is no file or folder {name}; listed models are {', '.join(listed)}")
    elif REPOSITORY.fullmatch(name):
        folder = fetch_repository(name)
        model = load_path(folder, sides=sides, gate=gate)
    else:
        raise UnknownNameError("model", name, listed)
    if calibration == "auto":
        calibration = own_calibration(folder, gate=gate)
    if calibration is not None:
        model = calibrated(model, read_calibration(Path(calibration).expanduser()))
    return model.to(device)


def own_calibration(folder: Path, *, gate: str | None) -> Path | None:
    """The calibration in a checkpoint's folder; ``None`` where there is none, or another gate is asked for."""
    own = folder / CALIBRATION_NAME
    is_own_gate = (folder / CONFIG_NAME).is_file() and gate in (None, GateMode.GATED.value)
    return own if is_own_gate and own.is_file() else None


def load_listed(
    entry: ListedModel, *, sides: Sequence[int] | None, gate: str | None, on_progress: Progress
) -> MultiscaleResNet:
    """A listed model, its weights fetched where they have to be."""
    if entry.torchvision_name is not None:
        path = fetch(entry.url, cache_folder(), on_progress=on_progress)
        known = Identity(entry.name, sha256="", is_verified=True, licence=entry.licence)
        return lift_file(path, known, sides=sides, gate=gate)
    if not entry.is_here:
        raise CheckpointError(
            f"The weights of {entry.name} come with the repository and are not here; "
            "set MSRESNET_WEIGHTS to the repository's weights folder"
        )
    return load_path(entry.folder, sides=sides, gate=gate)


def load_path(path: Path, *, sides: Sequence[int] | None, gate: str | None) -> MultiscaleResNet:
    """A checkpoint's folder, or a bare torchvision state dict."""
    if not path.is_dir():
        known = Identity(path.stem, sha256="", is_verified=False, notes=(UNVERIFIED,))
        return lift_file(path, known, sides=sides, gate=gate)
    model = load_checkpoint(path)
    if sides is not None and tuple(sorted(sides)) != model.sides:
        raise ConfigError(f"sides must be the checkpoint's {model.sides}, got {tuple(sides)}; leave them out")
    return with_gate(model, gate)


def is_path(name: str | os.PathLike) -> bool:
    """Whether a name that does not exist was meant as a file or folder."""
    return not isinstance(name, str) or name.startswith((".", "/", "~")) or Path(name).suffix in FILE_SUFFIXES


def fetch_repository(name: str) -> Path:
    """The folder of a Hub repository's checkpoint, from the Hub's own cache where it is there.

    Raises:
        DownloadError: no network, or no such repository.
    """
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    # The base of the Hub's error is that of its HTTP library, which changes from version to version.
    errors = (OSError, HFValidationError, *HfHubHTTPError.__bases__)
    wanted = [CONFIG_NAME, CALIBRATION_NAME, INDEX_NAME, "model-*.safetensors"]
    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=wanted))
    except errors as error:
        reason = str(error).strip().partition("\n")[0]
        raise DownloadError(
            f"There is no folder {name} here, and it could not be fetched from the Hub ({reason}); "
            "check the name and the connection to the network"
        ) from error


def with_gate(model: MultiscaleResNet, gate: str | None) -> MultiscaleResNet:
    """The model with another gate, the same object where it has that gate; a new one is label-free."""
    if gate is None or GateMode(gate) is model.config.gate:
        return model
    config = replace(model.config, gate=GateMode(gate), temperature=Temperature.MATCHED)
    with same_start():
        other = MultiscaleResNet(config)
    kept = {key: value for key, value in model.state_dict().items() if not key.startswith("head.gate.")}
    other.load_state_dict({**other.state_dict(), **kept})
    known = identify(model)
    note = f"the gate is {gate!r} by request, not the checkpoint's own {model.config.gate.value!r}"
    remember(other, replace(known, sha256=digest(pack(other.state_dict())), notes=(*known.notes, note)))
    return other.eval()
