"""The ledger: contributions as numbers that people read.

Logits have a gauge: adding 7 to every class of one scale changes no probability, so
the raw contribution of a scale to one class says nothing. A ledger is therefore read
*class-centred* (the contribution minus its mean over all classes) or as a difference
*A − B*. The raw values are kept beside, and add up to the logit.
"""

from dataclasses import dataclass

import numpy as np
import torch

from .errors import ConfigError, UnknownNameError
from .output import Output


@dataclass(frozen=True)
class Target:
    """What is explained: a class against the mean of all (``against=None``), or against another class."""

    index: int
    against: int | None = None

    def __post_init__(self) -> None:
        if self.index == self.against:
            raise ConfigError("a class cannot be compared with itself; choose another class B")


@dataclass(frozen=True)
class Reading:
    """A ledger read for one target, in logits: ``sum(contributions) + bias == total``."""

    target: Target
    contributions: tuple[float, ...]  # one per scale
    bias: float
    total: float

    @property
    def shares(self) -> tuple[float, ...]:
        """Each scale's share of what speaks for the target: 1 in sum, or all 0 where no scale does.

        A scale that speaks against the target has none of it.
        """
        positive = np.clip(self.contributions, 0, None)
        total = positive.sum()
        return tuple((positive / total if total > 0 else positive).tolist())


@dataclass(frozen=True)
class Prediction:
    """One class of the top-k: raw values, ``sum(contributions) + bias == logit`` up to the residual."""

    index: int
    label: str
    probability: float
    logit: float
    bias: float
    contributions: tuple[float, ...]
    residual: float


@dataclass(frozen=True)
class Ledger:
    """All that one forward pass says of one image: arrays on the CPU, S scales, K classes.

    Attributes:
        classes: K labels.
        logits: ``(K,)`` float64, as the model gave them.
        contributions: ``(S, K)`` float64, raw, recomputed in float64 from the gated,
            pooled features.
        bias: ``(K,)`` float64.
        residuals: ``(K,)`` float64, logit minus the float64 sum of contributions and bias.
        evidence: per scale ``(K, h_s, w_s)`` float32; a map's sum is the contribution.
        level_weights: ``(S,)`` the gate's weight of each level, 1 in sum.
        cell_weights: per scale ``(h_s, w_s)``, the gate's weight of each cell; a level's
            weight in sum.
        temperatures: ``(S,)``.
    """

    classes: tuple[str, ...]
    logits: np.ndarray
    contributions: np.ndarray
    bias: np.ndarray
    residuals: np.ndarray
    evidence: tuple[np.ndarray, ...]
    level_weights: np.ndarray
    cell_weights: tuple[np.ndarray, ...]
    temperatures: np.ndarray

    @classmethod
    def of(cls, output: Output, classes: tuple[str, ...], *, item: int = 0) -> "Ledger":
        """The ledger of one image of a batch; every level must be there."""
        contributions, residuals = recompute(output, item)
        batched = [q if len(q) > 1 else q.expand(len(output.logits), -1, -1) for q in output.gate.weights]
        temperatures = output.gate.temperatures.expand(len(output.logits), -1)
        return cls(
            classes=classes,
            logits=array(output.logits[item], np.float64),
            contributions=contributions,
            bias=array(output.bias, np.float64),
            residuals=residuals,
            evidence=tuple(array(maps[item], np.float32) for maps in output.evidence_of_all()),
            level_weights=np.array([array(w[item], np.float64).sum() for w in batched]),
            cell_weights=tuple(array(w[item], np.float32) for w in batched),
            temperatures=array(temperatures[item], np.float64),
        )

    @property
    def probabilities(self) -> np.ndarray:
        """``(K,)`` softmax of the logits."""
        return softmax(self.logits)

    def top_k(self, count: int) -> tuple[Prediction, ...]:
        """The ``count`` most probable classes, best first; ties by index."""
        order = np.argsort(-self.logits, kind="stable")[:count]
        return tuple(self.prediction(int(index)) for index in order)

    def prediction(self, index: int) -> Prediction:
        """The raw entry of one class."""
        return Prediction(
            index=index,
            label=self.classes[index],
            probability=float(self.probabilities[index]),
            logit=float(self.logits[index]),
            bias=float(self.bias[index]),
            contributions=tuple(float(value) for value in self.contributions[:, index]),
            residual=float(self.residuals[index]),
        )

    def read(self, target: Target) -> Reading:
        """The ledger of a target: class-centred, or A − B."""
        contributions = relative(self.contributions, target)
        bias = relative(self.bias, target)
        return Reading(
            target=target,
            contributions=tuple(float(value) for value in contributions),
            bias=float(bias),
            total=float(relative(self.logits, target)),
        )

    def evidence_for(self, target: Target) -> tuple[np.ndarray, ...]:
        """Contribution of each cell to a target, ``(h_s, w_s)`` per scale; a map's sum is :meth:`read`'s entry."""
        return tuple(relative(np.moveaxis(maps, 0, -1), target) for maps in self.evidence)


def find_class(name: str | int, classes: tuple[str, ...]) -> int:
    """The index of a class: an integer is one; a text is a label, if need be in another case, or a number.

    Cardigan is a dog and cardigan a garment: an exact label comes first.

    Raises:
        UnknownNameError: there is none; names the nearest.
    """
    if isinstance(name, int) and 0 <= name < len(classes):
        return name
    text = str(name).strip()
    for fold in (str, str.casefold):
        for index, label in enumerate(classes):
            if fold(label) == fold(text):
                return index
    if text.isdecimal() and int(text) < len(classes):
        return int(text)
    raise UnknownNameError("class", text, classes)


def relative(values: np.ndarray, target: Target) -> np.ndarray:
    """Values of a target, the class axis being the last: minus the mean of all classes, or minus class B's."""
    other = values.mean(axis=-1) if target.against is None else values[..., target.against]
    return values[..., target.index] - other


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities ``(K,)`` of ``(K,)`` logits."""
    shifted = np.exp(logits - logits.max())
    return shifted / shifted.sum()


def recompute(output: Output, item: int) -> tuple[np.ndarray, np.ndarray]:
    """Contributions ``(S, K)`` in float64 from the gated, pooled features, and the logits' residuals ``(K,)``."""
    with torch.no_grad():
        pooled = torch.stack(
            [
                (exact(x[item]) * exact(q[item if len(q) > 1 else 0])).sum(dim=(1, 2))
                for x, q in zip(output.voters, output.gate.coefficients, strict=True)
            ]
        )
        contributions = pooled @ exact(output.classifier).T
        residuals = exact(output.logits[item]) - contributions.sum(dim=0) - exact(output.bias)
    return array(contributions, np.float64), array(residuals, np.float64)


def exact(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor in float64 on the CPU: not every accelerator has it."""
    return tensor.to("cpu").double()


def array(tensor: torch.Tensor, dtype: type) -> np.ndarray:
    """A tensor as a numpy array on the CPU, detached."""
    return tensor.detach().to("cpu").numpy().astype(dtype)
