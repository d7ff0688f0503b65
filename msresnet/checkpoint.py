"""A model with its spec: saved, verified when it is loaded, and known by name; the list of models.

A checkpoint is a folder::

    config.json                       the spec: what shapes the model, how it came to be, the hash
    model-00001-of-00003.safetensors  tensors, in shards under 10 MB
    model.safetensors.index.json      the Hub's index of the shards
    README.md                         the model card, written by people
"""

import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from .classes import imagenet_classes
from .download import Progress, cache_folder, cached_path, fetch
from .errors import CheckpointError, ConfigError, DownloadError, UnknownNameError
from .identity import Identity, identify, remember
from .model import MODES, ModelConfig, MultiscaleResNet, recognise
from .resnet import ARCHITECTURES, MultiscaleTrunk
from .tensors import (
    FILE_SUFFIXES,
    INDEX_NAME,
    SHARD_NAME,
    check,
    check_finite,
    digest,
    few,
    is_counter,
    pack,
    read_json,
    read_shards,
    read_tensors,
    write_json,
    write_shards,
)
from .vote import GateMode, Temperature

FORMAT_VERSION = 1
CONFIG_NAME = "config.json"
IMAGENET_SIDES = (160, 224, 320, 448)  # of lifted weights; 224 is scale 1
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)

UNVERIFIED = "loaded from a bare state dict: nobody vouches for these weights"
LABEL_FREE = "the gate is the label-free default, not calibrated on these weights"


@dataclass(frozen=True)
class ListedModel:
    """A model that is known by its name.

    Attributes:
        name: what :func:`load_model` takes.
        description: one line.
        class_count: how many things it knows.
        size_mb: of its weights' files, in 10⁶ bytes.
        source: where the weights come from.
        licence: terms of the weights.
        torchvision_name: the weights' name in torchvision, for those that are fetched from there.
    """

    name: str
    description: str
    class_count: int
    size_mb: int
    source: str
    licence: str
    torchvision_name: str | None = None

    @property
    def folder(self) -> Path:
        """Where a model that ships with the repository lies."""
        return weights_folder() / self.name

    @property
    def url(self) -> str:
        """Where torchvision's weights are fetched from, as torchvision itself says."""
        from torchvision.models import get_weight

        return get_weight(self.torchvision_name).url


MODELS = (
    ListedModel(
        name="msresnet18-tiny",
        description="MS-ResNet-18 for the 200 things of Tiny-ImageNet; small, quick, needs no network",
        class_count=200,
        size_mb=23,
        source="trained here; in weights/",
        licence="ImageNet's terms, for non-commercial research and education (weights/LICENSE.md)",
    ),
    ListedModel(
        name="msresnet50",
        description="torchvision's ResNet-50 at four scales for the 1,000 things of ImageNet",
        class_count=1000,
        size_mb=103,
        source="torchvision, fetched on first use",
        licence="BSD-3-Clause (torchvision); ImageNet's pictures are for research, not for commerce",
        torchvision_name="ResNet50_Weights.IMAGENET1K_V1",  # V1: trained plainly, seen at 224 of 256
    ),
    ListedModel(
        name="msresnet101",
        description="torchvision's ResNet-101 at four scales for the 1,000 things of ImageNet",
        class_count=1000,
        size_mb=179,
        source="torchvision, fetched on first use",
        licence="BSD-3-Clause (torchvision); ImageNet's pictures are for research, not for commerce",
        torchvision_name="ResNet101_Weights.IMAGENET1K_V1",
    ),
)


@dataclass(frozen=True)
class Spec:
    """The content of ``config.json``.

    Attributes:
        name: of the model.
        config: everything that shapes it but its tensors.
        sha256: of its tensors, see :func:`msresnet.tensors.digest`.
        metrics, data, recipe: how good it is, what it saw, how it was trained; JSON objects.
        licence: terms of the weights.
        notes: what else a user should know, a sentence each.
    """

    name: str
    config: ModelConfig
    sha256: str
    metrics: dict = field(default_factory=dict)
    data: dict = field(default_factory=dict)
    recipe: dict = field(default_factory=dict)
    licence: str = ""
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict:
        """As JSON keeps it."""
        return {
            "format": "msresnet",
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "model": self.config.to_dict(),
            "metrics": self.metrics,
            "data": self.data,
            "recipe": self.recipe,
            "sha256": self.sha256,
            "licence": self.licence,
            "notes": list(self.notes),
        }


def load_model(
    name_or_path: str | os.PathLike,
    device: str | torch.device = "auto",
    *,
    sides: Sequence[int] | None = None,
    gate: str | None = None,
    on_progress: Progress = lambda done, total: None,
) -> MultiscaleResNet:
    """A model by its name, from a file or folder, or from the Hub; in evaluation mode.

    Args:
        name_or_path: a listed name (:data:`MODELS`); the folder of a checkpoint; a bare torchvision
            state dict (``.safetensors``, ``.pth``, ``.pt``), which is lifted and marked unverified;
            or a Hub repository ``owner/name`` that holds a checkpoint. They are tried in this order.
        device: ``auto`` is the first there is of ``cuda``, ``mps`` and ``cpu``.
        sides: side of each level in px, for lifted weights; by default 160, 224, 320 and 448.
            A checkpoint's are its own.
        gate: ``single``, ``mean`` or ``gated``; by default the checkpoint's own, and
            ``gated`` for lifted weights.
        on_progress: called with the bytes that are here and in all, while torchvision's weights are
            fetched; what it raises ends the download.

    Raises:
        UnknownNameError: there is no such model.
        CheckpointError: the weights are missing, damaged, altered, or of another architecture.
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
    elif name and os.path.exists(path):
        model = load_path(path, sides=sides, gate=gate)
    elif is_path(name_or_path):
        raise CheckpointError(f"There is no file or folder {name}; listed models are {', '.join(listed)}")
    elif REPOSITORY.fullmatch(name):
        model = load_path(fetch_repository(name), sides=sides, gate=gate)
    else:
        raise UnknownNameError("model", name, listed)
    return model.to(device)


def load_listed(
    entry: ListedModel, *, sides: Sequence[int] | None, gate: str | None, on_progress: Progress
) -> MultiscaleResNet:
    """A listed model, its weights fetched where they have to be."""
    if entry.torchvision_name is not None:
        path = fetch(entry.url, cache_folder(), on_progress=on_progress)
        known = Identity(entry.name, sha256="", is_verified=True, licence=entry.licence)
        return lift_file(path, known, sides=sides, gate=gate)
    if not is_available(entry.name):
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


def is_available(name: str) -> bool:
    """Whether a listed model's weights are on this machine.

    Raises:
        UnknownNameError: no model of this name is listed.
    """
    listed = {entry.name: entry for entry in MODELS}
    if name not in listed:
        raise UnknownNameError("model", name, listed)
    entry = listed[name]
    if entry.torchvision_name is not None:
        return cached_path(entry.url, cache_folder()).is_file()
    return (entry.folder / CONFIG_NAME).is_file()


def weights_folder() -> Path:
    """Where the weights that ship with the repository lie: ``$MSRESNET_WEIGHTS``, or beside the package."""
    chosen = os.environ.get("MSRESNET_WEIGHTS")
    return Path(chosen).expanduser() if chosen else Path(__file__).resolve().parents[1] / "weights"


def choose_device(name: str | torch.device) -> torch.device:
    """The device of this name; ``auto`` is the first there is of ``cuda``, ``mps`` and ``cpu``.

    Raises:
        ConfigError: this machine has no such device.
    """
    counts = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    present = [kind for kind, count in counts.items() if count]
    if name == "auto":
        return torch.device(present[0])
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device must be auto or one of {', '.join(present)} here, got {name!r}") from error
    if (device.index or 0) >= counts.get(device.type, 0):
        raise ConfigError(f"device must be auto or one of {', '.join(present)} here, got {str(device)!r}")
    return device


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
    wanted = [CONFIG_NAME, INDEX_NAME, "model-*.safetensors"]
    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=wanted))
    except errors as error:
        reason = str(error).strip().partition("\n")[0]
        raise DownloadError(
            f"There is no folder {name} here, and it could not be fetched from the Hub ({reason}); "
            "check the name and the connection to the network"
        ) from error


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
    """The files of a checkpoint among those of a folder."""
    return [name for name in names if name in (CONFIG_NAME, INDEX_NAME) or SHARD_NAME.fullmatch(name)]


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


def read_spec(folder: str | os.PathLike) -> Spec:
    """The spec of a checkpoint's folder.

    Raises:
        CheckpointError: it is no checkpoint, or one that this version cannot read.
    """
    path = Path(folder) / CONFIG_NAME
    kept = read_json(path)
    version = kept.get("format_version")
    if kept.get("format") != "msresnet" or not isinstance(version, int):
        raise CheckpointError(f"{path} is not the spec of an msresnet checkpoint")
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format version {version}, and this msresnet reads {FORMAT_VERSION}; update msresnet"
        )
    types = {"name": str, "model": dict, "sha256": str, "metrics": dict, "data": dict, "recipe": dict}
    for key, kind in {**types, "licence": str, "notes": list}.items():
        if not isinstance(kept.get(key), kind):
            raise CheckpointError(f"{path} must hold {key!r} as a {kind.__name__}, got {kept.get(key)!r:.50}")
    try:
        config = ModelConfig.from_dict(kept["model"])
    except ConfigError as error:
        raise CheckpointError(f"{path} does not describe a model: {error}") from error
    rest = {key: kept[key] for key in ("name", "sha256", "metrics", "data", "recipe", "licence")}
    return Spec(config=config, notes=tuple(map(str, kept["notes"])), **rest)


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


def lift_file(
    path: Path, known: Identity, *, sides: Sequence[int] | None, gate: str | None
) -> MultiscaleResNet:
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


@contextmanager
def same_start() -> Iterator[None]:
    """A model made inside draws the same numbers every time, and the caller's generator does not notice.

    Some drawn numbers stay: the label-free gate's perceptron, which ends in zeros. They
    must not make two hashes of one model.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        yield
