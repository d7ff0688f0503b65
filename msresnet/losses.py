"""What a multi-scale network is trained for: the vote, each scale alone, and their agreement."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .output import Output


@dataclass(frozen=True)
class LossWeights:
    """Weight of each term; a term of weight 0 is not computed."""

    vote: float = 1.0
    level: float = 0.5
    consistency: float = 0.1


def multiscale_loss(output: Output, labels: Tensor, *, weights: LossWeights, label_smoothing: float = 0.0) -> Tensor:
    """The training loss of a batch, a scalar.

    - *vote*: cross-entropy of the fused logits.
    - *level*: mean over the scales of the cross-entropy of each scale's own logits
      (deep supervision), so that no scale hides behind another.
    - *consistency*: mean over the scales of KL(vote ‖ scale), the vote being the
      teacher and detached: the ensemble teaches each scale.

    Args:
        output: of a batch; scales that are left out take no part.
        labels: ``(batch,)`` class indices or ``(batch, class)`` probabilities.
        weights: of the terms.
        label_smoothing: in [0, 1).
    """
    loss = weights.vote * F.cross_entropy(output.logits, labels, label_smoothing=label_smoothing)
    if not (weights.level or weights.consistency):
        return loss
    levels = level_logits(output)
    if weights.level:
        terms = [F.cross_entropy(logits, labels, label_smoothing=label_smoothing) for logits in levels]
        loss = loss + weights.level * torch.stack(terms).mean()
    if weights.consistency and len(levels) > 1:
        teacher = output.logits.detach().log_softmax(dim=1)
        terms = [
            F.kl_div(logits.log_softmax(dim=1), teacher, reduction="batchmean", log_target=True) for logits in levels
        ]
        loss = loss + weights.consistency * torch.stack(terms).mean()
    return loss


def level_logits(output: Output) -> list[Tensor]:
    """Logits of each scale that is there, alone and with every cell alike: ``(batch, class)`` each."""
    pooled = [x.to(output.classifier.dtype).mean(dim=(2, 3)) for x in output.voters if x is not None]
    return [F.linear(features, output.classifier, output.bias) for features in pooled]
