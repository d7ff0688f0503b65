"""Maps over pictures, one frame per scale, one shared range. Arrays in, HTML out."""

from collections.abc import Sequence
from html import escape

import numpy as np

from ..attribution import METHODS, Attribution
from ..colour import ColourBar, Range, colour_bar, format_signed, overlay_rgba, scale_colour, shared_range
from ..explain import Answer
from ..figures import cells_on_level, data_uri, to_png_bytes
from ..ledger import Target
from . import text

# A cell is one number that people compare with its neighbours: nothing is clipped.
CELL_PERCENTILE = 100.0


def evidence_html(answer: Answer, target: Target, pictures: Sequence[np.ndarray]) -> str:
    """The evidence of every scale and of all together, on one symmetric range in logits.

    Args:
        answer: of the image.
        target: class-centred, or A − B.
        pictures: per scale the ``(side, side, 3)`` uint8 pixels that the model saw.
    """
    maps = answer.ledger.evidence_for(target)
    drawn = [
        cells_on_level(values, side=side, stride=answer.stride) for values, side in zip(maps, answer.sides, strict=True)
    ]
    together = all_scales(drawn, max(answer.sides))
    range_ = shared_range(maps, percentile=CELL_PERCENTILE)
    reading = answer.ledger.read(target)
    frames = [
        frame_html(picture, values, range_, scale=s, answer=answer, value=reading.contributions[s])
        for s, (picture, values) in enumerate(zip(pictures, drawn, strict=True))
    ]
    if len(maps) > 1:
        frames.append(frame_html(pictures[-1], together, range_, scale=None, answer=answer, value=None))
    note = details_html(text.EVIDENCE_NOTE)
    return strip_html(frames, colour_bar(range_), "evidence", unit=text.LOGITS, note=note, is_flat=range_.is_flat)


def attribution_html(result: Attribution, answer: Answer, pictures: Sequence[np.ndarray]) -> str:
    """One method's map per scale on one range, with what it promises and how well it kept it."""
    method = METHODS[result.method]
    drawn = [
        cells_on_level(values, side=side, stride=stride) if values.shape != (side, side) else values
        for values, side, stride in zip(result.maps, answer.sides, result.strides, strict=True)
    ]
    is_cells = any(values.shape != (side, side) for values, side in zip(result.maps, answer.sides, strict=True))
    range_ = shared_range(result.maps, percentile=CELL_PERCENTILE if is_cells else 99.5, is_signed=result.is_signed)
    numbers = [float(values.item()) if values.size == 1 else None for values in result.maps]
    frames = [
        frame_html(picture, values, range_, scale=s, answer=answer, value=number)
        for s, (picture, values, number) in enumerate(zip(pictures, drawn, numbers, strict=True))
    ]
    unit = text.UNITS.get(result.method, text.LOGITS)
    facts = [method.promise]
    if result.completeness_residual is not None:
        facts.append(
            f"Its maps add up to {format_signed(result.f_input - result.f_baseline)} {unit} "
            f"with {100 * result.completeness_residual:.1f} % left over."
        )
    if result.baseline is not None:
        facts.append(f"Compared with a {result.baseline} picture.")
    if range_.clipped_share:
        facts.append(f"{100 * range_.clipped_share:.1f} % of the pixels are stronger than the colour bar shows.")
    facts.append(f"{result.seconds:.1f} s.")
    cautions = [sentence for sentence in (method.caution, result.note) if sentence]
    paragraphs = [f"<p>{escape(fact)}</p>" for fact in facts]
    paragraphs += [f'<p class="ms-caution">{escape(caution)}</p>' for caution in cautions]
    frames.append(f'<div class="ms-aside">{"".join(paragraphs)}</div>')
    return strip_html(frames, colour_bar(range_), "attribution", unit=unit, note="", is_flat=range_.is_flat)


def all_scales(drawn: Sequence[np.ndarray], side: int) -> np.ndarray:
    """What the cells that are drawn at a point add on average over the scales, ``(side, side)``.

    A mean stays within the range of the maps it is made of, so no colour is clipped.
    """
    total = np.zeros((side, side))
    for values in drawn:
        index = ((np.arange(side) + 0.5) * len(values) / side).astype(int)
        total += values[np.ix_(index, index)]
    return total / len(drawn)


def frame_html(
    picture: np.ndarray, values: np.ndarray, range_: Range, *, scale: int | None, answer: Answer, value: float | None
) -> str:
    """One map over the pixels of its level, under the scale's colour."""
    side = answer.sides[-1] if scale is None else answer.sides[scale]
    if value is not None:
        amount = f'<span class="ms-number" title="{value:.6f}">{format_signed(value)}</span>'
    else:
        amount = "" if np.any(values) else f'<span class="ms-flat">{text.FLAT}</span>'
    if scale is None:
        attributes, name, alt = ' class="ms-frame ms-frame-all"', "all, on average", "Average over the scales"
    else:
        colour = scale_colour(scale, len(answer.sides))
        attributes = f' class="ms-frame" data-scale="{scale}" style="--scale:{colour}"'
        name = f'<i class="ms-dot"></i>{side} px'
        alt = f"{side} px scale"
    overlay = "" if range_.is_flat else f'<img class="ms-over" alt="" src="{png(overlay_rgba(values, range_))}">'
    pixelated = " ms-pixelated" if side < 200 else ""
    words = f"{alt}: {described(values, range_)}"
    return (
        f'<figure{attributes}><div class="ms-stack{pixelated}" role="img" aria-label="{words}">'
        f'<img class="ms-base" alt="" src="{png(picture)}">{overlay}</div>'
        f"<figcaption><span>{name}</span>{amount}</figcaption></figure>"
    )


def described(values: np.ndarray, range_: Range) -> str:
    """What a map shows, in words, for those who cannot see it."""
    if range_.is_flat or not np.any(values):
        return text.FLAT
    row, column = np.unravel_index(np.abs(values).argmax(), values.shape)
    vertical = ("top", "middle", "bottom")[min(3 * row // values.shape[0], 2)]
    horizontal = ("left", "centre", "right")[min(3 * column // values.shape[1], 2)]
    kind = "for" if values[row, column] > 0 else "against"
    return f"strongest {kind} the class at the {vertical} {horizontal}, {values[row, column]:+.2g}"


def strip_html(frames: Sequence[str], bar: ColourBar, kind: str, *, unit: str, note: str, is_flat: bool) -> str:
    """Frames side by side above their colour bar and what to know about them."""
    if is_flat:
        note = f'<p class="ms-note">{text.NO_EVIDENCE}</p>{note}'
    return (
        f'<div class="ms-frames" data-kind="{kind}" tabindex="0" role="group" aria-label="{kind} by scale">'
        f"{''.join(frames)}</div>{bar_html(bar, unit)}{note}"
    )


def details_html(note: str) -> str:
    """An explanation that is unfolded on demand."""
    return f'<details class="ms-details"><summary>How to read this</summary><p>{note}</p></details>'


def bar_html(bar: ColourBar, unit: str) -> str:
    """The colour bar with its ticks in ``unit``."""
    stops = ",".join(f"{colour} {100 * fraction:.2f}%" for fraction, colour in bar.stops)
    ticks = "".join(f'<span style="left:{100 * tick.fraction:.2f}%">{tick.label}</span>' for tick in bar.ticks)
    words = f"Colour bar in {unit} from {bar.ticks[0].label} to {bar.ticks[-1].label}"
    return (
        f'<div class="ms-scale" role="img" aria-label="{words}">'
        f'<div class="ms-gradient" style="background:linear-gradient(90deg,{stops})"></div>'
        f'<div class="ms-ticks">{ticks}</div><div class="ms-unit">{unit}</div></div>'
    )


def png(picture: np.ndarray) -> str:
    """A picture as an address that an ``<img>`` shows."""
    return data_uri(to_png_bytes(picture))
