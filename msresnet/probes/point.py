"""One point of the picture: which cells see it, what fires there, and what each channel adds.

At every scale and stage the cell whose centre is nearest is read. Its channels' parts in the
target's score are exact in the last stage, where the vote is linear: gate × weight × feature /
temperature. In earlier stages they are activation × gradient, true to first order only: what
the score would change by if the channel's change there went on at the slope it has here.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..errors import ConfigError
from ..geometry import Geometry
from ..ledger import Target, exact
from ..model import MultiscaleResNet
from ..output import Output
from ..receptive_fields import Field, receptive_field
from ..stopping import IsCancelled, check, interruptible, never
from ..vote import Gate
from .mask import Box

# An effective field holds this share of the influence along each axis.
INFLUENCE_SHARE = 0.9


@dataclass(frozen=True)
class Influence:
    """The effective receptive field: where the pixels are that count (Luo et al., arXiv 1701.04128).

    Attributes:
        box: (left, top, right, bottom) in px of the cell's own level; along each axis it holds the
            middle 90 % of the influence, the absolute gradient with respect to a pixel's colours of
            what the cell adds to the target to first order.
        upload_box: the same in px of the upright upload.
    """

    box: Box
    upload_box: Box


@dataclass(frozen=True, eq=False)
class CellReading:
    """One cell of one stage at one scale.

    Attributes:
        stage, scale: 0 to 3, and which scale.
        side: of the level in px.
        row, column: of the cell.
        shape: (rows, columns) of the map.
        fields: per level the receptive field in level px, ``None`` for a level that the cell cannot see.
        upload_box: the field on the cell's own level, (left, top, right, bottom) in px of the upright upload.
        influence: the effective field, where it was asked for and anything moves the cell.
        channels: index of each channel, by falling absolute contribution.
        activations: of each channel at the cell.
        contributions: of each channel at the cell to the target, in logits, the gate held.
        maps: ``(channel, rows, columns)`` float32, the whole maps of these channels.
        total: of *all* channels at the cell, in logits; in the last stage the cell's evidence, less
            what stage 3 votes there in a model with layer votes.
        firing_count, channel_count: how many channels are above zero there, of how many.
        is_exact: the contributions are exact (last stage), not first-order.
    """

    stage: int
    scale: int
    side: int
    row: int
    column: int
    shape: tuple[int, int]
    fields: tuple[Field | None, ...]
    upload_box: Box
    influence: Influence | None
    channels: tuple[int, ...]
    activations: tuple[float, ...]
    contributions: tuple[float, ...]
    maps: np.ndarray
    total: float
    firing_count: int
    channel_count: int
    is_exact: bool

    @property
    def field(self) -> Field:
        """The receptive field on the cell's own level, in level px."""
        return self.fields[self.scale]


@dataclass(frozen=True, eq=False)
class PointReading:
    """What every scale and stage has at one point.

    Attributes:
        x, y: of the point, in px of the upright upload.
        target: whose score is read.
        cells: ``cells[stage][scale]``.
        seconds: that it took.
    """

    x: float
    y: float
    target: Target
    cells: tuple[tuple[CellReading, ...], ...]
    seconds: float

    def to_dict(self) -> dict:
        """What a program is told; boxes are (left, top, right, bottom)."""
        return {
            "x": self.x,
            "y": self.y,
            "target": {"index": self.target.index, "against": self.target.against},
            "cells": [cell_dict(cell) for stage in self.cells for cell in stage],
            "seconds": self.seconds,
        }


def cell_dict(cell: CellReading) -> dict:
    """A cell for a program; the stage is counted from 1, as it is shown."""
    ranked = zip(cell.channels, cell.activations, cell.contributions, strict=True)
    return {
        "stage": cell.stage + 1,
        "side": cell.side,
        "row": cell.row,
        "column": cell.column,
        "receptive_field": [
            None if field is None else [field.left, field.top, field.right, field.bottom] for field in cell.fields
        ],
        "receptive_field_in_upload": list(cell.upload_box),
        "effective_field": None if cell.influence is None else list(cell.influence.box),
        "effective_field_in_upload": None if cell.influence is None else list(cell.influence.upload_box),
        "firing": cell.firing_count,
        "channel_count": cell.channel_count,
        "total": cell.total,
        "is_exact": cell.is_exact,
        "channels": [
            {"channel": channel, "activation": activation, "contribution": contribution}
            for channel, activation, contribution in ranked
        ],
    }


class PointReader:
    """A picture's stage maps and their gradients, made once, from which any point is read at once.

    Args:
        model: left as it was.
        levels: of one image, ``(1, 3, side, side)`` per scale.
        geometry: where they lie in the upright upload.
        target: class-centred, or A − B.
        gate: the image's own, held constant.
        is_cancelled: asked before every block of layers, there and back, while the maps are made.

    Raises:
        Cancelled: ``is_cancelled`` said so.
    """

    def __init__(
        self,
        model: MultiscaleResNet,
        levels: Sequence[Tensor],
        geometry: Geometry,
        target: Target,
        *,
        gate: Gate,
        is_cancelled: IsCancelled = never,
    ) -> None:
        self.model, self.geometry, self.target = model, geometry, target
        self.levels, self.gate = tuple(level.detach() for level in levels), gate.detach()
        with interruptible(model, is_cancelled):
            output = self.output()
            flat = [x for stage in output.stages for x in stage]
            gradients = iter(torch.autograd.grad(self.score(output), flat))
        self.stages = [[x.detach()[0] for x in stage] for stage in output.stages]
        self.gradients = [[next(gradients)[0] for _ in stage] for stage in output.stages]
        self.gradients[-1] = self.slopes(output)

    def output(self) -> Output:
        """A forward pass that can be led back to the levels."""
        return self.model.vote([level.requires_grad_() for level in map(Tensor.clone, self.levels)], gate=self.gate)

    def score(self, output: Output) -> Tensor:
        """The target's score: class-centred, or A − B."""
        return self.relative(output.logits[0])

    def relative(self, values: Tensor) -> Tensor:
        """The target's value of ``(class, …)``: minus the mean of all classes, or minus class B's."""
        other = values.mean(dim=0) if self.target.against is None else values[self.target.against]
        return values[self.target.index] - other

    def slopes(self, output: Output) -> list[Tensor]:
        """The last stage's exact factors, gate × weight / temperature: ``(channel, h, w)`` per scale."""
        weight = self.relative(output.classifier.detach())[: self.model.trunk.out_channels]
        return [weight[:, None, None] * q[0] for q in output.gate.coefficients]

    def at(self, x: float, y: float, *, count: int = 5) -> PointReading:
        """The cells at a point of the upright upload, in px, and their ``count`` strongest channels.

        Raises:
            ConfigError: the model does not see the point.
        """
        started = time.perf_counter()
        check_seen(self.geometry, x, y)
        cells = tuple(
            tuple(self.read(stage, scale, x, y, count) for scale in range(len(self.levels)))
            for stage in range(len(self.stages))
        )
        return PointReading(x, y, self.target, cells, time.perf_counter() - started)

    def read(self, stage: int, scale: int, x: float, y: float, count: int) -> CellReading:
        """The cell of a map that is nearest to the point."""
        maps, side = self.stages[stage][scale], self.model.sides[scale]
        height, width = maps.shape[1:]
        across, down = self.geometry.to_level(x, y, side=side)
        column, row = (self.nearest(stage, place, among) for place, among in ((across, width), (down, height)))
        activations = maps[:, row, column]
        contributions = activations * self.gradients[stage][scale][:, row, column]
        order = contributions.abs().argsort(descending=True)[:count]
        fields = receptive_field(self.model.trunk, self.model.sides, stage=stage, scale=scale, row=row, column=column)
        own = fields[scale]
        return CellReading(
            stage=stage,
            scale=scale,
            side=side,
            row=row,
            column=column,
            shape=(height, width),
            fields=fields,
            upload_box=to_upload((own.left, own.top, own.right, own.bottom), self.geometry, side),
            influence=None,
            channels=tuple(order.tolist()),
            activations=tuple(activations[order].tolist()),
            contributions=tuple(contributions[order].tolist()),
            maps=maps[order].float().cpu().numpy(),
            total=float(exact(contributions).sum()),
            firing_count=int((activations > 0).sum()),
            channel_count=len(activations),
            is_exact=stage == len(self.stages) - 1,
        )

    def nearest(self, stage: int, place: float, among: int) -> int:
        """The position of the cell whose centre is nearest to ``place`` in level px."""
        centres = np.asarray(self.model.trunk.cell_centres(stage, among))
        return int(np.abs(centres - place).argmin())

    def with_influence(
        self,
        reading: PointReading,
        *,
        is_cancelled: IsCancelled = never,
        on_progress: Callable[[float], None] = lambda share: None,
    ) -> PointReading:
        """The same reading with the effective field of every cell; one backward pass a cell.

        Raises:
            Cancelled: ``is_cancelled`` said so.
        """
        started = time.perf_counter()
        cells = [cell for stage in reading.cells for cell in stage]
        found = []
        with interruptible(self.model, is_cancelled):
            levels = [level.requires_grad_() for level in map(Tensor.clone, self.levels)]
            stages = self.model.vote(levels, gate=self.gate).stages
            for done, cell in enumerate(cells):
                check(is_cancelled)
                on_progress(done / len(cells))
                slope = self.gradients[cell.stage][cell.scale][:, cell.row, cell.column]
                added = (stages[cell.stage][cell.scale][0, :, cell.row, cell.column] * slope).sum()
                (gradient,) = torch.autograd.grad(added, levels[cell.scale], retain_graph=True)
                found.append(replace(cell, influence=self.influence(gradient[0].abs().sum(0), cell.side)))
        count = len(self.levels)
        rows = tuple(tuple(found[first : first + count]) for first in range(0, len(found), count))
        return replace(reading, cells=rows, seconds=reading.seconds + time.perf_counter() - started)

    def influence(self, strength: Tensor, side: int) -> Influence | None:
        """The middle 90 % of ``(side, side)`` non-negative influences along each axis; ``None`` where all are 0."""
        values = strength.cpu().double().numpy()
        if not values.sum() > 0:
            return None
        (left, right), (top, bottom) = (middle(values.sum(axis=axis)) for axis in (0, 1))
        box = (left, top, right, bottom)
        return Influence(box, to_upload(box, self.geometry, side))


def middle(weights: np.ndarray) -> tuple[float, float]:
    """Where the middle ``INFLUENCE_SHARE`` of weights along an axis begins and ends, in px; each is spread
    evenly over its pixel."""
    edges = np.concatenate([[0.0], np.cumsum(weights)]) / weights.sum()
    rest = (1 - INFLUENCE_SHARE) / 2
    start, stop = np.interp((rest, 1 - rest), edges, np.arange(len(edges)))
    return float(start), float(stop)


def to_upload(box: Box, geometry: Geometry, side: int) -> Box:
    """A box in px of a level as one in px of the upright upload."""
    left, top = geometry.to_upload(float(box[0]), float(box[1]), side=side)
    right, bottom = geometry.to_upload(float(box[2]), float(box[3]), side=side)
    return (left, top, right, bottom)


def check_seen(geometry: Geometry, x: float, y: float) -> None:
    """Raises ``ConfigError`` unless the point of the upright upload lies in the field of view and the picture."""
    width, height = geometry.upload_size
    left, top, right, bottom = geometry.box
    left, top, right, bottom = max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))
    if not (left <= x <= right and top <= y <= bottom):
        raise ConfigError(
            f"the model sees the picture from ({left:g}, {top:g}) to ({right:g}, {bottom:g}) px, "
            f"got the point ({x:g}, {y:g}); choose one inside"
        )
