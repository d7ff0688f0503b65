"""Digits of every size: the protocols by which networks are tested on scales, made from MNIST."""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from .data import Split, digits, find_mnist, read_idx
from .errors import DataError

CANVAS_PX = 28
BOX_PX = 20  # what MNIST's digits fit in, as large as they are
INK = 40  # a pixel above it is part of its digit
SCALE_COUNTS = {"train": 10_000, "val": 2_000, "test": 50_000}
LEAST_FACTOR = 0.3

STIR_CANVAS_PX = 64
STIR_SIZES = range(17, 65)
STIR_PER_CLASS = 50


def read_digits(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """MNIST's ``(count, 28, 28)`` uint8 pictures and ``(count,)`` labels of ``train`` or ``val``.

    Raises:
        DataError: the folder does not hold them.
    """
    files = find_mnist(folder, name)
    if files is None:
        raise DataError(f"the data must be MNIST's idx files, and {folder} does not hold them")
    pictures, labels = (read_idx(path) for path in files)
    return pictures, labels


def mnist_scale(folder: Path, *, seed: int, parts: Iterable[str] = SCALE_COUNTS) -> dict[str, Split]:
    """MNIST-Scale by the protocol of SESN (Sosnovik et al., arXiv 1910.11093).

    The 70,000 digits (the training set, then the test set) are split by class, stratified,
    into 10,000 to train on, 2,000 to validate on and 50,000 to test on. Each is rescaled
    once about its centre, by a factor uniform in [0.3, 1], bicubic, on its canvas of 28 px.

    Args:
        folder: with MNIST.
        seed: of the split and the factors; 0 to 5 in the published comparisons.
        parts: which of ``train``, ``val`` and ``test`` to make.
    """
    read = [read_digits(folder, name) for name in ("train", "val")]
    pictures, labels = (np.concatenate(some) for some in zip(*read, strict=True))
    random = np.random.default_rng(seed)
    factors = random.uniform(LEAST_FACTOR, 1, len(pictures))
    order, splits = random.permutation(len(labels)), {}
    for name, count in SCALE_COUNTS.items():
        chosen = stratified(labels, order, count)
        order = order[~np.isin(order, chosen)]
        if name in parts:
            made = [rescaled(pictures[i], factors[i]) for i in chosen]
            splits[name] = digits(np.stack(made), labels[chosen])
    return splits


def stratified(labels: np.ndarray, order: np.ndarray, count: int) -> np.ndarray:
    """The first ``count`` indices in ``order`` that keep each class's share of ``labels``, to one picture."""
    exact = np.bincount(labels, minlength=10) * count / len(labels)
    quota = np.floor(exact).astype(int)
    quota[np.argsort(quota - exact, kind="stable")[: count - quota.sum()]] += 1  # the largest remainders
    return np.sort(np.concatenate([order[labels[order] == label][:wanted] for label, wanted in enumerate(quota)]))


def rescaled(digit: np.ndarray, factor: float) -> np.ndarray:
    """A ``(side, side)`` uint8 digit scaled by ``factor`` about the centre of its canvas, bicubic."""
    from torchvision.transforms import InterpolationMode  # slow, and no other command than training needs it
    from torchvision.transforms.v2 import functional as F

    picture = Image.fromarray(digit)
    resample = InterpolationMode.BICUBIC
    return np.asarray(F.affine(picture, angle=0, translate=[0, 0], scale=factor, shear=[0, 0], interpolation=resample))


def with_smaller(split: Split, copies: int, *, seed: int) -> Split:
    """The digits and, after them, ``copies`` of each, made smaller at random as the protocol makes them.

    A copy's factor is uniform between the protocol's least and what its digit measures.
    """
    random = np.random.default_rng([seed, 7])
    pictures, labels = (np.stack(some) for some in zip(*((s.source, s.label) for s in split.samples), strict=True))
    made = [pictures]
    for _ in range(copies):
        made.append(np.stack([smaller(picture, random) for picture in pictures]))
    return digits(np.concatenate(made), np.tile(labels, copies + 1))


def smaller(digit: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A digit that is as large as before, or smaller, but not below the protocol's least factor."""
    rows, columns = np.nonzero(digit > INK)
    measured = max(np.ptp(rows), np.ptp(columns)) + 1 if len(rows) else BOX_PX
    factor = min(measured / BOX_PX, 1.0)
    wanted = random.uniform(LEAST_FACTOR, max(factor, LEAST_FACTOR))
    return rescaled(digit, min(wanted / factor, 1.0))


def enlarged(split: Split, side: int) -> Split:
    """The digits on ``side`` px, bicubic."""
    pictures = [Image.fromarray(sample.source) for sample in split.samples]
    large = [np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC)) for picture in pictures]
    return digits(np.stack(large), np.array([sample.label for sample in split.samples]))


def stir(folder: Path, name: str, sizes: Iterable[int] = STIR_SIZES, *, seed: int) -> Split:
    """Digits of the STIR protocol (Altstidl et al., arXiv 2211.10288): few of them, each at every size.

    50 digits a class are drawn for ``train`` and 50 for ``val`` from MNIST's training set,
    50 for ``test`` from its test set. Each is placed at random on a canvas of 64 px at
    each of the sizes, see :func:`placed`.

    Args:
        folder: with MNIST.
        name: ``train``, ``val`` or ``test``.
        sizes: of the digits in px, 17 to 64.
        seed: of the draw and the places.
    """
    pictures, labels = read_digits(folder, "val" if name == "test" else "train")
    random = np.random.default_rng([seed, name == "test"])
    first = STIR_PER_CLASS if name == "val" else 0
    chosen = [random.permutation(np.flatnonzero(labels == label))[first:][:STIR_PER_CLASS] for label in range(10)]
    indices = np.repeat(np.concatenate(chosen), len(list(sizes)))
    wanted = np.tile(list(sizes), len(indices) // len(list(sizes)))
    places = np.random.default_rng([seed, ("train", "val", "test").index(name), 1])
    return digits(
        np.stack([placed(pictures[i], int(size), places) for i, size in zip(indices, wanted, strict=True)]),
        labels[indices],
    )


def placed(digit: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    """A digit of ``size`` px at a random place on the canvas, smoothed, its contrast evened out.

    Bicubic; σ = 7/8 · size / 28; then (2/π) · arctan(0.02 · (v − 128)), stretched to 0–255.
    """
    left, top = random.integers(0, STIR_CANVAS_PX - size + 1, 2).tolist()
    canvas = Image.new("L", (STIR_CANVAS_PX, STIR_CANVAS_PX))
    canvas.paste(Image.fromarray(digit).resize((size, size), Image.Resampling.BICUBIC), (left, top))
    smooth = np.asarray(canvas.filter(ImageFilter.GaussianBlur(7 / 8 * size / CANVAS_PX)), np.float64)
    low, high = (math.atan(0.02 * (end - 128)) for end in (0, 255))
    return np.round(255 * (np.arctan(0.02 * (smooth - 128)) - low) / (high - low)).astype(np.uint8)
