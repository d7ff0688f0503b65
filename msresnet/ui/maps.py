"""Maps over pictures, one frame per scale, one shared range. Arrays in, HTML out."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import numpy as np

from ..attribution import METHODS, Attribution
from ..colour import (
    CELL_PERCENTILE,
    PIXEL_PERCENTILE,
    ColourBar,
    Range,
    colour_bar,
    format_signed,
    overlay_rgba,
    scale_colour,
    shared_range,
)
from ..explanation import Answer
from ..ledger import Target
from ..localisation import locate
from ..pictures import cells_on_level, data_uri, to_png_bytes
from .assets import send_pick
from .heading import how_to_read_html
from .options import Options, options_html
from .where import box_html, box_note
from .words import Phrase, Words, methods
from .words import maps as said
from .words import page as text
from .words.answer import REGIONS
from .words.sentences import sentence

DEFAULTS = Options()
PICK_METHOD = send_pick("method", "name")


def evidence_html(answer: Answer, target: Target, pictures: Sequence[np.ndarray], words: Words) -> str:
    """The evidence of every scale and of all together, on one symmetric range in logits.

    Args:
        answer: of the image.
        target: class-centred, or A − B.
        pictures: per scale the ``(side, side, 3)`` uint8 pixels that the model saw.
        words: the visitor's language.
    """
    maps = answer.ledger.evidence_for(target)
    drawn = [
        cells_on_level(values, side=side, stride=answer.stride) for values, side in zip(maps, answer.sides, strict=True)
    ]
    together = all_scales(drawn, max(answer.sides))
    range_ = shared_range(maps, percentile=CELL_PERCENTILE)
    reading = answer.ledger.read(target)
    location = locate(answer.ledger, target, sides=answer.sides, stride=answer.stride)
    marks = box_html(location)
    frames = [
        frame_html(
            picture, values, range_, scale=s, answer=answer, value=reading.contributions[s], words=words, marks=marks
        )
        for s, (picture, values) in enumerate(zip(pictures, drawn, strict=True))
    ]
    if len(maps) > 1:
        frames.append(
            frame_html(pictures[-1], together, range_, scale=None, answer=answer, value=None, words=words, marks=marks)
        )
    note = box_note(location, answer.ledger.classes, words) + how_to_read_html(words(said.EVIDENCE_NOTE), words)
    bar = bar_html(colour_bar(range_), words(said.LOGITS), words)
    return strip_html(frames, bar, said.EVIDENCE_GROUP, words, note=note, is_flat=range_.is_flat)


def attribution_html(
    result: Attribution,
    answer: Answer,
    pictures: Sequence[np.ndarray],
    words: Words,
    *,
    options: Options = DEFAULTS,
    baseline: np.ndarray | None = None,
    estimates: Mapping[str, float] | None = None,
) -> str:
    """One method's map per scale, with what it promises and how well it kept it.

    Args:
        result: of the method.
        answer: of the same image.
        pictures: per scale the ``(side, side, 3)`` uint8 pixels that the model saw.
        words: the visitor's language.
        options: how it is drawn, and what can be chosen.
        baseline: ``(side, side, 3)`` uint8 pixels of what the picture is compared with, where it is.
        estimates: seconds that each method will take here.
    """
    is_magnitude = options.is_magnitude and result.is_signed
    maps = result.magnitudes if is_magnitude else result.maps
    drawn = [
        values
        if values.shape == (side, side)
        else cells_on_level(values, side=side, stride=stride, is_smooth=options.is_smooth)
        for values, side, stride in zip(maps, answer.sides, result.strides, strict=True)
    ]
    is_cells = any(values.shape != (side, side) for values, side in zip(maps, answer.sides, strict=True))
    percentile = CELL_PERCENTILE if is_cells else PIXEL_PERCENTILE
    is_signed = result.is_signed and not is_magnitude
    range_ = shared_range(maps, percentile=percentile, is_signed=is_signed)
    is_local = options.is_local and METHODS[result.method].says_where
    ranges = [range_] * len(maps)
    if is_local:
        ranges = [shared_range([one], percentile=percentile, is_signed=is_signed) for one in maps]
    numbers = [float(values.item()) if values.size == 1 else None for values in maps]
    frames = [
        frame_html(picture, values, own, scale=s, answer=answer, value=number, words=words)
        for s, (picture, values, own, number) in enumerate(zip(pictures, drawn, ranges, numbers, strict=True))
    ]
    unit = words(said.UNITS.get(result.method, said.LOGITS))
    facts = [methods.promise(words, result.method), *facts_about(result, range_, unit, words)]
    cautions = [methods.caution(words, result.method), sentence(words, result.note)]
    paragraphs = [f"<p>{escape(fact)}</p>" for fact in facts]
    paragraphs += [f'<p class="ms-caution">{escape(caution)}</p>' for caution in cautions if caution]
    shown = "" if baseline is None else baseline_html(result, baseline, words)
    frames.append(f'<div class="ms-aside">{shown}{"".join(paragraphs)}</div>')
    bar = local_html(ranges, answer, words) if is_local else bar_html(colour_bar(range_), unit, words)
    strip = strip_html(frames, bar, said.ATTRIBUTION_GROUP, words, note="", is_flat=range_.is_flat)
    table = "" if estimates is None else methods_html(estimates, words)
    return f"{options_html(result, options, words)}{strip}{table}"


def baseline_html(result: Attribution, picture: np.ndarray, words: Words) -> str:
    """The picture that stands for nothing, and the score there."""
    name = words(said.BASELINE_NAME, baseline=words(said.BASELINES[result.baseline]))
    scores = words(
        said.BASELINE_SCORE,
        value=format_signed(result.f_baseline, decimals=2),
        image=format_signed(result.f_input, decimals=2),
    )
    return (
        f'<div class="ms-baseline"><img role="img" alt="{escape(name)}" src="{png(picture)}">'
        f"<p>{escape(scores)}</p></div>"
    )


def local_html(ranges: Sequence[Range], answer: Answer, words: Words) -> str:
    """In place of a colour bar: that there is none in common, and what full colour means at each scale."""
    limits = words(text.COMMA).join(
        words(said.LOCAL_LIMIT, limit=f"{one.limit:.2g}", side=side)
        for one, side in zip(ranges, answer.sides, strict=True)
    )
    return f'<p class="ms-note ms-caution">{escape(words(said.LOCAL_NOTE, limits=limits))}</p>'


def methods_html(estimates: Mapping[str, float], words: Words) -> str:
    """The table of methods, with what each will take here, unfolded on demand."""
    head = "".join(f'<th scope="col">{words(phrase)}</th>' for phrase in said.METHOD_HEADS)
    rows = "".join(f"<tr>{method_row(name, took, words)}</tr>" for name, took in estimates.items())
    return (
        f'<details class="ms-details ms-method-table"><summary>{words(said.METHODS_TABLE)}</summary>'
        f'<div class="ms-table" tabindex="0" role="group" aria-label="{words(said.METHODS_TABLE)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def method_row(name: str, seconds: float, words: Words) -> str:
    """One method's cells."""
    method = METHODS[name]
    cells = (
        words(said.FAMILIES[method.family]),
        methods.promise(words, name),
        words(said.BASELINES[method.baseline.value]) if method.baseline else "",
        words(said.YES) if method.is_complete else "",
        words(said.ABOUT_SECONDS, seconds=about(seconds)),
    )
    title = escape(methods.title(words, name))
    return f'<th scope="row">{title}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in cells)


def about(seconds: float) -> str:
    """An estimate: 0.1 at least, whole seconds from 10 on."""
    return f"{seconds:.0f}" if seconds >= 10 else f"{max(seconds, 0.1):.1f}"


def kept_html(computed: Iterable[str], shown: str, words: Words) -> str:
    """The methods that can be flipped between, as their maps are there; nothing where there is only one."""
    names = [name for name in METHODS if name in set(computed)]
    if len(names) < 2:
        return ""
    buttons = "".join(
        f'<button type="button" data-method="{name}" aria-pressed="{str(name == shown).lower()}">'
        f"{escape(methods.title(words, name))}</button>"
        for name in names
    )
    label = words(text.KEPT)
    return f'<div class="ms-methods" role="group" aria-label="{label}"><span>{label}</span>{buttons}</div>'


def facts_about(result: Attribution, range_: Range, unit: str, words: Words) -> list[str]:
    """What the maps add up to, with what they are compared, what the colours hide, what they cost."""
    facts = []
    if result.completeness_residual is not None:
        total = format_signed(result.f_input - result.f_baseline)
        left = f"{100 * result.completeness_residual:.1f}"
        facts.append(words(said.ADDS_UP, total=total, unit=unit, left=left))
    if result.baseline is not None:
        facts.append(words(said.COMPARED_WITH, baseline=words(said.BASELINES[result.baseline])))
    if range_.clipped_share:
        facts.append(words(said.CLIPPED, share=f"{100 * range_.clipped_share:.1f}"))
    return [*facts, words(said.SECONDS, seconds=f"{result.seconds:.1f}")]


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
    picture: np.ndarray,
    values: np.ndarray,
    range_: Range,
    *,
    scale: int | None,
    answer: Answer,
    value: float | None,
    words: Words,
    marks: str = "",
) -> str:
    """One map over the pixels of its level, under the scale's colour; ``marks`` are drawn over it."""
    side = answer.sides[-1] if scale is None else answer.sides[scale]
    if value is not None:
        amount = f'<span class="ms-number" title="{value:.6f}">{format_signed(value)}</span>'
    else:
        amount = "" if np.any(values) else f'<span class="ms-flat">{words(said.FLAT)}</span>'
    if scale is None:
        attributes, caption, name = ' class="ms-frame ms-frame-all"', words(said.ALL_SCALES), said.ALL_SCALES_NAME
    else:
        colour = scale_colour(scale, len(answer.sides))
        attributes = f' class="ms-frame" data-scale="{scale}" style="--scale:{colour}"'
        caption, name = f'<i class="ms-dot"></i>{words(text.PIXELS, side=side)}', said.SCALE_NAME
    overlay = "" if range_.is_flat else f'<img class="ms-over" alt="" src="{png(overlay_rgba(values, range_))}">'
    pixelated = " ms-pixelated" if side < 200 else ""
    alt = words(said.MAP_NAME, name=words(name, side=side), what=described(values, range_, words))
    return (
        f'<figure{attributes}><button type="button" class="ms-stack{pixelated}" data-enlarge="{alt}" '
        f'aria-label="{words(text.ENLARGE, what=alt)}">'
        f'<img class="ms-base" alt="" src="{png(picture)}">{overlay}{marks}</button>'
        f"<figcaption><span>{caption}</span>{amount}</figcaption></figure>"
    )


def described(values: np.ndarray, range_: Range, words: Words) -> str:
    """What a map shows, in words, for those who cannot see it."""
    if range_.is_flat or not np.any(values):
        return words(said.FLAT)
    row, column = np.unravel_index(np.abs(values).argmax(), values.shape)
    region = REGIONS[min(3 * row // values.shape[0], 2)][min(3 * column // values.shape[1], 2)]
    strongest = said.STRONGEST_FOR if values[row, column] > 0 else said.STRONGEST_AGAINST
    return words(strongest, region=words(region), amount=f"{values[row, column]:+.2g}")


def strip_html(frames: Sequence[str], bar: str, name: Phrase, words: Words, *, note: str, is_flat: bool) -> str:
    """Frames side by side above their colour bar and what to know about them."""
    if is_flat:
        note = f'<p class="ms-note">{words(said.NO_EVIDENCE)}</p>{note}'
    return (
        f'<div class="ms-frames" tabindex="0" role="group" aria-label="{words(name)}">{"".join(frames)}</div>'
        f"{bar}{note}"
    )


def bar_html(bar: ColourBar, unit: str, words: Words) -> str:
    """The colour bar with its ticks in ``unit``."""
    stops = ",".join(f"{colour} {100 * fraction:.2f}%" for fraction, colour in bar.stops)
    ticks = "".join(f'<span style="left:{100 * tick.fraction:.2f}%">{tick.label}</span>' for tick in bar.ticks)
    alt = words(said.BAR, unit=unit, low=bar.ticks[0].label, high=bar.ticks[-1].label)
    return (
        f'<div class="ms-scale" role="img" aria-label="{alt}">'
        f'<div class="ms-gradient" style="background:linear-gradient(90deg,{stops})"></div>'
        f'<div class="ms-ticks">{ticks}</div><div class="ms-unit">{unit}</div></div>'
    )


def png(picture: np.ndarray) -> str:
    """A picture as an address that an ``<img>`` shows."""
    return data_uri(to_png_bytes(picture))
