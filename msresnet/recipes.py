"""Recipes: everything that shapes a training run but the pictures."""

import json
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

import torch

from .config import ModelConfig
from .device import is_bfloat16_fast
from .errors import ConfigError, UnknownNameError
from .losses import LossWeights
from .pyramid import Preprocessing
from .resnet import Stem
from .vote import GateMode, Temperature

PRECISIONS = ("auto", "no", "bf16", "fp16")


class Source(Enum):
    """Where a recipe's pictures come from."""

    FOLDER = "folder"  # as they are, in any layout that msresnet.data knows
    MNIST_SCALE = "mnist-scale"  # MNIST's digits, rescaled by the protocol of msresnet.digits


class Optimizer(Enum):
    """What takes the steps."""

    SGD = "sgd"  # with Nesterov momentum
    ADAMW = "adamw"


class Schedule(Enum):
    """How the learning rate goes on after its warm-up; ``one-cycle`` warms up by itself."""

    COSINE = "cosine"  # to zero
    ONE_CYCLE = "one-cycle"  # Smith and Topin, arXiv 1708.07120
    PLATEAU = "plateau"  # a third whenever the held-out loss has not fallen for two epochs


@dataclass(frozen=True)
class Augmentation:
    """What is done to a training picture at random, each time that it is shown.

    Attributes:
        crop_padding: px of reflected border before a random crop; 0 for none.
        crop_area: least share of the area that a random crop takes before it is resized; 1 for none.
        flip: probability of mirroring.
        rotation, shear: degrees, up to this to either side.
        translation: share of the side, up to this to each side.
        zoom: least and greatest factor of size.
        affine: probability of these four; otherwise a picture stays upright, in its place and size.
        fill: what rotation, translation and zoom leave empty: 0 to 255, in every channel.
        mix: probability that a batch is mixed with itself, by CutMix or MixUp, even odds.
        cutmix, mixup: parameter of their Beta distribution; 0 leaves that one out.
    """

    crop_padding: int = 8
    crop_area: float = 1.0
    flip: float = 0.5
    rotation: float = 0.0
    shear: float = 0.0
    translation: float = 0.0
    zoom: tuple[float, ...] = (1.0, 1.0)
    affine: float = 1.0
    fill: int = 116
    mix: float = 0.0
    cutmix: float = 1.0
    mixup: float = 0.2

    def __post_init__(self) -> None:
        for name in ("flip", "affine", "mix"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must be a probability, got {getattr(self, name)}")
        if not 0 < self.crop_area <= 1:
            raise ConfigError(f"crop_area must be in (0, 1], got {self.crop_area}")
        if len(self.zoom) != 2 or not 0 < self.zoom[0] <= self.zoom[1]:
            raise ConfigError(f"zoom must be two factors, the lesser first, got {self.zoom}")
        if self.mix and not (self.cutmix or self.mixup):
            raise ConfigError("mix needs a cutmix or a mixup above 0, got 0 for both")


NO_AUGMENTATION = Augmentation(crop_padding=0, flip=0)


@dataclass(frozen=True)
class Recipe:
    """How a model is built and trained.

    Attributes:
        source: where the pictures come from.
        architecture, sides, base_side, stem, width, has_links, has_own_statistics,
            has_layer_votes, dropout, gate, gates_cells: the model's.
        source_side: side in px of the pictures; larger ones are reduced to it.
        epochs: passes over the training set.
        batch_size: pictures a step, over all processes.
        optimizer, schedule: see their classes.
        lr: peak learning rate, at the end of the warm-up.
        warmup_epochs: of linear rise.
        weight_decay: on kernels and classifier; norms, biases and the gate have none.
        momentum: Nesterov's; of AdamW the first beta.
        ema: decay a step of the exponential mean of all weights, which is then the model; 0 for none.
        label_smoothing: in [0, 1).
        clip_norm: gradients are scaled down to this norm.
        scale_dropout: for each scale the probability that its level is left out of a
            step; at least one level always stays.
        full_epochs: how many of the last epochs leave no level out.
        growth_from: every side begins at this share of itself, in (0, 1]: small pictures
            teach the coarse things cheaply (progressive resizing).
        growth_epochs: of linear growth from there to the full sides.
        is_norm_frozen: batch-norm keeps the statistics that it begins with.
        held_out_per_class: training pictures a class kept aside for every choice.
        augmentation: see its class.
        loss: weights of its terms.
        precision: ``no`` (float32), ``bf16``, ``fp16``, or ``auto``: bf16 where the device computes it fast.
        seed: of everything random.
    """

    source: Source = Source.FOLDER
    architecture: str = "resnet18"
    sides: tuple[int, ...] = (48, 64, 96)
    base_side: int = 64
    stem: Stem = Stem.STRIDE_2
    width: int = 64
    has_links: bool = True
    has_own_statistics: bool = True
    has_layer_votes: bool = False
    dropout: float = 0.0
    gate: GateMode = GateMode.GATED
    gates_cells: bool = True
    source_side: int = 64
    epochs: int = 4
    batch_size: int = 128
    optimizer: Optimizer = Optimizer.SGD
    schedule: Schedule = Schedule.COSINE
    lr: float = 0.1
    warmup_epochs: float = 0.5
    weight_decay: float = 5e-4
    momentum: float = 0.9
    ema: float = 0.0
    label_smoothing: float = 0.1
    clip_norm: float = 5.0
    scale_dropout: tuple[float, ...] = (0.5, 0.65, 0.9)
    full_epochs: float = 0.25
    growth_from: float = 1.0
    growth_epochs: float = 0.0
    is_norm_frozen: bool = False
    held_out_per_class: int = 25
    augmentation: Augmentation = field(default_factory=Augmentation)
    loss: LossWeights = field(default_factory=LossWeights)
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.scale_dropout) != len(self.sides):
            raise ConfigError(f"scale_dropout needs {len(self.sides)} values, one per side, got {self.scale_dropout}")
        if self.epochs < 1 or self.batch_size < 1:
            raise ConfigError(f"epochs and batch_size must be at least 1, got {self.epochs} and {self.batch_size}")
        if not 0 <= self.ema < 1:
            raise ConfigError(f"ema must be in [0, 1), got {self.ema}")
        if self.precision not in PRECISIONS:
            raise ConfigError(f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}")
        if not 0 < self.growth_from <= 1:
            raise ConfigError(f"growth_from must be in (0, 1], got {self.growth_from}")

    def sides_at(self, epoch: float) -> tuple[int, ...]:
        """The sides in px that are trained after ``epoch`` epochs, in steps of 8 px while they grow."""
        if epoch >= self.growth_epochs:
            return self.sides
        share = self.growth_from + (1 - self.growth_from) * epoch / self.growth_epochs
        return tuple(min(max(8 * round(side * share / 8), 8), side) for side in self.sides)

    def is_full_at(self, epoch: float) -> bool:
        """Whether no level is left out any more after ``epoch`` epochs."""
        return epoch >= self.epochs - self.full_epochs

    def work_at(self, epoch: float) -> float:
        """Expected pixels a picture in a step after ``epoch`` epochs: what the time of a step goes with."""
        sides = self.sides_at(epoch)
        if self.is_full_at(epoch):
            return float(sum(side**2 for side in sides))
        present = [1 - drop for drop in self.scale_dropout]
        none = 1.0
        for share in present:
            none *= 1 - share
        total = sum(present) or 1.0
        return sum((share + none * share / total) * side**2 for share, side in zip(present, sides, strict=True))

    def model_config(self, classes: tuple[str, ...]) -> ModelConfig:
        """The model that this recipe trains, for ``classes``."""
        return ModelConfig(
            architecture=self.architecture,
            sides=self.sides,
            base_side=self.base_side,
            classes=classes,
            stem=self.stem,
            width=self.width,
            has_links=self.has_links,
            has_own_statistics=self.has_own_statistics,
            has_layer_votes=self.has_layer_votes,
            dropout=self.dropout,
            gate=self.gate,
            gates_cells=self.gates_cells,
            temperature=Temperature.LEARNED,
            preprocessing=Preprocessing(source_side=self.source_side),
        )

    def to_dict(self) -> dict:
        """As JSON keeps it."""
        kept = asdict(self)
        return {name: value.value if isinstance(value, Enum) else value for name, value in kept.items()}


DIGIT_AUGMENTATION = Augmentation(crop_padding=0, flip=0, rotation=12, translation=0.08, zoom=(0.85, 1.15), fill=0)

RECIPES = {
    "tiny-imagenet": Recipe(),
    "mnist": Recipe(
        architecture="resnet10",
        sides=(28, 40, 56),
        base_side=28,
        width=32,
        source_side=28,
        epochs=20,
        lr=0.1,
        warmup_epochs=1,
        ema=0.998,
        label_smoothing=0.05,
        scale_dropout=(0.4, 0.6, 0.8),
        full_epochs=1,
        held_out_per_class=0,  # all 60,000: nothing is chosen by them
        augmentation=replace(DIGIT_AUGMENTATION, shear=8, translation=0.1, zoom=(0.8, 1.2)),
    ),
    "mnist-scale": Recipe(
        source=Source.MNIST_SCALE,
        architecture="resnet10",
        sides=(40, 56, 80),
        base_side=56,
        width=24,
        source_side=28,
        epochs=24,
        lr=0.1,
        warmup_epochs=1,
        ema=0.995,
        label_smoothing=0.05,
        scale_dropout=(0.4, 0.6, 0.8),
        full_epochs=2,
        held_out_per_class=0,  # the protocol has a validation set of its own
        augmentation=replace(DIGIT_AUGMENTATION, zoom=(0.7, 1.4)),
    ),
    "imagenet": Recipe(
        architecture="resnet50",
        sides=(160, 224, 320),
        base_side=224,
        stem=Stem.IMAGENET,
        source_side=320,
        epochs=90,
        batch_size=256,
        warmup_epochs=5,
        weight_decay=1e-4,
        ema=0.9999,
        scale_dropout=(0.4, 0.5, 0.8),
        full_epochs=5,
        growth_from=0.6,
        growth_epochs=60,
        augmentation=Augmentation(crop_padding=0, crop_area=0.35, mix=0.5),
    ),
}


def shortened(recipe: Recipe, epochs: int) -> Recipe:
    """The same recipe in another number of epochs; warm-up, growth, full epochs and the mean keep their shares."""
    share = epochs / recipe.epochs
    return replace(
        recipe,
        epochs=epochs,
        warmup_epochs=recipe.warmup_epochs * share,
        growth_epochs=recipe.growth_epochs * share,
        full_epochs=recipe.full_epochs * share,
        ema=max(1 - (1 - recipe.ema) / share, 0.0) if recipe.ema else 0.0,
    )


def for_device(recipe: Recipe, device: torch.device) -> Recipe:
    """The same recipe with a precision that is no longer ``auto``."""
    if recipe.precision != "auto":
        return recipe
    return replace(recipe, precision="bf16" if is_bfloat16_fast(device) else "no")


def read_recipe(name: str) -> Recipe:
    """A listed recipe, or the one of a JSON file; what the file leaves out is as in ``tiny-imagenet``.

    Raises:
        UnknownNameError: neither a recipe nor a file.
        ConfigError: not JSON, an unknown field, or a value of the wrong kind.
    """
    if name in RECIPES:
        return RECIPES[name]
    path = Path(name)
    if not path.is_file():
        raise UnknownNameError("recipe or file", name, RECIPES)
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ConfigError(f"a recipe must be a JSON file, and {name} is none: {error}") from error
    return filled(RECIPES["tiny-imagenet"], kept, where="recipe")


def filled(default: Any, kept: Any, *, where: str) -> Any:
    """What a JSON value means where ``default`` stands; of a dataclass only the fields that it names change.

    Raises:
        UnknownNameError: no such field or choice.
        ConfigError: a value of another kind than the default's.
    """
    is_number = isinstance(kept, int | float) and not isinstance(kept, bool)
    if is_dataclass(default) and isinstance(kept, dict):
        known = [field.name for field in fields(default)]
        for name in kept:
            if name not in known:
                raise UnknownNameError(f"field of the {where}", name, known)
        changes = {name: filled(getattr(default, name), value, where=name) for name, value in kept.items()}
        return replace(default, **changes)
    if isinstance(default, Enum) and isinstance(kept, str):
        choices = {choice.value: choice for choice in type(default)}
        if kept not in choices:
            raise UnknownNameError(where, kept, choices)
        return choices[kept]
    if isinstance(default, tuple) and isinstance(kept, list):
        return tuple(filled(default[0], value, where=where) for value in kept)
    if isinstance(default, float) and is_number:
        return float(kept)
    if type(kept) is type(default):
        return kept
    kinds = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", tuple: "a list"}
    kind = "a name" if isinstance(default, Enum) else kinds.get(type(default), "an object of fields")
    raise ConfigError(f"{where} must be {kind}, got {json.dumps(kept)}")
