"""Recipes and the training loop; distributed and mixed-precision by Hugging Face Accelerate."""

import json
import logging
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler
from torchvision.transforms import v2

from .data import Pictures, find_split
from .errors import ConfigError
from .losses import LossWeights, multiscale_loss
from .model import ModelConfig, MultiscaleResNet
from .pyramid import Preprocessing, tensor_levels
from .resnet import Stem
from .vote import GateMode, Temperature

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """How a model is built and trained.

    Attributes:
        architecture, sides, base_side, stem, has_links, dropout, gate: the model's.
        source_side: side in px of the pictures; larger ones are reduced to it.
        epochs: passes over the training set.
        batch_size: pictures a step, over all processes.
        lr: peak learning rate, at the end of the warm-up.
        warmup_epochs: of linear rise, before a cosine fall to zero.
        weight_decay: on kernels and classifier; norms, biases and the gate have none.
        momentum: Nesterov's.
        label_smoothing: in [0, 1).
        clip_norm: gradients are scaled down to this norm.
        scale_dropout: for each scale the probability that its level is left out of a
            step; at least one level always stays.
        full_epochs: how many of the last epochs leave no level out.
        crop_padding: px of reflected border before the random crop; 0 for no crop.
        held_out_per_class: training pictures a class kept aside for every choice.
        loss: weights of its terms.
        precision: ``no``, ``bf16`` or ``fp16``.
        seed: of everything random.
    """

    architecture: str = "resnet18"
    sides: tuple[int, ...] = (48, 64, 96)
    base_side: int = 64
    stem: Stem = Stem.STRIDE_2
    has_links: bool = True
    dropout: float = 0.0
    gate: GateMode = GateMode.GATED
    source_side: int = 64
    epochs: int = 6
    batch_size: int = 128
    lr: float = 0.1
    warmup_epochs: float = 0.5
    weight_decay: float = 5e-4
    momentum: float = 0.9
    label_smoothing: float = 0.1
    clip_norm: float = 5.0
    scale_dropout: tuple[float, ...] = (0.5, 0.65, 0.9)
    full_epochs: float = 0.35
    crop_padding: int = 8
    held_out_per_class: int = 25
    loss: LossWeights = field(default_factory=LossWeights)
    precision: str = "bf16"
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.scale_dropout) != len(self.sides):
            raise ConfigError(f"scale_dropout needs {len(self.sides)} values, one per side, got {self.scale_dropout}")
        if self.epochs < 1 or self.batch_size < 1:
            raise ConfigError(f"epochs and batch_size must be at least 1, got {self.epochs} and {self.batch_size}")

    def model_config(self, classes: tuple[str, ...]) -> ModelConfig:
        """The model that this recipe trains, for ``classes``."""
        return ModelConfig(
            architecture=self.architecture,
            sides=self.sides,
            base_side=self.base_side,
            classes=classes,
            stem=self.stem,
            has_links=self.has_links,
            dropout=self.dropout,
            gate=self.gate,
            temperature=Temperature.LEARNED,
            preprocessing=Preprocessing(source_side=self.source_side),
        )

    def to_dict(self) -> dict:
        """As JSON keeps it."""
        return {**asdict(self), "stem": self.stem.value, "gate": self.gate.value}


RECIPES = {"tiny-imagenet": Recipe()}


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

    def __init__(self, count: int, *, seed: int) -> None:
        self.count, self.seed, self.epoch, self.start = count, seed, 0, 0

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 100_003 + self.epoch)
        return iter(torch.randperm(self.count, generator=generator)[self.start :].tolist())

    def __len__(self) -> int:
        return self.count - self.start


def train(recipe: Recipe, data: Path, out: Path, *, is_resumed: bool = False, workers: int = 2) -> MultiscaleResNet:
    """Train by a recipe on the ``train`` split of ``data``; checkpoints and log go to ``out``.

    A checkpoint is written every few minutes and at every epoch's end; ``is_resumed``
    goes on from the last one, in the middle of an epoch too.
    """
    accelerator = Accelerator(mixed_precision=recipe.precision)
    set_seed(recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    split, _ = find_split(data, "train").hold_out(recipe.held_out_per_class)
    model = MultiscaleResNet(recipe.model_config(split.classes)).to(memory_format=torch.channels_last)
    sampler = EpochSampler(len(split.samples), seed=recipe.seed)
    pictures = Pictures(split, side=recipe.source_side, transform=augmentation(recipe))
    loader = DataLoader(
        pictures,
        recipe.batch_size,
        sampler=sampler,
        num_workers=workers,
        drop_last=True,
        prefetch_factor=8 if workers else None,
    )
    steps_per_epoch = len(split.samples) // recipe.batch_size
    optimizer = torch.optim.SGD(
        parameter_groups(model, recipe.weight_decay), lr=recipe.lr, momentum=recipe.momentum, nesterov=True
    )
    step_module, optimizer = accelerator.prepare(Step(model, recipe), optimizer)

    checkpoint = out / "checkpoint.pt"
    done = 0
    if is_resumed and checkpoint.is_file():
        kept = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        done = kept["step"]
        log.info("resumed at step %d", done)

    started, last_saved, losses = time.monotonic(), time.monotonic(), []
    total = recipe.epochs * steps_per_epoch
    first = done
    model.train()
    while done < total:
        epoch, position = divmod(done, steps_per_epoch)
        sampler.epoch, sampler.start = epoch, position * recipe.batch_size
        torch.manual_seed(recipe.seed * 1_000_003 + done)
        for images, labels in loader:
            set_lr(optimizer, learning_rate(recipe, done, steps_per_epoch))
            is_full = done >= total - recipe.full_epochs * steps_per_epoch
            present = present_levels(recipe, is_full=is_full, seed=recipe.seed * 1_000_003 + done)
            with accelerator.autocast():
                loss = step_module(images.to(accelerator.device), labels.to(accelerator.device), present)
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(model.parameters(), recipe.clip_norm)
            optimizer.step()
            optimizer.zero_grad()
            done += 1
            losses.append(loss.item())
            if not math.isfinite(losses[-1]):
                raise ConfigError(f"the loss is {losses[-1]} at step {done}; lower --lr")
            if done % 50 == 0:
                per_step_s = (time.monotonic() - started) / (done - first)
                row = {
                    "step": done,
                    "of": total,
                    "epoch": round(done / steps_per_epoch, 3),
                    "loss": round(sum(losses) / len(losses), 4),
                    "ms_per_step": round(1000 * per_step_s),
                    "left_minutes": round((total - done) * per_step_s / 60, 1),
                }
                losses = []
                with (out / "log.jsonl").open("a") as file:
                    file.write(json.dumps(row) + "\n")
            if time.monotonic() - last_saved > 120 or done == total:
                save_state({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": done}, checkpoint)
                last_saved = time.monotonic()
    return model.eval()


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


def present_levels(recipe: Recipe, *, is_full: bool, seed: int) -> tuple[bool, ...]:
    """Which levels take part in a step: all of them, or a draw by ``scale_dropout``."""
    if is_full:
        return (True,) * len(recipe.sides)
    generator = torch.Generator().manual_seed(seed)
    drop = torch.tensor(recipe.scale_dropout)
    present = torch.rand(len(drop), generator=generator) >= drop
    if not present.any():
        present[torch.multinomial(1 - drop + 1e-9, 1, generator=generator)] = True
    return tuple(present.tolist())


def save_state(state: dict, path: Path) -> None:
    """Write to a temporary file, sync, rename: the file is always whole."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
