"""Insertion and deletion: what becomes of the score when places come or go in a map's order.

Deletion replaces the picture by the baseline patch by patch, the strongest first: under a
faithful map the score falls soon, and the area under its curve is small. Insertion goes the
other way, from the baseline to the picture, and wants a large area (Petsiuk et al., RISE,
arXiv 1806.07421). Pictures that are half replaced are out of the ordinary, so an area
means something only beside those of random orders of the same patches.

Every level is changed at the same places of the field of view, and the whole model is
asked, its gate included.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch
from torch import Tensor

from ..attribution.memory import batch_size
from ..attribution.question import Meter
from ..ledger import Target
from ..model import MultiscaleResNet
from ..stopping import interruptible
from ..vote import Gate
from .ranking import PATCHES, random_order

STEPS = 16  # points of a curve after its first: a sixteenth of the field of view at a time
CONTROLS = 10  # random orders
T_975 = 2.2622  # Student's t with CONTROLS - 1 degrees of freedom at 0.975


class Direction(Enum):
    """Which way a picture goes."""

    DELETION = "deletion"  # from the picture to the baseline
    INSERTION = "insertion"  # from the baseline to the picture


@dataclass(frozen=True, eq=False)
class Curve:
    """The score on one way.

    Attributes:
        scores: ``(STEPS + 1,)``, the class's probability when 0, 1/STEPS, … of the field of view
            has been exchanged; for A − B that of A where only A and B are possible.
    """

    scores: np.ndarray

    @property
    def area(self) -> float:
        """Area under the curve by the trapezoid rule, in [0, 1]: the mean score on the way."""
        return float(np.trapezoid(self.scores) / (len(self.scores) - 1))


@dataclass(frozen=True, eq=False)
class Control:
    """The same with the patches in random orders.

    Attributes:
        curves: one per seed.
        low, high: where the area of one more random order lies in 95 of 100 cases, by
            Student's t.
    """

    curves: tuple[Curve, ...]
    low: float
    high: float

    @classmethod
    def of(cls, curves: Sequence[Curve]) -> "Control":
        """The control of so many random orders; their number must be CONTROLS."""
        areas = np.array([curve.area for curve in curves])
        if len(areas) != CONTROLS:
            raise ValueError(f"a control has {CONTROLS} random orders, got {len(areas)}")
        reach = T_975 * areas.std(ddof=1) * math.sqrt(1 + 1 / len(areas))
        return cls(tuple(curves), float(areas.mean() - reach), float(areas.mean() + reach))

    @property
    def area(self) -> float:
        """Their mean area."""
        return float(np.mean([curve.area for curve in self.curves]))

    @property
    def scores(self) -> np.ndarray:
        """``(STEPS + 1,)``: their mean score at each step."""
        return np.mean([curve.scores for curve in self.curves], axis=0)

    @property
    def band(self) -> tuple[np.ndarray, np.ndarray]:
        """``(STEPS + 1,)`` twice: where the score of one more random order lies at each step in 95 of 100 cases."""
        scores = np.array([curve.scores for curve in self.curves])
        reach = T_975 * scores.std(axis=0, ddof=1) * math.sqrt(1 + 1 / len(scores))
        return self.scores - reach, self.scores + reach


@dataclass(frozen=True)
class Advantage:
    """How much better than chance an order is, in area; above zero is better.

    Attributes:
        value: the mean difference to the random orders.
        low, high: the difference to one more random order lies there in 95 of 100 cases.
    """

    value: float
    low: float
    high: float

    @classmethod
    def over(cls, control: Control, curve: Curve, direction: Direction) -> "Advantage":
        """Of a curve over the control on the same picture."""
        sign = 1 if direction is Direction.INSERTION else -1
        low, high = sorted((sign * (curve.area - control.low), sign * (curve.area - control.high)))
        return cls(sign * (curve.area - control.area), low, high)

    @property
    def is_real(self) -> bool:
        """Whether chance would hardly have done as well."""
        return self.low > 0


@dataclass(frozen=True)
class Bench:
    """A picture, what it is exchanged for, and the model that is asked.

    Attributes:
        model: held still and locked while it is asked.
        levels, baseline: ``(1, 3, side, side)`` per scale.
        target: what the score is of.
        gate: the image's own; it only tells how much memory a pass takes.
        meter: counts what went through the model, and stops it.
    """

    model: MultiscaleResNet
    levels: tuple[Tensor, ...]
    baseline: tuple[Tensor, ...]
    target: Target
    gate: Gate
    meter: Meter

    def curves(self, orders: Sequence[np.ndarray], direction: Direction) -> list[Curve]:
        """The curve of each order of the patches, ``(PATCHES²,)`` indices."""
        kept = np.stack([masks(one, direction) for one in orders])  # (order, STEPS + 1, PATCHES, PATCHES)
        first, last = self.scores(np.stack([kept[0, 0], kept[0, -1]]))  # these are the same for all
        between = self.scores(kept[:, 1:-1].reshape(-1, PATCHES, PATCHES)).reshape(len(orders), STEPS - 1)
        return [Curve(np.array([first, *one, last])) for one in between]

    def control(self, direction: Direction, *, seed: int = 0) -> Control:
        """The random orders."""
        orders = [random_order(seed + number) for number in range(CONTROLS)]
        return Control.of(self.curves(orders, direction))

    def scores(self, kept: np.ndarray) -> np.ndarray:
        """The score of the picture where ``(n, PATCHES, PATCHES)`` is true and the baseline elsewhere, ``(n,)``."""
        found: list[np.ndarray] = []
        with interruptible(self.model, self.meter.is_cancelled):
            size = batch_size(self.model, self.levels, self.gate)
        for first in range(0, len(kept), size):
            some = torch.from_numpy(kept[first : first + size])
            self.meter.count(len(some))
            # Others may ask the model between two passes.
            with interruptible(self.model, self.meter.is_cancelled), torch.no_grad():
                mixed = [mix(one, other, some) for one, other in zip(self.levels, self.baseline, strict=True)]
                found.append(score(self.model.forward_levels(*mixed), self.target))
        return np.concatenate(found) if found else np.zeros(0)


def images(count: int) -> int:
    """How many images go through the model for the curves of ``count`` orders in one direction."""
    return count * (STEPS - 1) + 2


def masks(patches: np.ndarray, direction: Direction) -> np.ndarray:
    """``(STEPS + 1, PATCHES, PATCHES)``: where the picture is still, or already, to be seen at each step."""
    rank = np.empty(PATCHES**2)
    rank[patches] = np.arange(PATCHES**2)
    exchanged = np.linspace(0, PATCHES**2, STEPS + 1)
    has_changed = (rank[None] < exchanged[:, None]).reshape(-1, PATCHES, PATCHES)
    return has_changed if direction is Direction.INSERTION else ~has_changed


def mix(level: Tensor, baseline: Tensor, kept: Tensor) -> Tensor:
    """``(n, 3, side, side)``: a level where ``(n, PATCHES, PATCHES)`` is true, its baseline elsewhere."""
    rows, columns = (patch_of(side).to(level.device) for side in level.shape[-2:])
    mask = kept.to(level.device)[:, rows][:, :, columns][:, None]
    return torch.where(mask, level, baseline)


def patch_of(side: int) -> Tensor:
    """``(side,)``: the patch that each pixel's centre lies in, along an axis."""
    return ((torch.arange(side) + 0.5) * PATCHES / side).long()


def score(logits: Tensor, target: Target) -> np.ndarray:
    """``(n,)`` probability of the target in ``(n, class)`` logits; of A among A and B for a comparison."""
    logits = logits.cpu().double()
    if target.against is None:
        return logits.softmax(dim=1)[:, target.index].numpy()
    return (logits[:, target.index] - logits[:, target.against]).sigmoid().numpy()
