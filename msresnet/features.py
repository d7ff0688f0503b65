"""What each scale's features look like: stage maps, channels ordered by what they add to a target."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .ledger import Target
from .model import MultiscaleResNet
from .stopping import IsCancelled, interruptible, never
from .vote import Gate


@dataclass(frozen=True)
class FeatureMaps:
    """The strongest channels of one stage at one scale.

    Attributes:
        stage: 0 to 3.
        side: of the level in px.
        stride: level pixels between neighbouring cells.
        channels: index of each channel, by falling absolute contribution.
        contributions: of each channel to the target in logits, gate held: activation
            times gradient, summed over the cells. Exact in the last stage, where the
            vote is linear; to first order in the earlier ones.
        maps: ``(channel, h, w)`` float32 activations.
        channel_count: how many channels the stage has.
    """

    stage: int
    side: int
    stride: int
    channels: tuple[int, ...]
    contributions: tuple[float, ...]
    maps: np.ndarray
    channel_count: int


def feature_maps(
    model: MultiscaleResNet,
    levels: Sequence[Tensor],
    target: Target,
    *,
    gate: Gate,
    count: int = 12,
    is_cancelled: IsCancelled = never,
) -> tuple[tuple[FeatureMaps, ...], ...]:
    """The ``count`` strongest channels of every stage and scale, ``[stage][scale]``.

    Args:
        model: left as it was.
        levels: of one image, ``(1, 3, side, side)`` per scale.
        target: class-centred, or A − B.
        gate: the image's own, held constant.
        count: channels kept of each stage and scale.
        is_cancelled: asked before every block of layers, there and back.

    Raises:
        Cancelled: ``is_cancelled`` said so.
    """
    with interruptible(model, is_cancelled):
        output = model.vote([level.detach().requires_grad_() for level in levels], gate=gate.detach())
        logits = output.logits[0]
        score = logits[target.index] - (logits.mean() if target.against is None else logits[target.against])
        flat = [x for stage in output.stages for x in stage]
        gradients = iter(torch.autograd.grad(score, flat))
        return tuple(
            tuple(
                strongest(model, index, side, x.detach()[0], next(gradients)[0], count)
                for side, x in zip(model.sides, stage, strict=True)
            )
            for index, stage in enumerate(output.stages)
        )


def strongest(model: MultiscaleResNet, stage: int, side: int, x: Tensor, gradient: Tensor, count: int) -> FeatureMaps:
    """The channels of ``(channel, h, w)`` activations that add most, by activation times gradient."""
    contributions = (x * gradient).sum(dim=(1, 2))
    order = contributions.abs().argsort(descending=True)[:count]
    return FeatureMaps(
        stage=stage,
        side=side,
        stride=model.trunk.cell_stride(stage),
        channels=tuple(order.tolist()),
        contributions=tuple(contributions[order].tolist()),
        maps=x[order].cpu().numpy(),
        channel_count=len(x),
    )
