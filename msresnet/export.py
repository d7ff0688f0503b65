"""An explanation as files: the numbers as JSON, the maps as arrays, the pictures for people."""

import io
import json
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from .attribution import METHODS, Attribution, Grid, Method
from .colour import format_signed, shared_range
from .explain import Answer, Explanation
from .figures import LedgerRow, cells_on_level, evidence_figure, ledger_figure, to_png_bytes
from .ledger import Reading, Target


def explanation_files(explanation: Explanation, seen: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file of an explanation.

    Args:
        explanation: of one image.
        seen: the field of view, ``(side, side, 3)`` uint8.
    """
    answer = explanation.answer
    content = json.dumps(explanation.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    yield "explanation.json", (content + "\n").encode()
    yield "maps.npz", maps_file(explanation)
    yield "evidence.png", to_png_bytes(evidence_picture(answer, seen))
    yield "ledger.png", to_png_bytes(ledger_picture(answer))
    for name, result in explanation.methods.items():
        yield f"{name}.png", to_png_bytes(method_picture(answer, result, seen))


def maps_file(explanation: Explanation) -> bytes:
    """``maps.npz``: ``evidence/SIDE`` raw, so that its sum is the raw contribution, and ``METHOD/SIDE``."""
    answer = explanation.answer
    arrays = {
        f"evidence/{side}": maps[answer.target.index]
        for side, maps in zip(answer.sides, answer.ledger.evidence, strict=True)
    }
    for name, result in explanation.methods.items():
        arrays |= {f"{name}/{side}": values for side, values in zip(answer.sides, result.maps, strict=True)}
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def evidence_picture(answer: Answer, seen: np.ndarray) -> Image.Image:
    """Where each scale found what speaks for the target; a scale's cells add up to its number."""
    reading = answer.ledger.read(answer.target)
    maps = answer.ledger.evidence_for(answer.target)
    return evidence_figure(
        seen,
        on_levels(maps, answer.sides, strides=(answer.stride,) * len(maps)),
        labels=[
            f"{side} px, {format_signed(value, decimals=2)} in sum"
            for side, value in zip(answer.sides, reading.contributions, strict=True)
        ],
        range_=shared_range(maps, percentile=100),
        title=f"Evidence for {target_name(answer)}, {how_read(answer.target)}",
        units=f"logits per cell, {how_read(answer.target)}",
        image_label="the field of view",
    )


def method_picture(answer: Answer, result: Attribution, seen: np.ndarray) -> Image.Image:
    """One method's map of each scale, on one range; what its maps add up to, where that means something."""
    method = METHODS[result.method]
    title = f"{method.title} for {target_name(answer)}"
    labels = None
    if method.is_complete:
        labels = [
            f"{side} px, {format_signed(float(values.sum()), decimals=2)}{' in sum' * (values.size > 1)}"
            for side, values in zip(answer.sides, result.maps, strict=True)
        ]
    percentile = 99.5 if method.grid is Grid.PIXEL else 100  # cells are compared: none is clipped
    return evidence_figure(
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


def ledger_picture(answer: Answer) -> Image.Image:
    """What each scale adds: to the top-k and the target, class-centred; or to A rather than B."""
    target = answer.target
    if target.against is not None:
        targets, note = [target], "logits of A minus logits of B, for every scale and the bias"
    else:
        indices = dict.fromkeys([*(entry.index for entry in answer.top_k), target.index])
        targets = [Target(index) for index in indices]
        note = "logits, class-centred: minus the mean over all classes, for every scale and the bias"
    return ledger_figure(
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


def target_name(answer: Answer) -> str:
    """What is explained, in words."""
    classes, target = answer.ledger.classes, answer.target
    against = "" if target.against is None else f" rather than {classes[target.against]}"
    return classes[target.index] + against


def how_read(target: Target) -> str:
    """What the numbers of a target are relative to."""
    return "class-centred" if target.against is None else "A − B"
