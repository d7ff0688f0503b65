"""Cover a place of one level, and see what the score loses."""

from collections.abc import Callable

import torch
from captum.attr import FeatureAblation, Occlusion
from torch import Tensor

from .question import Finding, Question

# Places along an axis. A window, two parts wide, covers the same share of the field of view at every level.
PARTS = 8


def occlusion_places(parts: int = PARTS) -> int:
    """Windows on one level."""
    return (parts - 1) ** 2


def ablation_places(parts: int = PARTS) -> int:
    """Tiles of one level."""
    return parts**2


def occlusion(question: Question) -> Finding:
    """What f loses when a window slides over one level alone (Zeiler and Fergus, arXiv 1311.2901).

    A pixel's value is the mean loss, in logits, of the windows that cover it.
    """

    parts = question.steps or PARTS

    def cover(scale: int) -> Tensor:
        level = question.levels[scale].detach()
        step = max(1, round(level.shape[-1] / parts))
        window = min(2 * step, level.shape[-1])
        return Occlusion(alone(question, scale)).attribute(
            level,
            sliding_window_shapes=(level.shape[1], window, window),
            strides=(level.shape[1], step, step),
            baselines=question.baseline[scale],
            perturbations_per_eval=question.batch,
        )

    return over_scales(question, cover, places=occlusion_places(parts))


def feature_ablation(question: Question) -> Finding:
    """What f loses when a tile of a chequer (8 × 8 by default) of one level alone is covered."""
    parts = question.steps or PARTS

    def cover(scale: int) -> Tensor:
        level = question.levels[scale].detach()
        return FeatureAblation(alone(question, scale)).attribute(
            level,
            baselines=question.baseline[scale],
            feature_mask=tiles(level.shape[-1], parts).to(level.device).expand(level.shape),
            perturbations_per_eval=question.batch,
        )

    return over_scales(question, cover, places=ablation_places(parts))


def over_scales(question: Question, cover: Callable[[int], Tensor], *, places: int) -> Finding:
    """One map per scale; all three colours are covered together, so each of them holds the whole loss."""
    maps = (cover(scale)[0, 0].to(level.dtype) for scale, level in enumerate(question.levels))
    return Finding(tuple(maps), places * len(question.levels))


def alone(question: Question, scale: int) -> Callable[[Tensor], Tensor]:
    """f of one level, the other levels being the image's own: ``(batch, 3, side, side)`` to ``(batch,)``.

    Without links the scales meet in a sum only, the gate being held. The others' share is
    then a constant that no difference shows, and they are left out, which is far quicker.
    """
    is_linked = question.model.config.has_links

    def f(level: Tensor) -> Tensor:
        levels: list[Tensor | None] = [None] * len(question.levels)
        if is_linked:
            levels = [other.detach().expand(len(level), -1, -1, -1) for other in question.levels]
        levels[scale] = level
        return question.f(*levels)

    return f


def tiles(side: int, parts: int) -> Tensor:
    """``(side, side)`` numbers of the tiles, ``parts`` along an axis; fewer where a side has fewer pixels."""
    part = torch.arange(side) * min(parts, side) // side
    return part[:, None] * parts + part[None, :]
