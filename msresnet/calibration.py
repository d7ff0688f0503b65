"""A gate and temperatures that were fitted on labelled pictures, as a file for the very weights they were fitted on.

A calibrated logit has the fitted gate g and temperatures T, and one temperature τ for all
scales (after Guo et al., arXiv 1706.04599, who divide the bias too)::

    logit_k = b_k + Σ_s Σ_cell g(s, cell) · w_k·F_s(cell) / (T_s · τ)

So nothing comes after the vote, a logit is still the exact sum of its contributions and the
bias, and the bias is the trunk's own: each level alone stays the plain backbone.

The file is safetensors: the parameters of :class:`~msresnet.vote.ScaleSpaceGate`, and a JSON
object in its header.
"""

import copy
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from .errors import CheckpointError, ConfigError
from .identity import Identity, identify, remember
from .model import MultiscaleResNet
from .tensors import check, check_finite, digest, pack, write_whole
from .vote import GateMode, Temperature

CALIBRATION_NAME = "calibration.safetensors"  # in the folder of a checkpoint
FORMAT_VERSION = 1
HEADER = "msresnet_calibration"

LABEL_FREE = "the gate is the label-free default, not calibrated on these weights"


@dataclass(frozen=True, eq=False)
class Calibration:
    """What was fitted, and on what.

    Attributes:
        model: name of the model.
        sha256: of its tensors before calibration; the calibration fits no others.
        temperature_mode: what T is, see :class:`~msresnet.vote.Temperature`.
        gate: state of the gate, its temperatures without τ.
        temperature: τ, above 0.
        data: which pictures; a JSON object.
        metrics: what it gave on held-out pictures; a JSON object.
    """

    model: str
    sha256: str
    temperature_mode: Temperature
    gate: Mapping[str, Tensor]
    temperature: float = 1.0
    data: dict = field(default_factory=dict)
    metrics: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ConfigError(f"a calibration's temperature must be > 0, got {self.temperature}")

    def to_markdown(self) -> str:
        """What it gave, a table for people: the model as it was, and calibrated, by which pictures."""
        rows = ["| | negative log-likelihood | top-1 | expected calibration error |", "|---|---|---|---|"]
        titles = {
            "before": "as it was",
            "held_out": "calibrated, held-out folds",
            "same_pictures": "calibrated, on what fitted the temperature",
        }
        for key, one in self.metrics.items():
            if key not in titles:
                continue
            shares = " | ".join(f"{100 * one[name]:.1f} %" for name in ("top1", "calibration_error"))
            rows.append(f"| {titles[key]} | {one['nll']:.3f} | {shares} |")
        heading = f"{self.model}: {self.data['pictures']} pictures of {self.data['folder']}"
        if (zoom := self.data.get("temperature_zoom")) is not None:
            heading += f", at zoom {zoom:.3g}"
        return "\n".join([heading, "", *rows])


def save_calibration(calibration: Calibration, path: str | os.PathLike) -> None:
    """Write a calibration to a file, which a reader finds whole or not at all.

    Raises:
        CheckpointError: the gate holds NaN or infinity, or the file cannot be written.
    """
    path = Path(path)
    tensors = {key: value.detach().cpu().float().contiguous() for key, value in calibration.gate.items()}
    check_finite(tensors, where="the calibration")
    header = {
        "format_version": FORMAT_VERSION,
        "model": calibration.model,
        "sha256": calibration.sha256,
        "temperature_mode": calibration.temperature_mode.value,
        "temperature": calibration.temperature,
        "data": calibration.data,
        "metrics": calibration.metrics,
    }
    content = safetensors.torch.save(tensors, metadata={HEADER: json.dumps(header, ensure_ascii=False)})
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write_whole(temporary, content)
        os.replace(temporary, path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be written ({error.strerror}); choose another place") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_calibration(path: str | os.PathLike) -> Calibration:
    """The calibration in a file.

    Raises:
        CheckpointError: there is no such file, or it is damaged or something else.
    """
    path = Path(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[HEADER])
            gate = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
        if header["format_version"] != FORMAT_VERSION:
            raise CheckpointError(
                f"{path} has format version {header['format_version']}, and this msresnet reads {FORMAT_VERSION}; "
                "update msresnet, or calibrate again"
            )
        calibration = Calibration(
            model=str(header["model"]),
            sha256=str(header["sha256"]),
            temperature_mode=Temperature(header["temperature_mode"]),
            gate=gate,
            temperature=float(header["temperature"]),
            data=dict(header["data"]),
            metrics=dict(header["metrics"]),
        )
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no calibration {path}; check the name") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error})") from error
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError, ConfigError) as error:
        raise CheckpointError(f"{path} is damaged or not a calibration; calibrate again") from error
    check_finite(gate, where=path)
    return calibration


def calibrated(model: MultiscaleResNet, calibration: Calibration) -> MultiscaleResNet:
    """A new model with the calibration's gate and temperatures, on the same device, in evaluation mode.

    Raises:
        CheckpointError: the calibration was measured on other weights or sides, or fits another gate.
        ConfigError: the model has no gate.
    """
    if model.config.gate is not GateMode.GATED:
        raise ConfigError(f"a calibration is for the gate 'gated', and this model's is {model.config.gate.value!r}")
    known = identify(model)
    if known.sha256 != calibration.sha256:
        raise CheckpointError(
            f"the calibration was measured on {calibration.model} with SHA-256 {calibration.sha256[:12]}…, "
            f"and {known.name} has {known.sha256[:12]}…; calibrate these weights by 'msresnet calibrate'"
        )
    sides = calibration.data.get("sides", model.sides)
    if tuple(sides) != model.sides:
        raise CheckpointError(
            f"the calibration was measured with levels of {told(sides)} px, and this model's have {told(model.sides)}; "
            "give it the same sides, or calibrate again"
        )
    check(calibration.gate, {k: v.shape for k, v in model.head.gate.state_dict().items()}, where="the calibration")
    other = copy.deepcopy(model).eval()
    other.config = replace(model.config, temperature=calibration.temperature_mode)
    other.head.gate.temperature = calibration.temperature_mode
    other.head.gate.load_state_dict(dict(calibration.gate))
    with torch.no_grad():
        other.head.gate.log_temperature += math.log(calibration.temperature)
    remember(other, identity(known, calibration, sha256=digest(pack(other.state_dict()))))
    return other


def told(sides: Iterable[int]) -> str:
    """Sides as people read them."""
    return ", ".join(map(str, sides))


def identity(known: Identity, calibration: Calibration, *, sha256: str) -> Identity:
    """What a calibrated model is: the same weights, and on how many pictures they were calibrated."""
    pictures, folder = calibration.data.get("pictures"), calibration.data.get("folder")
    on = f" on {pictures} pictures of {folder}" if pictures and folder else ""
    note = f"the gate and its temperatures were calibrated{on}"
    return replace(known, sha256=sha256, notes=(*(one for one in known.notes if one != LABEL_FREE), note))
