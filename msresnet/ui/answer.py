"""The answer as people read it: one sentence, the top-k, the ledger. Numbers in, HTML out."""

import math
from html import escape

import numpy as np

from ..colour import format_signed, scale_colour
from ..explanation import Answer
from ..ledger import Reading, Target, relative
from ..waterfall import LedgerRow, Step, waterfall
from .assets import send_pick
from .heading import how_to_read_html
from .words import Phrase, Words
from .words import answer as said
from .words import page as text
from .words.answer import percent, scale_name

PICK_CLASS = send_pick("class", "index", is_number=True)

# A region is named when it holds this share of a scale's evidence; a ninth would be chance.
NAMED_SHARE = 0.3

# The numbers of a ledger are shown in hundredths of a logit; the exact ones are told on hover.
DECIMALS = 2


def sentence(answer: Answer, target: Target, words: Words) -> str:
    """The answer in plain words, generated from the numbers and claiming no more than they say."""
    ledger = answer.ledger
    label = label_html(ledger.classes[target.index])
    share = ledger.probabilities[target.index]
    values = {"label": label, "probability": escape(percent(words, share)), "count": len(ledger.classes)}
    best = int(ledger.logits.argmax())
    subject = words(said.IT)
    if target.against is not None:
        is_ahead = ledger.logits[target.index] > ledger.logits[target.against]
        opening = said.OPENING_WHY if is_ahead else said.OPENING_NOT_PREFERRED
        values["other"] = label_html(ledger.classes[target.against])
        subject = words(said.THE_CLASS, label=label)
    elif target.index != best:
        opening = said.OPENING_RATHER
        values["other"] = label_html(ledger.classes[best])
        subject = words(said.THE_CLASS, label=label)
    else:
        opening = said.OPENING_SURE if share >= 0.5 else said.OPENING_UNSURE
    return words.join(words(opening, **values), evidence_sentence(answer, target, subject, words))


def label_html(label: str) -> str:
    """A class's name in a sentence: English, as WordNet gives it, in every language."""
    return f'<em lang="en">{escape(label)}</em>'


def evidence_sentence(answer: Answer, target: Target, subject: str, words: Words) -> str:
    """Which scale gives most of the evidence for the target (``subject`` in the sentence), and where it lies."""
    contributions = np.array(answer.ledger.read(target).contributions)
    positive = contributions.clip(min=0)
    if positive.sum() <= 0:
        return words(said.NO_SCALE, subject=subject)
    count = len(contributions)
    top = int(positive.argmax())
    where = place_of(answer, target, top, words)
    if count == 1:
        return words(said.EVIDENCE_ALONE, subject=subject, where=where)
    return words(
        said.EVIDENCE_SHARE,
        share=words(fraction(positive[top] / positive.sum())),
        subject=subject,
        name=scale_name(words, top, count),
        side=answer.sides[top],
        where=where,
    )


def fraction(share: float) -> Phrase:
    """A share in words, the nearest common fraction."""
    if share > 0.95:
        return said.ALL if share > 0.9995 else said.NEARLY_ALL
    nearest, phrase = min(said.FRACTIONS, key=lambda pair: abs(pair[0] - share))
    return phrase if abs(nearest - share) < 0.015 else said.ABOUT[phrase]


def place_of(answer: Answer, target: Target, scale: int, words: Words) -> str:
    """Where a scale's evidence for the target lies: the ninth of the field of view that stands out, if one does."""
    maps = answer.ledger.evidence_for(target)[scale]
    rows, columns = (
        [min(int(3 * (answer.stride * i + 0.5) / answer.sides[scale]), 2) for i in range(count)] for count in maps.shape
    )
    ninths = np.zeros((3, 3))
    np.add.at(ninths, np.ix_(rows, columns), maps.clip(min=0))
    if ninths.sum() <= 0 or ninths.max() / ninths.sum() < NAMED_SHARE:
        return words(said.SPREAD)
    row, column = np.unravel_index(ninths.argmax(), ninths.shape)
    extent = said.MOSTLY if ninths.max() / ninths.sum() > 0.5 else said.STRONGEST
    return words(extent, region=words(said.REGIONS[row][column]))


def top_k_html(answer: Answer, target: Target, words: Words) -> str:
    """The most probable classes as buttons with bars; the explained one is marked."""
    rows = []
    for entry in answer.top_k:
        chosen = entry.index == target.index
        detail = words(
            said.CLASS_DETAIL, label=entry.label, probability=f"{entry.probability:.4f}", logit=f"{entry.logit:.4f}"
        )
        rows.append(
            f'<button type="button" class="ms-class" data-class="{entry.index}" aria-pressed="{str(chosen).lower()}"'
            f' title="{escape(detail)}">'
            f'<span class="ms-class-name" lang="en">{escape(entry.label)}</span>'
            f'<span class="ms-class-bar"><span style="width:{100 * entry.probability:.2f}%"></span></span>'
            f'<span class="ms-number">{escape(percent(words, entry.probability))}</span></button>'
        )
    return f'<div class="ms-classes" role="group" aria-label="{words(said.MOST_PROBABLE)}">{"".join(rows)}</div>'


def ledger_html(answer: Answer, target: Target, words: Words) -> str:
    """The ledger of a target: one bar per scale, the bias, and the total that they add up to."""
    ledger = answer.ledger
    reading = ledger.read(target)
    row = LedgerRow(ledger.classes[target.index], reading.contributions, reading.bias, reading.total)
    steps = waterfall(row)
    edges = [0.0, *(step.start for step in steps), *(step.end for step in steps)]
    low, high = min(edges), max(edges)
    span = max(high - low, 1e-9)
    shown = adding_up((*reading.contributions, reading.bias), reading.total)
    lines = [ledger_line(answer, step, amount, low, span, words) for step, amount in zip(steps, shown, strict=True)]
    total = bar_html(0.0, reading.total, low, span)
    lines.append(
        f'<div class="ms-entry ms-total" role="row"><span class="ms-entry-name" role="cell">{words(said.TOTAL)}</span>'
        f'<span class="ms-track" role="presentation">{zero_html(low, span)}{total}</span>'
        f'<span class="ms-number" role="cell" title="{reading.total:.6f}">{in_logits(reading.total)}</span></div>'
    )
    note = said.LEDGER_NOTE if target.against is None else said.LEDGER_NOTE_AGAINST
    return (
        f'<div class="ms-ledger" role="table" aria-label="{words(text.LEDGER)}">{"".join(lines)}</div>'
        f'<p class="ms-note">{caption(answer, reading, shown, words)}</p>'
        f"{how_to_read_html(words.join(words(note), words(said.GATE_NOTE)), words)}"
    )


def ledger_line(answer: Answer, step: Step, shown: float, low: float, span: float, words: Words) -> str:
    """One bar of the waterfall, a scale's or the bias's, with the number ``shown`` beside it."""
    amount = step.end - step.start
    bar = bar_html(step.start, step.end, low, span)
    if step.scale is None:
        name, attributes = words(said.BIAS), ""
        detail = words(said.LOGITS, amount=f"{amount:+.6f}")
    else:
        colour = scale_colour(step.scale, len(answer.sides))
        weight = answer.ledger.level_weights[step.scale]
        attributes = f' data-scale="{step.scale}" data-weight="{weight:.2f}" style="--scale:{colour}" tabindex="0"'
        name = f'<i class="ms-dot"></i>{words(text.PIXELS, side=answer.sides[step.scale])}'
        detail = words(
            said.SCALE_DETAIL,
            scale=f"{answer.scales[step.scale]:.2f}",
            amount=f"{amount:+.6f}",
            weight=f"{weight:.3f}",
        )
    return (
        f'<div class="ms-entry" role="row"{attributes}><span class="ms-entry-name" role="cell">{name}</span>'
        f'<span class="ms-track" role="presentation">{zero_html(low, span)}{bar}</span>'
        f'<span class="ms-number" role="cell" title="{detail}">{in_logits(shown)}</span></div>'
    )


def bar_html(start: float, end: float, low: float, span: float) -> str:
    """A bar from ``start`` to ``end`` on a track that shows ``low`` to ``low + span``."""
    left = 100 * (min(start, end) - low) / span
    return f'<span class="ms-bar" style="left:{left:.2f}%;width:{100 * abs(end - start) / span:.2f}%"></span>'


def zero_html(low: float, span: float) -> str:
    """The line where a track is zero."""
    return f'<span class="ms-zero" style="left:{-100 * low / span:.2f}%"></span>'


def in_logits(value: float) -> str:
    """A number of the ledger as it is shown."""
    return format_signed(value, decimals=DECIMALS)


def adding_up(parts: tuple[float, ...], total: float) -> tuple[float, ...]:
    """The parts rounded so that what is shown adds up to the rounded total (largest remainder).

    Each is the exact number rounded down or up; only which of the two is chosen for the sum's sake.
    """
    units = 10**DECIMALS
    rounded = [math.floor(part * units) for part in parts]
    missing = round(total * units) - sum(rounded)
    by_remainder = sorted(range(len(parts)), key=lambda i: rounded[i] - parts[i] * units)
    for i in by_remainder[:missing]:
        rounded[i] += 1
    return tuple(value / units for value in rounded)


def caption(answer: Answer, reading: Reading, shown: tuple[float, ...], words: Words) -> str:
    """The sum in numbers: what is added, what it makes, what is left over."""
    ledger, target = answer.ledger, reading.target
    residual = abs(float(relative(ledger.residuals, target)))
    label = label_html(ledger.classes[target.index])
    if target.against is None:
        meaning = words(said.ABOVE_AVERAGE, label=label)
    else:
        meaning = words(said.ABOVE_OTHER, label=label, other=label_html(ledger.classes[target.against]))
    parts = " ".join(in_logits(value) for value in shown)
    total = words(said.SUM, parts=parts, total=in_logits(reading.total), meaning=meaning)
    if math.isnan(residual):  # a probe, which no forward pass has confirmed
        return total
    left = words(said.LEFT_OVER, residual=f"{residual:.0e}")
    return words.join(total, f'<span title="{words(said.LEFT_OVER_DETAIL)}">{left}</span>')
