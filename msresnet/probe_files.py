"""What probes found, as files: the numbers as JSON, a zoom response as SVG, the pictures for people."""

import json
from collections.abc import Iterator
from dataclasses import replace

from PIL import Image

from .colour import shared_range
from .explanation import Answer
from .figures import evidence_figure, ledger_figure
from .pictures import to_png_bytes
from .plates import how_read, ledger_row, on_levels, target_name
from .probes import Pair, Recomputed, ZoomResponse
from .session import Session
from .waterfall import LedgerRow
from .zoom_chart import Labels, zoom_chart, zoom_text

File = tuple[str, bytes]


def zoom_files(response: ZoomResponse, answer: Answer) -> Iterator[File]:
    """``zoom.json``, ``zoom.svg``, and the canvas at both ends and at each flip as ``zoom-0.512.png``."""
    classes = answer.ledger.classes
    yield "zoom.json", as_json(response.to_dict(classes))
    yield "zoom.svg", zoom_chart(response, classes=classes, labels=chart_labels(response, answer)).encode()
    first, last = response.points[0], response.points[-1]
    shown = [(first.zoom, response.ends[0]), *((flip.zoom, flip.picture) for flip in response.flips)]
    for zoom, picture in [*shown, (last.zoom, response.ends[1])]:
        yield f"zoom-{zoom:.3f}.png", to_png_bytes(picture)


def chart_labels(response: ZoomResponse, answer: Answer) -> Labels:
    """What is written in the chart of a file."""
    name = target_name(answer)
    flips = ", ".join(zoom_text(flip.zoom) for flip in response.flips)
    ends = " to ".join(f"{100 * response.points[end].probability:.1f} %" for end in (0, -1))
    flipped = f"the answer flips at {flips}" if flips else "the answer never flips"
    return Labels(
        answer="The answer",
        probability=f"Probability of {name}",
        shares="Each scale's share of what speaks for it",
        summary=f"{name} from far to near: {ends}; {flipped}",
        percent=lambda share: f"{100 * share:.0f} %",
        scales=tuple(f"{side} px" for side in answer.sides),
    )


def switches_dict(answer: Answer, found: Recomputed) -> dict:
    """The answer with these switches by the cached votes, beside recomputing without the levels that are off."""
    target = answer.target
    cached, anew = found.probabilities(target.index)
    return {
        "target": {"index": target.index, "against": target.against},
        "is_on": list(found.switches.is_on),
        "gains": list(found.switches.gains),
        "top_k": [
            {"index": entry.index, "label": entry.label, "probability": entry.probability, "logit": entry.logit}
            for entry in answer.top_k
        ],
        "contributions": list(answer.ledger.read(target).contributions),
        "recomputed": {
            "probability_cached": cached,
            "probability": anew,
            "difference": found.difference(target),
            "by_links": found.by_links(target),
            "by_gate": found.by_gate(target),
        },
    }


def switches_files(answer: Answer, found: Recomputed) -> Iterator[File]:
    """``switches.json``."""
    yield "switches.json", as_json(switches_dict(answer, found))


def pair_files(found: Pair, sessions: tuple[Session, Session]) -> Iterator[File]:
    """``pair.json``, the evidence of both on one range, and the difference of their ledgers."""
    yield "pair.json", as_json(found.to_dict())
    both = [session.ledger.evidence_for(found.target) for session in sessions]
    range_ = shared_range([values for maps in both for values in maps], percentile=100)
    answers = [session.answer(found.target) for session in sessions]
    read = how_read(found.target)
    for number, (session, maps, answer) in enumerate(zip(sessions, both, answers, strict=True), 1):
        picture = evidence_figure(
            session.view,
            on_levels(maps, answer.sides, strides=(answer.stride,) * len(maps)),
            range_=range_,
            title=f"Evidence for {target_name(answer)}, {read}, picture {number} of 2 on one range",
            units=f"logits per cell, {read}",
            image_label="the field of view",
        )
        yield f"pair-evidence-{number}.png", to_png_bytes(picture)
    yield "pair-ledgers.png", to_png_bytes(difference_figure(found, answers))


def difference_figure(found: Pair, answers: list[Answer]) -> Image.Image:
    """Both ledgers, and below them their difference, in which the bias falls out."""
    name = target_name(answers[0])
    difference = found.difference
    first, second = (
        replace(ledger_row(answer, reading), label=f"{name}, picture {number}")
        for number, (answer, reading) in enumerate(zip(answers, (found.first, found.second), strict=True), 1)
    )
    rows = [first, second, LedgerRow("difference", difference.contributions, difference.bias, difference.total)]
    return ledger_figure(
        rows,
        scale_labels=[f"{side} px" for side in answers[0].sides],
        title=f"What each scale adds in two pictures, {how_read(found.target)}",
        note="logits; each bar starts where the one above it ends; the difference is picture 1 less picture 2",
    )


def as_json(content: dict) -> bytes:
    """The bytes of a JSON file."""
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
