"""The answer as people read it: one sentence, the top-k, the ledger. Numbers in, HTML out."""

import math
from html import escape

import numpy as np

from ..colour import format_signed, scale_colour
from ..explain import Answer
from ..figures import LedgerRow, Step, waterfall
from ..ledger import Reading, Target, relative
from . import text

REGIONS = (
    ("upper left", "top", "upper right"),
    ("left", "centre", "right"),
    ("lower left", "bottom", "lower right"),
)

# A region is named when it holds this share of a scale's evidence; a ninth would be chance.
NAMED_SHARE = 0.3

# Shares that have a name; no share is farther from one than 0.05.
FRACTIONS = (
    (0.2, "A fifth"),
    (0.25, "A quarter"),
    (1 / 3, "A third"),
    (0.4, "Two fifths"),
    (0.5, "Half"),
    (0.6, "Three fifths"),
    (2 / 3, "Two thirds"),
    (0.75, "Three quarters"),
    (0.8, "Four fifths"),
    (0.9, "Nine tenths"),
)

# The numbers of a ledger are shown in hundredths of a logit; the exact ones are told on hover.
DECIMALS = 2


def sentence(answer: Answer, target: Target) -> str:
    """The answer in plain words, generated from the numbers and claiming no more than they say."""
    ledger = answer.ledger
    label = f"<em>{escape(ledger.classes[target.index])}</em>"
    share = ledger.probabilities[target.index]
    probability = escape(text.percent(share))
    best = int(ledger.logits.argmax())
    subject = "it"
    if target.against is not None:
        other = f"<em>{escape(ledger.classes[target.against])}</em>"
        is_ahead = ledger.logits[target.index] > ledger.logits[target.against]
        opening = f"Why {label} rather than {other}?" if is_ahead else f"The model does not prefer {label} to {other}."
        subject = label
    elif target.index != best:
        subject = label
        other = f"<em>{escape(ledger.classes[best])}</em>"
        opening = f"{label} gets {probability}; the model would rather say {other}."
    elif share >= 0.5:
        opening = f"{label}, {probability}."
    else:
        opening = f"Not sure: {label} is the best of {len(ledger.classes)} guesses, at {probability}."
    return f"{opening} {evidence_sentence(answer, target, subject)}"


def evidence_sentence(answer: Answer, target: Target, subject: str) -> str:
    """Which scale gives most of the evidence for the target (``subject`` in the sentence), and where it lies."""
    contributions = np.array(answer.ledger.read(target).contributions)
    positive = contributions.clip(min=0)
    if positive.sum() <= 0:
        return f"No scale speaks for {subject}."
    count = len(contributions)
    top = int(positive.argmax())
    where = place_of(answer, target, top)
    if count == 1:
        return f"The evidence for {subject} lies {where}."
    name = f"{text.scale_name(top, count)} scale ({answer.sides[top]} px)"
    share = fraction(positive[top] / positive.sum())
    return f"{share} of the evidence for {subject} comes from the {name}, {where}."


def fraction(share: float) -> str:
    """A share in words, the nearest common fraction."""
    if share > 0.95:
        return "All" if share > 0.9995 else "Nearly all"
    nearest, word = min(FRACTIONS, key=lambda pair: abs(pair[0] - share))
    return word if abs(nearest - share) < 0.015 else f"About {word[0].lower()}{word[1:]}"


def place_of(answer: Answer, target: Target, scale: int) -> str:
    """Where a scale's evidence for the target lies: the ninth of the field of view that stands out, if one does."""
    maps = answer.ledger.evidence_for(target)[scale]
    rows, columns = (
        [min(int(3 * (answer.stride * i + 0.5) / answer.sides[scale]), 2) for i in range(count)] for count in maps.shape
    )
    ninths = np.zeros((3, 3))
    np.add.at(ninths, np.ix_(rows, columns), maps.clip(min=0))
    if ninths.sum() <= 0 or ninths.max() / ninths.sum() < NAMED_SHARE:
        return "spread over the picture"
    row, column = np.unravel_index(ninths.argmax(), ninths.shape)
    name = REGIONS[row][column]
    is_area = name in ("centre", "upper left", "upper right", "lower left", "lower right")
    extent = "mostly" if ninths.max() / ninths.sum() > 0.5 else "strongest"
    return f"{extent} {'in' if is_area else 'at'} the {name}"


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
            f'<span class="ms-number">{escape(text.percent(entry.probability))}</span></button>'
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
    shown = adding_up((*reading.contributions, reading.bias), reading.total)
    lines = [ledger_line(answer, step, amount, low, span) for step, amount in zip(steps, shown, strict=True)]
    total = bar_html(0.0, reading.total, low, span)
    lines.append(
        '<div class="ms-entry ms-total" role="row"><span class="ms-entry-name" role="cell">= total</span>'
        f'<span class="ms-track" role="presentation">{zero_html(low, span)}{total}</span>'
        f'<span class="ms-number" role="cell" title="{reading.total:.6f}">{in_logits(reading.total)}</span></div>'
    )
    note = text.LEDGER_NOTE if target.against is None else text.LEDGER_NOTE_AGAINST
    return (
        f'<div class="ms-ledger" role="table" aria-label="{text.LEDGER}">{"".join(lines)}</div>'
        f'<p class="ms-note">{caption(answer, reading, shown)}</p>'
        '<details class="ms-details"><summary>How to read this</summary>'
        f"<p>{note} {text.GATE_NOTE}</p></details>"
    )


def ledger_line(answer: Answer, step: Step, shown: float, low: float, span: float) -> str:
    """One bar of the waterfall, a scale's or the bias's, with the number ``shown`` beside it."""
    amount = step.end - step.start
    bar = bar_html(step.start, step.end, low, span)
    if step.scale is None:
        name, attributes, detail = "bias", "", f' title="{amount:+.6f} logits"'
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
        f'<span class="ms-number" role="cell"{detail}>{in_logits(shown)}</span></div>'
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


def caption(answer: Answer, reading: Reading, shown: tuple[float, ...]) -> str:
    """The sum in numbers: what is added, what it makes, what is left over."""
    ledger, target = answer.ledger, reading.target
    parts = " ".join(in_logits(value) for value in shown)
    residual = abs(float(relative(ledger.residuals, target)))
    label = escape(ledger.classes[target.index])
    if target.against is None:
        meaning = f"logit of {label} above the average class"
    else:
        meaning = f"logit of {label} above {escape(ledger.classes[target.against])}"
    total = f"{parts} = {in_logits(reading.total)} logits, the {meaning}."
    if math.isnan(residual):  # a probe, which no forward pass has confirmed
        return total
    return f'{total} <span title="the logit minus the float64 sum of its parts">Left over: {residual:.0e}.</span>'
