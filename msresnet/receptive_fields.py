"""Receptive fields: which pixels of which level a cell can see, by the arithmetic of its layers.

Kernels, strides and paddings are read off the trunk's own modules, along the main path of
every block; a shortcut sees nothing that its main path does not see. Padding is no pixel, so a
field ends where its level ends. Where links mix the scales, a cell also sees its neighbours'
levels, through the filter that resizes their maps (see Araujo et al., Distill 2019,
10.23915/distill.00021, for the arithmetic without links).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from torch import nn

from .resnet import MultiscaleTrunk


@dataclass(frozen=True)
class Span:
    """Positions ``start`` to ``stop`` (exclusive) along one axis: also edges in pixel coordinates."""

    start: int
    stop: int

    def __or__(self, other: "Span") -> "Span":
        """The shortest span that holds both."""
        return Span(min(self.start, other.start), max(self.stop, other.stop))


@dataclass(frozen=True)
class Field:
    """A box on a level, in whole pixels; pixel i covers [i, i + 1)."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Window:
    """A convolution's or a pooling's reach along one axis."""

    kernel: int
    stride: int
    padding: int

    def outputs(self, count: int) -> int:
        """How many positions come out of ``count``."""
        return (count + 2 * self.padding - self.kernel) // self.stride + 1

    def inputs(self, span: Span, count: int) -> Span:
        """Which of ``count`` positions the outputs ``span`` see; at least one."""
        start = span.start * self.stride - self.padding
        stop = (span.stop - 1) * self.stride - self.padding + self.kernel
        return Span(max(start, 0), min(stop, count))


def receptive_field(
    trunk: MultiscaleTrunk, sides: Sequence[int], *, stage: int, scale: int, row: int, column: int
) -> tuple[Field | None, ...]:
    """The pixels of each level that can change one cell of a stage's map, all levels being there.

    Args:
        trunk: the layers.
        sides: of the levels in px.
        stage: 0 to 3; its map as :class:`~msresnet.output.Output` gives it, links included.
        scale: whose map.
        row, column: of the cell.

    Returns:
        A box per level in level px, ``None`` for a level that the cell cannot see. The box is
        tight: its outermost rows and columns can change the cell, and no pixel outside can.

    Raises:
        ValueError: the map has no such cell.
    """
    rows = spans_along(trunk, sides, stage=stage, scale=scale, position=row)
    columns = spans_along(trunk, sides, stage=stage, scale=scale, position=column)
    return tuple(
        None if y is None or x is None else Field(x.start, y.start, x.stop, y.stop)
        for y, x in zip(rows, columns, strict=True)
    )


def spans_along(
    trunk: MultiscaleTrunk, sides: Sequence[int], *, stage: int, scale: int, position: int
) -> tuple[Span | None, ...]:
    """:func:`receptive_field` along one axis: a span of pixels per level."""
    windows = stage_windows(trunk)
    counts = [stage_counts(windows, side) for side in sides]
    if not 0 <= position < counts[scale][stage]:
        raise ValueError(f"stage {stage} at {sides[scale]} px has {counts[scale][stage]} cells a side, got {position}")
    links = {1: trunk.link2, 2: trunk.link3}
    seen: dict[int, Span] = {scale: Span(position, position + 1)}
    for index in range(stage, -1, -1):
        if links.get(index) is not None:
            seen = through_link(seen, [own[index] for own in counts])
        for level, span in seen.items():
            entering = sides[level] if index == 0 else counts[level][index - 1]
            seen[level] = through_windows(span, windows[index], entering)
    return tuple(seen.get(level) for level in range(len(sides)))


def stage_windows(trunk: MultiscaleTrunk) -> list[list[Window]]:
    """The windows of each stage in the order of the data; the stem's are the first stage's."""
    stem = [window_of(trunk.conv1)]
    if trunk.maxpool is not None:
        stem.append(window_of(trunk.maxpool.scales[0]))
    stages = [list(main_path(stage)) for stage in (trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4)]
    return [stem + stages[0], *stages[1:]]


def main_path(stage: nn.Sequential) -> Iterator[Window]:
    """The windows of a stage's blocks without their shortcuts."""
    for block in stage:
        for name, layer in block.named_children():
            if name.startswith("conv"):
                yield window_of(layer)


def window_of(layer: nn.Conv2d | nn.MaxPool2d) -> Window:
    """A layer's window along one axis; all of a ResNet's are square and not dilated."""
    kernel, stride, padding = (
        value[0] if isinstance(value, tuple) else value for value in (layer.kernel_size, layer.stride, layer.padding)
    )
    return Window(kernel, stride, padding)


def stage_counts(windows: Sequence[Sequence[Window]], side: int) -> list[int]:
    """Cells a side of each stage's map of a level."""
    counts = []
    for stage in windows:
        for window in stage:
            side = window.outputs(side)
        counts.append(side)
    return counts


def through_windows(span: Span, windows: Sequence[Window], count: int) -> Span:
    """What ``span`` of a stage's outputs sees of the ``count`` positions that enter the stage."""
    entering = [count]
    for window in windows[:-1]:
        entering.append(window.outputs(entering[-1]))
    for window, before in zip(reversed(windows), reversed(entering), strict=True):
        span = window.inputs(span, before)
    return span


def through_link(seen: dict[int, Span], counts: Sequence[int]) -> dict[int, Span]:
    """What spans of linked maps see of the maps before :class:`~msresnet.layers.CrossScaleLink`."""
    before = dict(seen)
    for level, span in seen.items():
        for neighbour in (level - 1, level + 1):
            if 0 <= neighbour < len(counts):
                reach = resized_from(span, outputs=counts[level], inputs=counts[neighbour])
                before[neighbour] = before.get(neighbour, reach) | reach
    return before


def resized_from(span: Span, *, outputs: int, inputs: int) -> Span:
    """Which of ``inputs`` positions an anti-aliased bilinear resize reads for ``span`` of its outputs.

    The filter is a triangle that is one position wide to each side, of the coarser of the two
    grids; at its feet it weighs nothing.
    """
    if outputs == inputs:
        return span
    step = Fraction(inputs, outputs)
    foot = max(step, Fraction(1))
    first = step * (span.start + Fraction(1, 2)) - foot - Fraction(1, 2)
    last = step * (span.stop - Fraction(1, 2)) + foot - Fraction(1, 2)
    return Span(max(math.floor(first) + 1, 0), min(math.ceil(last), inputs))
