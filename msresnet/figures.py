"""Arrays to pictures, drawn at the right place.

A stage's cell sits at the centre of its receptive field:
:func:`cells_on_grid` is the only place where that is drawn.
:func:`evidence_figure` and :func:`ledger_figure` make the exported pictures.

Pixel i covers [i, i + 1), its centre is i + 0.5, in x and in y.
The module never touches pyplot: a figure has no global state, so that threads may draw at once.
"""

import base64
import io
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from PIL import Image

from msresnet.colour import (
    Range,
    colour_bar,
    format_signed,
    greyscale,
    overlay_rgba,
    paint,
    scale_colour,
    shared_range,
)

# Two type sizes, in points, and two inks.
_TITLE_PT, _TEXT_PT = 11.0, 8.5
_INK, _QUIET = "#1a1a1a", "#6b6b6b"
_HAIRLINE, _SEPARATOR, _BIAS = "#c9c9c9", "#ededed", "#9a9a9a"
_LINE_H = 0.2  # of a ledger, in inches
# DejaVu comes with matplotlib; the others draw Chinese class names where one is installed.
_FONTS = (
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "PingFang SC",
    "Microsoft YaHei",
    "WenQuanYi Zen Hei",
)
# Width of DejaVu Sans's average character over its size: 0.56 measured on the ImageNet class names.
_CHARACTER_ASPECT = 0.56
_POINTS_PER_INCH = 72.0
# Half the height of a capital, in inches: DejaVu Sans's capitals are 0.73 of its size.
_HALF_CAPITAL = 0.73 * _TEXT_PT / _POINTS_PER_INCH / 2
# Sums of float32 contributions agree with the logit to about 1e-5; more is a wrong bar, not rounding.
_ADDS_UP_WITHIN = 1e-3




@dataclass(frozen=True, eq=False)
class ChannelTile:
    """One channel of a stage map as a picture (h, w, 3) uint8; its full colour means ``peak``."""

    picture: np.ndarray
    peak: float




@dataclass(frozen=True)
class LedgerRow:
    """A class's logit and its parts, all in logits; the parts must add up to the logit.

    ``contributions``: one per scale, from small to large.
    Raises ValueError where the parts differ from the logit by more than 1e-3 (of the largest number,
    at least 1) or are not finite: such bars would lie.
    """

    label: str
    contributions: tuple[float, ...]
    bias: float
    logit: float

    def __post_init__(self) -> None:
        numbers = (*self.contributions, self.bias, self.logit)
        if not all(map(math.isfinite, numbers)):
            raise ValueError(f"a ledger row's numbers must be finite, got {numbers} for {self.label!r}")
        total = math.fsum(self.contributions) + self.bias
        if abs(total - self.logit) > _ADDS_UP_WITHIN * max(1.0, *map(abs, numbers)):
            raise ValueError(
                f"contributions and bias must add up to the logit, got {total:g} and {self.logit:g} "
                f"for {self.label!r}"
            )


@dataclass(frozen=True)
class Step:
    """A bar of a waterfall, from ``start`` to ``end`` in logits; ``scale`` is None for the bias."""

    start: float
    end: float
    scale: int | None


def cells_on_grid(
    values: np.ndarray,
    centres_y: Sequence[float],
    centres_x: Sequence[float],
    side: int,
    *,
    is_smooth: bool = False,
) -> np.ndarray:
    """Cells (h, w) as a map (side, side) float64 of their level, each at its own centre.

    ``centres_y`` (h) and ``centres_x`` (w) are the centres of the cells' receptive fields in the
    level's continuous pixel coordinates, increasing; they may lie outside of it. A ResNet's are
    ``stride * i + 0.5``, not the middles of equal tiles. Every pixel gets the value of the cell whose
    centre is nearest (the earlier one of two), so the outer cells extend to the edges.
    ``is_smooth`` interpolates linearly between centres instead, constant beyond the outer ones.

    A pixel has the value of its cell, not a share of it: the picture does not add up to the logit,
    the cells do. Raises ValueError for shapes that do not match or centres that do not increase.
    """
    values = np.asarray(values, dtype=np.float64)
    rows, columns = np.asarray(centres_y, dtype=np.float64), np.asarray(centres_x, dtype=np.float64)
    if values.ndim != 2 or not values.size or values.shape != (rows.size, columns.size):
        raise ValueError(
            f"cells (h, w) need h and w centres, got {values.shape} with {rows.size} and {columns.size}"
        )
    if (np.diff(rows) <= 0).any() or (np.diff(columns) <= 0).any():
        raise ValueError("the centres of cells must increase")
    if is_smooth:
        return _linear_weights(rows, side) @ values @ _linear_weights(columns, side).T
    return values[np.ix_(_nearest(rows, side), _nearest(columns, side))]




def cells_on_level(values: np.ndarray, *, stride: int, side: int) -> np.ndarray:
    """Cells (h, w) of a ResNet's map on their level: cell i is centred on ``stride · i + 0.5`` px."""
    rows, columns = (stride * np.arange(count) + 0.5 for count in values.shape)
    return cells_on_grid(values, rows, columns, side)


def channel_tile(values: np.ndarray, *, tile_px: int = 64) -> ChannelTile:
    """One channel (h, w) of a stage map in magma from 0 to its own maximum, cells left square-edged.

    The longer side is ``tile_px`` or the next multiple of the map's that fits in it, never less
    than the map's own. A channel with negative values is painted in the signed colours about zero.
    """
    values = np.asarray(values)
    if values.ndim != 2:
        raise ValueError(f"a channel must be (h, w), got {values.shape}")
    range_ = shared_range([values], percentile=100, is_signed=bool((values < 0).any()))
    return ChannelTile(_enlarge(paint(values, range_), tile_px), range_.limit)




def waterfall(row: LedgerRow) -> tuple[Step, ...]:
    """The row's bars end to end: from 0 over one step per scale and the bias to the logit."""
    parts = [(value, scale) for scale, value in enumerate(row.contributions)] + [(row.bias, None)]
    edges = np.concatenate([[0.0], np.cumsum([value for value, _ in parts])])
    return tuple(
        Step(float(start), float(end), scale)
        for start, end, (_, scale) in zip(edges[:-1], edges[1:], parts, strict=True)
    )


def evidence_figure(
    image: np.ndarray,
    maps: Sequence[tuple[int, np.ndarray]],
    *,
    labels: Sequence[str] | None = None,
    range_: Range,
    title: str,
    units: str = "logits",
    image_label: str = "what the model saw",
    dpi: int = 200,
) -> Image.Image:
    """A row for export: the image, then one frame per scale in its colour, above one colour bar.

    ``image`` (h, w, 3) uint8 is what the levels show; ``maps`` are (side, map) from the smallest scale to
    the largest, each map (side, side) covering the whole image; ``labels`` default to "48 px".
    ``range_`` is the one that all maps share; its clipped share is printed, a flat one says so.

    Returns an RGB picture. Raises ValueError for no maps, labels that do not match or a map of
    another shape than the image's, ConfigError for more scales than colours.
    """
    if not maps:
        raise ValueError("an evidence figure needs at least one map")
    labels = [f"{side} px" for side, _ in maps] if labels is None else list(labels)
    if len(labels) != len(maps):
        raise ValueError(f"an evidence figure needs a label per map, got {len(labels)} for {len(maps)}")
    for _, values in maps:
        _refuse_other_shape(image, values)
    return _render(_evidence(image, maps, labels, range_, title, units, image_label), dpi)


def ledger_figure(
    rows: Sequence[LedgerRow],
    *,
    scale_labels: Sequence[str],
    title: str,
    units: str = "logits",
    note: str = "",
    dpi: int = 200,
) -> Image.Image:
    """A figure for export: per class a waterfall of its scales' contributions and bias to its logit.

    All rows share one axis from a common zero, so that lengths can be compared between classes.
    ``note`` goes below: say there whether the numbers are class-centred or A − B.

    Returns an RGB picture. Raises ValueError for no rows or rows that do not match the labels,
    ConfigError for more scales than colours.
    """
    if not rows:
        raise ValueError("a ledger figure needs at least one row")
    for row in rows:
        if len(row.contributions) != len(scale_labels):
            raise ValueError(
                f"a ledger row needs a contribution per scale, got {len(row.contributions)} "
                f"for {len(scale_labels)} scales in {row.label!r}"
            )
    return _render(_ledger(rows, scale_labels, title, units, note), dpi)


def to_png_bytes(picture: np.ndarray | Image.Image) -> bytes:
    """A PIL image, or an array (h, w), (h, w, 3) or (h, w, 4) uint8, as the bytes of a PNG file."""
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8:
            raise ValueError(f"a picture must be uint8, got {picture.dtype}; paint it first")
        picture = Image.fromarray(np.ascontiguousarray(picture))
    stream = io.BytesIO()
    picture.save(stream, format="PNG")
    return stream.getvalue()


def data_uri(png: bytes) -> str:
    """The bytes of a PNG file as a ``data:`` address that an ``<img>`` or CSS can show."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


# Resampling ------------------------------------------------------------------------------------------


def _nearest(centres: np.ndarray, side: int) -> np.ndarray:
    """(side): for each pixel the index of the centre nearest to its own, the earlier one of two."""
    midpoints = (centres[:-1] + centres[1:]) / 2
    return np.searchsorted(midpoints, np.arange(side) + 0.5, side="left")


def _linear_weights(centres: np.ndarray, side: int) -> np.ndarray:
    """(side, cells): each pixel's weights of the two centres about it; rows add up to 1."""
    pixels = np.arange(side) + 0.5
    return np.stack([np.interp(pixels, centres, unit) for unit in np.eye(centres.size)], axis=1)








def _enlarge(picture: np.ndarray, longer_px: int) -> np.ndarray:
    factor = max(1, longer_px // max(picture.shape[:2]))
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def _refuse_other_shape(image: np.ndarray, values: np.ndarray) -> None:
    """A map may be coarser than the image, but must show the same field of view."""
    same_height = image.shape[0] / image.shape[1] * values.shape[1]
    if abs(same_height - values.shape[0]) > 1:
        raise ValueError(
            f"a map must cover the image, got {values.shape[:2]} for an image of {image.shape[:2]}; "
            "crop the image to what the levels show"
        )


# Drawing ---------------------------------------------------------------------------------------------
# All lengths are inches, from the left and the top; sizes are set one by one, since rcParams are global.


def _evidence(
    image: np.ndarray,
    maps: Sequence[tuple[int, np.ndarray]],
    labels: Sequence[str],
    range_: Range,
    title: str,
    units: str,
    image_label: str,
) -> Figure:
    panel_w, gap, margin = 2.1, 0.22, 0.35
    panel_h = panel_w * image.shape[0] / image.shape[1]
    width = 2 * margin + panel_w * (len(maps) + 1) + gap * len(maps)
    title = _wrap(title, width - 2 * margin, _TITLE_PT)
    panels_top = margin + _lines_height(title, _TITLE_PT) + 0.42
    bar_top = panels_top + panel_h + 0.3
    figure = _blank(width, bar_top + (0.15 if range_.is_flat else 0.5) + margin)
    _write(figure, margin, margin, title, size=_TITLE_PT, va="top")

    base = greyscale(image, fade=0.35)
    for i in range(len(maps) + 1):
        left = margin + i * (panel_w + gap)
        ax = _axes(figure, left, panels_top, panel_w, panel_h)
        _write(figure, left + (0.17 if i else 0), panels_top - 0.09, image_label if i == 0 else labels[i - 1])
        if i == 0:
            _show(ax, image)
            _frame(ax, _HAIRLINE, 0.5)
            continue
        colour = scale_colour(i - 1, len(maps))
        _dot(figure, left + 0.05, panels_top - 0.09 - _HALF_CAPITAL, colour)
        _show(ax, base)
        _show(ax, overlay_rgba(maps[i - 1][1], range_))
        _frame(ax, colour, 1.6)

    bar_left, bar_w = margin + panel_w + gap, min(4.2, panel_w * len(maps) + gap * (len(maps) - 1))
    _draw_bar(figure, bar_left, bar_top, bar_w, range_, units)
    return figure


def _draw_bar(figure: Figure, left: float, top: float, width: float, range_: Range, units: str) -> None:
    height = 0.11
    if range_.is_flat:
        _write(figure, left, top + height, "no evidence: every value is zero", colour=_QUIET)
        return
    ax = _axes(figure, left, top, width, height)
    steps = np.linspace(-range_.limit if range_.is_signed else 0, range_.limit, 513)
    _show(ax, paint(steps[None], range_))
    _frame(ax, _HAIRLINE, 0.5)
    for tick in colour_bar(range_).ticks:
        place = left + tick.fraction * width
        _line(figure, place, top + height, place, top + height + 0.04, _QUIET)
        _write(figure, place, top + height + 0.08, tick.label, ha="center", va="top", colour=_QUIET)
    meaning = f"{units}, red for and blue against" if range_.is_signed else units
    if range_.clipped_share:
        meaning += f"; {_per_cent(range_.clipped_share)} of pixels exceed the bar"
    _write(figure, left, top + height + 0.28, meaning, va="top", colour=_QUIET)


def _ledger(
    rows: Sequence[LedgerRow], scale_labels: Sequence[str], title: str, units: str, note: str
) -> Figure:
    margin, class_w, plot_w, number_w, row_gap = 0.35, 1.75, 3.9, 0.55, 0.26
    names = (*scale_labels, "bias", "logit")
    name_w = max(_text_width(name, _TEXT_PT) for name in names) + 0.3
    steps = [step for row in rows for step in waterfall(row)]
    plot_left = margin + class_w + name_w + (number_w if any(step.end < step.start for step in steps) else 0)
    width = plot_left + plot_w + number_w + margin
    title = _wrap(title, width - 2 * margin, _TITLE_PT)
    note = _wrap(
        note or f"{units}; each bar starts where the one above it ends", width - 2 * margin, _TEXT_PT
    )
    rows_top = margin + _lines_height(title, _TITLE_PT) + 0.3
    row_h = _LINE_H * len(names) + row_gap
    rows_bottom = rows_top + row_h * len(rows) - row_gap
    figure = _blank(width, rows_bottom + 0.3 + _lines_height(note, _TEXT_PT) + margin)
    _write(figure, margin, margin, title, size=_TITLE_PT, va="top")
    _write(figure, margin, rows_bottom + 0.3, note, va="top", colour=_QUIET)

    edges = [edge for step in steps for edge in (step.start, step.end)]
    low, high = min(0.0, *edges), max(0.0, *edges)
    inch_per_logit = plot_w / ((high - low) or 1.0)

    def place(logit: float) -> float:
        return plot_left + (logit - low) * inch_per_logit

    _line(figure, place(0), rows_top - 0.06, place(0), rows_bottom + 0.06, _HAIRLINE)
    for i, row in enumerate(rows):
        top = rows_top + i * row_h
        if i:
            _line(figure, margin, top - row_gap / 2, width - margin, top - row_gap / 2, _SEPARATOR)
        for j, line in enumerate(_wrap(row.label, class_w - 0.2, _TEXT_PT, max_lines=len(names)).split("\n")):
            _write(figure, margin, top + (j + 0.5) * _LINE_H + _HALF_CAPITAL, line, weight="bold")
        _draw_waterfall(figure, row, names, margin + class_w, top, place)
    return figure


def _draw_waterfall(
    figure: Figure,
    row: LedgerRow,
    names: Sequence[str],
    names_left: float,
    top: float,
    place: Callable[[float], float],
) -> None:
    total = Step(0.0, row.logit, None)
    for i, (step, name) in enumerate(zip((*waterfall(row), total), names, strict=True)):
        middle, is_total = top + (i + 0.5) * _LINE_H, step is total
        ink = {"colour": _INK, "weight": "bold"} if is_total else {"colour": _QUIET}
        _write(figure, names_left, middle + _HALF_CAPITAL, name, **ink)
        colour = _INK if is_total else _bar_colour(step, len(row.contributions))
        _bar(figure, place(step.start), place(step.end), middle, 0.62 * _LINE_H, colour)
        if not is_total:
            _line(figure, place(step.end), middle, place(step.end), middle + _LINE_H, _HAIRLINE)
        is_left = step.end < step.start
        _write(
            figure,
            place(step.end) + (-0.07 if is_left else 0.07),  # outside of the bar, where it goes
            middle + _HALF_CAPITAL,
            format_signed(step.end - step.start, decimals=2),
            ha="right" if is_left else "left",
            on_white=True,
            **ink,
        )


def _bar_colour(step: Step, scale_count: int) -> str:
    return _BIAS if step.scale is None else scale_colour(step.scale, scale_count)


def _blank(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), facecolor="white", layout="none")


def _fractions(figure: Figure, left: float, top: float) -> tuple[float, float]:
    width, height = figure.get_size_inches()
    return left / width, 1 - top / height


def _axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    x, y = _fractions(figure, left, top + height)
    full_width, full_height = figure.get_size_inches()
    ax = figure.add_axes((x, y, width / full_width, height / full_height))
    ax.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(1, 0))
    return ax


def _show(ax: Axes, picture: np.ndarray) -> None:
    ax.imshow(
        picture, extent=(0, 1, 1, 0), aspect="auto", origin="upper", interpolation="nearest", resample=False
    )


def _frame(ax: Axes, colour: str, width_pt: float) -> None:
    ax.spines[:].set(edgecolor=colour, linewidth=width_pt, visible=True)


def _bar(figure: Figure, start: float, end: float, middle: float, height: float, colour: str) -> None:
    x, y = _fractions(figure, min(start, end), middle + height / 2)
    full_width, full_height = figure.get_size_inches()
    figure.add_artist(
        Rectangle(
            (x, y),
            abs(end - start) / full_width,
            height / full_height,
            transform=figure.transFigure,
            facecolor=colour,
            edgecolor="none",
            linewidth=0,
        )
    )


def _dot(figure: Figure, left: float, middle: float, colour: str) -> None:
    x, y = _fractions(figure, left, middle)
    figure.add_artist(
        Line2D([x], [y], marker="o", markersize=5.5, color=colour, markeredgewidth=0, linestyle="none")
    )


def _line(figure: Figure, x0: float, y0: float, x1: float, y1: float, colour: str) -> None:
    start, end = _fractions(figure, x0, y0), _fractions(figure, x1, y1)
    figure.add_artist(
        Line2D(
            [start[0], end[0]],
            [start[1], end[1]],
            color=colour,
            linewidth=0.6,
            zorder=0.5,  # below bars and numbers
        )
    )


def _write(
    figure: Figure,
    left: float,
    top: float,
    text: str,
    *,
    size: float = _TEXT_PT,
    ha: str = "left",
    va: str = "baseline",
    colour: str = _INK,
    weight: str = "normal",
    on_white: bool = False,
) -> None:
    x, y = _fractions(figure, left, top)
    figure.text(
        x,
        y,
        text,
        fontsize=size,
        fontfamily=list(_fonts()),
        fontweight=weight,
        color=colour,
        ha=ha,
        va=va,
        linespacing=1.3,
        parse_math=False,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8} if on_white else None,
    )


def _text_width(text: str, size: float) -> float:
    return len(text) * size * _CHARACTER_ASPECT / _POINTS_PER_INCH


def _wrap(text: str, width: float, size: float, *, max_lines: int | None = None) -> str:
    characters = max(4, int(width / _text_width("x", size)))
    return "\n".join(textwrap.wrap(text, characters, max_lines=max_lines, placeholder=" …"))


def _lines_height(text: str, size: float) -> float:
    return (text.count("\n") + 1) * size * 1.3 / _POINTS_PER_INCH


def _per_cent(share: float) -> str:
    return "less than 0.1 %" if share < 0.001 else f"{share * 100:.1f} %"


@cache
def _fonts() -> tuple[str, ...]:
    """The installed ones among the fonts wanted: matplotlib warns about each that is not."""
    installed = set(fontManager.get_font_names())
    return tuple(name for name in _FONTS if name in installed) or ("sans-serif",)


def _render(figure: Figure, dpi: int) -> Image.Image:
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
