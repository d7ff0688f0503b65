"""Tiny-ImageNet's boxes: for the studies that need to know where things are."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from msresnet.boxes import Box
from msresnet.data import Split, find_split, square
from msresnet.errors import DataError
from msresnet.images import read_image
from msresnet.pyramid import Preprocessing, pixels

HELD_OUT_PER_CLASS = 25  # of the recipes: the last of each class, which no training of ours sees


@dataclass(frozen=True)
class Boxed:
    """A picture file, its class and where the thing is, in shares of the picture."""

    path: Path
    label: int
    box: Box

    @property
    def size(self) -> float:
        """Square root of the box's share of the picture's area, in (0, 1]."""
        return ((self.box[2] - self.box[0]) * (self.box[3] - self.box[1])) ** 0.5


def training_pictures(data: Path, *, per_class: int) -> list[Boxed]:
    """The last ``per_class`` training pictures of each class, among those that were held out of training."""
    split = find_split(data, "train")
    if per_class > HELD_OUT_PER_CLASS:
        raise DataError(f"at most {HELD_OUT_PER_CLASS} pictures of a class were held out, got {per_class}")
    held = split.hold_out(per_class)[1]
    boxes = {}
    for folder in split.folders:
        boxes |= read_boxes(data / "train" / folder / f"{folder}_boxes.txt", first_edge=1)
    return with_boxes(held, boxes)


def validation_pictures(data: Path, *, count: int | None, seed: int) -> list[Boxed]:
    """``count`` validation pictures in an order drawn by ``seed``; all of them for ``None``."""
    boxed = with_boxes(find_split(data, "val"), read_boxes(data / "val" / "val_annotations.txt", first_edge=2))
    random.Random(seed).shuffle(boxed)
    return boxed[:count]


def read_boxes(path: Path, *, first_edge: int) -> dict[str, tuple[int, ...]]:
    """Per file name (left, top, right, bottom) in px, the last ones inclusive, from a tab-separated list."""
    try:
        rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
        return {row[0]: tuple(int(edge) for edge in row[first_edge : first_edge + 4]) for row in rows}
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); --data must be Tiny-ImageNet's folder") from error


def with_boxes(split: Split, boxes: dict[str, tuple[int, ...]], *, side: int = 64) -> list[Boxed]:
    """The samples that have a box; ``side`` is the pictures' own in px."""

    def boxed(path: Path, label: int) -> Boxed:
        left, top, right, bottom = boxes[path.name]
        return Boxed(path, label, (left / side, top / side, (right + 1) / side, (bottom + 1) / side))

    files = ((Path(sample.source), sample.label) for sample in split.samples)
    return [boxed(path, label) for path, label in files if path.name in boxes]


def read_batch(batch: Sequence[Boxed]) -> Tensor:
    """``(batch, 3, side, side)`` in [0, 1] at the pictures' own side."""
    pictures = [read_image(one.path) for one in batch]
    side = pictures[0].width
    return torch.cat([pixels(square(picture, side, Preprocessing())) for picture in pictures])
