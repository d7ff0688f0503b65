"""Occlusion: what the model says of the picture with a part of it covered, or with nothing else left.

The part is brushed on the picture, not on a level: the source pixels are covered, and every
level is made from them again. So all scales meet the same covered place, and the gate, which
looks at all of them, is computed anew. Attribution's occlusion and ablation ask another
question: they cover one level at a time and hold the gate.
"""

import math
import time
from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..attribution.baselines import BLUR_SHARE
from ..errors import UnknownNameError
from ..geometry import Geometry, crop_to
from ..ledger import Ledger, Target, relative
from ..model import MultiscaleResNet
from ..pyramid import Preprocessing, levels_of
from ..stopping import IsCancelled, interruptible, never
from .mask import Box, Mask, stretched


class Fill(Enum):
    """What a covered place shows."""

    BLUR = "blur"  # the picture without its detail: keeps its colours
    MEAN = "mean"  # the mean colour of the training pictures: what the network sees as nothing
    NOISE = "noise"  # uniform and seeded, a value per channel and pixel of the largest level

    @classmethod
    def find(cls, name: "str | Fill") -> "Fill":
        """The fill by name; raises ``UnknownNameError``."""
        try:
            return cls(name)
        except ValueError:
            raise UnknownNameError("fill", str(name), [one.value for one in cls]) from None


@dataclass(frozen=True)
class ClassChange:
    """A class before and after: probabilities in [0, 1], raw logits."""

    index: int
    label: str
    probabilities: tuple[float, float]
    logits: tuple[float, float]

    def to_dict(self) -> dict:
        """What a program is told."""
        before, after = (
            {"probability": probability, "logit": logit}
            for probability, logit in zip(self.probabilities, self.logits, strict=True)
        )
        return {"index": self.index, "label": self.label, "before": before, "after": after}


@dataclass(frozen=True, eq=False)
class Occluded:
    """A picture of which a part was covered, and what the model then says.

    Attributes:
        before, after: the ledgers of the whole and of the covered picture, each with its own gate.
        view: ``(side, side, 3)`` uint8, the covered picture as the largest level shows it.
        fill: what the covered place shows.
        is_kept: what was brushed is kept, and the rest covered.
        covered_share: share of the field of view that is covered, in [0, 1].
        seed: of the noise.
        seconds: that it took.
    """

    before: Ledger
    after: Ledger
    view: np.ndarray
    fill: Fill
    is_kept: bool
    covered_share: float
    seed: int
    seconds: float

    def classes(self, count: int) -> tuple[ClassChange, ...]:
        """The ``count`` most probable classes before, then those that are among them only after."""
        ranked = [entry.index for ledger in (self.before, self.after) for entry in ledger.top_k(count)]
        return tuple(self.change(index) for index in dict.fromkeys(ranked))

    def change(self, index: int) -> ClassChange:
        """One class before and after."""
        both = (self.before, self.after)
        return ClassChange(
            index=index,
            label=self.before.classes[index],
            probabilities=tuple(float(ledger.probabilities[index]) for ledger in both),
            logits=tuple(float(ledger.logits[index]) for ledger in both),
        )

    def to_dict(self, target: Target, *, top_k: int) -> dict:
        """What a program is told: the change of each class, and of each scale's part in the target."""
        ledgers = {"before": self.before, "after": self.after}
        return {
            "fill": self.fill.value,
            "is_kept": self.is_kept,
            "seed": self.seed,
            "covered_share": self.covered_share,
            "gate": "recomputed",
            "target": {"index": target.index, "against": target.against},
            "classes": [one.to_dict() for one in self.classes(top_k)],
            "ledger": {name: ledger_dict(ledger, target) for name, ledger in ledgers.items()},
            "seconds": self.seconds,
        }


def ledger_dict(ledger: Ledger, target: Target) -> dict:
    """A ledger read for a target, for a program."""
    reading = ledger.read(target)
    return {
        "contributions": list(reading.contributions),
        "bias": reading.bias,
        "total": reading.total,
        "level_weights": ledger.level_weights.tolist(),
        "residual": float(relative(ledger.residuals, target)),
    }


def occluded(
    model: MultiscaleResNet,
    picture: Image.Image,
    mask: Mask,
    before: Ledger,
    *,
    fill: str | Fill = Fill.BLUR,
    is_kept: bool = False,
    seed: int = 0,
    sees_whole_image: bool | None = None,
    is_cancelled: IsCancelled = never,
) -> Occluded:
    """What the model says of a picture with a part of it covered; a forward pass of its own.

    Args:
        before: the ledger of the whole picture; for the rest see :func:`cover`.
        is_cancelled: asked before every block of layers.

    Raises:
        Cancelled: ``is_cancelled`` said so.
    """
    started = time.perf_counter()
    covered = cover(model, picture, mask, fill=fill, is_kept=is_kept, seed=seed, sees_whole_image=sees_whole_image)
    with interruptible(model, is_cancelled), torch.no_grad():
        after = Ledger.of(model.vote(covered.levels), model.classes)
    return Occluded(
        before=before,
        after=after,
        view=covered.view,
        fill=Fill.find(fill),
        is_kept=is_kept,
        covered_share=covered.share,
        seed=seed,
        seconds=time.perf_counter() - started,
    )


@dataclass(frozen=True, eq=False)
class Covered:
    """A covered picture before the model.

    Attributes:
        levels: ``(1, 3, side, side)`` float32 in [0, 1] per scale, on the model's device.
        view: the largest level as ``(side, side, 3)`` uint8.
        share: of the field of view that is covered, in [0, 1].
    """

    levels: tuple[Tensor, ...]
    view: np.ndarray
    share: float


def cover(
    model: MultiscaleResNet,
    picture: Image.Image,
    mask: Mask,
    *,
    fill: str | Fill = Fill.BLUR,
    is_kept: bool = False,
    seed: int = 0,
    sees_whole_image: bool | None = None,
) -> Covered:
    """The levels of a picture with a part of its source pixels covered.

    A place that is not covered keeps its exact pixels: with nothing covered the levels are
    :meth:`MultiscaleResNet.pyramid`'s own.

    Args:
        model: whose convention makes the levels.
        picture: upright RGB, as :func:`msresnet.images.read_image` gives it.
        mask: where it was brushed.
        fill: what a covered place shows: ``blur``, ``mean`` or ``noise``.
        is_kept: keep what was brushed, and cover all else.
        seed: of the noise.
        sees_whole_image: overrides the model's crop.
    """
    preprocessing = model.preprocessing(sees_whole_image=sees_whole_image)
    geometry = preprocessing.geometry(picture.size)
    source, place = preprocessing.source(picture)
    hidden = mask.inverted if is_kept else mask
    side = max(model.sides)
    painted = filling(source, place, Fill.find(fill), preprocessing, side=side, seed=seed)
    near = surroundings(place)
    rectangle, size = in_upload(near, geometry, place), (near[2] - near[0], near[3] - near[1])
    paint = stretched(painted, geometry.box, rectangle, size)
    covered = source.copy()
    covered.paste(Image.composite(paint, source.crop(near), hidden.on(rectangle, size)), near)
    levels = levels_of(covered, place, model.sides, preprocessing)
    return Covered(
        levels=tuple(level.to(model.device) for level in levels),
        view=(255 * levels[-1][0].permute(1, 2, 0)).round().to(torch.uint8).numpy(),
        share=float(np.asarray(hidden.on(geometry.box, (side, side))).mean() / 255),
    )


def filling(
    source: Image.Image, place: Geometry, fill: Fill, preprocessing: Preprocessing, *, side: int, seed: int
) -> Image.Image:
    """What covers the field of view, ``side`` × ``side`` px; drawn at the largest level's size, so that
    every level shows the same."""
    match fill:
        case Fill.MEAN:
            return Image.new("RGB", (side, side), preprocessing.fill)
        case Fill.NOISE:
            noise = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
            return Image.fromarray(noise)
        case Fill.BLUR:
            seen = np.asarray(crop_to(source, place, side, fill=preprocessing.fill), dtype=np.float64)
            weights = blur_weights(side)
            blurred = weights @ np.moveaxis(seen, -1, 0) @ weights.T  # (3, side, side)
            return Image.fromarray(np.rint(np.moveaxis(blurred, 0, -1)).astype(np.uint8))


def blur_weights(side: int) -> np.ndarray:
    """``(side, side)``: row i weighs the pixels for pixel i, 1 in sum; a Gaussian, at the border what is there."""
    place = np.arange(side)
    weights = np.exp(-(((place[:, None] - place[None, :]) / (BLUR_SHARE * side)) ** 2) / 2)
    return weights / weights.sum(axis=1, keepdims=True)


def surroundings(place: Geometry) -> tuple[int, int, int, int]:
    """The part of a source that the levels can meet, in its whole px: the field of view and as much again
    on each side, far more than a filter reaches; of a long picture the rest need not be covered."""
    width, height = place.upload_size
    left, top, right, bottom = place.box
    side = right - left
    return (
        max(math.floor(left - side), 0),
        max(math.floor(top - side), 0),
        min(math.ceil(right + side), width),
        min(math.ceil(bottom + side), height),
    )


def in_upload(rectangle: Box, geometry: Geometry, place: Geometry) -> Box:
    """A rectangle of a source in px of the upload: the field of view is ``place.box`` in the one and
    ``geometry.box`` in the other."""
    left, top = geometry.to_upload(*place.to_level(rectangle[0], rectangle[1], side=1), side=1)
    right, bottom = geometry.to_upload(*place.to_level(rectangle[2], rectangle[3], side=1), side=1)
    return (left, top, right, bottom)
