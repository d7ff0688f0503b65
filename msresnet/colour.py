"""Numbers to colours: one colour per scale, one range per target, zero always in the middle.

Three rules, each the cure of a way in which heatmaps mislead:

- all maps of a target share one symmetric range, so that a weak scale looks weak;
- zero is exactly the middle colour, so that a sign can be read from the hue;
- an overlay's opacity is proportional to the magnitude, so that no evidence tints nothing.

Signed maps use the RdBu diverging map (red: for, blue: against), magnitudes use magma.
The module knows numpy and matplotlib's colour tables, and no model.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import matplotlib
import numpy as np

from msresnet.errors import ConfigError

# Okabe and Ito, "Color Universal Design" (2008): apart for every kind of colour vision. Small to large scale.
SCALE_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7")

# 2 n + 1 entries, so that there is an entry for zero (matplotlib's own table of 256 has none).
_STEPS_PER_SIDE = 128
# RdBu without its outer tenths, which are the nearly black red and blue: on the dark parts of a
# picture they cannot be told from each other. Its ends are then #B2182B and #2166AC.
_SIGNED_TABLE, _SIGNED_CUT = "RdBu_r", (0.1, 0.9)
_MAGNITUDE_TABLE = "magma"
# Per cent of the values that a range must hold: a hot pixel in 200 does not blank the rest; a cell is one
# number that people compare with its neighbours, so that none is clipped.
PIXEL_PERCENTILE, CELL_PERCENTILE = 99.5, 100.0
# Below the smallest normal float32 a value is what underflow left, not evidence.
_UNDERFLOW = float(np.finfo(np.float32).tiny)
# Stops at multiples of 1/16 include all nodes of the cut RdBu table (multiples of 1/8): a gradient that
# is linear between the stops is then the table itself. Magma differs from it by less than 3 of 255.
_BAR_INTERVALS = 16
# ITU-R BT.601 luma, the weights of PIL's "L" mode.
_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Range:
    """What the ends of a colour bar mean; made by :func:`shared_range`.

    ``limit``: the magnitude, in the maps' units, that is painted in full colour; 0 if flat.
    ``clipped_share``: the share of pixels, 0 to 1, whose magnitude is larger than ``limit``.
    ``is_signed``: the range is −limit to limit in diverging colours, otherwise 0 to limit in magma.
    ``is_flat``: every value is zero; the maps say "no evidence".
    """

    limit: float
    clipped_share: float
    is_signed: bool
    is_flat: bool

    def __post_init__(self) -> None:
        if not (math.isfinite(self.limit) and self.limit >= 0):
            raise ValueError(f"a range's limit must be finite and not negative, got {self.limit}")
        if not 0 <= self.clipped_share <= 1:
            raise ValueError(f"a clipped share must lie in [0, 1], got {self.clipped_share}")
        if self.is_flat != (self.limit == 0):
            raise ValueError(f"a range is flat exactly if its limit is 0, got {self.limit}, {self.is_flat}")


@dataclass(frozen=True)
class Tick:
    """A mark of a colour bar: its place (0 at the low end, 1 at the high end), value and label."""

    fraction: float
    value: float
    label: str


@dataclass(frozen=True)
class ColourBar:
    """A colour bar as data, for a CSS or SVG gradient: ``stops`` are (fraction, "#rrggbb"), low to high."""

    stops: tuple[tuple[float, str], ...]
    ticks: tuple[Tick, ...]


def scale_colour(index: int, count: int) -> str:
    """The colour "#RRGGBB" of scale ``index`` (0: the smallest) of ``count`` scales.

    The same index has the same colour for every ``count``. Colours do not repeat: two
    scales of one colour would make every picture ambiguous.

    Raises ConfigError for more scales than colours, IndexError for an index outside 0..count-1.
    """
    if count > len(SCALE_COLOURS):
        raise ConfigError(
            f"at most {len(SCALE_COLOURS)} scales can be told apart by colour, got {count}; use fewer scales"
        )
    if not 0 <= index < count:
        raise IndexError(f"a scale's index must lie in 0..{count - 1}, got {index}")
    return SCALE_COLOURS[index]


def shared_range(maps: Iterable[np.ndarray], *, percentile: float = PIXEL_PERCENTILE, is_signed: bool = True) -> Range:
    """One range for all ``maps`` (any shapes, finite numbers) of a target together.

    The limit is the smallest magnitude that at least ``percentile`` per cent of the pixels of
    all maps do not exceed, each pixel counting once: it is a value of the maps, at most
    ``100 - percentile`` per cent are clipped, and below 200 pixels nothing is clipped at 99.5.
    Use ``CELL_PERCENTILE`` for the native grids of cells. Where that limit is zero because almost
    all pixels are, it is taken over the others.

    ``is_signed=False`` is for methods whose values are magnitudes.
    Raises ValueError for no or empty maps, NaN or infinity, a negative magnitude, a percentile
    outside (0, 100].
    """
    if not 0 < percentile <= 100:
        raise ValueError(f"a percentile must lie in (0, 100], got {percentile}")
    values = [_finite(values).ravel() for values in maps]
    if not values or min(map(np.size, values)) == 0:
        raise ValueError("a range needs at least one map, and no map may be empty")
    values = np.concatenate(values)
    if not is_signed:
        _refuse_negative(values)
    magnitudes = np.abs(values)
    visible = magnitudes[magnitudes >= _UNDERFLOW]
    if not visible.size:
        return Range(limit=0.0, clipped_share=0.0, is_signed=is_signed, is_flat=True)
    limit = _percentile(magnitudes, percentile)
    if limit < _UNDERFLOW:
        limit = _percentile(visible, percentile)
    clipped_share = float(np.mean(magnitudes > limit))
    return Range(limit=limit, clipped_share=clipped_share, is_signed=is_signed, is_flat=False)


def paint(values: np.ndarray, range_: Range) -> np.ndarray:
    """A map (h, w) as an opaque picture (h, w, 3) uint8; zero is the middle colour, a light grey.

    Magnitudes (``range_.is_signed`` false) run from nearly black at zero to pale yellow.
    Raises ValueError for values that are not finite or do not fit the range: a negative
    magnitude, or evidence in a flat range.
    """
    return _table(range_.is_signed)[_table_index(_ratio(values, range_), range_)]


def overlay_rgba(values: np.ndarray, range_: Range) -> np.ndarray:
    """A map (h, w) as a transparent picture (h, w, 4) uint8, to lay over a grey image.

    Alpha is ``|value| / limit`` (of 255, clipped), not premultiplied; the page may multiply it by
    an opacity without computing anything here again. Magnitudes have :func:`paint`'s colours. Signed
    colours are those that give paint's when laid over the colour of zero, so that weak evidence is
    a thin coat of a strong colour, not a white veil. One colour bar fits both. Raises as
    :func:`paint`.
    """
    ratio = _ratio(values, range_)
    table = _signed_overlay_table() if range_.is_signed else _table(False)
    colours = table[_table_index(ratio, range_)]
    alpha = np.rint(np.abs(ratio) * 255).astype(np.uint8)
    return np.concatenate([colours, alpha[..., None]], axis=-1)


def colour_bar(range_: Range, *, ticks_per_side: int = 3) -> ColourBar:
    """The colour bar of a range: gradient stops, and ticks at round values in the maps' units.

    A signed bar has up to ``ticks_per_side`` ticks on either side of zero; a bar of magnitudes
    has zero at its low end. A flat range has the tick of zero alone.
    """
    table = _table(range_.is_signed)
    stops = tuple(
        (i / _BAR_INTERVALS, _hex(table[(len(table) - 1) * i // _BAR_INTERVALS])) for i in range(_BAR_INTERVALS + 1)
    )
    if range_.is_flat:
        return ColourBar(stops, (Tick(0.5 if range_.is_signed else 0.0, 0.0, "0"),))
    step = _round_step(range_.limit, ticks_per_side)
    count = math.floor(range_.limit / step * (1 + 1e-9))
    multiples = range(-count if range_.is_signed else 0, count + 1)
    return ColourBar(stops, tuple(_tick(multiple * step, step, range_) for multiple in multiples))


def format_signed(value: float, *, decimals: int = 1) -> str:
    """``+2.1``, ``−0.2`` (a real minus sign), and ``0.0`` without a sign for what rounds to zero."""
    text = f"{abs(value):.{decimals}f}"
    if not any(digit in text for digit in "123456789"):
        return text
    return ("−" if value < 0 else "+") + text


def greyscale(rgb: np.ndarray, *, fade: float = 0.0) -> np.ndarray:
    """A picture (h, w, 3) uint8 in shades of grey, the base under an overlay; same shape and type.

    ``fade`` mixes it with white: 0 leaves it, 1 is white. Half faded, dark places still show
    the colours laid over them.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"a picture must be (h, w, 3) uint8, got {rgb.shape} {rgb.dtype}")
    if not 0 <= fade <= 1:
        raise ValueError(f"fade must lie in [0, 1], got {fade}")
    luma = (rgb @ _LUMA) * (1 - fade) + 255 * fade
    return np.repeat(np.rint(luma).astype(np.uint8)[..., None], 3, axis=-1)


def _finite(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        raise ValueError(f"a map must be finite, got {bad} of {values.size} values that are NaN or infinite")
    return values


def _refuse_negative(values: np.ndarray) -> None:
    if (values < 0).any():
        raise ValueError(f"magnitudes must not be negative, got {values.min():g}; use a signed range")


def _percentile(magnitudes: np.ndarray, percentile: float) -> float:
    return float(np.percentile(magnitudes, percentile, method="inverted_cdf"))


def _ratio(values: np.ndarray, range_: Range) -> np.ndarray:
    """``values / limit`` clipped to [-1, 1]; zeros for a flat range."""
    values = _finite(values)
    if not range_.is_signed:
        _refuse_negative(values)
    if range_.is_flat:
        if (np.abs(values) >= _UNDERFLOW).any():
            raise ValueError("a flat range fits maps of zeros only; make the range from these maps too")
        return np.zeros_like(values)
    return np.clip(values, -range_.limit, range_.limit) / range_.limit


def _table_index(ratio: np.ndarray, range_: Range) -> np.ndarray:
    if range_.is_signed:
        return np.rint(ratio * _STEPS_PER_SIDE).astype(np.intp) + _STEPS_PER_SIDE
    return np.rint(ratio * 2 * _STEPS_PER_SIDE).astype(np.intp)


@cache
def _table(is_signed: bool) -> np.ndarray:
    """(257, 3) uint8: from -limit to limit, or from 0 to limit."""
    low, high = _SIGNED_CUT if is_signed else (0.0, 1.0)
    places = np.linspace(low, high, 2 * _STEPS_PER_SIDE + 1)
    # Enough entries that every place has one: 10 * 256 / 8 is a whole number, the middle among them.
    size = 10 * 2 * _STEPS_PER_SIDE + 1
    name = _SIGNED_TABLE if is_signed else _MAGNITUDE_TABLE
    table = np.asarray(matplotlib.colormaps[name].resampled(size)(places))[:, :3]
    return _read_only(np.rint(table * 255).astype(np.uint8))


@cache
def _signed_overlay_table() -> np.ndarray:
    """(257, 3) uint8: the colours c with alpha c + (1 - alpha) zero = the table's, as far as they exist."""
    table = _table(True).astype(np.float64)
    zero = table[_STEPS_PER_SIDE]
    alpha = np.abs(np.linspace(-1, 1, len(table)))
    alpha[_STEPS_PER_SIDE] = 1.0  # any: it is painted with alpha 0
    colours = zero + (table - zero) / alpha[:, None]
    return _read_only(np.rint(np.clip(colours, 0, 255)).astype(np.uint8))


def _read_only(table: np.ndarray) -> np.ndarray:
    table.flags.writeable = False
    return table


def _hex(colour: np.ndarray) -> str:
    return "#" + "".join(f"{channel:02x}" for channel in colour)


def _round_step(limit: float, ticks_per_side: int) -> float:
    """The smallest of 1, 2, 5 times a power of ten that fits at most ``ticks_per_side`` times."""
    if ticks_per_side < 3:
        # With fewer the smallest step that fits may exceed the limit: 5 in a limit of 4.9.
        raise ValueError(f"a colour bar needs room for at least 3 ticks per side, got {ticks_per_side}")
    least = limit / ticks_per_side * (1 - 1e-9)
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)


def _tick(value: float, step: float, range_: Range) -> Tick:
    share = value / range_.limit
    fraction = (share + 1) / 2 if range_.is_signed else share
    return Tick(min(max(fraction, 0.0), 1.0), value, _tick_label(value, step, is_signed=range_.is_signed))


def _tick_label(value: float, step: float, *, is_signed: bool) -> str:
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(step) + 1e-9)
    if -3 <= exponent <= 3:
        text = format_signed(value, decimals=max(0, -exponent))
    else:
        power = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        text = f"{format_signed(value / 10.0**exponent, decimals=0)}×10{power}"
    return text if is_signed else text.removeprefix("+")
