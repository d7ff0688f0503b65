"""The commands ``evaluate``, ``zoom`` and ``calibrate``: what they print and write is what Python gives."""

import json
from pathlib import Path

import pytest
import torch
import torchvision
from commanding import save_model, write_picture

from msresnet import level_fit
from msresnet.__main__ import main
from msresnet.calibration import read_calibration
from msresnet.checkpoint import load_model
from msresnet.data import find_split
from msresnet.evaluation import evaluate
from msresnet.sweep import sweep


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def squares(tmp_path) -> Path:
    root = tmp_path / "squares"
    for name in ("red thing", "n01440764", "grey"):
        for i in range(2):
            write_picture(root / name / f"{i}.png", seed=i)
    return root


def test_evaluate_prints_a_table_and_writes_the_same_numbers(checkpoint, squares, tmp_path, capsys):
    file = tmp_path / "made" / "report.json"
    command = ["evaluate", "--model", str(checkpoint), "--data", str(squares), "--json", str(file)]
    assert main(command) == 0
    out, err = capsys.readouterr()
    report = evaluate(load_model(checkpoint, device="cpu"), find_split(squares, "val"))
    assert out == report.to_markdown() + "\n" and err == ""
    kept = json.loads(file.read_text())
    assert "torch" in kept.pop("versions")
    assert kept == json.loads(json.dumps(report.to_dict()))
    assert (kept["pictures"], kept["classes"]) == (6, 3)


def test_evaluate_names_files_that_it_cannot_read(checkpoint, squares, caplog, capsys):
    (squares / "grey" / "broken.png").write_bytes(b"no")
    assert main(["evaluate", "--model", str(checkpoint), "--data", str(squares)]) == 0
    assert "broken.png" in caplog.text and "1 unreadable files left out" in capsys.readouterr().out


def test_evaluate_refuses_data_that_does_not_fit(checkpoint, squares, tmp_path, capsys):
    command = ["evaluate", "--model", str(checkpoint), "--data"]
    assert main([*command, str(tmp_path / "nowhere")]) == 1
    assert "must be a folder" in capsys.readouterr().err
    write_picture(squares / "zebra" / "0.png", seed=0)
    assert main([*command, str(squares)]) == 1
    assert "does not know 1 of 4 ('zebra')" in capsys.readouterr().err


def test_a_part_and_its_complement_are_the_whole(checkpoint, squares, tmp_path, capsys):
    command = ["evaluate", "--model", str(checkpoint), "--data", str(squares), "--json", str(tmp_path / "r.json")]
    right = 0
    for part, pictures in (("1/4", 2), ("2/4", 2), ("3/4", 1), ("4/4", 1)):
        assert main([*command, "--part", part]) == 0
        kept = json.loads((tmp_path / "r.json").read_text())
        assert kept["pictures"] == pictures
        right += kept["top1"] * pictures
    assert main(command) == 0
    assert right == pytest.approx(6 * json.loads((tmp_path / "r.json").read_text())["top1"])


@pytest.mark.parametrize("command", ["evaluate", "zoom"])
def test_a_folder_gets_the_report_and_its_charts(command, checkpoint, squares, tmp_path):
    out = tmp_path / "made" / "here"
    assert main([command, "--model", str(checkpoint), "--data", str(squares), "--out", str(out)]) == 0
    text, kept = (out / "report.md").read_text(), json.loads((out / "report.json").read_text())
    shown = {path.name for path in out.glob("*.png")}
    assert shown and all(f"]({name})" in text for name in shown)
    assert {path.name for path in out.iterdir()} == {"report.md", "report.json", *shown}
    assert kept["model"]["name"] == "tiny" and kept["model"]["sha256"] in text


# zoom


def test_zoom_prints_tables_and_writes_the_same_numbers(checkpoint, squares, tmp_path, capsys):
    file = tmp_path / "made" / "zoom.json"
    command = ["zoom", "--model", str(checkpoint), "--data", str(squares), "--zooms", "1,1/2", "--json", str(file)]
    assert main([*command, "--plain", str(checkpoint), "--store", str(tmp_path / "votes")]) == 0
    out, err = capsys.readouterr()
    model, split = load_model(checkpoint, device="cpu"), find_split(squares, "val")
    found = sweep(model, split, zooms=(0.5, 1.0), plain=model)
    assert out == found.to_markdown() + "\n" and err == ""
    kept = json.loads(file.read_text())
    assert "torch" in kept.pop("versions")
    assert kept == json.loads(json.dumps(found.to_dict()))


def test_sides_are_those_of_lifted_weights(squares, tmp_path, capsys):
    torch.manual_seed(0)
    torch.save(torchvision.models.resnet18(num_classes=3).state_dict(), tmp_path / "mine.pth")
    for index, folder in enumerate(sorted(squares.iterdir())):
        folder.rename(squares / f"class {index}")
    command = ["zoom", "--model", str(tmp_path / "mine.pth"), "--data", str(squares), "--zooms", "1"]
    assert main([*command, "--sides", "224,64"]) == 0
    out = capsys.readouterr().out
    assert "| 64 px alone" in out and "| 224 px alone" in out and "160 px" not in out


def test_zoom_takes_one_canvas(checkpoint, squares, capsys):
    command = ["zoom", "--model", str(checkpoint), "--data", str(squares), "--zooms", "0.5,1"]
    assert main([*command, "--canvas", "mirror", "--bf16", "--part", "1/2"]) == 0
    out = capsys.readouterr().out
    assert "mirror canvas" in out and "grey canvas" not in out and "3 pictures at 2 zooms (bfloat16)" in out


# calibrate


def test_calibrate_writes_what_evaluate_takes(checkpoint, squares, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(level_fit, "STEPS", 20)
    for i in range(2, 5):
        write_picture(squares / "grey" / f"{i}.png", seed=i)
        write_picture(squares / "red thing" / f"{i}.png", seed=i)
    file = tmp_path / "made" / "c.safetensors"
    options = ["--model", str(checkpoint), "--data", str(squares)]
    shown = ["--zooms", "1/2,1", "--drawn", "2", "--temperature-zoom", "0.5"]
    assert main(["calibrate", *options, *shown, "--out", str(file)]) == 0
    out = capsys.readouterr().out
    assert "12 pictures of squares, at zoom 0.5\n" in out and str(file) in out
    found = read_calibration(file)
    assert (found.data["zooms"], found.data["renderings_drawn"]) == ([0.5, 1.0], 2)
    assert found.data["sides"] == list(load_model(checkpoint, device="cpu").sides)
    assert main(["evaluate", *options, "--json", str(tmp_path / "a.json")]) == 0
    assert main(["evaluate", *options, "--json", str(tmp_path / "b.json"), "--calibration", str(file)]) == 0
    bare, cool = (json.loads((tmp_path / name).read_text()) for name in ("a.json", "b.json"))
    assert bare["model"]["sha256"] == found.sha256 != cool["model"]["sha256"]
    assert bare["calibration_error"] != cool["calibration_error"]


def test_calibrate_keeps_a_gate(checkpoint, squares, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(level_fit, "STEPS", 20)
    for i in range(2, 5):
        write_picture(squares / "grey" / f"{i}.png", seed=i)
        write_picture(squares / "red thing" / f"{i}.png", seed=i)
    first, second = tmp_path / "1.safetensors", tmp_path / "2.safetensors"
    command = ["calibrate", "--model", str(checkpoint), "--data", str(squares)]
    assert main([*command, "--zooms", "1/2,1", "--out", str(first)]) == 0
    again = [*command, "--gate", str(first), "--out", str(second)]
    assert main([*again, "--temperature-zoom", "0.5"]) == 0
    assert "at zoom 0.5\n" in capsys.readouterr().out
    one, other = read_calibration(first), read_calibration(second)
    assert all((one.gate[key] == value).all() for key, value in other.gate.items())
    assert one.temperature != other.temperature
    assert main([*command, "--gate", "own", "--out", str(second)]) == 0
    assert read_calibration(second).temperature_mode is load_model(checkpoint, device="cpu").config.temperature
    for unwanted in (["--zooms", "1/2"], ["--drawn", "1"], ["--canvas", "grey"], ["--seed", "1"]):
        assert main([*again, *unwanted]) == 1
        assert "leave out --zooms, --canvas, --drawn and --seed" in capsys.readouterr().err


def test_calibrate_does_not_take_what_trained_or_judges_the_model(checkpoint, squares, tmp_path, capsys):
    split = tmp_path / "data"
    split.mkdir()
    squares.rename(split / "train")
    command = ["calibrate", "--model", str(checkpoint), "--data", str(split), "--out", str(tmp_path / "c.safetensors")]
    assert main(command) == 1
    assert "--held-out" in capsys.readouterr().err
    assert main([*command, "--held-out", "1"]) == 1
    assert "at least 10 readable pictures, got 3" in capsys.readouterr().err
