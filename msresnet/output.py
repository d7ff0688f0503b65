"""What a forward pass gives: logits, and each scale's and each cell's share of them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .layers import Maps
from .resnet import StageMaps
from .vote import Gate


@dataclass(frozen=True)
class Output:
    """What a forward pass gives; everything differentiable and on the model's device.

    Attributes:
        logits: ``(batch, class)``.
        contributions: ``(batch, scale, class)``; over the scales they add up to
            ``logits - bias``.
        bias: ``(class,)``.
        gate: the weights of the votes.
        stages: ``stages[i][s]``, stage i's ``(batch, channel, h, w)`` map at scale s.
        voters: ``(batch, channel, h, w)`` per scale, what votes: the last stage's maps, and behind
            their channels stage 3's on the same cells where it votes too.
        classifier: ``(class, channel)`` of the voters, the weight that every cell is classified with.
        votes: ``(batch, class, h, w)`` per scale, what the classifier says of each cell, without
            the bias; ``None`` where the gate did not need them.
    """

    logits: Tensor
    contributions: Tensor
    bias: Tensor
    gate: Gate
    stages: StageMaps
    voters: Maps
    classifier: Tensor
    votes: Maps | None = None

    def evidence(self, class_index: int | Tensor) -> list[Tensor | None]:
        """Contribution of every cell to a class: ``(batch, h_s, w_s)`` per scale.

        ``class_index`` is one class for the batch or a ``(batch,)`` tensor. A map's sum
        is the scale's contribution.
        """
        weight = self.classifier[class_index]
        weight = weight.expand(len(self.logits), -1) if weight.ndim == 1 else weight
        return [
            None if x is None else torch.einsum("bc,bchw->bhw", weight, x.to(weight.dtype)) * q
            for x, q in zip(self.voters, self.gate.coefficients, strict=True)
        ]

    def evidence_of_all(self) -> list[Tensor | None]:
        """:meth:`evidence` of every class at once: ``(batch, class, h_s, w_s)`` per scale."""
        coefficients = self.gate.coefficients
        if self.votes is not None:  # a tenth of the time, and the same numbers
            return [None if v is None else v * q.unsqueeze(1) for v, q in zip(self.votes, coefficients, strict=True)]
        return [
            None if x is None else torch.einsum("kc,bchw->bkhw", self.classifier, x.to(q.dtype) * q.unsqueeze(1))
            for x, q in zip(self.voters, coefficients, strict=True)
        ]
