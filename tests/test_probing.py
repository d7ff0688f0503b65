"""The command ``probe``: files whose numbers are those of Python."""

import json

import numpy as np
import pytest
from PIL import Image
from tiny import tiny

from msresnet.__main__ import main
from msresnet.checkpoint import load_model, save_checkpoint
from msresnet.explain import Session
from msresnet.ledger import Target
from msresnet.probes import Switches


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe")
    save_checkpoint(tiny(), folder / "model", name="tiny")
    draw = np.random.default_rng(0)
    for name, top in (("one", 256), ("two", 90)):
        Image.fromarray(draw.integers(0, top, (70, 90, 3), dtype=np.uint8)).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def sessions(folder):
    model = load_model(folder / "model", device="cpu")
    return tuple(Session(model, folder / f"{name}.png") for name in ("one", "two"))


def probe(folder, *options: str) -> int:
    model = ["--model", str(folder / "model"), "--device", "cpu", "--out", str(folder / "out")]
    return main(["probe", str(folder / "one.png"), *model, *options])


def written(folder, name: str) -> dict:
    return json.loads((folder / "out" / name).read_text(encoding="utf-8"))


def test_zoom_writes_what_python_says(folder, sessions):
    assert probe(folder, "--zoom", "--canvas", "mirror", "--target", "b") == 0
    response = sessions[0].zoom_response(Target(1), canvas="mirror")
    assert written(folder, "zoom.json") == json.loads(json.dumps(response.to_dict(tuple("abcde"))))
    assert (folder / "out" / "zoom.svg").read_text(encoding="utf-8").startswith("<svg")
    assert len(list((folder / "out").glob("zoom-*.png"))) == len(response.flips) + 2


def test_switches_write_the_cached_and_the_recomputed_answer(folder, sessions):
    assert probe(folder, "--off", "32", "--gain", "64=1.5", "--target", "b", "--against", "a") == 0
    target = Target(1, against=0)
    switches = Switches((False, True, True), (1.0, 1.0, 1.5))
    found, kept = sessions[0].recomputed(switches), written(folder, "switches.json")
    assert (kept["is_on"], kept["gains"]) == ([False, True, True], [1.0, 1.0, 1.5])
    assert kept["recomputed"]["difference"] == pytest.approx(found.difference(target), abs=1e-6)
    answer = sessions[0].answer(target, switches=switches)
    assert kept["contributions"] == pytest.approx(answer.ledger.read(target).contributions, abs=1e-6)


def test_two_pictures_are_compared(folder, sessions):
    assert probe(folder, "--compare", str(folder / "two.png"), "--target", "b") == 0
    kept = written(folder, "pair.json")
    assert kept == json.loads(json.dumps(sessions[0].compare(sessions[1], Target(1)).to_dict()))
    for name in ("pair-evidence-1.png", "pair-evidence-2.png", "pair-ledgers.png"):
        with Image.open(folder / "out" / name) as picture:
            assert min(picture.size) > 100


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "a probe needs something to ask"),
        (("--off", "33"), "a scale must be one of 32, 48, 64 px, got 33"),
        (("--off", "32,48,64"), "at least one scale must stay on"),
        (("--gain", "32=3"), "a gain must be in [0, 2]"),
        (("--zoom", "--target", "z"), "There is no class called 'z'"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(folder, capsys, options, said):
    assert probe(folder, *options) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("options", [("--gain", "32"), ("--gain", "a=b"), ("--off", "x"), ("--canvas", "white")])
def test_wrong_usage_is_2(folder, options):
    with pytest.raises(SystemExit) as left:
        probe(folder, *options)
    assert left.value.code == 2
