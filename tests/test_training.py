"""Training: a run that was stopped ends where one that was not ends."""

import math
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import tiny
from torch.utils.data import DataLoader

from msresnet.data import Pictures, find_split, readable
from msresnet.errors import ConfigError, DataError
from msresnet.losses import LossWeights, level_logits, multiscale_loss
from msresnet.recipes import Recipe
from msresnet.training import (
    Augmented,
    TrainingLog,
    augmentation,
    learning_rate,
    parameter_groups,
    present_levels,
    save_state,
    train,
)

RECIPE = Recipe(
    sides=(16, 24),
    base_side=16,
    source_side=16,
    width=8,
    scale_dropout=(0.5, 0.5),
    epochs=2,
    full_epochs=0.5,
    batch_size=4,
    crop_padding=2,
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


class Stopped(Exception):
    """Stands for a power cut."""


@pytest.mark.parametrize("stop_at", [3, 5])
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(pictures, tmp_path, monkeypatch, stop_at):
    whole = train(RECIPE, pictures, tmp_path / "whole", workers=0, save_every_s=0)

    add = TrainingLog.add

    def stop(log: TrainingLog, done: int, loss: float) -> None:
        add(log, done, loss)
        if done == stop_at:
            raise Stopped

    monkeypatch.setattr(TrainingLog, "add", stop)
    with pytest.raises(Stopped):
        train(RECIPE, pictures, tmp_path / "parts", workers=0, save_every_s=0)
    monkeypatch.setattr(TrainingLog, "add", add)
    resumed = train(RECIPE, pictures, tmp_path / "parts", is_resumed=True, workers=0, save_every_s=0)
    for key, value in whole.state_dict().items():
        assert torch.allclose(value.float(), resumed.state_dict()[key].float(), atol=1e-6), key


def test_training_learns(pictures, tmp_path):
    recipe = replace(RECIPE, epochs=12, full_epochs=12, dropout=0.0, label_smoothing=0.0, held_out_per_class=0)
    model = train(recipe, pictures, tmp_path, workers=0)
    split = find_split(pictures, "train")
    images, labels = zip(*Pictures(split, side=16), strict=True)
    with torch.no_grad():
        logits = model(torch.stack(images).float() / 255).logits
    assert (logits.argmax(1) == torch.tensor(labels)).float().mean() == 1


def test_another_recipe_does_not_go_on_with_the_checkpoint(pictures, tmp_path):
    train(replace(RECIPE, epochs=1), pictures, tmp_path, workers=0)
    with pytest.raises(ConfigError, match="another recipe"):
        train(RECIPE, pictures, tmp_path, is_resumed=True, workers=0)


def test_augmentation_does_not_depend_on_who_reads(pictures):
    split = find_split(pictures, "train")
    data = Augmented(Pictures(split, side=16), augmentation(RECIPE), seed=1, epoch=3)
    here = [images for images, _ in DataLoader(data, 4)]
    torch.manual_seed(99)
    there = [images for images, _ in DataLoader(data, 4, num_workers=1)]
    assert all(torch.equal(a, b) for a, b in zip(here, there, strict=True))
    other = Augmented(Pictures(split, side=16), augmentation(RECIPE), seed=1, epoch=4)
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


def test_the_learning_rate_rises_and_falls():
    recipe = replace(RECIPE, epochs=10, warmup_epochs=1, lr=0.1)
    rates = [learning_rate(recipe, step, 20) for step in range(200)]
    assert rates.index(max(rates)) in (19, 20)
    assert math.isclose(max(rates), 0.1)
    assert rates[:20] == sorted(rates[:20])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[-1] < 1e-4


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


def test_held_out_pictures_are_not_trained_on(pictures):
    split = find_split(pictures, "train")
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
