"""The answer for a covered picture beside that for the whole one: per class and per scale. Numbers in, HTML out."""

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from ..colour import scale_colour
from ..ledger import Ledger, Target
from ..pictures import data_uri, to_png_bytes
from ..probes import Occluded
from ..probes.occlusion import ClassChange
from .answer import in_logits, label_html
from .heading import how_to_read_html
from .words import Words
from .words import answer as numbers
from .words import brush as said
from .words import page as text
from .words.language import Phrase

TOP_K = 5


def occluded_html(result: Occluded, target: Target, words: Words, *, sides: tuple[int, ...]) -> str:
    """The sentence, what the model was given, the change of each class and of each scale."""
    seen = words(said.SEEN, side=sides[-1], share=numbers.percent(words, result.covered_share))
    return (
        f'<p class="ms-probe-sentence" role="status">{sentence(result, target, words, sides)}</p>'
        f'<div class="ms-probe-parts"><figure class="ms-given"><img alt="{escape(seen)}" '
        f'src="{data_uri(to_png_bytes(result.view))}"><figcaption>{escape(seen)}</figcaption></figure>'
        f'<div class="ms-tables">{classes_html(result, words)}{scales_html(result, target, words, sides)}</div></div>'
        f"{how_to_read_html(words(said.NOTE), words)}"
    )


def sentence(result: Occluded, target: Target, words: Words, sides: tuple[int, ...]) -> str:
    """What the model says now, and at which scale most changed for the target."""
    top, now = (result.change(int(ledger.logits.argmax())) for ledger in (result.before, result.after))
    before_share, left_share = (escape(numbers.percent(words, share)) for share in top.probabilities)
    opening = words(
        said.UNCHANGED if now.index == top.index else said.CHANGED,
        before=label_html(top.label),
        before_share=before_share,
        left_share=left_share,
        **({} if now.index == top.index else {
            "after": label_html(now.label),
            "after_share": escape(numbers.percent(words, now.probabilities[1])),
        }),
    )  # fmt: skip
    changes = scale_changes(result, target)
    most = int(np.abs(changes).argmax())
    label = label_html(result.before.classes[target.index])
    lost = words(said.LOST, side=sides[most], label=label, amount=in_logits(changes[most]))
    return words.join(opening, lost)


def scale_changes(result: Occluded, target: Target) -> np.ndarray:
    """``(scale,)`` what covering changed in each scale's contribution to the target, in logits."""
    before, after = (np.array(ledger.read(target).contributions) for ledger in (result.before, result.after))
    return after - before


def table_html(caption: str, heads: Sequence[Phrase], rows: Sequence[str], words: Words) -> str:
    """A table whose rows have a name and numbers."""
    columns = "".join(f'<th scope="col">{words(head)}</th>' for head in heads)
    return (
        f'<table class="ms-change"><caption>{caption}</caption><thead><tr>{columns}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def classes_html(result: Occluded, words: Words) -> str:
    """Each class of the top-k before or after: two bars, two probabilities, the change in points."""
    rows = [class_row(change, words) for change in result.classes(TOP_K)]
    heads = (said.CLASS, said.BEFORE, said.AFTER, said.CHANGE)
    return table_html(words(said.CLASSES), heads, rows, words)


def class_row(change: ClassChange, words: Words) -> str:
    """A class before and after."""
    before, after = change.probabilities
    points = f"{100 * (after - before):+.0f}".replace("-", "−").replace("+0", "0").replace("−0", "0")
    cells = "".join(
        f'<td class="ms-number" title="{share:.4f}, logit {logit:.4f}">{escape(numbers.percent(words, share))}</td>'
        for share, logit in zip(change.probabilities, change.logits, strict=True)
    )
    return (
        f'<tr><th scope="row"><span lang="en">{escape(change.label)}</span>{pair_html(before, after)}</th>{cells}'
        f'<td class="ms-number">{words(said.POINTS, number=points)}</td></tr>'
    )


def pair_html(before: float, after: float) -> str:
    """Two bars, one above the other, of lengths in [0, 1]."""
    return (
        f'<span class="ms-twin" aria-hidden="true"><i style="width:{100 * before:.1f}%"></i>'
        f'<i style="width:{100 * after:.1f}%"></i></span>'
    )


def scales_html(result: Occluded, target: Target, words: Words, sides: tuple[int, ...]) -> str:
    """Each scale's contribution to the target and the weight of its votes, before and after; bias and total."""
    both = (result.before, result.after)
    readings = [ledger.read(target) for ledger in both]
    longest = max(*(abs(value) for reading in readings for value in reading.contributions), 1e-9)
    rows = []
    for scale, side in enumerate(sides):
        amounts = [reading.contributions[scale] for reading in readings]
        name = f'<i class="ms-dot"></i>{words(text.PIXELS, side=side)}{pair_html(*(abs(a) / longest for a in amounts))}'
        attributes = f' data-scale="{scale}" style="--scale:{scale_colour(scale, len(sides))}"'
        rows.append(amount_row(name, amounts, attributes, weights_html(both, scale, words)))
    rows.append(amount_row(words(said.BIAS), [reading.bias for reading in readings], "", ""))
    rows.append(amount_row(words(said.TOTAL), [reading.total for reading in readings], ' class="ms-sum"', ""))
    label = label_html(result.before.classes[target.index])
    caption = (
        words(said.SCALES, label=label)
        if target.against is None
        else words(said.SCALES_AGAINST, label=label, other=label_html(result.before.classes[target.against]))
    )
    heads = (said.SCALE, said.BEFORE, said.AFTER, said.CHANGE, said.WEIGHT)
    return table_html(caption, heads, rows, words)


def amount_row(name: str, amounts: list[float], attributes: str, last: str) -> str:
    """A row of logits: before, after, and the change."""
    before, after = amounts
    cells = "".join(
        f'<td class="ms-number" title="{amount:+.6f} logits">{in_logits(amount)}</td>'
        for amount in (before, after, after - before)
    )
    return f'<tr{attributes}><th scope="row">{name}</th>{cells}<td class="ms-number">{last}</td></tr>'


def weights_html(both: tuple[Ledger, Ledger], scale: int, words: Words) -> str:
    """The gate's weight of a level before and after."""
    before, after = (ledger.level_weights[scale] for ledger in both)
    if math.isclose(before, after, abs_tol=0.005):
        return escape(numbers.percent(words, after))
    return f"{escape(numbers.percent(words, before))} → {escape(numbers.percent(words, after))}"
