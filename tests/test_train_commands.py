"""The commands ``train`` and ``ablate``: what they ask of the training loop, and which recipes they refuse."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from commanding import save_model, write_picture

from msresnet import recipes, training
from msresnet.__main__ import main
from msresnet.checkpoint import load_model
from msresnet.model import ModelConfig, MultiscaleResNet
from msresnet.recipes import RECIPES, Recipe, for_device, shortened
from msresnet.resnet import Stem
from msresnet.training.search import Trial


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def trained(monkeypatch) -> list[SimpleNamespace]:
    """What the training loop was asked, which itself has tests of its own."""
    calls = []

    def train(recipe, split, out, **asked):
        calls.append(SimpleNamespace(recipe=recipe, split=split, out=out, **asked))
        (out / "checkpoint.pt").write_bytes(b"")
        return MultiscaleResNet(ModelConfig("resnet18", (16,), 16, ("a", "b"), stem=Stem.STRIDE_2, width=8))

    monkeypatch.setattr(training, "train", train)
    return calls


def train(recipe: str | Path, folder: Path, *more: str) -> int:
    for name in ("a", "b"):
        write_picture(folder / "data" / name / "0.png", seed=0)
    command = ["train", "--recipe", str(recipe), "--data", str(folder / "data"), "--out", str(folder / "run")]
    return main([*command, *more])


@pytest.mark.parametrize(("is_fast", "precision"), [(True, "bf16"), (False, "no")])
def test_bfloat16_where_it_is_fast(is_fast, precision, monkeypatch):
    monkeypatch.setattr(recipes, "is_bfloat16_fast", lambda device: is_fast)
    assert for_device(Recipe(), torch.device("cpu")).precision == precision
    assert for_device(Recipe(precision="fp16"), torch.device("cpu")).precision == "fp16"


def test_a_precision_that_there_is_not_is_told(tmp_path, capsys):
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps({"precision": "half"}))
    assert train(file, tmp_path) == 1
    assert "precision must be one of auto, no, bf16, fp16, got 'half'" in capsys.readouterr().err


def test_train_takes_a_recipe_by_name_and_leaves_a_model(trained, tmp_path, capsys):
    out = tmp_path / "run"
    assert train("tiny-imagenet", tmp_path, "--workers", "0") == 0
    (call,) = trained
    assert (call.recipe, call.out) == (for_device(RECIPES["tiny-imagenet"], torch.device("cpu")), out)
    assert [sample.source.parent.name for sample in call.split.samples] == ["a", "b"]
    assert (call.is_resumed, call.workers, call.start_from, call.held_out) == (False, 0, None, None)
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


def test_train_searches_starts_from_a_model_and_takes_a_seed(trained, checkpoint, tmp_path, monkeypatch, capsys):
    def search(recipe, split, out, *, held_out, workers):
        return replace(recipe, lr=0.3), [Trial(0.3, 1e-4, 0.5, 1.25)]

    monkeypatch.setattr("msresnet.training.search.search", search)
    assert train("tiny-imagenet", tmp_path, "--search", "--start-from", str(checkpoint), "--seed", "7") == 0
    (call,) = trained
    assert (call.recipe.lr, call.recipe.seed) == (0.3, 7)
    assert call.start_from.classes == load_model(checkpoint, device="cpu").classes
    assert "lr 0.3, weight decay 0.0001: held-out loss 1.2500, top-1 50.0 %" in capsys.readouterr().out


def test_training_without_its_extra_is_told_with_the_cure(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    assert train("tiny-imagenet", tmp_path) == 1
    said = capsys.readouterr().err
    assert "accelerate" in said and "pip install 'msresnet[train]'" in said


# Recipes


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


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_a_recipe_survives_its_own_json(tmp_path, name):
    file = tmp_path / "same.json"
    file.write_text(json.dumps(recipes.RECIPES[name].to_dict()))
    assert recipes.read_recipe(str(file)) == recipes.RECIPES[name]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"augmentation": {"flip": 1.5}}, "flip must be a probability"),
        ({"augmentation": {"zoom": [1.2, 0.8]}}, "zoom must be two factors"),
        ({"augmentation": {"crop_area": 0}}, "crop_area must be in (0, 1]"),
        ({"augmentation": {"mix": 0.5, "mixup": 0, "cutmix": 0}}, "mix needs a cutmix or a mixup"),
        ({"ema": 1.0}, "ema must be in [0, 1)"),
        ({"growth_from": 0}, "growth_from must be in (0, 1]"),
        ({"optimizer": "adam"}, "no optimizer called 'adam'"),
    ],
)
def test_impossible_recipes_are_refused_in_a_sentence(changes, said, tmp_path, capsys):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(changes))
    assert train(file, tmp_path) == 1
    assert said in capsys.readouterr().err


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
    assert train("tiny", tmp_path) == 1
    assert "no recipe or file called 'tiny'; did you mean 'tiny-imagenet'" in capsys.readouterr().err


# ablate


def test_ablate_prints_a_table_and_keeps_it(tmp_path, capsys):
    for i in range(4):
        for seed, name in enumerate("ab"):
            write_picture(tmp_path / "data" / name / f"{i}.png", seed=10 * i + seed)
    file = tmp_path / "mine.json"
    small = {"sides": [16, 24], "base_side": 16, "scale_dropout": [0.2, 0.2], "source_side": 16, "width": 8}
    file.write_text(
        json.dumps({**small, "architecture": "resnet10", "batch_size": 4, "held_out_per_class": 0, "precision": "no"})
    )
    command = ["ablate", "--recipe", str(file), "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    assert main([*command, "--seeds", "1", "--epochs", "1", "--part", "1/2", "--only", "no cross-scale links"]) == 0
    table = capsys.readouterr().out
    assert "the full model" in table and "no cross-scale links" in table
    assert (tmp_path / "out" / "ablation.md").read_text() == table
    assert len(json.loads((tmp_path / "out" / "ablation.json").read_text())["results"]) == 2
    assert len(np.load(tmp_path / "out" / "the-full-model-0" / "right.npy")) == 4  # of eight


def test_a_shortened_recipe_keeps_its_shape():
    recipe = replace(RECIPES["mnist-scale"], epochs=20, warmup_epochs=2, growth_epochs=5, full_epochs=4, ema=0.99)
    short = shortened(recipe, 10)
    assert (short.epochs, short.warmup_epochs, short.growth_epochs, short.full_epochs) == (10, 1, 2.5, 2)
    assert short.ema == pytest.approx(0.98)
    assert shortened(replace(recipe, ema=0.0), 10).ema == 0
