"""The command line: exit codes, files and their laws."""

import json
import os
import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from msresnet import cli, export, recipes, training
from msresnet.__main__ import main
from msresnet.attribution import METHODS
from msresnet.checkpoint import MODELS, load_model, save_checkpoint
from msresnet.data import find_split
from msresnet.errors import ConfigError, MsresnetError
from msresnet.evaluation import evaluate
from msresnet.explain import Session
from msresnet.model import ModelConfig, MultiscaleResNet
from msresnet.resnet import Stem

LABELS = ("red thing", "green thing", "blue thing", "tabby", "tench", "grey", "seventh")
SIDES = (24, 32, 48)
TOP_K_KEYS = ["index", "label", "probability", "logit", "bias", "contributions", "residual"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    config = ModelConfig("resnet18", SIDES, 32, LABELS, stem=Stem.STRIDE_2, width=8)
    model = MultiscaleResNet(config).eval()
    with torch.no_grad():
        model.head.fc.weight.mul_(3).add_(0.5)  # what all classes share moves raw numbers, not centred ones
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_checkpoint(model, folder, name="tiny")
    return folder


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


def write_picture(path: Path, *, seed: int, size: tuple[int, int] = (60, 50)) -> Path:
    """Noise with a bright patch."""
    pixels = np.random.default_rng(seed).integers(0, 160, size=(size[1], size[0], 3), dtype=np.uint8)
    pixels[10:25, 20:40] = 230
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def explain(*images: Path, model: Path, out: Path, more: list[str] | None = None) -> int:
    return main(["explain", *map(str, images), "--model", str(model), "--out", str(out), *(more or [])])


def read_json(folder: Path) -> dict:
    return json.loads((folder / "explanation.json").read_text(encoding="utf-8"))


# Exit codes


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["zoom"],  # not built yet, so it does not exist
        ["explain", "--out", "x"],
        ["explain", "a.png"],
        ["explain", "a.png", "--out", "x", "--top-k", "0"],
        ["explain", "a.png", "--out", "x", "--top", "3"],  # abbreviations would bind us to today's options
        ["evaluate", "--data", "x", "--batch-size", "many"],
        ["evaluate", "--data", "x", "--workers", "-1"],
        ["train", "--recipe", "tiny-imagenet", "--data", "x"],
        ["demo", "--port", "70000"],
    ],
)
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: msresnet" in capsys.readouterr().err


def test_help_names_the_commands_that_there_are(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert all(f"\n    {name} " in text for name in ("demo", "models", "explain", "evaluate", "train"))


@pytest.mark.parametrize("command", ["demo", "models", "explain", "evaluate", "train"])
def test_every_option_has_a_help_text(command):
    parser = cli.command_parser([one for one in all_commands() if one.name == command])
    own = parser._subparsers._group_actions[0].choices[command]
    assert all(action.help for action in own._actions)


def all_commands() -> list[cli.Command]:
    from msresnet.__main__ import DEMO

    return [DEMO, *cli.COMMANDS]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [(ConfigError("Mend this"), 1, "Mend this\n"), (KeyboardInterrupt(), 130, "Stopped\n")],
)
def test_what_the_user_can_mend_is_one_sentence(error, code, said, capsys):
    assert cli.main(["fail"], more=[failing(error)]) == code
    assert capsys.readouterr().err == said


def test_a_bug_stays_a_traceback():
    with pytest.raises(ZeroDivisionError):
        cli.main(["fail"], more=[failing(ZeroDivisionError())])


def failing(error: BaseException) -> cli.Command:
    def fail(options):
        raise error

    return cli.Command("fail", "fail", lambda parser: None, fail)


def test_the_exit_code_reaches_the_shell(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["msresnet", "explain", "x.png", "--model", "no-such", "--out", "x"])
    monkeypatch.delitem(sys.modules, "msresnet.__main__")
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("msresnet", run_name="__main__")
    assert stop.value.code == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("There is no model called 'no-such'") and err.count("\n") == 1


# models


def test_models_says_what_is_here(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MSRESNET_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("MSRESNET_CACHE", str(tmp_path))
    assert main(["models"]) == 0
    before = capsys.readouterr().out.splitlines()
    (tmp_path / MODELS[0].name).mkdir()
    (tmp_path / MODELS[0].name / "config.json").write_text("{}")
    main(["models"])
    after = capsys.readouterr().out.splitlines()

    assert before[0].split() == ["name", "classes", "size", "weights", "here"]
    for line, one in zip(before[1:], MODELS, strict=True):
        assert line.startswith(one.name) and one.source in line and line.endswith("no")
        assert line.split()[1:3] == [str(one.class_count), str(one.size_mb)]
    assert after[1].endswith("yes") and after[2:] == before[2:]


# explain: the files


def test_the_json_has_the_keys_of_the_design(explained, checkpoint, photo):
    kept = read_json(explained)
    # The design's keys, and the target, without which maps.npz would not say what it shows.
    assert list(kept) == ["model", "image", "scales", "target", "top_k", "methods", "versions"]
    assert list(kept["model"]) == ["name", "sha256"] and kept["model"]["name"] == "tiny"
    assert list(kept["image"]) == ["width", "height", "sha256"]
    assert (kept["image"]["width"], kept["image"]["height"]) == (60, 50)
    assert kept["scales"] == [{"scale": side / 32, "side": side} for side in SIDES]
    assert len(kept["top_k"]) == 3 and all(list(entry) == TOP_K_KEYS for entry in kept["top_k"])
    assert all(
        list(one) == ["completeness_residual", "baseline", "seconds"] for one in kept["methods"].values()
    )
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
    names = {"explanation.json", "maps.npz", "evidence.png", "ledger.png", "saliency.png", "grad-cam.png"}
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


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "0.0 %"), (0.0001, "less than 0.1 %"), (0.5, "50.0 %"), (0.9999, "over 99.9 %"), (1.0, "100.0 %")],
)
def test_a_probability_is_honest_at_both_ends(share, said):
    assert cli.per_cent(share) == said


# explain: the pictures


@pytest.fixture
def drawn(monkeypatch) -> dict[str, list]:
    """What the figures were given, instead of figures."""
    calls: dict[str, list] = {"evidence": [], "ledger": []}

    def note(kind):
        def figure(*args, **kwargs):
            calls[kind].append(SimpleNamespace(args=args, **kwargs))
            return Image.new("RGB", (4, 4))

        return figure

    monkeypatch.setattr(export, "evidence_figure", note("evidence"))
    monkeypatch.setattr(export, "ledger_figure", note("ledger"))
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


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_unit(name):
    assert export.unit_of(METHODS[name])


# explain: several images, and what can go wrong


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


def test_numbered_names_do_not_meet_each_other():
    names = [path.name for path in cli.folders_for(["x/A.png", "a-2.png", "y/a.png", "z/a.png"], Path("o"))]
    assert names == ["A", "a-2", "a-3", "a-4"]


def test_a_bad_image_does_not_stop_the_others(checkpoint, photo, tmp_path, capsys):
    bad = tmp_path / "bad.png"
    bad.write_bytes(photo.read_bytes()[:200])
    other = write_picture(tmp_path / "other.png", seed=5)
    out = tmp_path / "out"
    assert explain(bad, tmp_path / "missing.png", photo, other, model=checkpoint, out=out) == 1
    said, errors = capsys.readouterr()
    assert sorted(path.name for path in out.iterdir()) == ["other", "photo"]
    assert len(said.splitlines()) == 2
    first, second = errors.splitlines()
    assert "bad.png" in first and "missing.png" in second


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
    assert errors.count("\n") == (2 if "itself" in said else 1)
    assert not list(out.rglob("*.*"))


def test_an_out_that_is_a_file_is_told_before_the_work(checkpoint, photo, tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    assert explain(photo, model=checkpoint, out=tmp_path / "out") == 1
    assert "cannot be made a folder" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"


def test_a_file_is_whole_or_as_it_was(tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError(28, "No space left on device")

    path = tmp_path / "maps.npz"
    cli.write_whole(path, b"old")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(MsresnetError, match="No space left on device"):
        cli.write_whole(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_bare_state_dict_is_marked_unverified(checkpoint, photo, tmp_path, monkeypatch, capsys):
    found = SimpleNamespace(name="found", is_verified=False, notes=("nobody vouches",))
    monkeypatch.setattr(cli, "identify", lambda model: found)
    assert explain(photo, model=checkpoint, out=tmp_path) == 0
    assert capsys.readouterr().err == "found is not verified: nobody vouches\n"


# evaluate


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


# train


@pytest.fixture
def trained(monkeypatch) -> list[SimpleNamespace]:
    """What the training loop was asked, which itself has tests of its own."""
    calls = []

    def train(recipe, data, out, *, is_resumed, workers):
        calls.append(
            SimpleNamespace(recipe=recipe, data=data, out=out, is_resumed=is_resumed, workers=workers)
        )
        (out / "checkpoint.pt").write_bytes(b"")
        return MultiscaleResNet(ModelConfig("resnet18", (16,), 16, ("a", "b"), stem=Stem.STRIDE_2, width=8))

    monkeypatch.setattr(training, "train", train)
    return calls


def train(recipe: str | Path, folder: Path, *more: str) -> int:
    command = ["train", "--recipe", str(recipe), "--data", str(folder), "--out", str(folder / "run")]
    return main([*command, *more])


def test_train_takes_a_recipe_by_name_and_leaves_a_model(trained, tmp_path, capsys):
    out = tmp_path / "run"
    assert train("tiny-imagenet", tmp_path, "--workers", "0") == 0
    (call,) = trained
    assert (call.recipe, call.data, call.out) == (recipes.RECIPES["tiny-imagenet"], tmp_path, out)
    assert (call.is_resumed, call.workers) == (False, 0)
    assert load_model(out / "model", device="cpu").classes == ("a", "b")
    kept = json.loads((out / "model" / "config.json").read_text())
    assert kept["name"] == "run" and kept["recipe"] == json.loads(json.dumps(call.recipe.to_dict()))
    assert f"--model {out / 'model'}" in capsys.readouterr().out


def test_train_does_not_overwrite_a_run_unless_it_goes_on_with_it(trained, tmp_path, capsys):
    assert train("tiny-imagenet", tmp_path) == 0
    assert train("tiny-imagenet", tmp_path) == 1
    assert "already holds a training run" in capsys.readouterr().err and len(trained) == 1
    assert train("tiny-imagenet", tmp_path, "--resume") == 0
    assert trained[1].is_resumed


def test_a_recipe_file_changes_what_it_names(trained, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(
        '{"sides": [16, 32], "scale_dropout": [0, 0.5], "base_side": 32, "stem": "imagenet", "lr": 1,'
        ' "loss": {"level": 0}}'
    )
    assert train(file, tmp_path) == 0
    recipe = trained[0].recipe
    assert (recipe.sides, recipe.scale_dropout, recipe.base_side) == ((16, 32), (0.0, 0.5), 32)
    assert recipe.stem is Stem.IMAGENET and recipe.lr == 1.0 and isinstance(recipe.lr, float)
    assert (recipe.loss.level, recipe.loss.vote) == (0.0, 1.0)
    assert recipe.momentum == recipes.Recipe().momentum


def test_a_recipe_survives_its_own_json(tmp_path):
    file = tmp_path / "same.json"
    file.write_text(json.dumps(recipes.Recipe().to_dict()))
    assert recipes.read_recipe(str(file)) == recipes.Recipe()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "must be a JSON file"),
        ("[]", "recipe must be an object of fields, got []"),
        ('{"epoch": 3}', "no field of the recipe called 'epoch'; did you mean 'epochs'"),
        ('{"loss": {"votes": 3}}', "no field of the loss called 'votes'; did you mean 'vote'"),
        ('{"epochs": "3"}', 'epochs must be a whole number, got "3"'),
        ('{"epochs": true}', "epochs must be a whole number, got true"),
        ('{"has_links": 1}', "has_links must be true or false, got 1"),
        ('{"lr": true}', "lr must be a number, got true"),
        ('{"architecture": 18}', "architecture must be a text, got 18"),
        ('{"sides": 48}', "sides must be a list, got 48"),
        ('{"sides": ["48", 1, 2]}', 'sides must be a whole number, got "48"'),
        ('{"stem": "wide"}', "no stem called 'wide'"),
        ('{"gate": ["single"]}', 'gate must be a name, got ["single"]'),
        ('{"sides": [8, 16]}', "scale_dropout needs 2 values"),
    ],
)
def test_a_recipe_file_that_does_not_fit_is_refused_in_a_sentence(content, said, trained, tmp_path, capsys):
    file = tmp_path / "mine.json"
    file.write_text(content)
    assert train(file, tmp_path) == 1
    assert said in capsys.readouterr().err
    assert not trained and not (tmp_path / "run").exists()


def test_an_unknown_recipe_names_those_that_there_are(tmp_path, capsys):
    assert train("imagenet", tmp_path) == 1
    assert "no recipe or file called 'imagenet'; did you mean 'tiny-imagenet'" in capsys.readouterr().err


def test_training_without_its_extra_is_told_with_the_cure(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    assert train("tiny-imagenet", tmp_path) == 1
    said = capsys.readouterr().err
    assert "accelerate" in said and "pip install 'msresnet[train]'" in said


# demo


def test_demo_hands_its_options_to_the_page(monkeypatch):
    calls = []
    page = ModuleType("msresnet.ui")
    page.launch = lambda **options: calls.append(options)
    monkeypatch.setitem(sys.modules, "msresnet.ui", page)
    assert main(["demo"]) == 0
    assert main(["demo", "--model", "x", "--host", "0.0.0.0", "--port", "7861", "--share"]) == 0
    assert calls == [
        {"model": None, "host": None, "port": None, "share": False},
        {"model": "x", "host": "0.0.0.0", "port": 7861, "share": True},
    ]


# Progress


def test_progress_is_one_line_on_a_terminal_and_nothing_elsewhere(monkeypatch, capsys):
    with cli.progress("work") as on_progress:
        on_progress(0.5)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    clock = iter((0.0, 30.0, 100.0))
    monkeypatch.setattr(cli.time, "monotonic", lambda: next(clock))
    with cli.progress("work") as on_progress:
        on_progress(0.5)
        on_progress(0.25)
    lines = capsys.readouterr().err.split(cli.CLEAR_LINE)
    assert lines == ["", "work: 50 %, 30 s left", "work: 25 %, 5 min left", ""]
