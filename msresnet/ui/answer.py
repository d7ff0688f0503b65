"""The answer as people read it: one sentence, the top-k, the ledger. Numbers in, HTML out."""

from html import escape

import numpy as np

from ..colour import format_signed, scale_colour
from ..explain import Answer
from ..figures import LedgerRow, Step, waterfall
from ..ledger import Reading, Target
from . import text

REGIONS = (
    ("upper left", "top", "upper right"),
    ("left", "centre", "right"),
    ("lower left", "bottom", "lower right"),
)

# A region is named when it holds this share of the evidence; a ninth would be chance.
NAMED_SHARE = 0.3


def sentence(answer: Answer, target: Target) -> str:
    """The answer in plain words, generated from the numbers and claiming no more than they say."""
    ledger = answer.ledger
    label = f"<em>{escape(ledger.classes[target.index])}</em>"
    share = ledger.probabilities[target.index]
    best = int(ledger.logits.argmax())
    if target.against is not None:
        opening = f"Why {label} rather than <em>{escape(ledger.classes[target.against])}</em>?"
    elif target.index != best:
        opening = (
            f"{label} gets {text.percent(share)}; the model would rather say <em>{escape(ledger.classes[best])}</em>."
        )
    elif share >= 0.5:
        opening = f"{label}, {text.percent(share)}."
    else:
        opening = f"Not sure: {label} is the best of {len(ledger.classes)} guesses, at {text.percent(share)}."
    return f"{opening} {evidence_sentence(answer, target)}"


def evidence_sentence(answer: Answer, target: Target) -> str:
    """Which scale gives most of the evidence for the target, and where it lies."""
    contributions = np.array(answer.ledger.read(target).contributions)
    positive = contributions.clip(min=0)
    if positive.sum() <= 0:
        return "No scale speaks for it."
    count = len(contributions)
    top = int(positive.argmax())
    place = place_of(answer, target)
    where = f", mostly {place}" if place else ", spread over the picture"
    if count == 1:
        return f"The evidence lies{where.removeprefix(',')}."
    name = f"{text.scale_name(top, count)} scale ({answer.sides[top]} px)"
    return f"{fraction(positive[top] / positive.sum())} of the evidence for it comes from the {name}{where}."


def fraction(share: float) -> str:
    """A share in words, the nearest common fraction."""
    words = ((0.25, "A quarter"), (1 / 3, "A third"), (0.5, "Half"), (2 / 3, "Two thirds"), (0.75, "Three quarters"))
    if share > 0.97:
        return "All"
    if share > 0.85:
        return "Most"
    nearest, word = min(words, key=lambda pair: abs(pair[0] - share))
    return word if abs(nearest - share) < 0.015 else f"About {word[0].lower()}{word[1:]}"


def place_of(answer: Answer, target: Target) -> str:
    """The ninth of the field of view that holds most positive evidence, or nothing where none stands out."""
    ninths = np.zeros((3, 3))
    for side, maps in zip(answer.sides, answer.ledger.evidence_for(target), strict=True):
        height, width = maps.shape
        rows = [min(int(3 * (answer.stride * i + 0.5) / side), 2) for i in range(height)]
        columns = [min(int(3 * (answer.stride * j + 0.5) / side), 2) for j in range(width)]
        np.add.at(ninths, np.ix_(rows, columns), maps.clip(min=0))
    if ninths.sum() <= 0 or ninths.max() / ninths.sum() < NAMED_SHARE:
        return ""
    row, column = np.unravel_index(ninths.argmax(), ninths.shape)
    name = REGIONS[row][column]
    return (
        f"in the {name}"
        if name in ("centre", "upper left", "upper right", "lower left", "lower right")
        else f"at the {name}"
    )


def top_k_html(answer: Answer, target: Target) -> str:
    """The most probable classes as buttons with bars; the explained one is marked."""
    rows = []
    for entry in answer.top_k:
        chosen = entry.index == target.index
        rows.append(
            f'<button type="button" class="ms-class" data-class="{entry.index}" aria-pressed="{str(chosen).lower()}"'
            f' title="{escape(entry.label)}: probability {entry.probability:.4f}, logit {entry.logit:.4f}">'
            f'<span class="ms-class-name">{escape(entry.label)}</span>'
            f'<span class="ms-class-bar"><span style="width:{100 * entry.probability:.2f}%"></span></span>'
            f'<span class="ms-number">{text.percent(entry.probability)}</span></button>'
        )
    return f'<div class="ms-classes" role="group" aria-label="Most probable classes">{"".join(rows)}</div>'


def ledger_html(answer: Answer, target: Target) -> str:
    """The ledger of a target: one bar per scale, the bias, and the total that they add up to."""
    ledger = answer.ledger
    reading = ledger.read(target)
    row = LedgerRow(ledger.classes[target.index], reading.contributions, reading.bias, reading.total)
    steps = waterfall(row)
    edges = [0.0, *(step.start for step in steps), *(step.end for step in steps)]
    low, high = min(edges), max(edges)
    span = max(high - low, 1e-9)
    lines = [ledger_line(answer, step, low, span) for step in steps]
    total = bar_html(0.0, reading.total, low, span)
    lines.append(
        '<div class="ms-entry ms-total" role="row"><span class="ms-entry-name" role="cell">= total</span>'
        f'<span class="ms-track" role="presentation">{zero_html(low, span)}{total}</span>'
        f'<span class="ms-number" role="cell" title="{reading.total:.6f}">{format_signed(reading.total)}</span></div>'
    )
    note = text.LEDGER_NOTE if target.against is None else text.LEDGER_NOTE_AGAINST
    return (
        f'<div class="ms-ledger" role="table" aria-label="{text.LEDGER}">{"".join(lines)}</div>'
        f'<p class="ms-note">{caption(answer, reading)}</p><details class="ms-details"><summary>How to read this</summary>'
        f"<p>{note} {text.GATE_NOTE}</p></details>"
    )


def ledger_line(answer: Answer, step: Step, low: float, span: float) -> str:
    """One bar of the waterfall: a scale's, or the bias's."""
    amount = step.end - step.start
    bar = bar_html(step.start, step.end, low, span)
    if step.scale is None:
        name, attributes, detail = "bias", "", ""
    else:
        colour = scale_colour(step.scale, len(answer.sides))
        weight = answer.ledger.level_weights[step.scale]
        attributes = f' data-scale="{step.scale}" style="--scale:{colour}" tabindex="0"'
        name = f'<i class="ms-dot"></i>{answer.sides[step.scale]} px'
        detail = (
            f' title="scale {answer.scales[step.scale]:.2f}: {amount:+.6f} logits; weight of its vote {weight:.3f}"'
        )
    return (
        f'<div class="ms-entry" role="row"{attributes}><span class="ms-entry-name" role="cell">{name}</span>'
        f'<span class="ms-track" role="presentation">{zero_html(low, span)}{bar}</span>'
        f'<span class="ms-number" role="cell"{detail}>{format_signed(amount)}</span></div>'
    )


def bar_html(start: float, end: float, low: float, span: float) -> str:
    """A bar from ``start`` to ``end`` on a track that shows ``low`` to ``low + span``."""
    left = 100 * (min(start, end) - low) / span
    return f'<span class="ms-bar" style="left:{left:.2f}%;width:{100 * abs(end - start) / span:.2f}%"></span>'


def zero_html(low: float, span: float) -> str:
    """The line where a track is zero."""
    return f'<span class="ms-zero" style="left:{-100 * low / span:.2f}%"></span>'


def caption(answer: Answer, reading: Reading) -> str:
    """The sum in numbers: what is added, what it makes, what is left over."""
    ledger, target = answer.ledger, reading.target
    parts = " ".join(format_signed(value) for value in (*reading.contributions, reading.bias))
    residual = abs(ledger.residuals[target.index])
    label = escape(ledger.classes[target.index])
    if target.against is None:
        meaning = f"logit of {label} above the average class"
    else:
        meaning = f"logit of {label} above {escape(ledger.classes[target.against])}"
    return (
        f"{parts} = {format_signed(reading.total)} logits, the {meaning}. "
        f'<span title="raw logit minus the float64 sum of its parts">Left over: {residual:.0e}.</span>'
    )
