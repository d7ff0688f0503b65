"""Folders of pictures to batches.

Three layouts are understood: a folder of class folders named by WordNet id or by
label; ``train/`` and ``val/`` of these; and Tiny-ImageNet's own (``train/ID/images``,
``val/val_annotations.txt``).
"""

import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from .classes import imagenet_classes
from .errors import DataError, ImageError
from .images import crop_to, read_image
from .pyramid import Preprocessing

log = logging.getLogger(__name__)

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}


@dataclass(frozen=True)
class Sample:
    """A picture file and the index of its class."""

    path: Path
    label: int


@dataclass(frozen=True)
class Split:
    """Labelled picture files of one purpose: training, held out, or validation."""

    samples: tuple[Sample, ...]
    folders: tuple[str, ...]  # name of each class's folder: WordNet id or label

    @property
    def classes(self) -> tuple[str, ...]:
        """A label per class; a WordNet id is told as its label."""
        return tuple(imagenet_classes().get(name, name) for name in self.folders)

    def hold_out(self, per_class: int) -> tuple["Split", "Split"]:
        """Without, and with only, the last ``per_class`` samples of each class in the order of their names."""
        seen: Counter[int] = Counter()
        kept, held = [], []
        for sample in reversed(self.samples):
            seen[sample.label] += 1
            (held if seen[sample.label] <= per_class else kept).append(sample)
        return Split(tuple(reversed(kept)), self.folders), Split(tuple(reversed(held)), self.folders)


def find_split(folder: Path, name: str) -> Split:
    """The ``train`` or ``val`` split below ``folder``; a folder without splits is its own only one.

    Raises:
        DataError: there is no such folder, no class folder, fewer than two classes or no picture.
    """
    if not folder.is_dir():
        raise DataError(f"the data must be a folder of class folders, got {folder}, which is none")
    if name == "val" and (folder / "val" / "val_annotations.txt").is_file():
        return tiny_imagenet_val(folder)
    root = folder / name if (folder / name).is_dir() else folder
    classes = tuple(sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")))
    if len(classes) < 2:
        raise DataError(f"a classifier needs at least two class folders, found {len(classes)} in {root}")
    samples = tuple(
        Sample(path, label)
        for label, name in enumerate(classes)
        for path in sorted((root / name).rglob("*"), key=natural_order)
        if path.suffix.lower() in SUFFIXES
    )
    if not samples:
        raise DataError(f"no picture was found in the class folders of {root}")
    return Split(samples, classes)


def tiny_imagenet_val(folder: Path) -> Split:
    """Tiny-ImageNet's validation pictures by its annotation file."""
    classes = tuple(sorted(path.name for path in (folder / "train").iterdir() if path.is_dir()))
    index = {name: label for label, name in enumerate(classes)}
    rows = (line.split("\t") for line in (folder / "val" / "val_annotations.txt").read_text().splitlines())
    samples = tuple(Sample(folder / "val" / "images" / row[0], index[row[1]]) for row in rows)
    return Split(samples, classes)


def natural_order(path: Path) -> tuple:
    """Sorts ``a_9`` before ``a_10``: by folder, then by length and name."""
    return (path.parent, len(path.name), path.name)


class Pictures(Dataset):
    """Pictures of a split as uint8 tensors of one side, and their labels.

    Args:
        split: what to read.
        side: the centre square of each picture is resized to this side in px.

    Reading a file that is no picture raises :class:`ImageError`; :func:`readable`
    leaves those out beforehand.
    """

    def __init__(self, split: Split, *, side: int) -> None:
        self.split, self.side = split, side
        self.view = Preprocessing()

    def __len__(self) -> int:
        return len(self.split.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        sample = self.split.samples[index]
        picture = square(read_image(sample.path), self.side, self.view)
        return torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1), sample.label


def square(picture: Image.Image, side: int, view: Preprocessing) -> Image.Image:
    """The field of view of a picture, ``side`` px on each edge."""
    if picture.size == (side, side):
        return picture
    return crop_to(picture, view.geometry(picture.size), side)


def readable(split: Split) -> Split:
    """The split without the files that cannot be read; each is named in the log with its reason.

    Raises:
        DataError: nothing is left, or a class has lost all its pictures.
    """
    kept = []
    for sample in split.samples:
        try:
            read_image(sample.path)
        except ImageError as error:
            log.warning("skipped %s: %s", sample.path, error)
        else:
            kept.append(sample)
    if skipped := len(split.samples) - len(kept):
        log.warning("skipped %d of %d files", skipped, len(split.samples))
    lost = {s.label for s in split.samples} - {s.label for s in kept}
    if lost:
        names = ", ".join(split.folders[label] for label in sorted(lost))
        raise DataError(f"every class needs a readable picture; none is left in {names}")
    return Split(tuple(kept), split.folders)
