"""Shapley values of the scales, as a method among the others: one number per scale."""

import torch

from ..game import play
from .question import Finding, Question


def scale_shapley(question: Question) -> Finding:
    """Exact Shapley values of the scales from cached votes, one ``(1, 1)`` map per scale.

    The game is that of :mod:`msresnet.game`.
    """
    output = question.output
    contributions, bias, weights = (
        tensor.detach().cpu().double().numpy()
        for tensor in (output.contributions[0], output.bias, output.gate.levels[0])
    )
    game = play(contributions, bias, weights, question.f.target)
    maps = tuple(torch.tensor([[share]], dtype=torch.float64) for share in game.shapley)
    return Finding(maps, len(game.values), f_input=game.everybody, f_baseline=game.nobody)
