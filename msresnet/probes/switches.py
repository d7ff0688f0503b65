"""Switches: a scale off, or its votes louder, from the cached votes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import ConfigError
from ..ledger import Ledger


@dataclass(frozen=True)
class Switches:
    """One position per scale.

    Attributes:
        is_on: a scale that is off takes no part, and the gate is renormalised over the others.
        gains: factor of each scale's votes, the gate held; 1 leaves them as they are.
    """

    is_on: tuple[bool, ...]
    gains: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.is_on) != len(self.gains):
            raise ConfigError(f"one switch and one gain per scale, got {len(self.is_on)} and {len(self.gains)}")
        if not any(self.is_on):
            raise ConfigError("at least one scale must stay on; switch one on again")
        if not all(0 <= gain <= 2 for gain in self.gains):
            raise ConfigError(f"a gain must be in [0, 2], got {self.gains}")

    @classmethod
    def neutral(cls, count: int) -> "Switches":
        """All scales on, as they are."""
        return cls((True,) * count, (1.0,) * count)

    @property
    def are_neutral(self) -> bool:
        """Whether they change nothing."""
        return all(self.is_on) and all(gain == 1 for gain in self.gains)


def switched(ledger: Ledger, switches: Switches) -> Ledger:
    """The ledger as it would be with these switches, from the cached votes.

    The maps are those that were computed with every level there: where links mix the
    scales, a scale that is off has still left its trace in its neighbours.

    Raises:
        ConfigError: another number of scales, or the scales that are left weigh nothing.
    """
    if len(switches.is_on) != len(ledger.level_weights):
        raise ConfigError(f"the model has {len(ledger.level_weights)} scales, got {len(switches.is_on)} switches")
    left = float(ledger.level_weights[list(switches.is_on)].sum())
    if left <= 0:
        raise ConfigError("the scales that are left on have no vote in this model; switch another one on")
    weights = np.array(switches.is_on) / left
    factors = weights * np.array(switches.gains)
    contributions = ledger.contributions * factors[:, None]
    return replace(
        ledger,
        logits=contributions.sum(axis=0) + ledger.bias,
        contributions=contributions,
        residuals=np.full_like(ledger.residuals, np.nan),  # no forward pass to compare with
        evidence=scaled(ledger.evidence, factors),
        level_weights=ledger.level_weights * weights,
        cell_weights=scaled(ledger.cell_weights, weights),
    )


def scaled(maps: Sequence[np.ndarray], factors: np.ndarray) -> tuple[np.ndarray, ...]:
    """Each scale's map times its factor, float32."""
    return tuple((values * factor).astype(np.float32) for values, factor in zip(maps, factors, strict=True))
