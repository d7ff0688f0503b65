"""Weights of the levels, fitted to what the cells' settled weights leave of the votes: step 2 of a gate's fit."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .vote import ScaleSpaceGate, VoteHead

# Of the squared distance from where the parameters began: from nearly free to nearly fixed.
PENALTIES = (0.03, 0.1, 0.3, 1.0)
STEPS, STEPS_BETWEEN_LOOKS = 400, 20
BATCH = 128
RATE = 0.01
MIN_SPREAD = 1e-3  # of a statistic: one that hardly varies is not blown up


@dataclass(frozen=True, eq=False)
class Summary:
    """What is left of the votes once the cells' weights are settled.

    Attributes:
        gated: ``(rendering, scale, class)`` logits of each scale without temperature and bias.
        spread: ``(rendering, scale)`` what temperatures are relative to; 1 in mode ``learned``.
        statistics: ``(rendering, scale · 10)``.
        labels: ``(rendering,)``.
        fold: ``(rendering,)``; all renderings of a picture are in one fold.
    """

    gated: Tensor
    spread: Tensor
    statistics: Tensor
    labels: Tensor
    fold: Tensor

    def __getitem__(self, which: Tensor) -> "Summary":
        return Summary(*(value[which] for value in vars(self).values()))


class Levels(nn.Module):
    """What is fitted: the gate's levels, on statistics of mean 0 and spread 1.

    A perceptron whose last layer is zero was never trained; its first layer is then drawn
    anew for such statistics.
    """

    def __init__(self, gate: ScaleSpaceGate, bias: Tensor, summary: Summary) -> None:
        super().__init__()
        self.mean = summary.statistics.mean(dim=0)
        self.spread = summary.statistics.std(dim=0).clamp_min(MIN_SPREAD)
        first, _, last = gate.perceptron
        weight, offset = first.weight.detach() * self.spread, first.bias.detach() + first.weight.detach() @ self.mean
        if not last.weight.any():
            weight, offset = torch.randn_like(weight) / weight.shape[1] ** 0.5, torch.zeros_like(offset)
        self.bias = bias
        self.first_weight, self.first_bias = nn.Parameter(weight.clone()), nn.Parameter(offset.clone())
        self.last_weight = nn.Parameter(last.weight.detach().clone())
        self.embedding = nn.Parameter(gate.scale_embedding.detach() + last.bias.detach())
        self.log_temperature = nn.Parameter(gate.log_temperature.detach().clone())
        self.began = self.first_weight.detach().clone(), self.last_weight.detach().clone()

    def forward(self, summary: Summary) -> Tensor:
        """Logits ``(rendering, class)``."""
        z = (summary.statistics - self.mean) / self.spread
        hidden = torch.tanh(z @ self.first_weight.T + self.first_bias)
        levels = (self.embedding + hidden @ self.last_weight.T).softmax(dim=1)
        share = levels / (self.log_temperature.exp() * summary.spread)
        return torch.einsum("ns,nsk->nk", share, summary.gated) + self.bias

    def distance(self) -> Tensor:
        """How far the perceptron is from where it began, squared."""
        first, last = self.began
        return (self.first_weight - first).square().mean(dim=1).sum() + (self.last_weight - last).square().sum()

    def into(self, gate: ScaleSpaceGate) -> None:
        """Write it all into a gate that reads statistics as they are."""
        first, _, last = gate.perceptron
        with torch.no_grad():
            first.weight.copy_(self.first_weight / self.spread)
            first.bias.copy_(self.first_bias - first.weight @ self.mean)
            last.weight.copy_(self.last_weight)
            last.bias.zero_()
            gate.scale_embedding.copy_(self.embedding)
            gate.log_temperature.copy_(self.log_temperature)


def fit_levels(head: VoteHead, summary: Summary, *, folds: int) -> tuple[Tensor, float, int]:
    """The levels' weights by held-out likelihood, ``folds`` folds; alters the gate of ``head``.

    Returns:
        Logits of every rendering by the fit that did not see its fold, the penalty, and the number of steps.
    """
    bias, labels = head.fc.bias.detach(), summary.labels
    looks = range(0, STEPS + 1, STEPS_BETWEEN_LOOKS)
    found = {}
    for penalty in PENALTIES:
        logits = torch.empty(len(looks), *summary.gated[:, 0].shape, dtype=torch.float16)
        for fold in range(folds):
            seen, unseen = summary[summary.fold != fold], summary[summary.fold == fold]
            levels = Levels(head.gate, bias, seen)
            for look, _ in enumerate(train(levels, seen, penalty=penalty)):
                with torch.no_grad():
                    logits[look, summary.fold == fold] = levels(unseen).half()
        for look, steps in enumerate(looks):
            found[penalty, steps] = float(F.cross_entropy(logits[look].float(), labels)), logits[look].clone()
        best = min(found, key=lambda key: found[key][0])
        found = {best: found[best]}
    (penalty, steps), (_, held_out) = best, found[best]
    levels = Levels(head.gate, bias, summary)
    for look, _ in enumerate(train(levels, summary, penalty=penalty)):
        if look * STEPS_BETWEEN_LOOKS == steps:
            break
    levels.into(head.gate)
    return held_out.float(), penalty, steps


def train(levels: Levels, seen: Summary, *, penalty: float) -> Iterable[int]:
    """Fit by likelihood and penalty; yields the number of steps at each look, the first before any."""
    optimiser = torch.optim.Adam(levels.parameters(), lr=RATE)
    for step in range(STEPS + 1):
        if step % STEPS_BETWEEN_LOOKS == 0:
            yield step
        some = seen[torch.randint(len(seen.labels), (BATCH,))]
        loss = F.cross_entropy(levels(some), some.labels) + penalty * levels.distance()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
