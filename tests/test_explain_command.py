"""The command ``explain``: files that say what the model says, and their laws."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from commanding import LABELS, SIDES, save_model, write_picture
from PIL import Image

from msresnet import arguments, export, plates
from msresnet.__main__ import main
from msresnet.checkpoint import load_model
from msresnet.explain import Session
from msresnet.sheet import Block

TOP_K_KEYS = ["index", "label", "probability", "logit", "bias", "contributions", "residual"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> Path:
    return write_picture(tmp_path_factory.mktemp("photos") / "photo.png", seed=1)


@pytest.fixture(scope="module")
def explained(checkpoint, photo, tmp_path_factory) -> Path:
    """The folder of one explanation with two methods, that several tests read."""
    out = tmp_path_factory.mktemp("out")
    more = ["--methods", "saliency,grad-cam", "--top-k", "3"]
    assert explain(photo, model=checkpoint, out=out, more=more) == 0
    return out


def explain(*images: Path, model: Path, out: Path, more: list[str] | None = None) -> int:
    return main(["explain", *map(str, images), "--model", str(model), "--out", str(out), *(more or [])])


def read_json(folder: Path) -> dict:
    return json.loads((folder / "explanation.json").read_text(encoding="utf-8"))


# The files


def test_the_json_has_the_keys_of_the_design(explained, checkpoint, photo):
    kept = read_json(explained)
    # The design's keys, the target, without which maps.npz would not say what it shows, and the preprocessing.
    assert list(kept) == [
        "model",
        "image",
        "preprocessing",
        "scales",
        "target",
        "top_k",
        "methods",
        "scale_game",
        "versions",
    ]
    assert list(kept["model"]) == ["name", "sha256"] and kept["model"]["name"] == "tiny"
    assert list(kept["image"]) == ["width", "height", "sha256"]
    assert (kept["image"]["width"], kept["image"]["height"]) == (60, 50)
    assert kept["scales"] == [{"scale": side / 32, "side": side} for side in SIDES]
    assert len(kept["top_k"]) == 3 and all(list(entry) == TOP_K_KEYS for entry in kept["top_k"])
    assert all({"completeness_residual", "baseline", "seconds"} <= set(one) for one in kept["methods"].values())
    assert {"msresnet", "torch", "captum"} <= set(kept["versions"])


def test_the_json_says_what_the_model_says(explained, checkpoint, photo):
    model = load_model(checkpoint, device="cpu")
    with torch.no_grad():
        output = model.vote(model.pyramid(Image.open(photo).convert("RGB")))
    logits = output.logits[0].numpy()
    powers = np.exp(logits - logits.max())
    for entry, index in zip(read_json(explained)["top_k"], np.argsort(-logits), strict=False):
        assert (entry["index"], entry["label"]) == (index, LABELS[index])
        assert entry["logit"] == pytest.approx(logits[index], rel=1e-5)
        assert entry["probability"] == pytest.approx(powers[index] / powers.sum(), rel=1e-4)
        assert sum(entry["contributions"]) + entry["bias"] == pytest.approx(entry["logit"], abs=1e-4)


def test_the_evidence_adds_up_to_the_raw_contributions(explained):
    best = read_json(explained)["top_k"][0]
    with np.load(explained / "maps.npz") as maps:
        sums = [maps[f"evidence/{side}"].sum(dtype=np.float64) for side in SIDES]
    assert sums == pytest.approx(best["contributions"], rel=1e-4)
    assert np.ptp(sums) > 1e-3, "a dull model would pass with any order of the scales"


def test_methods_keep_the_order_in_which_they_were_asked(explained, checkpoint, photo):
    assert list(read_json(explained)["methods"]) == ["saliency", "grad-cam"]
    with np.load(explained / "maps.npz") as maps:
        names = ("evidence", "saliency", "grad-cam")
        assert list(maps) == [f"{name}/{side}" for name in names for side in SIDES]
        assert maps["saliency/24"].shape == (24, 24)
        assert maps["grad-cam/48"].shape == maps["evidence/48"].shape
        session = Session(load_model(checkpoint, device="cpu"), photo)
        again = session.attribution("saliency", session.target())
        assert maps["saliency/32"] == pytest.approx(again.maps[1], abs=1e-6)


def test_every_picture_is_there_and_nothing_else(explained):
    names = {"explanation.json", "explanation.pdf", "ledger.csv", "manifest.json", "maps.npz"}
    names |= {"evidence.png", "ledger.png", "saliency.png", "grad-cam.png"}
    assert {path.name for path in explained.iterdir()} == names
    for path in explained.glob("*.png"):
        picture = np.asarray(Image.open(path))
        assert picture.shape[0] > 300 and picture.std() > 5, f"{path.name} is blank"


@pytest.mark.parametrize("name", ["integrated-gradients", "scale-shapley"])
def test_methods_that_add_up_say_so_in_the_json(name, checkpoint, photo, tmp_path):
    assert explain(photo, model=checkpoint, out=tmp_path, more=["--methods", name]) == 0
    assert read_json(tmp_path)["methods"][name]["completeness_residual"] < 0.05
    assert (tmp_path / f"{name}.png").is_file()


def test_a_line_tells_the_answer_the_scale_and_the_place(checkpoint, photo, tmp_path, capsys):
    explain(photo, model=checkpoint, out=tmp_path)
    out, err = capsys.readouterr()
    kept = read_json(tmp_path)
    session = Session(load_model(checkpoint, device="cpu"), photo)
    contributions = session.ledger.contributions
    centred = contributions[:, kept["top_k"][0]["index"]] - contributions.mean(axis=1)
    best = kept["top_k"][0]
    assert centred.argmax() != np.argmax(best["contributions"]), "raw numbers would pass too"
    assert out.count("\n") == 1 and err == ""
    assert out.startswith(f"{photo}: {best['label']} {100 * best['probability']:.1f} %, ")
    assert f" {SIDES[int(centred.argmax())]} px gave most (" in out and "class-centred" in out
    assert out.endswith(f"files in {tmp_path}\n")


def test_trust_checks_the_methods_that_were_asked_for_and_says_so(checkpoint, photo, tmp_path, capsys):
    more = ["--methods", "grad-cam,saliency,scale-shapley", "--stage", "2", "--trust"]
    assert explain(photo, model=checkpoint, out=tmp_path, more=more) == 0
    kept = json.loads((tmp_path / "explanation.json").read_text(encoding="utf-8"))
    assert list(kept["trust"]["maps"]) == ["evidence", "grad-cam", "saliency"]
    assert kept["methods"]["grad-cam"]["stage"] == 2
    _, *lines = capsys.readouterr().out.splitlines()
    assert lines == [f"  {name}: {one['words']}" for name, one in kept["trust"]["maps"].items()]


def test_a_baseline_is_that_of_the_methods_that_have_one(checkpoint, photo, tmp_path, capsys):
    more = ["--methods", "occlusion,saliency", "--baseline", "black"]
    assert explain(photo, model=checkpoint, out=tmp_path, more=more) == 0
    kept = json.loads((tmp_path / "explanation.json").read_text(encoding="utf-8"))["methods"]
    assert (kept["occlusion"]["baseline"], kept["saliency"]["baseline"]) == ("black", None)
    assert explain(photo, model=checkpoint, out=tmp_path, more=["--methods", "saliency", "--baseline", "black"]) == 1
    assert "none of saliency compares with a baseline" in capsys.readouterr().err


# The pictures


@pytest.fixture
def drawn(monkeypatch) -> dict[str, list]:
    """What the figures are given, which they draw nothing of."""
    calls: dict[str, list] = {"evidence": [], "ledger": []}

    def note(kind):
        def figure(*args, **kwargs):
            calls[kind].append(SimpleNamespace(args=args, **kwargs))
            return Block(1.0, 1.0, lambda sheet: None)

        return figure

    monkeypatch.setattr(plates, "evidence_block", note("evidence"))
    monkeypatch.setattr(plates, "ledger_block", note("ledger"))
    monkeypatch.setattr(export, "document", lambda explanation, seen, **asked: b"")  # it would draw all of it again
    return calls


def test_evidence_is_drawn_class_centred_at_its_cells_and_on_one_range(checkpoint, photo, tmp_path, drawn):
    explain(photo, model=checkpoint, out=tmp_path)
    call = drawn["evidence"][0]
    seen, maps = call.args
    session = Session(load_model(checkpoint, device="cpu"), photo)
    ledger, target = session.ledger, session.target()
    stride = session.model.trunk.cell_stride(3)
    limit = 0.0
    for (side, drawn_map), all_classes, expected in zip(maps, ledger.evidence, SIDES, strict=True):
        assert (side, drawn_map.shape) == (expected, (expected, expected))
        cells = all_classes[target.index] - all_classes.mean(axis=0)
        # The middle of pixel p is p + 0.5, the centre of cell i is stride · i + 0.5.
        nearest = np.abs(np.arange(side)[:, None] - stride * np.arange(len(cells))).argmin(axis=1)
        assert drawn_map == pytest.approx(cells[np.ix_(nearest, nearest)], abs=1e-6)
        limit = max(limit, float(np.abs(cells).max()))
    assert call.range_.limit == pytest.approx(limit) and call.range_.clipped_share == 0
    assert "class-centred" in call.title and "class-centred" in call.units
    assert seen.shape[0] == seen.shape[1] == 50, "the centre square of a 60 x 50 px upload"
    assert seen[15, 25].tolist() == [230, 230, 230], "the bright patch, 5 px further left after the crop"


def test_class_b_makes_every_picture_a_minus_b(checkpoint, photo, tmp_path, drawn, capsys):
    more = ["--target", "Tabby", "--against", "grey", "--methods", "saliency"]
    assert explain(photo, model=checkpoint, out=tmp_path, more=more) == 0
    ledger = Session(load_model(checkpoint, device="cpu"), photo).ledger
    difference = ledger.contributions[:, 3] - ledger.contributions[:, 5]
    evidence, saliency = drawn["evidence"]
    assert "tabby rather than grey" in evidence.title and "A − B" in evidence.title
    assert "tabby rather than grey" in saliency.title
    (row,) = drawn["ledger"][0].args[0]
    assert row.contributions == pytest.approx(difference)
    assert row.logit == pytest.approx(ledger.logits[3] - ledger.logits[5])
    assert read_json(tmp_path)["target"] == {"index": 3, "against": 5}
    line = capsys.readouterr().out
    assert f"{SIDES[int(difference.argmax())]} px gave most to tabby rather than grey" in line
    with np.load(tmp_path / "maps.npz") as maps:  # raw, of class A alone
        assert maps["evidence/24"].sum() == pytest.approx(ledger.contributions[0, 3], rel=1e-4)


def test_a_target_outside_the_top_k_is_explained_too(checkpoint, photo, tmp_path, drawn):
    last = Session(load_model(checkpoint, device="cpu"), photo).ledger.top_k(len(LABELS))[-1]
    more = ["--target", str(last.index), "--top-k", "2"]
    assert explain(photo, model=checkpoint, out=tmp_path, more=more) == 0
    rows = drawn["ledger"][0].args[0]
    assert len(rows) == 3 and rows[-1].label == last.label
    assert read_json(tmp_path)["target"]["index"] == last.index
    with np.load(tmp_path / "maps.npz") as maps:
        sums = [maps[f"evidence/{side}"].sum(dtype=np.float64) for side in SIDES]
    assert sums == pytest.approx(last.contributions, rel=1e-4)


# Several images, and what can go wrong


def test_several_images_get_a_folder_each(checkpoint, tmp_path, capsys):
    images = [
        write_picture(tmp_path / name, seed=i)
        for i, name in enumerate(("a/cat.png", "b/cat.png", "c/Cat.jpg", "a/dog.tar.png"))
    ]
    out = tmp_path / "out"
    assert explain(*images, model=checkpoint, out=out) == 0
    assert sorted(path.name for path in out.iterdir()) == ["Cat-3", "cat", "cat-2", "dog.tar"]
    digests = {read_json(folder)["image"]["sha256"] for folder in out.iterdir()}
    assert len(digests) == 4
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == list(map(str, images))


def test_a_bad_image_does_not_stop_the_others(checkpoint, photo, tmp_path, capsys):
    bad = tmp_path / "bad.png"
    bad.write_bytes(photo.read_bytes()[:200])
    other = write_picture(tmp_path / "other.png", seed=5)
    out = tmp_path / "out"
    assert explain(bad, tmp_path / "missing.png", photo, other, model=checkpoint, out=out) == 1
    said, errors = capsys.readouterr()
    assert sorted(path.name for path in out.iterdir()) == ["other", "photo"]
    assert len(said.splitlines()) == 2
    first, second, total = errors.splitlines()
    assert "bad.png" in first and "missing.png" in second
    assert total == "4 pictures: 2 explained, 0 explained already, 2 that could not be"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--methods", "saliency,salliency"], "no method called 'salliency'; did you mean 'saliency'"),
        (["--target", "tabbi"], "no class called 'tabbi'; did you mean 'tabby'"),
        (["--against", "99"], "no class called '99'"),
        (["--model", "msresnet18-tini"], "no model called 'msresnet18-tini'; did you mean 'msresnet18-tiny'"),
        (["--device", "abacus"], "device must be auto or one of"),
        (["--target", "grey", "--against", "grey"], "a class cannot be compared with itself"),
    ],
)
def test_unknown_names_are_told_once_with_the_nearest(more, said, checkpoint, photo, tmp_path, capsys):
    out = tmp_path / "out"
    assert explain(photo, photo, model=checkpoint, out=out, more=more) == 1
    text, errors = capsys.readouterr()
    assert text == "" and said in errors and "Traceback" not in errors
    assert errors.count("\n") == (3 if "itself" in said else 1)  # each picture, and the count
    assert not list(out.rglob("*.*"))


def test_an_out_that_is_a_file_is_told_before_the_work(checkpoint, photo, tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    assert explain(photo, model=checkpoint, out=tmp_path / "out") == 1
    assert "cannot be made a folder" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"


def test_a_bare_state_dict_is_marked_unverified(checkpoint, photo, tmp_path, monkeypatch, capsys):
    found = SimpleNamespace(name="found", sha256="0" * 64, is_verified=False, notes=("nobody vouches",))
    monkeypatch.setattr(arguments, "identify", lambda model: found)
    assert explain(photo, model=checkpoint, out=tmp_path) == 0
    assert capsys.readouterr().err == "found is not verified: nobody vouches\n"
