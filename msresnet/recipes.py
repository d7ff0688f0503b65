"""Recipes: everything that shapes a training run but the pictures."""

import json
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from .errors import ConfigError, UnknownNameError
from .losses import LossWeights
from .model import ModelConfig
from .pyramid import Preprocessing
from .resnet import Stem
from .vote import GateMode, Temperature


@dataclass(frozen=True)
class Recipe:
    """How a model is built and trained.

    Attributes:
        architecture, sides, base_side, stem, width, has_links, dropout, gate: the model's.
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
    width: int = 64
    has_links: bool = True
    dropout: float = 0.0
    gate: GateMode = GateMode.GATED
    source_side: int = 64
    epochs: int = 4
    batch_size: int = 128
    lr: float = 0.1
    warmup_epochs: float = 0.5
    weight_decay: float = 5e-4
    momentum: float = 0.9
    label_smoothing: float = 0.1
    clip_norm: float = 5.0
    scale_dropout: tuple[float, ...] = (0.5, 0.65, 0.9)
    full_epochs: float = 0.25
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
            width=self.width,
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
