"""Figures for export, drawn by matplotlib: the evidence and the ledger, as blocks for a page or as pictures."""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from .colour import Range, colour_bar, format_signed, greyscale, overlay_rgba, paint, scale_colour
from .sheet import (
    HAIRLINE,
    HALF_CAPITAL,
    INK,
    QUIET,
    SEPARATOR,
    TITLE_PT,
    Block,
    Sheet,
    text_height,
    text_width,
    wrap,
)
from .waterfall import LedgerRow, Step, waterfall

MARGIN = 0.35  # round a picture, in inches
_PANEL_W, _PANEL_GAP = 2.1, 0.22  # of the evidence
_LINE_H, _ROW_GAP, _CLASS_W, _PLOT_W, _NUMBER_W = 0.2, 0.26, 1.75, 3.9, 0.55  # of a ledger
_BIAS = "#9a9a9a"


def evidence_block(
    image: np.ndarray,
    maps: Sequence[tuple[int, np.ndarray]],
    *,
    labels: Sequence[str] | None = None,
    range_: Range,
    title: str,
    units: str = "logits",
    image_label: str = "what the model saw",
) -> Block:
    """A row: the image, then one frame per scale in its colour, above one colour bar.

    ``image`` (h, w, 3) uint8 is what the levels show; ``maps`` are (side, map) from the smallest scale to
    the largest, each map (side, side) covering the whole image; ``labels`` default to "48 px".
    ``range_`` is the one that all maps share; its clipped share is printed, a flat one says so.

    Raises ValueError for no maps, labels that do not match or a map of another shape than the image's,
    ConfigError for more scales than colours.
    """
    if not maps:
        raise ValueError("an evidence figure needs at least one map")
    labels = [f"{side} px" for side, _ in maps] if labels is None else list(labels)
    if len(labels) != len(maps):
        raise ValueError(f"an evidence figure needs a label per map, got {len(labels)} for {len(maps)}")
    for _, values in maps:
        _refuse_other_shape(image, values)
    colours = [scale_colour(i, len(maps)) for i in range(len(maps))]
    panel_h = _PANEL_W * image.shape[0] / image.shape[1]
    width = _PANEL_W * (len(maps) + 1) + _PANEL_GAP * len(maps)
    title = wrap(title, width, TITLE_PT)
    panels_top = text_height(title, TITLE_PT) + 0.42
    bar_top = panels_top + panel_h + 0.3

    def draw(sheet: Sheet) -> None:
        sheet.write(0, 0, title, size=TITLE_PT, va="top")
        sheet.write(0, panels_top - 0.09, image_label)
        sheet.picture(0, panels_top, _PANEL_W, panel_h, image)
        base = greyscale(image, fade=0.35)
        for i, ((_, values), label, colour) in enumerate(zip(maps, labels, colours, strict=True), start=1):
            left = i * (_PANEL_W + _PANEL_GAP)
            sheet.dot(left + 0.05, panels_top - 0.09 - HALF_CAPITAL, colour)
            sheet.write(left + 0.17, panels_top - 0.09, label)
            layers = base, overlay_rgba(values, range_)
            sheet.picture(left, panels_top, _PANEL_W, panel_h, *layers, edge=colour, edge_pt=1.6)
        bar_w = min(4.2, _PANEL_W * len(maps) + _PANEL_GAP * (len(maps) - 1))
        _draw_colour_bar(sheet.part(_PANEL_W + _PANEL_GAP, bar_top), bar_w, range_, units)

    return Block(width, bar_top + (0.15 if range_.is_flat else 0.5), draw)


def ledger_block(
    rows: Sequence[LedgerRow], *, scale_labels: Sequence[str], title: str, units: str = "logits", note: str = ""
) -> Block:
    """Per class a waterfall of its scales' contributions and bias to its logit.

    All rows share one axis from a common zero, so that lengths can be compared between classes.
    ``note`` goes below: say there whether the numbers are class-centred or A − B.

    Raises ValueError for no rows or rows that do not match the labels, ConfigError for more scales
    than colours.
    """
    if not rows:
        raise ValueError("a ledger figure needs at least one row")
    for row in rows:
        if len(row.contributions) != len(scale_labels):
            raise ValueError(
                f"a ledger row needs a contribution per scale, got {len(row.contributions)} "
                f"for {len(scale_labels)} scales in {row.label!r}"
            )
    colours = [scale_colour(i, len(scale_labels)) for i in range(len(scale_labels))]
    names = (*scale_labels, "bias", "logit")
    steps = [step for row in rows for step in waterfall(row)]
    has_left_numbers = any(step.end < step.start for step in steps)
    plot_left = _CLASS_W + max(map(text_width, names)) + 0.3 + _NUMBER_W * has_left_numbers
    width = plot_left + _PLOT_W + _NUMBER_W
    title = wrap(title, width, TITLE_PT)
    note = wrap(note or f"{units}; each bar starts where the one above it ends", width)
    rows_top = text_height(title, TITLE_PT) + 0.3
    row_h = _LINE_H * len(names) + _ROW_GAP
    rows_bottom = rows_top + row_h * len(rows) - _ROW_GAP

    edges = [edge for step in steps for edge in (step.start, step.end)]
    low, high = min(0.0, *edges), max(0.0, *edges)
    inch_per_logit = _PLOT_W / ((high - low) or 1.0)

    def place(logit: float) -> float:
        return plot_left + (logit - low) * inch_per_logit

    def draw(sheet: Sheet) -> None:
        sheet.write(0, 0, title, size=TITLE_PT, va="top")
        sheet.write(0, rows_bottom + 0.3, note, va="top", colour=QUIET)
        sheet.line(place(0), rows_top - 0.06, place(0), rows_bottom + 0.06, HAIRLINE)
        for i, row in enumerate(rows):
            top = rows_top + i * row_h
            if i:
                sheet.line(0, top - _ROW_GAP / 2, width, top - _ROW_GAP / 2, SEPARATOR)
            for j, line in enumerate(wrap(row.label, _CLASS_W - 0.2, max_lines=len(names)).split("\n")):
                sheet.write(0, top + (j + 0.5) * _LINE_H + HALF_CAPITAL, line, weight="bold")
            _draw_waterfall(sheet, row, names, colours, top, place)

    return Block(width, rows_bottom + 0.3 + text_height(note), draw)


def evidence_figure(
    image: np.ndarray, maps: Sequence[tuple[int, np.ndarray]], *, dpi: int = 200, **options
) -> Image.Image:
    """:func:`evidence_block` as an RGB picture; takes its options."""
    return render(evidence_block(image, maps, **options), dpi=dpi)


def ledger_figure(rows: Sequence[LedgerRow], *, dpi: int = 200, **options) -> Image.Image:
    """:func:`ledger_block` as an RGB picture; takes its options."""
    return render(ledger_block(rows, **options), dpi=dpi)


def render(block: Block, *, dpi: int = 200) -> Image.Image:
    """A block with a margin, as an RGB picture."""
    sheet = Sheet(block.width + 2 * MARGIN, block.height + 2 * MARGIN)
    block.draw(sheet.part(MARGIN, MARGIN))
    return sheet.render(dpi)


def _refuse_other_shape(image: np.ndarray, values: np.ndarray) -> None:
    """A map may be coarser than the image, but must show the same field of view."""
    same_height = image.shape[0] / image.shape[1] * values.shape[1]
    if abs(same_height - values.shape[0]) > 1:
        raise ValueError(
            f"a map must cover the image, got {values.shape[:2]} for an image of {image.shape[:2]}; "
            "crop the image to what the levels show"
        )


def _draw_colour_bar(sheet: Sheet, width: float, range_: Range, units: str) -> None:
    height = 0.11
    if range_.is_flat:
        sheet.write(0, height, "no evidence: every value is zero", colour=QUIET)
        return
    steps = np.linspace(-range_.limit if range_.is_signed else 0, range_.limit, 513)
    sheet.picture(0, 0, width, height, paint(steps[None], range_))
    for tick in colour_bar(range_).ticks:
        place = tick.fraction * width
        sheet.line(place, height, place, height + 0.04, QUIET)
        sheet.write(place, height + 0.08, tick.label, ha="center", va="top", colour=QUIET)
    meaning = f"{units}, red for and blue against" if range_.is_signed else units
    if range_.clipped_share:
        meaning += f"; {_per_cent(range_.clipped_share)} of pixels exceed the bar"
    sheet.write(0, height + 0.28, meaning, va="top", colour=QUIET)


def _draw_waterfall(
    sheet: Sheet,
    row: LedgerRow,
    names: Sequence[str],
    colours: Sequence[str],
    top: float,
    place: Callable[[float], float],
) -> None:
    total = Step(0.0, row.logit, None)
    for i, (step, name) in enumerate(zip((*waterfall(row), total), names, strict=True)):
        middle, is_total = top + (i + 0.5) * _LINE_H, step is total
        ink = {"colour": INK, "weight": "bold"} if is_total else {"colour": QUIET}
        sheet.write(_CLASS_W, middle + HALF_CAPITAL, name, **ink)
        colour = _BIAS if step.scale is None else colours[step.scale]
        sheet.bar(place(step.start), place(step.end), middle, 0.62 * _LINE_H, INK if is_total else colour)
        if not is_total:
            sheet.line(place(step.end), middle, place(step.end), middle + _LINE_H, HAIRLINE)
        is_left = step.end < step.start
        sheet.write(
            place(step.end) + (-0.07 if is_left else 0.07),  # outside of the bar, where it goes
            middle + HALF_CAPITAL,
            format_signed(step.end - step.start, decimals=2),
            ha="right" if is_left else "left",
            on_white=True,
            **ink,
        )


def _per_cent(share: float) -> str:
    return "less than 0.1 %" if share < 0.001 else f"{share * 100:.1f} %"
