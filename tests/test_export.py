"""An explanation's files: each says what the explanation says, and the same explanation gives the same bytes."""

import csv
import io
import json
import re
import subprocess
import sys
import zipfile
import zlib
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image
from tiny import tiny

from msresnet.attribution import METHODS
from msresnet.document import GAP, INNER_W, MARGIN, PAGE_H, SMALLEST_ZOOM, pages_of, pdf_bytes, text_block
from msresnet.explain import Explanation, Session, versions
from msresnet.export import archive, explanation_archive, explanation_files, ledger_file
from msresnet.plates import document, per_cent, plates, provenance, unit_of
from msresnet.sheet import Block

LABELS = ("red, thing", 'a "quoted" thing', "blue thing", "虎斑猫", "tench")


@pytest.fixture(scope="module")
def session() -> Session:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    return Session(tiny(classes=LABELS), Image.fromarray(pixels))


@pytest.fixture(scope="module")
def explanation(session) -> Explanation:
    """With a method of pixels, one of cells and one of scales, each with what it promises."""
    target = session.target()
    methods = {name: session.attribution(name, target) for name in ("saliency", "grad-cam", "scale-shapley")}
    return Explanation(session.answer(target, top_k=3), None, methods, versions())


@pytest.fixture(scope="module")
def made(explanation, session) -> dict[str, bytes]:
    return dict(explanation_files(explanation, session.view))


# The files


def test_there_is_a_file_of_each_kind(made):
    pictures = {f"{name}.png" for name in ("evidence", "ledger", "saliency", "grad-cam", "scale-shapley")}
    assert set(made) == {"explanation.json", "explanation.pdf", "ledger.csv", "maps.npz"} | pictures


def test_only_the_seconds_differ_when_it_is_explained_again(explanation, session, made):
    methods = {name: session.attribution(name, session.target()) for name in explanation.methods}
    again = dict(explanation_files(replace(explanation, methods=methods), session.view))
    assert {name for name in made if again[name] != made[name]} <= {"explanation.json"}
    first, second = (json.loads(one["explanation.json"]) for one in (made, again))
    for one in (*first["methods"].values(), *second["methods"].values()):
        one["seconds"] = 0
    assert first == second


def test_the_json_says_how_the_levels_were_made(made, session):
    kept = json.loads(made["explanation.json"])["preprocessing"]
    view = session.model.config.preprocessing
    assert (kept["crop_fraction"], kept["source_side"]) == (view.crop_fraction, view.source_side)
    assert kept["mean"] == list(view.mean) and kept["std"] == list(view.std)
    assert kept["box"] == [5, 0, 55, 50]  # the centre square of 60 × 50 px


def test_another_crop_is_told_in_the_json(session):
    whole = Session(session.model, Image.new("RGB", (60, 50)), sees_whole_image=True)
    kept = Explanation(whole.answer(whole.target()), None, {}).to_dict()["preprocessing"]
    assert kept["sees_whole_image"] is True
    assert kept["box"] == [0, -5, 60, 55]


def test_the_table_is_the_ledger_of_every_class(made, session):
    rows = list(csv.DictReader(io.StringIO(made["ledger.csv"].decode(), newline="")))
    ledger = session.ledger
    assert [int(row["rank"]) for row in rows] == [1, 2, 3, 4, 5]
    assert [int(row["index"]) for row in rows] == np.argsort(-ledger.logits).tolist()
    assert {row["label"] for row in rows} == set(LABELS)  # commas, quotes and Chinese survive
    for row in rows:
        index = int(row["index"])
        parts = [float(row[f"contribution_{side}px"]) for side in session.model.sides]
        assert parts == ledger.contributions[:, index].tolist()  # to the last digit
        assert sum(parts) + float(row["bias"]) + float(row["residual"]) == pytest.approx(float(row["logit"]), abs=1e-12)
        assert float(row["probability"]) == ledger.probabilities[index]
        centred = [float(row[f"centred_{side}px"]) for side in session.model.sides]
        assert sum(centred) + float(row["centred_bias"]) == pytest.approx(float(row["centred_logit"]), abs=1e-5)
    assert sum(float(row["centred_logit"]) for row in rows) == pytest.approx(0, abs=1e-9)


def test_a_table_of_another_answer_is_another(session, made):
    other = Session(session.model, Image.new("RGB", (50, 50), "red"))
    assert ledger_file(other.answer(other.target())) != made["ledger.csv"]


# The schema


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    """The one that is shipped with the package."""
    content = json.loads(files("msresnet").joinpath("explanation.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(content)
    return jsonschema.Draft202012Validator(content)


def test_real_output_is_what_the_schema_says(schema, made):
    schema.validate(json.loads(made["explanation.json"]))


@pytest.mark.parametrize("name", sorted(METHODS, key=lambda name: METHODS[name].cost(3))[:8])
def test_every_kind_of_method_fits_the_schema(schema, session, name):
    target = session.target(0, 1)
    explanation = Explanation(session.answer(target), None, {name: session.attribution(name, target)}, versions())
    schema.validate(json.loads(json.dumps(explanation.to_dict())))


def break_probability(kept: dict) -> None:
    kept["top_k"][0]["probability"] = 1.5


def break_hash(kept: dict) -> None:
    kept["model"]["sha256"] = "short"


def break_name(kept: dict) -> None:
    kept["top_k"][0]["score"] = kept["top_k"][0].pop("logit")


def break_versions(kept: dict) -> None:
    del kept["versions"]


def break_method(kept: dict) -> None:
    kept["methods"]["saliency"]["seconds"] = None


@pytest.mark.parametrize(
    "alter", [break_probability, break_hash, break_name, break_versions, break_method], ids=lambda one: one.__name__
)
def test_the_schema_sees_what_is_wrong(schema, made, alter):
    kept = json.loads(made["explanation.json"])
    alter(kept)
    with pytest.raises(jsonschema.ValidationError):
        schema.validate(kept)


# The archive


def test_the_archive_holds_every_file_in_one_folder(explanation, session, made):
    content = explanation_archive(explanation, session.view, folder="cat")
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.testzip() is None
        assert {name: packed.read(f"cat/{name}") for name in made} == made
        assert len(packed.namelist()) == len(made)


def test_an_archive_does_not_know_when_it_was_made(monkeypatch):
    first = archive([("a.txt", b"a"), ("b.png", b"b")])
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert archive([("a.txt", b"a"), ("b.png", b"b")]) == first
    assert archive([("a.txt", b"b"), ("b.png", b"b")]) != first


# The document


def text_of(pdf: bytes) -> str:
    """All that the streams of a PDF say, unpacked."""
    found = []
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            found.append(zlib.decompress(stream).decode("latin-1"))
        except zlib.error:
            continue
    return "\n".join(found)


def page_count(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def test_the_document_is_a_pdf_that_holds_every_plate(explanation, session, made):
    pdf = made["explanation.pdf"]
    assert pdf.startswith(b"%PDF-") and pdf.rstrip().endswith(b"%%EOF")
    assert page_count(pdf) == 2
    alone = document(replace(explanation, methods={}), session.view)
    assert page_count(alone) == 1
    assert len(re.findall(rb"/Subtype\s*/Image", pdf)) > len(re.findall(rb"/Subtype\s*/Image", alone)) > 0
    assert [name for name, _ in plates(explanation, session.view)] == ["evidence", "ledger", *explanation.methods]


def test_the_document_says_what_it_was_made_with(explanation, session):
    said = "\n".join(provenance(explanation))
    answer = explanation.answer
    assert answer.model.sha256 in said and answer.image.sha256 in said
    assert f"torch {explanation.versions['torch']}" in said
    assert all(f"{side} px" in said for side in answer.sides)
    assert "central square" in said
    whole = Session(session.model, Image.new("RGB", (60, 50)), sees_whole_image=True)
    assert "whole picture" in "\n".join(provenance(Explanation(whole.answer(whole.target()), None, {})))


def test_a_document_has_the_same_bytes_in_another_process():
    program = (
        "import hashlib\n"
        "from msresnet.document import pdf_bytes, text_block\n"
        "blocks = [text_block('tabby, 83 % – 虎', size=16, weight='bold')]\n"
        "print(hashlib.sha256(pdf_bytes(blocks, title='t', footer='f')).hexdigest())"
    )
    root = Path(__file__).resolve().parents[1]
    digests = set()
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(root), "PATH": "", "HOME": str(Path.home())}
        answer = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program],
            capture_output=True,
            text=True,
            env=environment,
            timeout=120,
        )
        assert answer.returncode == 0, answer.stderr
        digests.add(answer.stdout)
    assert len(digests) == 1


def block(width: float, height: float) -> Block:
    return Block(width, height, lambda sheet: None)


@pytest.mark.parametrize(
    "sizes", [[(5, 3)] * 12, [(12, 4)] * 7, [(5, 6), (5, 6), (30, 2)], [(3, 40)], [(5, 9), (5, 2)]]
)
def test_every_block_lies_on_a_page_and_none_on_another(sizes):
    blocks = [block(*size) for size in sizes]
    pages = pages_of(blocks)
    assert [one for page in pages for one, _, _ in page] == blocks
    for page in pages:
        assert page
        bottom = MARGIN
        for one, top, zoom in page:
            assert top >= bottom - 1e-9 and zoom <= 1
            assert zoom * one.width <= INNER_W + 1e-9
            bottom = top + zoom * one.height
            assert bottom <= PAGE_H - MARGIN
            bottom += GAP


def test_a_block_that_just_does_not_fit_is_shrunk_and_a_larger_one_moves_on():
    (first,) = pages_of([block(5, 6), block(5, 4.8)])
    assert SMALLEST_ZOOM <= first[1][2] < 1
    assert len(pages_of([block(5, 6), block(5, 9)])) == 2


def test_a_document_numbers_its_pages():
    pdf = pdf_bytes([text_block("one line\n" * 40) for _ in range(3)], title="Title", footer="below")
    assert page_count(pdf) == 3
    assert b"/Title (Title)" in pdf and b"CreationDate" not in pdf
    assert text_of(pdf)


def test_a_check_of_maps_fits_the_schema(schema, session):
    target = session.target()
    explanation = Explanation(
        session.answer(target), None, {}, versions(), session.trust(target, ("input-x-gradient",))
    )
    schema.validate(json.loads(json.dumps(explanation.to_dict())))


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "0.0 %"), (0.0001, "less than 0.1 %"), (0.5, "50.0 %"), (0.9999, "over 99.9 %"), (1.0, "100.0 %")],
)
def test_a_probability_is_honest_at_both_ends(share, said):
    assert per_cent(share) == said


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_unit(name):
    assert unit_of(METHODS[name])
