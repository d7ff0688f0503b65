"""Scales as players of a game: what each adds to the target's log-probability."""

from itertools import product
from math import factorial

import torch
from torch import Tensor

from .question import Finding, Question

Coalition = tuple[bool, ...]


def scale_shapley(question: Question) -> Finding:
    """Exact Shapley values of the scales from cached votes, one ``(1, 1)`` map per scale.

    A coalition's value is the target's log-probability (A's minus B's for a comparison)
    with the gate renormalised over its scales; nobody's value is that of the bias alone.
    With the gate held it would only repeat the ledger.
    """
    count = len(question.levels)
    values = {present: value_of(question, present) for present in product((False, True), repeat=count)}
    shares = [shapley_value(values, scale) for scale in range(count)]
    maps = tuple(torch.tensor([[share]], dtype=torch.float64) for share in shares)
    return Finding(maps, len(values), values[(True,) * count], values[(False,) * count])


def value_of(question: Question, present: Coalition) -> float:
    """The worth of a coalition of scales."""
    return float(question.f.read(log_probabilities(question, present)))


@torch.no_grad()
def log_probabilities(question: Question, present: Coalition) -> Tensor:
    """``(class,)`` in float64, of the scales that are present."""
    logits = question.output.bias
    if any(present):
        stages = question.output.stages
        logits = question.model.head(stages[-1], question.f.gate.over(present)).logits[0]
    return logits.cpu().double().log_softmax(dim=0)


def shapley_value(values: dict[Coalition, float], player: int) -> float:
    """A player's mean gain over all orders in which the players can come (Shapley 1953)."""
    total = 0.0
    for present, value in values.items():
        if present[player]:
            absent = (*present[:player], False, *present[player + 1 :])
            before, after = sum(absent), len(present) - sum(present)
            total += factorial(before) * factorial(after) / factorial(len(present)) * (value - values[absent])
    return total
