"""The temperature for all votes, fitted to what is known of answers: so that a share is as often right as it says.

The votes of all scales in sum are divided by one number (Guo et al., arXiv 1706.04599). It makes most
likely whether each answer is right (top-label calibration, Gupta and Ramdas, arXiv 2107.08353).
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .calibration import Calibration, calibrated
from .canvas import Canvas
from .data import Split
from .errors import ConfigError, DataError
from .evaluation import CALIBRATION_BINS
from .identity import identify
from .model import MultiscaleResNet
from .renderings import all_renderings, each_picture
from .vote import GateMode, VoteHead

LEAST_PICTURES = 10  # two for each fold of a gate's fit


@dataclass(frozen=True)
class Quality:
    """How good answers are: mean negative log-likelihood in nats, top-1, expected calibration error."""

    nll: float
    top1: float
    calibration_error: float


def fit_temperature(
    model: MultiscaleResNet,
    split: Split,
    earlier: Calibration,
    *,
    name: str,
    zoom: float = 1.0,
    store: Path | None = None,
    is_half: bool = False,
    batch_size: int | None = None,
    workers: int = 0,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Calibration:
    """An earlier calibration of the same weights with its gate, and the temperature for all fitted anew.

    See :func:`own_gate` for a model that has none.

    Names and scales that answer stay as they were: one temperature alters the shares, and no order but by the bias.

    Args:
        model: as it was before any calibration; left as it was.
        split: pictures that trained nothing; those that the gate was fitted to may be among them.
        earlier: of the same weights and sides.
        name: of the data, for the record.
        zoom: at which every picture is shown, on grey.
        store, is_half, batch_size, workers: see :func:`msresnet.renderings.each_picture`.
        on_progress: told the share of the pictures that passed the trunk.

    Raises:
        CheckpointError, ConfigError: see :func:`msresnet.calibration.calibrated`.
        DataError: too few pictures, or as :func:`msresnet.renderings.each_picture`.
    """
    heads = [fresh_head(one) for one in (model, calibrated(model, replace(earlier, temperature=1.0)))]
    renderings = all_renderings((zoom,), (Canvas.GREY,))
    found = each_picture(
        model, split, renderings, store=store, is_half=is_half, batch_size=batch_size, workers=workers,
        on_progress=on_progress,
    )  # fmt: skip
    logits, labels = [], []
    with torch.no_grad():
        for picture in found:
            logits.append(torch.stack([head.cast(picture.votes, picture.log_norms)[0] for head in heads]))
            labels.append(picture.label)
    check_enough(len(labels))
    (before, after), right, bias = torch.cat(logits, dim=1), torch.tensor(labels), heads[0].fc.bias.detach()
    temperature = best_temperature(after - bias, bias, right)
    answers = {"before": before, "same_pictures": (after - bias) / temperature + bias}
    return replace(
        earlier,
        temperature=temperature,
        data={
            "folder": name,
            "pictures": len(labels),
            "sides": list(model.sides),
            "temperature_zoom": zoom,
            "precision": "bfloat16" if is_half else "float32",
            "gate": earlier.data,
        },
        metrics={key: vars(quality(some, right)) for key, some in answers.items()},
    )


def own_gate(model: MultiscaleResNet) -> Calibration:
    """A calibration that changes nothing: the gate that the model has, and temperature 1.

    Raises:
        ConfigError: the model has no gate.
    """
    if model.config.gate is not GateMode.GATED:
        raise ConfigError(f"only the gate 'gated' can be calibrated, and this model's is {model.config.gate.value!r}")
    known = identify(model)
    gate = {key: value.detach().clone() for key, value in model.head.gate.state_dict().items()}
    return Calibration(known.name, known.sha256, model.config.temperature, gate)


def best_temperature(votes: Tensor, bias: Tensor, labels: Tensor) -> float:
    """What the votes in sum, ``(rendering, class)``, are divided by for the highest top-label likelihood.

    What is named is what they name at the temperature of the highest likelihood of the labels. It must be settled
    before: where bias and votes differ, an answer that is surely wrong is likely to be so.
    """
    likeliest = lowest(lambda one: F.cross_entropy(votes / one.exp() + bias, labels), start=0.0)
    named = (votes / math.exp(likeliest) + bias).argmax(dim=1)
    is_right = named == labels
    return math.exp(lowest(lambda one: top_label_loss(votes / one.exp() + bias, named, is_right), start=likeliest))


def lowest(loss: Callable[[Tensor], Tensor], *, start: float) -> float:
    """The argument of a smooth loss where it is least, downhill from ``start``."""
    at = torch.tensor(start, requires_grad=True)
    optimiser = torch.optim.LBFGS([at], max_iter=50, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimiser.zero_grad()
        value = loss(at)
        value.backward()
        return value

    optimiser.step(step)
    return float(at.detach())


def top_label_loss(logits: Tensor, named: Tensor, is_right: Tensor) -> Tensor:
    """Mean negative log-likelihood in nats that the ``named`` of at least two classes is right, or wrong, as it is."""
    log_shares = logits.log_softmax(dim=1)
    sure = log_shares.gather(1, named[:, None])[:, 0]
    unsure = log_shares.scatter(1, named[:, None], -math.inf).logsumexp(dim=1)
    return -torch.where(is_right, sure, unsure).mean()


def quality(logits: Tensor, labels: Tensor) -> Quality:
    """Of logits ``(rendering, class)``; the calibration error has the bins of :mod:`msresnet.evaluation`."""
    confidence, named = logits.softmax(dim=1).max(dim=1)
    is_right = (named == labels).double().numpy()
    index = np.minimum((confidence.numpy() * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = np.bincount(index, weights=is_right - confidence.double().numpy(), minlength=CALIBRATION_BINS)
    return Quality(
        nll=float(F.cross_entropy(logits, labels)),
        top1=float(is_right.mean()),
        calibration_error=float(np.abs(gaps).sum() / len(labels)),
    )


def fresh_head(model: MultiscaleResNet) -> VoteHead:
    """A copy of the model's head on the CPU, to be altered."""
    return copy.deepcopy(model.head).cpu()


def check_enough(answers: int) -> None:
    """Raises a DataError for fewer than ten."""
    if answers < LEAST_PICTURES:
        raise DataError(f"a calibration needs at least {LEAST_PICTURES} readable pictures, got {answers}")
