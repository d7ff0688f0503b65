"""An explanation as files: the numbers as JSON and CSV, the maps as arrays, the plates as pictures and as a PDF.

The same explanation gives the same bytes, but for the seconds that each method took, which ``explanation.json`` tells.
"""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator

import numpy as np

from .explanation import Answer, Explanation
from .figures import render
from .outline import located_picture
from .pictures import to_png_bytes
from .plates import document, plates
from .stopping import IsCancelled, check, never

# The earliest that a ZIP archive can tell; a real one would make the bytes of the same explanation differ.
ZIP_DATE = (1980, 1, 1, 0, 0, 0)
ZIP_MODE = 0o100644 << 16  # a file that its owner may write and everybody read
COMPRESSED = (".png", ".npz")  # already


def explanation_files(
    explanation: Explanation, seen: np.ndarray, *, has_box: bool = False, is_cancelled: IsCancelled = never
) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file of an explanation.

    Args:
        explanation: of one image.
        seen: the field of view, ``(side, side, 3)`` uint8.
        has_box: ``location.json`` and ``location.png`` too. The box has a file of its own,
            because others read ``explanation.json`` by its fixed keys.
        is_cancelled: asked before every file, and before every page of the PDF.

    Raises:
        Cancelled: ``is_cancelled`` said so.
    """
    check(is_cancelled)
    content = json.dumps(explanation.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    yield "explanation.json", (content + "\n").encode()
    yield "explanation.pdf", document(explanation, seen, is_cancelled=is_cancelled)
    yield "ledger.csv", ledger_file(explanation.answer)
    yield "maps.npz", maps_file(explanation)
    for name, block in plates(explanation, seen):
        check(is_cancelled)
        yield f"{name}.png", to_png_bytes(render(block))
    if has_box:
        location = explanation.answer.locate()
        yield "location.json", (json.dumps(location.to_dict(), indent=2) + "\n").encode()
        yield "location.png", to_png_bytes(located_picture(seen, location.mask, location.box))


def explanation_archive(
    explanation: Explanation, seen: np.ndarray, *, folder: str = "explanation", is_cancelled: IsCancelled = never
) -> bytes:
    """All files of an explanation as one ZIP archive, in ``folder``; ``is_cancelled`` as for the files."""
    files = explanation_files(explanation, seen, is_cancelled=is_cancelled)
    return archive((f"{folder}/{name}", content) for name, content in files)


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


def ledger_file(answer: Answer) -> bytes:
    """``ledger.csv``: every class, the most probable first, in logits.

    Columns: rank, index, label, probability, logit, ``contribution_SIDEpx`` for each scale, bias and residual, raw, so
    that contributions, bias and residual add up to the logit; then ``centred_SIDEpx``, centred_bias and centred_logit,
    which are these minus their mean over all classes.
    """
    ledger = answer.ledger
    centred = ledger.contributions - ledger.contributions.mean(axis=1, keepdims=True)
    columns = {
        "probability": ledger.probabilities,
        "logit": ledger.logits,
        **{f"contribution_{side}px": row for side, row in zip(answer.sides, ledger.contributions, strict=True)},
        "bias": ledger.bias,
        "residual": ledger.residuals,
        **{f"centred_{side}px": row for side, row in zip(answer.sides, centred, strict=True)},
        "centred_bias": ledger.bias - ledger.bias.mean(),
        "centred_logit": ledger.logits - ledger.logits.mean(),
    }
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("rank", "index", "label", *columns))
    for rank, index in enumerate(np.argsort(-ledger.logits, kind="stable"), start=1):
        numbers = (repr(float(values[index])) for values in columns.values())
        writer.writerow((rank, int(index), ledger.classes[index], *numbers))
    return stream.getvalue().encode()


def archive(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Names and contents as a ZIP archive; the same files in the same order give the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name, ZIP_DATE)
            entry.external_attr = ZIP_MODE
            entry.create_system = 3  # Unix, wherever it is made
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(COMPRESSED) else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return stream.getvalue()
