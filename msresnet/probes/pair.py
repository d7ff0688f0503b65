"""Two pictures, one class: what one has that the other lacks."""

from dataclasses import dataclass

import numpy as np

from ..errors import ConfigError
from ..ledger import Ledger, Reading, Target


@dataclass(frozen=True)
class Pair:
    """The ledgers of two pictures for one target, and their difference.

    Attributes:
        target: of both.
        first, second: the readings.
        probabilities: of the target's class, in the first and in the second picture.
        difference: the first reading less the second. The bias is the model's own, so that the
            differences of the contributions alone add up to that of the totals.
    """

    target: Target
    first: Reading
    second: Reading
    probabilities: tuple[float, float]
    difference: Reading

    def to_dict(self) -> dict:
        """As JSON has it."""
        return {
            "target": {"index": self.target.index, "against": self.target.against},
            **{
                name: {"contributions": list(one.contributions), "bias": one.bias, "total": one.total}
                for name, one in (("first", self.first), ("second", self.second), ("difference", self.difference))
            },
            "probabilities": list(self.probabilities),
        }


def pair(first: Ledger, second: Ledger, target: Target) -> Pair:
    """The difference of two pictures' ledgers for one target.

    Raises:
        ConfigError: the ledgers are not of one model.
    """
    is_same_model = (
        first.classes == second.classes
        and first.contributions.shape == second.contributions.shape
        and np.array_equal(first.bias, second.bias)
    )
    if not is_same_model:
        raise ConfigError("two pictures are compared by one model, got ledgers of two; explain both by the same one")
    one, other = first.read(target), second.read(target)
    return Pair(
        target=target,
        first=one,
        second=other,
        probabilities=(float(first.probabilities[target.index]), float(second.probabilities[target.index])),
        difference=Reading(
            target=target,
            contributions=tuple(a - b for a, b in zip(one.contributions, other.contributions, strict=True)),
            bias=one.bias - other.bias,
            total=one.total - other.total,
        ),
    )
