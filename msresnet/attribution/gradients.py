"""Gradients with respect to the pixels of every level, by Captum."""

from captum.attr import Saliency
from torch import Tensor

from .question import Finding, Question


def saliency(question: Question) -> Finding:
    """The signed gradient, in logits per unit of a pixel's value (Simonyan et al., arXiv 1312.6034)."""
    return Finding(colour_sum(Saliency(question.f).attribute(question.levels, abs=False)))


def colour_sum(attributions: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """``(1, 3, side, side)`` to ``(side, side)`` per scale: the signed sum over the colour channels."""
    return tuple(one.detach()[0].sum(dim=0) for one in attributions)
