"""Scales as players of a game: what each adds to an answer, alone and together with each other.

The worth of a coalition of scales is the target's log-probability with the gate
renormalised over them, from the votes that were cast; nobody's worth is that of the bias
alone, and so is that of scales without any weight. With the gate held, a scale's Shapley
value would only repeat the ledger.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import factorial

import numpy as np

from .ledger import Ledger, Target

Coalition = tuple[bool, ...]


@dataclass(frozen=True)
class ScaleGame:
    """The game of S scales for one target; all numbers are log-probabilities, in nats.

    For a comparison they are differences of two: the logarithm of the odds of A against B.

    Attributes:
        target: what is explained.
        values: the worth of each of the 2^S coalitions.
        shapley: a scale's gain, averaged over all orders in which the scales can join
            (Shapley 1953); in sum the worth of all less that of nobody.
        interactions: the Shapley interaction index of each pair of scales ``i < j``
            (Grabisch and Roubens 1999): how much more one adds where the other is, averaged
            over the coalitions of the others. Below zero they say the same thing.
    """

    target: Target
    values: dict[Coalition, float]
    shapley: tuple[float, ...]
    interactions: dict[tuple[int, int], float]

    @property
    def nobody(self) -> float:
        """The worth of the empty coalition: what the bias alone says."""
        return self.values[(False,) * len(self.shapley)]

    @property
    def everybody(self) -> float:
        """The worth of all scales together: what the model says."""
        return self.values[(True,) * len(self.shapley)]

    @property
    def matrix(self) -> np.ndarray:
        """``(S, S)`` SHAP interaction values (Lundberg, Erion and Lee 2018, arXiv 1802.03888).

        Off the diagonal half of a pair's interaction, on it what is left of the Shapley value:
        a row adds up to its scale's Shapley value, all of them to everybody's worth less nobody's.
        """
        matrix = np.zeros((len(self.shapley),) * 2)
        for (i, j), value in self.interactions.items():
            matrix[i, j] = matrix[j, i] = value / 2
        np.fill_diagonal(matrix, np.array(self.shapley) - matrix.sum(axis=1))
        return matrix

    def to_dict(self) -> dict:
        """As JSON has it; a coalition is written as its scales' indices."""
        return {
            "unit": "log-probability" if self.target.against is None else "log-odds",
            "nobody": self.nobody,
            "everybody": self.everybody,
            "shapley": list(self.shapley),
            "interactions": [{"scales": list(pair), "value": value} for pair, value in self.interactions.items()],
            "coalitions": [
                {"scales": [s for s, is_in in enumerate(present) if is_in], "value": value}
                for present, value in self.values.items()
            ],
        }


def scale_game(ledger: Ledger, target: Target) -> ScaleGame:
    """The game of a picture's scales for a target, from the ledger alone: no forward pass."""
    return play(ledger.contributions, ledger.bias, ledger.level_weights, target)


def play(contributions: np.ndarray, bias: np.ndarray, level_weights: np.ndarray, target: Target) -> ScaleGame:
    """The game of ``(S, K)`` contributions with ``(K,)`` bias and ``(S,)`` weights of the levels."""
    values = {
        present: worth(contributions, bias, level_weights, present, target)
        for present in coalitions(len(contributions))
    }
    return game_of(values, target)


def game_of(values: dict[Coalition, float], target: Target) -> ScaleGame:
    """Shapley values and interactions of a game of which every coalition's worth is known."""
    count = len(next(iter(values)))
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    return ScaleGame(
        target=target,
        values=values,
        shapley=tuple(shapley_value(values, player) for player in range(count)),
        interactions={pair: interaction(values, *pair) for pair in pairs},
    )


def coalitions(count: int) -> Iterator[Coalition]:
    """All of ``count`` players, from nobody to everybody."""
    return product((False, True), repeat=count)


def worth(
    contributions: np.ndarray, bias: np.ndarray, level_weights: np.ndarray, present: Coalition, target: Target
) -> float:
    """The target's log-probability by the scales that are ``present``."""
    weight = level_weights[list(present)].sum()
    logits = bias + (contributions[list(present)].sum(axis=0) / weight if weight > 0 else 0)
    log_probabilities = logits - np.logaddexp.reduce(logits)
    other = 0.0 if target.against is None else log_probabilities[target.against]
    return float(log_probabilities[target.index] - other)


def shapley_value(values: dict[Coalition, float], player: int) -> float:
    """A player's mean gain over all orders in which the players can come (Shapley 1953)."""
    total = 0.0
    for present, value in values.items():
        if present[player]:
            before, after = sum(present) - 1, len(present) - sum(present)
            weight = factorial(before) * factorial(after) / factorial(len(present))
            total += weight * (value - values[without(present, player)])
    return total


def interaction(values: dict[Coalition, float], one: int, other: int) -> float:
    """The Shapley interaction index of two players (Grabisch and Roubens 1999)."""
    total = 0.0
    for present, value in values.items():
        if present[one] and present[other]:
            rest, absent = sum(present) - 2, len(present) - sum(present)
            weight = factorial(rest) * factorial(absent) / factorial(len(present) - 1)
            left = values[without(present, one)], values[without(present, other)]
            total += weight * (value - sum(left) + values[without(present, one, other)])
    return total


def without(present: Coalition, *players: int) -> Coalition:
    """The coalition that is left when these players go."""
    return tuple(is_in and player not in players for player, is_in in enumerate(present))
