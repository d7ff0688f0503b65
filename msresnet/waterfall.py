"""A class's logit as bars end to end: from 0 over what each scale adds and the bias to the logit."""

import math
from dataclasses import dataclass

import numpy as np

# Sums of float32 contributions agree with the logit to about 1e-5; more is a wrong bar, not rounding.
_ADDS_UP_WITHIN = 1e-3


@dataclass(frozen=True)
class LedgerRow:
    """A class's logit and its parts, all in logits; the parts must add up to the logit.

    ``contributions``: one per scale, from small to large.
    Raises ValueError where the parts differ from the logit by more than 1e-3 (of the largest number,
    at least 1) or are not finite: such bars would lie.
    """

    label: str
    contributions: tuple[float, ...]
    bias: float
    logit: float

    def __post_init__(self) -> None:
        numbers = (*self.contributions, self.bias, self.logit)
        if not all(map(math.isfinite, numbers)):
            raise ValueError(f"a ledger row's numbers must be finite, got {numbers} for {self.label!r}")
        total = math.fsum(self.contributions) + self.bias
        if abs(total - self.logit) > _ADDS_UP_WITHIN * max(1.0, *map(abs, numbers)):
            raise ValueError(
                f"contributions and bias must add up to the logit, got {total:g} and {self.logit:g} for {self.label!r}"
            )


@dataclass(frozen=True)
class Step:
    """A bar of a waterfall, from ``start`` to ``end`` in logits; ``scale`` is None for the bias."""

    start: float
    end: float
    scale: int | None


def waterfall(row: LedgerRow) -> tuple[Step, ...]:
    """The row's bars end to end: from 0 over one step per scale and the bias to the logit."""
    parts = [(value, scale) for scale, value in enumerate(row.contributions)] + [(row.bias, None)]
    edges = np.concatenate([[0.0], np.cumsum([value for value, _ in parts])])
    return tuple(
        Step(float(start), float(end), scale)
        for start, end, (_, scale) in zip(edges[:-1], edges[1:], parts, strict=True)
    )
