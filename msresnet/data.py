"""Folders of pictures to batches.

Four layouts are understood: a folder of class folders named by WordNet id or by
label; ``train/`` and ``val/`` of these; Tiny-ImageNet's own (``train/ID/images``,
``val/val_annotations.txt``); and MNIST's four idx files, gzipped or not, in the folder
or where torchvision puts them (``MNIST/raw``).
"""

import gzip
import logging
import zlib
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
from .geometry import crop_to
from .images import read_image
from .pyramid import Preprocessing

log = logging.getLogger(__name__)

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}


@dataclass(frozen=True)
class Sample:
    """A picture, as a file or as ``(height, width)`` or ``(height, width, 3)`` uint8, and the index of its class."""

    source: Path | np.ndarray
    label: int

    def read(self) -> Image.Image:
        """The picture, upright RGB; raises ``ImageError`` for a file that is none."""
        return read_image(Image.fromarray(self.source) if isinstance(self.source, np.ndarray) else self.source)


@dataclass(frozen=True)
class Split:
    """Labelled pictures of one purpose: training, held out, or validation."""

    samples: tuple[Sample, ...]
    folders: tuple[str, ...]  # name of each class's folder: WordNet id or label

    @property
    def classes(self) -> tuple[str, ...]:
        """A label per class; a WordNet id is told as its label."""
        return tuple(imagenet_classes().get(name, name) for name in self.folders)

    def part(self, number: int, of: int) -> "Split":
        """Every ``of``-th sample from the ``number``-th on, counted from 1; the parts share nothing and are all."""
        return Split(self.samples[number - 1 :: of], self.folders)

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

    MNIST's test set is its ``val``.

    Raises:
        DataError: there is no such folder, no class folder, fewer than two classes or no picture.
    """
    if not folder.is_dir():
        raise DataError(f"the data must be a folder of class folders, got {folder}, which is none")
    if files := find_mnist(folder, name):
        return mnist_split(*files)
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


def find_mnist(folder: Path, name: str) -> tuple[Path, Path] | None:
    """MNIST's files of pictures and of labels for a split, where ``folder`` has them."""
    prefix = {"train": "train", "val": "t10k"}[name]
    for root in (folder, folder / "raw", folder / "MNIST" / "raw"):
        for suffix in ("", ".gz"):
            files = tuple(root / f"{prefix}-{part}{suffix}" for part in ("images-idx3-ubyte", "labels-idx1-ubyte"))
            if all(path.is_file() for path in files):
                return files
    return None


def mnist_split(pictures: Path, labels: Path) -> Split:
    """The digits of a pair of idx files, in their order."""
    return digits(read_idx(pictures), read_idx(labels))


def digits(pictures: np.ndarray, labels: np.ndarray) -> Split:
    """A split in memory of ``(count, height, width)`` uint8 grey pictures and their labels 0 to 9."""
    samples = tuple(Sample(picture, int(label)) for picture, label in zip(pictures, labels, strict=True))
    return Split(samples, tuple("0123456789"))


def read_idx(path: Path) -> np.ndarray:
    """The uint8 array of an idx file, gzipped or not (http://yann.lecun.com/exdb/mnist).

    Raises:
        DataError: it is no such file, or is not whole.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"an idx file of MNIST must be readable, and {path} is not: {error}") from error
    if len(content) < 4 or content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise DataError(f"an idx file of MNIST must hold bytes, and {path} does not begin like one")
    shape = np.frombuffer(content, ">u4", count=content[3], offset=4).astype(int)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape))
    if values.size != shape.prod():
        raise DataError(f"{path} should hold {shape.prod()} values and holds {values.size}; fetch it again")
    return values.reshape(shape)


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
        if isinstance(sample.source, np.ndarray) and sample.source.shape == (self.side, self.side):
            return torch.from_numpy(sample.source.copy()).expand(3, -1, -1), sample.label  # the same, without the way
        picture = square(sample.read(), self.side, self.view)
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
            if not isinstance(sample.source, np.ndarray):
                sample.read()
        except ImageError as error:
            log.warning("skipped %s: %s", sample.source, error)
        else:
            kept.append(sample)
    if skipped := len(split.samples) - len(kept):
        log.warning("skipped %d of %d files", skipped, len(split.samples))
    lost = {s.label for s in split.samples} - {s.label for s in kept}
    if lost:
        names = ", ".join(split.folders[label] for label in sorted(lost))
        raise DataError(f"every class needs a readable picture; none is left in {names}")
    return Split(tuple(kept), split.folders)
