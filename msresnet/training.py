"""The training loop; distributed and mixed-precision by Hugging Face Accelerate."""

import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision.transforms import v2

from .data import Pictures, Split, find_split, readable
from .errors import ConfigError, DataError
from .losses import multiscale_loss
from .model import MultiscaleResNet
from .pyramid import tensor_levels
from .recipes import Recipe


class Step(nn.Module):
    """The loss of a batch as a module, so that a distributed engine can wrap it."""

    def __init__(self, model: MultiscaleResNet, recipe: Recipe) -> None:
        super().__init__()
        self.model, self.recipe = model, recipe

    def forward(self, images: Tensor, labels: Tensor, present: tuple[bool, ...]) -> Tensor:
        """Scalar loss of uint8 ``(batch, 3, side, side)`` with only the ``present`` levels."""
        images = (images.float() / 255).contiguous(memory_format=torch.channels_last)
        sides = [side for side, is_on in zip(self.recipe.sides, present, strict=True) if is_on]
        made = iter(tensor_levels(images, sides))
        output = self.model.vote([next(made) if is_on else None for is_on in present])
        return multiscale_loss(output, labels, weights=self.recipe.loss, label_smoothing=self.recipe.label_smoothing)


class EpochSampler(Sampler[int]):
    """A permutation that depends on the seed and the epoch alone, from a position in it on."""

    def __init__(self, count: int, *, seed: int, epoch: int, start: int) -> None:
        self.count, self.seed, self.epoch, self.start = count, seed, epoch, start

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(mixed_seed(self.seed, self.epoch))
        return iter(torch.randperm(self.count, generator=generator)[self.start :].tolist())

    def __len__(self) -> int:
        return self.count - self.start


class Augmented(Dataset):
    """Pictures with an augmentation that depends on the seed, the epoch and the picture alone.

    A run that is resumed therefore sees the same pixels as one that was never stopped,
    whichever worker reads them.
    """

    def __init__(self, pictures: Pictures, transform: v2.Transform, *, seed: int, epoch: int) -> None:
        self.pictures, self.transform, self.seed, self.epoch = pictures, transform, seed, epoch

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture, label = self.pictures[index]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mixed_seed(self.seed, self.epoch, index))
            return self.transform(picture), label


def mixed_seed(*parts: int) -> int:
    """One seed of several numbers; other numbers or another order give another seed."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def train(
    recipe: Recipe, data: Path, out: Path, *, is_resumed: bool = False, workers: int = 2, save_every_s: float = 120
) -> MultiscaleResNet:
    """Train by a recipe on the ``train`` split of ``data``; the last checkpoint and the log go to ``out``.

    Args:
        recipe: what to train, and how.
        data: a folder of class folders, with or without ``train/``, or Tiny-ImageNet.
        out: gets ``checkpoint.pt`` every ``save_every_s`` seconds, ``recipe.json`` and ``log.jsonl``.
        is_resumed: go on from the last checkpoint, in the middle of an epoch too; the
            weights at the end are those of a run that was never stopped.
        workers: processes that read pictures.
        save_every_s: seconds between two checkpoints.

    Raises:
        DataError: the data cannot be trained on.
        ConfigError: the loss is no longer a number, or the checkpoint is of another recipe.
    """
    accelerator = Accelerator(mixed_precision=recipe.precision)
    set_seed(recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    split, _ = readable(find_split(data, "train")).hold_out(recipe.held_out_per_class)
    model = MultiscaleResNet(recipe.model_config(split.classes)).to(memory_format=torch.channels_last)
    groups = parameter_groups(model, recipe.weight_decay)
    optimizer = torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=True)
    step, optimizer = accelerator.prepare(Step(model, recipe), optimizer)
    state = resume(out / "checkpoint.pt", recipe, model, optimizer) if is_resumed else 0
    log = TrainingLog(out / "log.jsonl", total=recipe.epochs * steps_in_epoch(recipe, split), start=state)
    (out / "recipe.json").write_text(json.dumps(recipe.to_dict(), indent=2))
    model.train()
    last_saved = time.monotonic()
    for done, images, labels in batches(recipe, split, start=state, workers=workers):
        torch.manual_seed(mixed_seed(recipe.seed, done))
        set_lr(optimizer, learning_rate(recipe, done, steps_in_epoch(recipe, split)))
        is_full = done >= log.total - recipe.full_epochs * steps_in_epoch(recipe, split)
        present = present_levels(recipe, is_full=is_full)
        with accelerator.autocast():
            loss = step(images.to(accelerator.device), labels.to(accelerator.device), present)
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), recipe.clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        log.add(done + 1, loss.item())
        if time.monotonic() - last_saved > save_every_s or done + 1 == log.total:
            kept = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": done + 1}
            save_state({**kept, "recipe": recipe.to_dict()}, out / "checkpoint.pt")
            last_saved = time.monotonic()
    return model.eval()


def steps_in_epoch(recipe: Recipe, split: Split) -> int:
    """Whole batches in the training set.

    Raises:
        DataError: there is not even one.
    """
    steps = len(split.samples) // recipe.batch_size
    if not steps:
        raise DataError(
            f"a batch takes {recipe.batch_size} pictures, the training set has {len(split.samples)}; "
            "lower batch_size or held_out_per_class in the recipe"
        )
    return steps


def batches(recipe: Recipe, split: Split, *, start: int, workers: int) -> Iterator[tuple[int, Tensor, Tensor]]:
    """``(steps done before, images, labels)`` from a step to the end of the last epoch."""
    per_epoch = steps_in_epoch(recipe, split)
    pictures, transform = Pictures(split, side=recipe.source_side), augmentation(recipe)
    for epoch in range(start // per_epoch, recipe.epochs):
        first = max(start - epoch * per_epoch, 0)
        sampler = EpochSampler(len(pictures), seed=recipe.seed, epoch=epoch, start=first * recipe.batch_size)
        data = Augmented(pictures, transform, seed=recipe.seed, epoch=epoch)
        loader = DataLoader(data, recipe.batch_size, sampler=sampler, num_workers=workers, drop_last=True)
        for position, (images, labels) in enumerate(loader, start=first):
            yield epoch * per_epoch + position, images, labels


def resume(checkpoint: Path, recipe: Recipe, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Put back what a checkpoint holds; the number of steps that are done, 0 where there is none."""
    if not checkpoint.is_file():
        return 0
    kept = torch.load(checkpoint, weights_only=True)
    if kept["recipe"] != recipe.to_dict():
        raise ConfigError(f"{checkpoint} was made by another recipe; train to another folder")
    model.load_state_dict(kept["model"])
    optimizer.load_state_dict(kept["optimizer"])
    return kept["step"]


class TrainingLog:
    """Mean loss, speed and time left, a line of JSON every few steps."""

    EVERY = 50

    def __init__(self, path: Path, *, total: int, start: int) -> None:
        self.path, self.total, self.start = path, total, start
        self.began, self.losses = time.monotonic(), []

    def add(self, done: int, loss: float) -> None:
        """Note the loss of a step; raises ``ConfigError`` when it is no number."""
        if not math.isfinite(loss):
            raise ConfigError(f"the loss must be a number, got {loss} at step {done}; lower lr in the recipe")
        self.losses.append(loss)
        if done % self.EVERY and done != self.total:
            return
        per_step_s = (time.monotonic() - self.began) / (done - self.start)
        row = {
            "step": done,
            "of": self.total,
            "loss": round(sum(self.losses) / len(self.losses), 4),
            "ms_per_step": round(1000 * per_step_s),
            "left_minutes": round((self.total - done) * per_step_s / 60, 1),
        }
        self.losses = []
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def augmentation(recipe: Recipe) -> v2.Transform:
    """Random crop of the reflected picture, and mirroring."""
    crop = (
        [v2.RandomCrop(recipe.source_side, recipe.crop_padding, padding_mode="reflect")] if recipe.crop_padding else []
    )
    return v2.Compose([*crop, v2.RandomHorizontalFlip()])


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Kernels and classifier with weight decay; norms, biases and the gate without."""
    decayed = [p for name, p in model.named_parameters() if p.ndim > 1 and ".gate." not in name]
    others = [p for name, p in model.named_parameters() if not (p.ndim > 1 and ".gate." not in name)]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """Linear warm-up, then a cosine to zero."""
    warmup, total = recipe.warmup_epochs * steps_per_epoch, recipe.epochs * steps_per_epoch
    if step < warmup:
        return recipe.lr * (step + 1) / warmup
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1)))


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """The learning rate of every group."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def present_levels(recipe: Recipe, *, is_full: bool) -> tuple[bool, ...]:
    """Which levels take part in a step: all of them, or a draw by ``scale_dropout``."""
    if is_full:
        return (True,) * len(recipe.sides)
    drop = torch.tensor(recipe.scale_dropout)
    present = torch.rand(len(drop)) >= drop
    if not present.any():
        present[torch.multinomial(1 - drop + 1e-9, 1)] = True
    return tuple(present.tolist())


def save_state(state: dict, path: Path) -> None:
    """Write to a temporary file, sync, rename: the file is always whole."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
