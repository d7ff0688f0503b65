"""The experiments run from the data to the table; on a handful of made-up digits."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from test_digits import write_idx
from tiny import tiny

from msresnet import digits
from msresnet.training.progress import read_log
from msresnet.vote import GateMode

SCRIPT = Path(__file__).resolve().parents[1] / "experiments" / "digits.py"


@pytest.fixture(autouse=True)
def fresh_engine():
    """Accelerate keeps the precision of a process's first run; other tests train in another."""
    AcceleratorState._reset_state()
    yield
    AcceleratorState._reset_state()


@pytest.fixture
def mnist(tmp_path):
    """Two hundred pictures a file, four of each class for STIR."""
    for prefix in ("train", "t10k"):
        labels = np.arange(200) % 10
        pictures = np.random.default_rng(0).integers(0, 255, (200, 28, 28), dtype=np.uint8)
        write_idx(tmp_path / f"{prefix}-images-idx3-ubyte", pictures)
        write_idx(tmp_path / f"{prefix}-labels-idx1-ubyte", labels)
    return tmp_path


def test_stir_trains_on_some_sizes_and_tests_on_others(mnist, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(digits, "STIR_PER_CLASS", 1)
    script = runpy.run_path(str(SCRIPT), run_name="script")
    up, down = script["STIR_SPLITS"]
    script["STIR_SPLITS"].update({up: (range(19, 32), (40,)), down: (range(49, 62), (40,))})
    for side in (45, 90, 128):
        del script["STIR_LEVELS"][side]
    command = ["digits.py", "stir", "--data", str(mnist), "--out", str(tmp_path / "out"), "--epochs", "1"]
    monkeypatch.setattr(sys, "argv", command)
    script["main"]()
    table = capsys.readouterr().out
    for how in ("with augmentation", "without augmentation"):
        assert f"| {up}, {how} |" in table
        assert f"| {down}, {how} |" in table
    script["main"]()  # nothing is trained again
    assert capsys.readouterr().out == table


def test_mnist_scale_trains_with_smaller_copies_and_without(mnist, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(digits, "SCALE_COUNTS", {"train": 40, "val": 20, "test": 40})
    command = ["digits.py", "mnist-scale", "--data", str(mnist), "--out", str(tmp_path / "out"), "--epochs", "1"]
    monkeypatch.setattr(sys, "argv", command)
    runpy.run_path(str(SCRIPT), run_name="__main__")
    table = capsys.readouterr().out
    for name, steps in (("56 px with scale augmentation", 14 * 40 // 32), ("56 px without", 40 // 32)):
        assert f"| {name} |" in table
        log = read_log(tmp_path / "out" / f"{name} 0".replace(" ", "-") / "log.jsonl")
        assert log[-1]["step"] == steps
    monkeypatch.setattr(sys, "argv", [*command, "--only", "without"])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert [line.split(" | ")[0] for line in capsys.readouterr().out.splitlines()[2:]] == ["| 56 px without"]


def test_half_of_what_is_shown_are_the_digits_as_they_are(mnist):
    script = runpy.run_path(str(SCRIPT), run_name="script")
    split = digits.mnist_scale(mnist, seed=0, parts=("train",))["train"].part(1, 40)
    half = script["half_smaller"](split, 3, seed=0)
    pictures = [sample.source.tobytes() for sample in half.samples]
    assert len(pictures) == 6 * len(split.samples)
    for sample in split.samples:
        assert pictures.count(sample.source.tobytes()) >= 3
    assert [sample.label for sample in half.samples] == 6 * [sample.label for sample in split.samples]
    assert script["half_smaller"](split, 0, seed=0) == split


def test_other_levels_see_with_the_same_weights_and_blank_cells_weigh_little():
    script = runpy.run_path(str(SCRIPT), run_name="script")
    model = tiny(has_links=False, has_own_statistics=False, gate=GateMode.MEAN)
    other = script["with_levels"](model, (24, 48, 64, 80))
    images = torch.zeros(1, 3, 48, 48)
    images[..., :16, :16] = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        before, after = model(images), other(images)
        assert torch.equal(after.stages[-1][1], before.stages[-1][1])
        weights, norms = after.gate.weights[3][0], after.stages[-1][3][0].norm(dim=0)
    assert torch.allclose(weights, norms**3 / (4 * (norms**3).sum()), atol=1e-5)
    assert torch.allclose(after.gate.levels, torch.full((1, 4), 0.25))
