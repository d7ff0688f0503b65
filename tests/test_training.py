"""Training: a run that was stopped ends where one that was not ends."""

import json
import math
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from quick import RECIPE
from torch.utils.data import DataLoader

from msresnet import recipes
from msresnet.data import Pictures, find_split, readable
from msresnet.errors import ConfigError, DataError
from msresnet.pyramid import tensor_levels
from msresnet.recipes import NO_AUGMENTATION, RECIPES, Optimizer, Schedule
from msresnet.training import Run, train
from msresnet.training.batches import Augmented, EpochSampler, augmentation, batches
from msresnet.training.progress import HeldOut, TrainingLog, read_log
from msresnet.vote import GateMode


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two classes, reddish and bluish noise, ten pictures each."""
    folder = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for name, channel in (("red", 0), ("blue", 2)):
        (folder / "train" / name).mkdir(parents=True)
        for i in range(10):
            noise = generator.integers(0, 128, (20, 24, 3), dtype=np.uint8)
            noise[..., channel] += 100
            Image.fromarray(noise).save(folder / "train" / name / f"{name}_{i}.png")
    return folder


@pytest.fixture(scope="module")
def split(pictures):
    return readable(find_split(pictures, "train"))


class Stopped(Exception):
    """Stands for a power cut."""


VARIANTS = {
    "sgd": {},
    "adamw-one-cycle-ema": {"optimizer": Optimizer.ADAMW, "schedule": Schedule.ONE_CYCLE, "ema": 0.8},
    "plateau-growing": {"schedule": Schedule.PLATEAU, "growth_from": 0.5, "growth_epochs": 1.5, "epochs": 3},
}


@pytest.mark.parametrize("stop_at", [3, 5])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(split, tmp_path, monkeypatch, stop_at, variant):
    recipe = replace(RECIPE, **VARIANTS[variant])
    whole = train(recipe, split, tmp_path / "whole", workers=0, save_every_s=0)
    add = TrainingLog.add

    def stop(log: TrainingLog, done: int, loss: float, *, lr: float) -> None:
        add(log, done, loss, lr=lr)
        if done == stop_at:
            raise Stopped

    monkeypatch.setattr(TrainingLog, "add", stop)
    with pytest.raises(Stopped):
        train(recipe, split, tmp_path / "parts", workers=0, save_every_s=0)
    monkeypatch.setattr(TrainingLog, "add", add)
    resumed = train(recipe, split, tmp_path / "parts", is_resumed=True, workers=0, save_every_s=0)
    for key, value in whole.state_dict().items():
        assert torch.allclose(value.float(), resumed.state_dict()[key].float(), atol=1e-6), key
    last = [read_log(tmp_path / name / "log.jsonl")[-1] for name in ("whole", "parts")]
    assert last[0]["held_out_loss"] == pytest.approx(last[1]["held_out_loss"], abs=1e-4)
    assert (tmp_path / "parts" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_training_learns(split, tmp_path):
    recipe = replace(
        RECIPE,
        epochs=12,
        full_epochs=12,
        dropout=0.0,
        label_smoothing=0.0,
        held_out_per_class=0,
        augmentation=NO_AUGMENTATION,
    )
    model = train(recipe, split, tmp_path, workers=0)
    images, labels = zip(*Pictures(split, side=16), strict=True)
    with torch.no_grad():
        logits = model(torch.stack(images).float() / 255).logits
    assert (logits.argmax(1) == torch.tensor(labels)).float().mean() == 1


def test_the_statistics_at_the_end_are_of_the_last_weights_and_of_all_levels(split, tmp_path):
    recipe = replace(RECIPE, ema=0.8, full_epochs=0.0)
    trunk = (model := train(recipe, split, tmp_path, workers=0)).trunk
    kept, _ = split.hold_out(recipe.held_out_per_class)
    some = [images.float() / 255 for _, images, _ in islice(batches(recipe, kept, start=0, workers=0), 40)]
    for scale in range(len(model.sides)):
        maps = [
            trunk.conv1([(tensor_levels(images, model.sides)[scale] - model.mean) / model.std])[0] for images in some
        ]
        norm = trunk.bn1.scales[scale]
        assert norm.num_batches_tracked == len(some)
        for found, of_batch in ((norm.running_mean, torch.mean), (norm.running_var, torch.var)):
            wanted = torch.stack([of_batch(x, dim=(0, 2, 3)) for x in maps]).mean(dim=0)
            torch.testing.assert_close(found, wanted.detach(), rtol=1e-4, atol=1e-5)


def test_frozen_statistics_stay(split, tmp_path):
    model = train(replace(RECIPE, is_norm_frozen=True), split, tmp_path, workers=0)
    assert all(not norm.running_mean.any() for norm in model.trunk.bn1.scales)


def test_a_run_says_which_precision_it_had(split, tmp_path, monkeypatch):
    monkeypatch.setattr(recipes, "is_bfloat16_fast", lambda device: False)
    train(replace(RECIPE, epochs=1, precision="auto"), split, tmp_path, workers=0)
    assert json.loads((tmp_path / "recipe.json").read_text())["precision"] == "no"


def test_another_recipe_does_not_go_on_with_the_checkpoint(split, tmp_path):
    train(replace(RECIPE, epochs=1), split, tmp_path, workers=0)
    with pytest.raises(ConfigError, match="another recipe, which differs in epochs"):
        train(RECIPE, split, tmp_path, is_resumed=True, workers=0)


def test_augmentation_does_not_depend_on_who_reads(split):
    transform = augmentation(RECIPE.augmentation, 16)
    data = Augmented(Pictures(split, side=16), transform, seed=1, epoch=3)
    here = [images for images, _ in DataLoader(data, 4)]
    torch.manual_seed(99)
    there = [images for images, _ in DataLoader(data, 4, num_workers=1)]
    assert all(torch.equal(a, b) for a, b in zip(here, there, strict=True))
    other = Augmented(Pictures(split, side=16), transform, seed=1, epoch=4)
    assert not all(torch.equal(data[i][0], other[i][0]) for i in range(len(data)))
    before = torch.random.get_rng_state()
    data[0]
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.5, 60, 140), (1.0, 200, 200)])
def test_a_share_of_the_pictures_is_zoomed(share, least, most):
    torch.manual_seed(0)
    transform = augmentation(replace(NO_AUGMENTATION, zoom=(0.5, 0.5), affine=share), 8)
    picture = torch.full((3, 8, 8), 200, dtype=torch.uint8)
    zoomed = sum(not torch.equal(transform(picture), picture) for _ in range(200))
    assert least <= zoomed <= most


def test_held_out_pictures_are_not_trained_on(split):
    kept, held = split.hold_out(3)
    assert len(held.samples) == 6
    assert not set(kept.samples) & set(held.samples)
    assert set(kept.samples) | set(held.samples) == set(split.samples)


def test_unreadable_files_are_named_and_left_out(pictures, tmp_path, caplog):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / name / "good.png")
    (tmp_path / "a" / "bad.png").write_bytes(b"")
    split = readable(find_split(tmp_path, "train"))
    assert len(split.samples) == 2
    assert "bad.png" in caplog.text
    assert "skipped 1 of 3" in caplog.text
    (tmp_path / "b" / "good.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="none is left in b"):
        readable(find_split(tmp_path, "train"))


@pytest.mark.parametrize("folders", [(), ("one",), ("one", "two")])
def test_a_folder_that_cannot_be_trained_on_is_told(tmp_path, folders):
    for name in folders:
        (tmp_path / name).mkdir()
    with pytest.raises(DataError):
        find_split(tmp_path, "train")
    with pytest.raises(DataError, match="must be a folder"):
        find_split(tmp_path / "nothing", "train")


def test_wordnet_ids_are_told_as_labels(tmp_path):
    for name in ("n02129165", "n01443537"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / name / "x.png")
    assert find_split(tmp_path, "train").classes == ("goldfish", "lion")


def test_processes_share_every_batch():
    whole = list(EpochSampler(22, seed=3, epoch=1, batch_size=6))
    parts = [list(EpochSampler(22, seed=3, epoch=1, batch_size=6, rank=rank, ranks=2)) for rank in range(2)]
    assert len(whole) == 18
    for batch in range(3):
        together = [index for part in parts for index in part[3 * batch : 3 * batch + 3]]
        assert together == whole[6 * batch : 6 * batch + 6]
    assert list(EpochSampler(22, seed=3, epoch=1, batch_size=6, first=2)) == whole[12:]
    with pytest.raises(ConfigError, match="multiple of the 4 processes"):
        EpochSampler(22, seed=3, epoch=1, batch_size=6, rank=0, ranks=4)


DISTRIBUTED = """
    import atexit, os, sys
    from pathlib import Path
    import torch
    from msresnet.data import find_split
    from msresnet.recipes import NO_AUGMENTATION, Recipe
    from msresnet.training import train
    recipe = Recipe(
        sides=(16, 24), base_side=16, source_side=16, width=8, scale_dropout=(0.5, 0.5), epochs=1, full_epochs=0.5,
        batch_size=4, held_out_per_class=2, lr=0.05, precision="no", augmentation=NO_AUGMENTATION, is_norm_frozen=True,
    )
    torch.set_num_threads(1)
    out = Path(sys.argv[2])
    still = out / f"joined-{os.environ.get('RANK', '0')}"
    atexit.register(lambda: still.write_text(str(torch.distributed.is_initialized())))  # the last thing that is done
    train(recipe, find_split(Path(sys.argv[1]), "train"), out, workers=0)
"""


def test_two_processes_give_the_loss_of_one(pictures, tmp_path):
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent(DISTRIBUTED))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "ACCELERATE_USE_CPU": "true"}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    for name, command in (("one", [sys.executable]), ("two", launcher)):
        arguments = [*command, str(script), str(pictures), str(tmp_path / name)]
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    one, two = (read_log(tmp_path / name / "log.jsonl") for name in ("one", "two"))
    assert [row.keys() for row in one] == [row.keys() for row in two]
    for alone, together in zip(one, two, strict=True):
        key = "loss" if "loss" in alone else "held_out_loss"
        assert together[key] == pytest.approx(alone[key], abs=1e-3)
    assert [(tmp_path / "two" / f"joined-{rank}").read_text() for rank in range(2)] == ["False", "False"]
    states = [torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)["model"] for name in ("one", "two")]
    for name, value in states[0].items():
        assert torch.allclose(value.float(), states[1][name].float(), atol=1e-4), name


def test_frozen_norms_keep_their_statistics(split, tmp_path):
    model = train(replace(RECIPE, epochs=1, is_norm_frozen=True), split, tmp_path, workers=0)
    statistics = [value for name, value in model.state_dict().items() if name.endswith("running_mean")]
    assert all((value == 0).all() for value in statistics)
    moved = train(replace(RECIPE, epochs=1), split, tmp_path / "moved", workers=0)
    assert any((v != 0).any() for name, v in moved.state_dict().items() if name.endswith("running_mean"))


def test_a_run_starts_from_given_weights(split, tmp_path):
    first = train(replace(RECIPE, epochs=1), split, tmp_path / "first", workers=0)
    run = Run(RECIPE, split, first)
    assert all(torch.equal(value, run.model.state_dict()[name]) for name, value in first.state_dict().items())
    with pytest.raises(ConfigError, match="does not fit"):
        Run(replace(RECIPE, width=16), split, first)
    with pytest.raises(ConfigError, match="are a resnet18, the recipe's a resnet10"):
        Run(replace(RECIPE, architecture="resnet10"), split, first)
    other = replace(split, folders=("x", "y"))
    assert not torch.equal(Run(RECIPE, other, first).model.head.fc.weight, first.head.fc.weight)


@pytest.mark.parametrize("gate", [GateMode.SINGLE, GateMode.GATED])
@pytest.mark.parametrize("has_own_statistics", [True, False])
def test_every_level_starts_from_a_model_of_one(split, tmp_path, gate, has_own_statistics):
    recipe = replace(RECIPE, has_links=False, has_own_statistics=has_own_statistics)
    one = replace(recipe, epochs=1, sides=(recipe.base_side,), scale_dropout=(0.0,), gate=gate)
    plain = train(one, split, tmp_path, workers=0).eval()
    model = Run(recipe, split, plain).model.eval()
    levels = tensor_levels(torch.rand(2, 3, 20, 20), recipe.sides)
    for level, maps in zip(levels, model.trunk(levels)[-1], strict=True):
        assert torch.allclose(maps, plain.trunk([level])[-1][0], atol=1e-5)
    assert torch.equal(model.head.fc.weight, plain.head.fc.weight)


def test_other_levels_start_from_those_of_the_nearest_sides(split, tmp_path):
    first = train(replace(RECIPE, epochs=1), split, tmp_path, workers=0)
    assert RECIPE.has_links and first.sides == (16, 24)
    recipe = replace(RECIPE, sides=(15, 17, 23), base_side=23, scale_dropout=(0, 0, 0), has_links=False)
    model = Run(recipe, split, first).model
    assert not any("link" in name for name in model.state_dict())
    for scale, nearest in enumerate((0, 0, 1)):
        begun, known = (of.trunk.bn1.scales[i].running_mean for of, i in ((model, scale), (first, nearest)))
        assert torch.equal(begun, known) and (known != 0).any()
    assert torch.equal(model.trunk.conv1.weight, first.trunk.conv1.weight)


def test_statistics_of_each_scale_do_not_become_those_of_all(split):
    recipe = replace(RECIPE, has_links=False)
    other = Run(recipe, split, None).model
    with pytest.raises(ConfigError, match="statistics for each scale, the recipe's network one for all"):
        Run(replace(recipe, has_own_statistics=False), split, other)


def test_pictures_of_any_size_train_together(tmp_path):
    generator = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i, size in enumerate([(3, 2), (1, 1), (200, 7), (16, 16), (31, 64)]):
            picture = Image.fromarray(generator.integers(0, 255, (*size, 3), dtype=np.uint8))
            picture.save(tmp_path / "data" / name / f"{i}.png")
    split = readable(find_split(tmp_path / "data", "train"))
    recipe = replace(RECIPE, epochs=1, held_out_per_class=1)
    train(recipe, split, tmp_path / "out", workers=0)
    assert math.isfinite(read_log(tmp_path / "out" / "log.jsonl")[-1]["held_out_loss"])


def test_the_time_left_goes_by_the_work_that_is_left(tmp_path, monkeypatch):
    recipe = replace(RECIPE, epochs=2, full_epochs=1, scale_dropout=(0.0, 1.0))
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    log = TrainingLog(tmp_path / "log.jsonl", recipe, steps_per_epoch=50, start=0, has_bar=False)
    for done in range(1, 51):
        now[0] += 60 * 16**2 / (16**2 + 24**2) / 50  # one minute a full epoch
        log.add(done, 1.0, lr=0.1)
    assert read_log(tmp_path / "log.jsonl")[-1]["left_minutes"] == 1.0


def test_a_loss_that_is_no_number_ends_the_run(tmp_path):
    log = TrainingLog(tmp_path / "log.jsonl", RECIPE, steps_per_epoch=5, start=0, has_bar=False)
    with pytest.raises(ConfigError, match="lower lr"):
        log.add(1, math.nan, lr=0.1)


def test_the_log_keeps_the_last_of_a_repeated_step(tmp_path):
    log = TrainingLog(tmp_path / "log.jsonl", RECIPE, steps_per_epoch=1, start=0, has_bar=False)
    for done, loss in ((1, 3.0), (2, 2.0), (2, 1.0)):
        log.add(done, loss, lr=0.1)
    log.add_held_out(2, HeldOut(0.5, 0.25))
    rows = read_log(tmp_path / "log.jsonl")
    assert [row.get("loss") for row in rows] == [3.0, 1.0, None]
    assert rows[2]["held_out_top1"] == 0.25


@pytest.mark.parametrize("name", RECIPES)
def test_a_listed_recipe_takes_a_step(name, split):
    recipe = replace(RECIPES[name], width=8, batch_size=4, precision="no", architecture="resnet10", ema=0.5)
    run = Run(recipe, split, None)
    _, images, labels = next(batches(recipe, split, start=0, workers=0))
    loss, lr = run.step(images, labels, 0)
    assert math.isfinite(loss)
    assert 0 < lr <= recipe.lr
