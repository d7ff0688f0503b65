"""The scale-space vote: every cell of every scale's last map votes, a gate weighs the votes.

``logit_k = b_k + Σ_s Σ_cell g(s, cell) · w_k·F_s(cell) / T_s``  with  ``Σ g = 1``.

**Additivity is the law**: given the gate, a logit is the exact sum of its (scale,
cell) contributions and the bias. Nothing non-linear comes after the maps but the
gate, and explanations hold the gate constant.

The gate is a scale-aware softmax (attention to scale, arXiv 1511.03339): a level's
weight among the levels times the cell's weight within its level. Cells of a level
are normalised on their own, because the spread of logits falls with resolution and
a softmax over the cells of all levels would simply choose the smallest level.
"""

import math
from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor, nn

from .layers import Maps, MultiscaleGlobalPool2d


class GateMode(Enum):
    """Who votes, and with what weight."""

    SINGLE = "single"  # the base level alone, every cell alike: a plain ResNet
    MEAN = "mean"  # every level alike, every cell of a level alike
    GATED = "gated"  # the scale-aware softmax


class Temperature(Enum):
    """What a level's votes are divided by before they are compared (mode ``gated`` only).

    Either is multiplied by a parameter per scale, which is 1 until training or calibration moves it.
    """

    MATCHED = "matched"  # spread of its logits over the base level's, on the image itself; needs no labels
    LEARNED = "learned"  # the parameter alone


@dataclass(frozen=True)
class Gate:
    """The weights of all votes of an image, and its temperatures.

    Attributes:
        weights: ``(batch or 1, h_s, w_s)`` per scale, ``None`` for a level that is left
            out; non-negative, 1 in sum over all scales and cells.
        temperatures: ``(batch or 1, scale)``, above 0.
    """

    weights: tuple[Tensor | None, ...]
    temperatures: Tensor

    @property
    def levels(self) -> Tensor:
        """``(batch, scale)``: the weight of each level, its cells' weights in sum; 1 in sum."""
        sums = [None if w is None else w.sum(dim=(1, 2)) for w in self.weights]
        zero = torch.zeros_like(next(total for total in sums if total is not None))
        return torch.stack([zero if total is None else total for total in sums], dim=1)

    @property
    def coefficients(self) -> list[Tensor | None]:
        """What a vote is multiplied with, g / T: ``(batch or 1, h_s, w_s)`` per scale."""
        return [None if w is None else w / self.temperatures[:, s, None, None] for s, w in enumerate(self.weights)]

    def detach(self) -> "Gate":
        """The same gate as a constant."""
        return Gate(tuple(None if w is None else w.detach() for w in self.weights), self.temperatures.detach())

    def over(self, present: tuple[bool, ...]) -> "Gate":
        """The gate renormalised over the scales that are ``present``; at least one must be.

        A scale that is off weighs nothing. Where the present scales weigh nothing
        together (mode ``single`` without its base level), they share alike, uniformly.
        """
        if len(present) != len(self.weights) or not any(present):
            raise ValueError(f"present must name at least one of {len(self.weights)} scales, got {present}")
        levels = self.levels * torch.tensor(present, device=self.temperatures.device)
        total = levels.sum(dim=1)[:, None, None]
        weights = []
        for w, is_on in zip(self.weights, present, strict=True):
            if w is None:
                weights.append(None)
                continue
            alike = torch.full_like(w, is_on / (sum(present) * w[0].numel()))
            weights.append(torch.where(total > 0, w * is_on / total.clamp_min(1e-12), alike))
        return Gate(tuple(weights), self.temperatures)


@dataclass(frozen=True)
class Ballot:
    """What a vote gives: ``logits = contributions.sum(1) + bias``."""

    logits: Tensor  # (batch, class)
    contributions: Tensor  # (batch, scale, class)
    gate: Gate
    votes: Maps | None  # (batch, class, h_s, w_s) per scale, without the bias; None where the gate did not ask


class VoteHead(nn.Module):
    """Classifier of every cell, and the gate that weighs its votes.

    Args:
        channels: of the last stage's maps.
        class_count: number of classes.
        scale_count: number of scales.
        base_index: the scale whose level is the trunk's own size.
        mode: who votes.
        temperature: what votes are divided by in mode ``gated``.
        gates_cells: in mode ``gated``, whether cells are weighed too, or only levels.
    """

    def __init__(
        self,
        channels: int,
        class_count: int,
        *,
        scale_count: int,
        base_index: int,
        mode: GateMode,
        temperature: Temperature,
        gates_cells: bool = True,
    ) -> None:
        super().__init__()
        self.mode, self.base_index = mode, base_index
        self.fc = nn.Linear(channels, class_count)
        self.pool = MultiscaleGlobalPool2d()
        self.gate = (
            ScaleSpaceGate(scale_count, base_index=base_index, temperature=temperature, gates_cells=gates_cells)
            if mode is GateMode.GATED
            else None
        )

    def forward(self, maps: Maps, gate: Gate | None = None) -> Ballot:
        """Vote with the last stage's ``(batch, channel, h_s, w_s)`` maps; a given gate is held constant.

        The vote runs in the classifier's own precision, also under autocast.
        """
        first = next(x for x in maps if x is not None)
        with torch.autocast(first.device.type, enabled=False):
            maps = [None if x is None else x.to(self.fc.weight.dtype) for x in maps]
            votes = self.all_votes(maps) if gate is None and self.gate is not None else None
            gate = self.weigh(maps, votes) if gate is None else gate
            pooled = self.pool(maps, gate.coefficients)
            nothing = torch.zeros_like(next(p for p in pooled if p is not None))
            pooled = torch.stack([nothing if p is None else p for p in pooled], dim=1)
            contributions = pooled @ self.fc.weight.T
            return Ballot(contributions.sum(dim=1) + self.fc.bias, contributions, gate, votes)

    def cast(self, votes: Maps, log_norms: Maps) -> tuple[Tensor, Gate]:
        """Logits ``(batch, class)`` and gate of votes that were kept, with no maps at hand.

        Args:
            votes: ``(batch, class, h_s, w_s)`` per scale, as :meth:`all_votes` gives them.
            log_norms: ``(batch, h_s, w_s)`` per scale, by :func:`log_norm`.
        """
        is_single = self.mode is GateMode.SINGLE
        if self.gate is not None:
            gate = self.gate.weigh(log_norms, votes)
        else:
            gate = uniform_gate(votes, base_index=self.base_index if is_single else None)
        shares = [gated_logits(v, q) for v, q in zip(votes, gate.coefficients, strict=True) if v is not None]
        return torch.stack(shares).sum(dim=0) + self.fc.bias, gate

    def weigh(self, maps: Maps, votes: Maps | None = None) -> Gate:
        """The gate of these maps in this head's mode; their votes are made unless they are given."""
        if self.gate is not None:
            return self.gate(maps, self.all_votes(maps) if votes is None else votes)
        return uniform_gate(maps, base_index=self.base_index if self.mode is GateMode.SINGLE else None)

    def votes(self, x: Tensor) -> Tensor:
        """Every cell's class scores without the bias: ``(batch, channel, h, w)`` to ``(batch, class, h, w)``."""
        return torch.einsum("kc,bchw->bkhw", self.fc.weight, x)

    def all_votes(self, maps: Maps) -> list[Tensor | None]:
        """:meth:`votes` of every scale, in one product: the classifier is read once."""
        present = [x for x in maps if x is not None]
        together = torch.cat([x.flatten(2) for x in present], dim=2)
        votes = iter((self.fc.weight @ together).split([x.shape[2] * x.shape[3] for x in present], dim=2))
        return [None if x is None else next(votes).unflatten(2, x.shape[2:]) for x in maps]


class ScaleSpaceGate(nn.Module):
    """The scale-aware softmax over levels and, within a level, over cells.

    A cell's score is ``α_s · (−H) + β_s · log‖F‖`` with H the entropy in nats of its
    class probabilities and ‖F‖ its feature norm. A level's score is the log-scale
    embedding ``e_s`` plus a perceptron on the statistics of *all* levels. The initial
    values are the best untrained gate: α = 1, β = 0, all levels alike.

    The scores are computed from constants: a gate learns to weigh the votes, and
    does not train the trunk to please the gate.
    """

    STATISTICS = 10
    HIDDEN = 16

    def __init__(
        self, scale_count: int, *, base_index: int, temperature: Temperature, gates_cells: bool = True
    ) -> None:
        super().__init__()
        self.base_index, self.temperature = base_index, temperature
        # α and β of zero, for good, leave the cells of a level alike.
        self.entropy_weight = nn.Parameter(torch.full((scale_count,), float(gates_cells)), requires_grad=gates_cells)
        self.norm_weight = nn.Parameter(torch.zeros(scale_count), requires_grad=gates_cells)
        self.scale_embedding = nn.Parameter(torch.zeros(scale_count))
        self.log_temperature = nn.Parameter(torch.zeros(scale_count))
        self.perceptron = nn.Sequential(
            nn.Linear(scale_count * self.STATISTICS, self.HIDDEN), nn.Tanh(), nn.Linear(self.HIDDEN, scale_count)
        )
        nn.init.zeros_(self.perceptron[-1].weight)
        nn.init.zeros_(self.perceptron[-1].bias)

    def forward(self, maps: Maps, votes: Maps) -> Gate:
        """The gate of ``(batch, channel, h_s, w_s)`` maps with their ``(batch, class, h_s, w_s)`` votes."""
        votes = [None if v is None else v.detach() for v in votes]
        return self.weigh([None if x is None else log_norm(x.detach()) for x in maps], votes)

    def weigh(self, log_norms: Maps, votes: Maps) -> Gate:
        """The gate of all that it looks at: votes, and ``(batch, h_s, w_s)`` feature norms by :func:`log_norm`."""
        cells = [
            None if v is None else self.weigh_cells(norm, v, scale)
            for scale, (norm, v) in enumerate(zip(log_norms, votes, strict=True))
        ]
        gated = [None if v is None else gated_logits(v, c.detach()) for v, c in zip(votes, cells, strict=True)]
        temperatures = self.temperatures(gated)
        levels = self.weigh_levels(votes, gated, cells)
        weights = tuple(None if c is None else levels[:, s, None, None] * c for s, c in enumerate(cells))
        return Gate(weights, temperatures)

    def weigh_cells(self, log_norms: Tensor, votes: Tensor, scale: int) -> Tensor:
        """Softmax over the cells of one level: ``(batch, h, w)``, 1 in sum."""
        score = self.norm_weight[scale] * log_norms - self.entropy_weight[scale] * entropy(votes, dim=1)
        return score.flatten(1).softmax(dim=1).view_as(score)

    def temperatures(self, gated: list[Tensor | None]) -> Tensor:
        """``(batch, scale)`` temperatures; matched to the base level's spread, times the learned ones."""
        first = next(logits for logits in gated if logits is not None)
        learned = self.log_temperature.exp()
        if self.temperature is Temperature.LEARNED:
            return learned.expand(len(first), -1)
        reference = gated[self.base_index] if gated[self.base_index] is not None else first
        base = reference.std(dim=1).clamp_min(1e-6)
        ones = torch.ones_like(base)
        matched = [ones if g is None else (g.std(dim=1) / base).clamp_min(1e-3) for g in gated]
        return torch.stack(matched, dim=1) * learned

    def weigh_levels(self, votes: Maps, gated: list[Tensor | None], cells: Maps) -> Tensor:
        """Softmax over the levels that are present: ``(batch, scale)``, 1 in sum."""
        score = self.score_levels(self.statistics(votes, gated, cells))
        absent = torch.tensor([v is None for v in votes], device=score.device)
        return score.masked_fill(absent, -math.inf).softmax(dim=1)

    def statistics(self, votes: Maps, gated: list[Tensor | None], cells: Maps) -> Tensor:
        """What all levels' votes look like: ``(batch, scale · 10)``; zeros for a level that is left out."""
        first = next(logits for logits in gated if logits is not None)
        nothing = first.new_zeros(len(first), self.STATISTICS)
        columns = [
            nothing if v is None else level_statistics(v, g, c.detach())
            for v, g, c in zip(votes, gated, cells, strict=True)
        ]
        return torch.cat(columns, dim=1)

    def score_levels(self, statistics: Tensor) -> Tensor:
        """``(batch, scale)`` scores by :meth:`statistics`; a level's weight is their softmax."""
        return self.scale_embedding + self.perceptron(statistics)


def level_statistics(votes: Tensor, gated: Tensor, cells: Tensor) -> Tensor:
    """What a level's votes look like as a whole: ``(batch, 10)``.

    Entropy, spread, margin and log-sum-exp of the pooled and of the cell-gated
    logits, the concentration of the cells' weights, and the agreement (cosine) of
    the two logits.
    """
    pooled = votes.mean(dim=(2, 3))
    columns = []
    for logits in (pooled, gated):
        top = logits.topk(min(2, logits.shape[1]), dim=1).values
        columns += [
            entropy(logits, dim=1) / math.log(max(logits.shape[1], 2)),
            logits.std(dim=1),
            top[:, 0] - top[:, -1],
            (logits - logits.mean(dim=1, keepdim=True)).logsumexp(dim=1) - math.log(logits.shape[1]),
        ]
    flat = cells.flatten(1)
    columns.append(-(flat * flat.clamp_min(1e-12).log()).sum(1) / math.log(max(flat.shape[1], 2)))
    columns.append(torch.cosine_similarity(centred(pooled), centred(gated), dim=1))
    return torch.stack(columns, dim=1)


def log_norm(x: Tensor) -> Tensor:
    """Logarithm of each cell's feature norm: ``(batch, channel, h, w)`` to ``(batch, h, w)``."""
    return x.norm(dim=1).clamp_min(1e-6).log()


def gated_logits(votes: Tensor, weights: Tensor) -> Tensor:
    """A level's votes in sum, each times its weight: ``(batch, class, h, w)`` and ``(batch, h, w)``."""
    return torch.einsum("bkhw,bhw->bk", votes, weights.expand(len(votes), -1, -1))


def centred(logits: Tensor) -> Tensor:
    """Logits minus their mean over the classes, the last axis."""
    return logits - logits.mean(dim=-1, keepdim=True)


def entropy(logits: Tensor, *, dim: int) -> Tensor:
    """Entropy in nats of the probabilities of ``logits`` along ``dim``: log Σ eˣ − Σ p x."""
    shifted = logits - logits.amax(dim, keepdim=True)
    weights = shifted.exp()
    total = weights.sum(dim)
    return total.log() - (weights * shifted).sum(dim) / total


def uniform_gate(maps: Maps, *, base_index: int | None) -> Gate:
    """Every cell of a level alike; the level ``base_index`` alone, or with ``None`` all levels alike.

    Where the base level is left out, the levels that are there share alike.
    """
    present = [s for s, x in enumerate(maps) if x is not None]
    voters = [base_index] if base_index in present else present
    weights = []
    for scale, x in enumerate(maps):
        if x is None:
            weights.append(None)
            continue
        height, width = x.shape[-2:]
        share = 1 / (len(voters) * height * width) if scale in voters else 0.0
        weights.append(x.new_full((1, height, width), share))
    first = next(x for x in maps if x is not None)
    return Gate(tuple(weights), first.new_ones(1, len(maps)))
