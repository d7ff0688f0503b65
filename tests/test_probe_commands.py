"""``occlude`` and ``point``: what they print and write is what Python gives."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import tiny

from msresnet.__main__ import main
from msresnet.checkpoint import load_model, save_checkpoint
from msresnet.explain import Session
from msresnet.ledger import Target
from msresnet.probes import Mask


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_checkpoint(tiny(), folder, name="tiny")
    return folder


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)).save(path)
    return path


def run(command: str, photo: Path, checkpoint: Path, *more: object) -> int:
    return main([command, str(photo), "--model", str(checkpoint), "--device", "cpu", *map(str, more)])


def numbers(line: str) -> list[float]:
    return [float(one.replace("−", "-")) for one in re.findall(r"[+−]?\d+\.\d+", line)]


def test_occlude_prints_and_writes_the_change(checkpoint, photo, tmp_path, capsys):
    more = ("--box", "10,5,40,30", "--fill", "noise", "--seed", 3, "--keep", "--target", "c", "--against", "a")
    files = ("--json", tmp_path / "new" / "a.json", "--picture", tmp_path / "a.png")
    assert run("occlude", photo, checkpoint, *more, *files) == 0
    session = Session(load_model(checkpoint, device="cpu"), photo)
    mask, target = Mask.rectangle((10, 5, 40, 30), (60, 50)), Target(2, 0)
    expected = session.occluded(mask, fill="noise", is_kept=True, seed=3)
    out = capsys.readouterr().out
    before, after = (ledger.read(target) for ledger in (expected.before, expected.after))
    total = next(line for line in out.splitlines() if line.startswith("total"))
    assert numbers(total) == pytest.approx([before.total, after.total, after.total - before.total], abs=6e-4)
    for label in "abcde":
        line = next(line for line in out.splitlines() if line.startswith(f"{label} "))
        change = expected.change("abcde".index(label))
        assert numbers(line)[:2] == pytest.approx([100 * one for one in change.probabilities], abs=0.06)
    kept = json.loads((tmp_path / "new" / "a.json").read_text())
    assert kept["ledger"]["after"]["total"] == pytest.approx(after.total)
    assert kept["is_kept"] and kept["seed"] == 3 and "torch" in kept["versions"]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), expected.view)


def test_a_mask_is_a_picture_whose_white_is_covered(checkpoint, photo, tmp_path, capsys):
    white = Image.new("L", (30, 25))
    white.paste(255, (5, 5, 20, 15))  # half as large as the photo: it covers it all the same
    white.save(tmp_path / "mask.png")
    assert run("occlude", photo, checkpoint, "--mask", tmp_path / "mask.png", "--json", tmp_path / "mask.json") == 0
    assert run("occlude", photo, checkpoint, "--box", "10,10,40,30", "--json", tmp_path / "box.json") == 0
    by_mask, by_box = (json.loads((tmp_path / name).read_text()) for name in ("mask.json", "box.json"))
    assert by_mask["covered_share"] == pytest.approx(by_box["covered_share"], abs=0.01)
    assert by_mask["ledger"]["after"]["total"] == pytest.approx(by_box["ledger"]["after"]["total"], abs=0.05)


def test_point_prints_and_writes_every_cell(checkpoint, photo, tmp_path, capsys):
    more = ("--at", "30,20", "--target", "b", "--channels", 2, "--effective", "--json", tmp_path / "p.json")
    assert run("point", photo, checkpoint, *more) == 0
    reading = Session(load_model(checkpoint, device="cpu"), photo).point(30, 20, Target(1), has_influence=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 12 + 1
    for line, cell in zip(lines[1:-1], (cell for cells in reading.cells for cell in cells), strict=True):
        assert line.startswith(f"{cell.stage + 1} ") and f"{cell.side} px" in line
        assert f"{cell.channels[0]} (" in line and f"{cell.firing_count} of {cell.channel_count}" in line
    kept = json.loads((tmp_path / "p.json").read_text())
    assert kept["cells"][-1]["total"] == pytest.approx(reading.cells[3][2].total)
    assert kept["cells"][0]["effective_field"] == pytest.approx(list(reading.cells[0][0].influence.box))


@pytest.mark.parametrize(
    ("command", "more", "complaint"),
    [
        ("occlude", ("--box", "90,90,95,95"), "must overlap the 60 x 50 px picture"),
        ("occlude", ("--box", "0,0,9,9", "--fill", "blurr"), "did you mean 'blur'?"),
        ("occlude", ("--mask", "nowhere.png"), "There is no file called 'nowhere.png'"),
        ("point", ("--at", "1,20"), "choose one inside"),
        ("point", ("--at", "30,20", "--target", "z"), "There is no class called 'z'"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(checkpoint, photo, capsys, command, more, complaint):
    assert run(command, photo, checkpoint, *more) == 1
    said = capsys.readouterr()
    assert complaint in said.err and said.err.count("\n") == 1 and not said.out


@pytest.mark.parametrize("more", [("--at", "1"), ("--at", "a,b"), ()])
def test_a_point_needs_two_numbers(checkpoint, photo, capsys, more):
    with pytest.raises(SystemExit) as caught:
        run("point", photo, checkpoint, *more)
    assert caught.value.code == 2
