"""Training: a run that was stopped ends where one that was not ends."""

import math
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import tiny
from torch.utils.data import DataLoader

from msresnet.data import Pictures, find_split, readable
from msresnet.errors import ConfigError, DataError
from msresnet.losses import LossWeights, level_logits, multiscale_loss
from msresnet.recipes import NO_AUGMENTATION, RECIPES, Augmentation, Optimizer, Recipe, Schedule
from msresnet.training import Run, train
from msresnet.training.batches import Augmented, EpochSampler, Mix, augmentation, batches
from msresnet.training.optimisation import (
    LearningRate,
    exponential_mean,
    make_optimizer,
    parameter_groups,
    present_levels,
)
from msresnet.training.progress import HeldOut, TrainingLog, read_log
from msresnet.training.state import load_state, save_state

RECIPE = Recipe(
    sides=(16, 24),
    base_side=16,
    source_side=16,
    width=8,
    scale_dropout=(0.5, 0.5),
    epochs=2,
    full_epochs=0.5,
    batch_size=4,
    augmentation=Augmentation(crop_padding=2, rotation=10, zoom=(0.9, 1.1), mix=0.5),
    held_out_per_class=2,
    dropout=0.2,
    lr=0.01,
    precision="no",
)


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


def test_another_recipe_does_not_go_on_with_the_checkpoint(split, tmp_path):
    train(replace(RECIPE, epochs=1), split, tmp_path, workers=0)
    with pytest.raises(ConfigError, match="another recipe"):
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


WRITER = """
    import sys, torch
    from pathlib import Path
    from msresnet.training import save_state
    path, step = Path(sys.argv[1]), 0
    while True:
        step += 1
        save_state({"step": step, "tensor": torch.full((200_000,), float(step))}, path)
        print(step, flush=True)
"""


def test_a_killed_process_leaves_a_whole_checkpoint(tmp_path):
    path = tmp_path / "checkpoint.pt"
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(path)], stdout=subprocess.PIPE, text=True
    )
    for _ in range(5):
        assert process.stdout.readline().strip().isdigit()
    process.kill()
    process.wait()
    process.stdout.close()
    kept = torch.load(path, weights_only=True)
    assert kept["step"] >= 5
    assert (kept["tensor"] == kept["step"]).all()


def test_saving_replaces_only_when_whole(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    save_state({"step": 1}, path)

    def break_off(*_args):
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", break_off)
    with pytest.raises(OSError, match="disk full"):
        save_state({"step": 2}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}


def rates_of(recipe: Recipe, steps_per_epoch: int, held_out_loss: float = 1.0) -> list[float]:
    """The learning rate of every step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=recipe.lr)
    schedule, rates = LearningRate(optimizer, recipe, steps_per_epoch), []
    for step in range(recipe.epochs * steps_per_epoch):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.after_step()
        if (step + 1) % steps_per_epoch == 0:
            schedule.after_epoch(held_out_loss)
    return rates


@pytest.mark.parametrize("schedule", [Schedule.COSINE, Schedule.ONE_CYCLE])
def test_the_learning_rate_rises_and_falls(schedule):
    rates = rates_of(replace(RECIPE, epochs=10, warmup_epochs=1, lr=0.1, schedule=schedule), 20)
    top = rates.index(max(rates))
    assert 18 <= top <= 21
    assert math.isclose(max(rates), 0.1, rel_tol=1e-3)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] < 1e-4


def test_a_plateau_lowers_the_rate_and_progress_does_not():
    recipe = replace(RECIPE, epochs=6, warmup_epochs=1, lr=0.3, schedule=Schedule.PLATEAU)
    rates = rates_of(recipe, 10)
    assert math.isclose(rates[25], 0.3)
    assert math.isclose(rates[35], 0.1, rel_tol=1e-3)
    assert math.isclose(rates[-1], 0.1 / 3, rel_tol=1e-3)


def test_norms_biases_and_the_gate_do_not_decay():
    model = tiny()
    decayed, others = parameter_groups(model, 0.1)
    names = {id(p): name for name, p in model.named_parameters()}
    assert decayed["weight_decay"] == 0.1
    assert others["weight_decay"] == 0
    assert all(names[id(p)].endswith("weight") and "bn" not in names[id(p)] for p in decayed["params"])
    assert {name for name in names.values() if ".gate." in name} <= {names[id(p)] for p in others["params"]}
    assert len(decayed["params"]) + len(others["params"]) == len(names)


def test_scale_dropout_leaves_out_at_the_asked_rate_and_never_all():
    recipe = replace(RECIPE, scale_dropout=(0.25, 0.75))
    draws = torch.tensor([present_levels(recipe, is_full=False) for _ in range(2000)], dtype=torch.float)
    assert draws.any(dim=1).all()
    both = draws.sum(1) == 2
    assert abs(float(both.float().mean()) - 0.75 * 0.25) < 0.04
    assert present_levels(recipe, is_full=True) == (True, True)


def test_the_loss_is_the_sum_of_its_terms():
    model = tiny().double()
    output = model(torch.rand(4, 3, 48, 48, dtype=torch.float64))
    labels = torch.tensor([0, 1, 2, 3])
    cross_entropy = torch.nn.functional.cross_entropy
    levels = level_logits(output)
    teacher = output.logits.softmax(1).detach()
    vote = cross_entropy(output.logits, labels)
    level = sum(cross_entropy(logits, labels) for logits in levels) / 3
    divergence = sum((teacher * (teacher.log() - logits.log_softmax(1))).sum(1).mean() for logits in levels)
    weights = LossWeights(vote=1, level=0.5, consistency=0.3)
    loss = multiscale_loss(output, labels, weights=weights)
    assert torch.allclose(loss, vote + 0.5 * level + 0.3 * divergence / 3)
    soft = torch.nn.functional.one_hot(labels, 5).double()
    assert torch.allclose(multiscale_loss(output, soft, weights=weights), loss)


def test_the_ensemble_teaches_and_is_not_taught():
    model = tiny(has_links=False)
    output = model(torch.rand(2, 3, 48, 48))
    consistency = LossWeights(vote=0, level=0, consistency=1)
    multiscale_loss(output, torch.tensor([0, 1]), weights=consistency).backward()
    assert model.head.gate.scale_embedding.grad is None or not model.head.gate.scale_embedding.grad.any()
    assert model.head.fc.weight.grad.abs().sum() > 0


def test_a_level_is_its_own_plain_network():
    model = tiny(has_links=False)
    output = model(torch.rand(2, 3, 48, 48))
    by_hand = output.stages[-1][2].mean((2, 3)) @ model.head.fc.weight.T + model.head.fc.bias
    assert torch.allclose(level_logits(output)[2], by_hand)


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
    import json, sys
    from dataclasses import replace
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
    train(recipe, find_split(Path(sys.argv[1]), "train"), Path(sys.argv[2]), workers=0)
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
    states = [torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)["model"] for name in ("one", "two")]
    for name, value in states[0].items():
        assert torch.allclose(value.float(), states[1][name].float(), atol=1e-4), name


def test_what_is_not_asked_for_is_not_done_to_a_picture():
    picture = torch.randint(0, 255, (3, 16, 16), dtype=torch.uint8)
    assert torch.equal(augmentation(NO_AUGMENTATION, 16)(picture), picture)


@pytest.mark.parametrize(
    "asked",
    [
        {"crop_area": 0.3},
        {"crop_padding": 4},
        {"flip": 1.0},
        {"rotation": 45.0},
        {"translation": 0.4},
        {"zoom": (0.5, 0.6)},
    ],
)
def test_each_augmentation_changes_a_picture_and_keeps_its_side(asked):
    torch.manual_seed(0)
    picture = torch.randint(0, 255, (3, 16, 16), dtype=torch.uint8)
    changed = augmentation(replace(NO_AUGMENTATION, **asked), 16)(picture)
    assert changed.shape == picture.shape
    assert not torch.equal(changed, picture)


def test_mixing_makes_labels_of_probabilities():
    torch.manual_seed(0)
    images, labels = torch.rand(8, 3, 16, 16), torch.arange(8) % 3
    mixed, shares = Mix(Augmentation(mix=1.0), 3)(images, labels)
    assert shares.shape == (8, 3)
    assert torch.allclose(shares.sum(dim=1), torch.ones(8))
    assert not torch.equal(mixed, images)
    same, kept = Mix(Augmentation(mix=0.0), 3)(images, labels)
    assert same is images
    assert kept is labels


def test_the_mean_follows_the_weights_at_its_decay():
    model = tiny()
    mean = exponential_mean(model, 0.75)
    mean.update_parameters(model)
    before = model.head.fc.bias.detach().clone()
    with torch.no_grad():
        model.head.fc.bias += 1
    mean.update_parameters(model)
    assert torch.allclose(mean.module.head.fc.bias, before + 0.25, atol=1e-6)


def test_adamw_and_sgd_are_what_the_recipe_says():
    model = tiny()
    adamw = make_optimizer(model, replace(RECIPE, optimizer=Optimizer.ADAMW, momentum=0.8, lr=0.01))
    assert isinstance(adamw, torch.optim.AdamW)
    assert adamw.defaults["betas"][0] == 0.8
    sgd = make_optimizer(model, RECIPE)
    assert isinstance(sgd, torch.optim.SGD)
    assert sgd.defaults["nesterov"]


def test_sides_grow_to_their_own():
    recipe = replace(RECIPE, sides=(48, 96), base_side=48, growth_from=0.5, growth_epochs=2)
    assert recipe.sides_at(0) == (24, 48)
    assert recipe.sides_at(1) == (32, 72)
    assert recipe.sides_at(2) == recipe.sides_at(99) == (48, 96)
    assert RECIPE.sides_at(0) == RECIPE.sides


def test_the_expected_work_is_that_of_the_draws():
    recipe = replace(RECIPE, sides=(16, 32), scale_dropout=(0.3, 0.8), full_epochs=0)
    torch.manual_seed(0)
    draws = torch.tensor([present_levels(recipe, is_full=False) for _ in range(4000)], dtype=torch.float)
    assert recipe.work_at(0) == pytest.approx(float((draws @ torch.tensor([256.0, 1024.0])).mean()), rel=0.05)
    assert replace(recipe, full_epochs=1).work_at(recipe.epochs - 1) == 256 + 1024


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
    other = replace(split, folders=("x", "y"))
    assert not torch.equal(Run(RECIPE, other, first).model.head.fc.weight, first.head.fc.weight)


KILLED = """
    import builtins, io, os, signal, sys
    from pathlib import Path
    import torch
    from msresnet.training import state
    folder, moments = Path(sys.argv[1]), int(sys.argv[2])

    class Mortal(io.FileIO):
        left = None
        def write(self, data):
            data = memoryview(data).cast("B")
            if Mortal.left is not None and len(data) >= Mortal.left:
                super().write(data[: Mortal.left])
                os.kill(os.getpid(), signal.SIGKILL)
            if Mortal.left is not None:
                Mortal.left -= len(data)
            return super().write(data)

    def save(step, path):
        state.save_state({"step": step, "tensor": torch.full((5_000,), float(step))}, path)

    Path.open = lambda self, mode="r", **_: Mortal(self, mode)
    size = None
    for moment in range(moments):
        path = folder / f"{moment}.pt"
        save(1, path)
        size = size or path.stat().st_size
        child = os.fork()
        if not child:
            if moment % 10 == 8:  # after the last byte
                os.fsync = lambda fd: os.kill(os.getpid(), signal.SIGKILL)
            elif moment % 10 == 9:  # when it is synced
                os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
            else:
                Mortal.left = 1 + size * moment // (moments + 1)
            save(2, path)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
"""


def test_a_hundred_kills_leave_a_hundred_whole_checkpoints(tmp_path):
    source = textwrap.dedent(KILLED)
    done = subprocess.run([sys.executable, "-c", source, str(tmp_path), "100"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for moment in range(100):
        kept = torch.load(tmp_path / f"{moment}.pt", weights_only=True)
        assert kept["step"] == 1
        assert (kept["tensor"] == 1).all()
    assert len(list(tmp_path.glob("*.tmp"))) == 100  # every one was killed before it replaced anything


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


def test_a_checkpoint_that_is_not_there_is_none(tmp_path):
    assert load_state(tmp_path / "checkpoint.pt", RECIPE) is None
