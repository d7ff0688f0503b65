"""An explanation's plates: what each figure shows, in which order, and what stands beside it."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from .attribution import METHODS, Attribution, Grid, Method
from .colour import CELL_PERCENTILE, PIXEL_PERCENTILE, format_signed, shared_range
from .document import pdf_bytes, text_block
from .explanation import Answer, Explanation
from .figures import evidence_block, ledger_block
from .ledger import Reading, Target
from .pictures import cells_on_level
from .sheet import QUIET, TITLE_PT, Block
from .stopping import IsCancelled, check, never
from .waterfall import LedgerRow


def plates(explanation: Explanation, seen: np.ndarray) -> Iterator[tuple[str, Block]]:
    """Name and figure: the evidence, the ledger, then every method.

    Args:
        explanation: of one image.
        seen: the field of view, ``(side, side, 3)`` uint8.
    """
    yield "evidence", evidence_plate(explanation.answer, seen)
    yield "ledger", ledger_plate(explanation.answer)
    for name, result in explanation.methods.items():
        yield name, method_plate(explanation.answer, result, seen)


def document(explanation: Explanation, seen: np.ndarray, *, is_cancelled: IsCancelled = never) -> bytes:
    """All plates as a PDF, the answer above them and what they were made with below.

    Raises:
        Cancelled: ``is_cancelled`` said so before a block was drawn.
    """
    answer = explanation.answer
    best = answer.top_k[0]
    others = " · ".join(f"{entry.label} {per_cent(entry.probability)}" for entry in answer.top_k[1:])
    said = [f"Then {others}."] if others else []
    blocks = [
        text_block(f"{best.label}, {per_cent(best.probability)}", size=TITLE_PT + 5, weight="bold"),
        text_block("\n".join([*said, f"{most_giving(answer)}."])),
        *(block for _, block in plates(explanation, seen)),
        text_block("\n".join(provenance(explanation)), colour=QUIET),
    ]
    footer = f"{answer.model.name}, weights {answer.model.sha256[:16]}, picture {answer.image.sha256[:16]}"
    return pdf_bytes(
        blocks,
        title=f"{target_name(answer)}: which scale says so, and where",
        footer=footer,
        check=partial(check, is_cancelled),
    )


def provenance(explanation: Explanation) -> list[str]:
    """What the explanation was made with, a line each."""
    answer = explanation.answer
    scales = ", ".join(
        f"{side} px (scale {scale:.3g})" for side, scale in zip(answer.sides, answer.scales, strict=True)
    )
    view, image = answer.preprocessing, answer.image
    looks = "the whole picture" if view.sees_whole_image else "the central square"
    if view.crop_fraction < 1 and not view.sees_whole_image:
        looks += f" of {100 * view.crop_fraction:.3g} % of the short side"
    source = "" if view.source_side is None else f", reduced to {view.source_side} px where larger"
    return [
        f"Model: {answer.model.name}; SHA-256 of its weights {answer.model.sha256}",
        f"Picture: {image.width} × {image.height} px, upright; SHA-256 of its pixels {image.sha256}",
        f"Levels: {scales}; each shows {looks}{source}",
        "Software: " + ", ".join(f"{name} {number}" for name, number in explanation.versions.items()),
    ]


def evidence_plate(answer: Answer, seen: np.ndarray) -> Block:
    """Where each scale found what speaks for the target; a scale's cells add up to its number."""
    reading = answer.ledger.read(answer.target)
    maps = answer.ledger.evidence_for(answer.target)
    return evidence_block(
        seen,
        on_levels(maps, answer.sides, strides=(answer.stride,) * len(maps)),
        labels=[
            f"{side} px, {format_signed(value, decimals=2)} in sum"
            for side, value in zip(answer.sides, reading.contributions, strict=True)
        ],
        range_=shared_range(maps, percentile=CELL_PERCENTILE),
        title=f"Evidence for {target_name(answer)}, {how_read(answer.target)}",
        units=f"logits per cell, {how_read(answer.target)}",
        image_label="the field of view",
    )


def method_plate(answer: Answer, result: Attribution, seen: np.ndarray) -> Block:
    """One method's map of each scale, on one range; what its maps add up to, where that means something."""
    method = METHODS[result.method]
    title = f"{method.title} for {target_name(answer)}"
    labels = None
    if method.is_complete:
        labels = [
            f"{side} px, {format_signed(float(values.sum()), decimals=2)}{' in sum' * (values.size > 1)}"
            for side, values in zip(answer.sides, result.maps, strict=True)
        ]
    percentile = PIXEL_PERCENTILE if method.grid is Grid.PIXEL else CELL_PERCENTILE
    return evidence_block(
        seen,
        on_levels(result.maps, answer.sides, strides=result.strides),
        labels=labels,
        range_=shared_range(result.maps, percentile=percentile, is_signed=result.is_signed),
        title=f"{title}. {result.note}" if result.note else title,
        units=unit_of(method) + (", not class-centred" if method.is_complete and result.target.against is None else ""),
        image_label="the field of view",
    )


def unit_of(method: Method) -> str:
    """What the numbers of a method's maps are, in words."""
    match method:
        case Method(grid=Grid.SCALE):
            return "log-probability per scale"
        case Method(is_complete=True):
            return f"logits per {method.grid.value}"
        case _:
            return f"in the method's own unit, per {method.grid.value}"


def on_levels(
    maps: Sequence[np.ndarray], sides: Sequence[int], *, strides: Sequence[int]
) -> list[tuple[int, np.ndarray]]:
    """Side, and each map on its level with every cell at the centre of its receptive field."""
    return [
        (side, cells_on_level(values, stride=stride, side=side))
        for side, values, stride in zip(sides, maps, strides, strict=True)
    ]


def ledger_plate(answer: Answer) -> Block:
    """What each scale adds: to the top-k and the target, class-centred; or to A rather than B."""
    target = answer.target
    if target.against is not None:
        targets, note = [target], "logits of A minus logits of B, for every scale and the bias"
    else:
        indices = dict.fromkeys([*(entry.index for entry in answer.top_k), target.index])
        targets = [Target(index) for index in indices]
        note = "logits, class-centred: minus the mean over all classes, for every scale and the bias"
    return ledger_block(
        [ledger_row(answer, answer.ledger.read(one)) for one in targets],
        scale_labels=[f"{side} px" for side in answer.sides],
        title=f"What each scale adds, {how_read(target)}",
        note=f"{note}; each bar starts where the one above it ends",
    )


def ledger_row(answer: Answer, reading: Reading) -> LedgerRow:
    """A reading as bars."""
    target = reading.target
    label = answer.ledger.classes[target.index] if target.against is None else target_name(answer)
    return LedgerRow(label, reading.contributions, reading.bias, reading.total)


def summary(answer: Answer) -> str:
    """Top-1, its probability, and the scale that gave most to the target."""
    best = answer.top_k[0]
    return f"{best.label} {per_cent(best.probability)}, {most_giving(answer)}"


def most_giving(answer: Answer) -> str:
    """The scale that gave most to the target, and how much of what, class-centred or A − B."""
    reading = answer.ledger.read(answer.target)
    most = int(np.argmax(reading.contributions))
    explained = "" if answer.target == Target(answer.top_k[0].index) else f" to {target_name(answer)}"
    share = format_signed(reading.contributions[most], decimals=2)
    total = format_signed(reading.total, decimals=2)
    return f"{answer.sides[most]} px gave most{explained} ({share} of {total} logits, {how_read(answer.target)})"


def target_name(answer: Answer) -> str:
    """What is explained, in words."""
    classes, target = answer.ledger.classes, answer.target
    against = "" if target.against is None else f" rather than {classes[target.against]}"
    return classes[target.index] + against


def how_read(target: Target) -> str:
    """What the numbers of a target are relative to."""
    return "class-centred" if target.against is None else "A − B"


def per_cent(share: float) -> str:
    """A probability, honest at both ends."""
    if 0 < share < 0.0005 or 0.9995 <= share < 1:
        return "less than 0.1 %" if share < 0.5 else "over 99.9 %"
    return f"{100 * share:.1f} %"
