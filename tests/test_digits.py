"""Digits of every size: the protocols are what the articles say."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from msresnet.data import Pictures, digits, find_split, read_idx
from msresnet.digits import (
    BOX_PX,
    LEAST_FACTOR,
    STIR_CANVAS_PX,
    enlarged,
    mnist_scale,
    placed,
    rescaled,
    stir,
    stratified,
    with_smaller,
)
from msresnet.errors import DataError


def write_idx(path: Path, values: np.ndarray) -> None:
    """An idx file of uint8 values."""
    shape = b"".join(int(n).to_bytes(4, "big") for n in values.shape)
    content = bytes([0, 0, 8, values.ndim]) + shape + values.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture(scope="module")
def mnist(tmp_path_factory):
    """1,100 made-up digits to train on and 500 to test on: a block whose place tells the class."""
    folder = tmp_path_factory.mktemp("mnist")
    for prefix, count, suffix in (("train", 1_100, ".gz"), ("t10k", 500, "")):
        labels = np.arange(count) % 10
        pictures = np.zeros((count, 28, 28), np.uint8)
        for picture, label in zip(pictures, labels, strict=True):
            picture[8 + label : 12 + label, 6:22] = 255
        write_idx(folder / f"{prefix}-images-idx3-ubyte{suffix}", pictures)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte{suffix}", labels)
    return folder


def test_mnist_is_read_in_its_own_layout(mnist, tmp_path):
    train, val = find_split(mnist, "train"), find_split(mnist, "val")
    assert (len(train.samples), len(val.samples)) == (1_100, 500)
    assert train.classes == tuple("0123456789")
    picture, label = Pictures(train, side=28)[13]
    assert label == 3
    assert picture.shape == (3, 28, 28)
    assert (picture[0, 11:15, 6:22] == 255).all()
    (tmp_path / "MNIST").mkdir()
    (tmp_path / "MNIST" / "raw").symlink_to(mnist)
    assert len(find_split(tmp_path, "val").samples) == 500


def test_a_digit_is_the_same_picture_at_any_side(mnist):
    split = find_split(mnist, "val")
    direct, _ = Pictures(split, side=28)[0]
    larger, _ = Pictures(split, side=56)[0]
    assert larger.shape == (3, 56, 56)
    assert np.array_equal(direct.numpy()[0], np.asarray(split.samples[0].read())[..., 0])


@pytest.mark.parametrize("content", [b"", b"\0\0\x08\x03", b"\0\0\x0d\x01\0\0\0\x01a", b"\0\0\x08\x01\0\0\0\x05ab"])
def test_a_broken_idx_file_is_told(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DataError, match="file"):
        read_idx(path)
    packed = tmp_path / "file.gz"
    packed.write_bytes(b"no gzip")
    with pytest.raises(DataError, match="must be readable"):
        read_idx(packed)


def test_mnist_scale_keeps_the_classes_shares_and_shares_no_digit(mnist, monkeypatch):
    monkeypatch.setattr("msresnet.digits.SCALE_COUNTS", {"train": 200, "val": 100, "test": 1_000})
    splits = mnist_scale(mnist, seed=1)
    assert [len(splits[name].samples) for name in ("train", "val", "test")] == [200, 100, 1_000]
    for split in splits.values():
        assert set(np.bincount([sample.label for sample in split.samples])) == {len(split.samples) // 10}
    again = mnist_scale(mnist, seed=1, parts=["val"])
    assert list(again) == ["val"]
    for one, other in zip(again["val"].samples, splits["val"].samples, strict=True):
        assert np.array_equal(one.source, other.source)
    another = mnist_scale(mnist, seed=2, parts=["val"])["val"]
    assert any(
        not np.array_equal(a.source, b.source) for a, b in zip(another.samples, splits["val"].samples, strict=True)
    )


def test_stratified_takes_the_largest_remainders():
    labels = np.array([0] * 5 + [1] * 3 + [2] * 2)
    chosen = stratified(labels, np.arange(10), 4)
    assert len(chosen) == 4
    assert np.bincount(labels[chosen]).tolist() == [2, 1, 1]


def test_a_digit_shrinks_about_its_centre():
    digit = np.zeros((28, 28), np.uint8)
    digit[4:24, 8:20] = 255
    small = rescaled(digit, 0.5)
    assert small.shape == (28, 28)
    rows, columns = np.nonzero(small > 127)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (9, 18, 11, 16)
    assert np.array_equal(rescaled(digit, 1.0), digit)


def measured(picture: np.ndarray) -> int:
    """The longer side of what is brighter than half."""
    return max(np.ptp(some) + 1 for some in np.nonzero(picture > 127))


def test_copies_are_smaller_but_not_below_the_protocols_least():
    large = np.zeros((28, 28), np.uint8)
    large[4:24, 8:20] = 255
    least = rescaled(large, LEAST_FACTOR)
    split = digits(np.stack([large, least]), np.array([3, 7]))
    more = with_smaller(split, 20, seed=0)
    assert [sample.label for sample in more.samples] == [3, 7] * 21
    assert np.array_equal(more.samples[0].source, large) and np.array_equal(more.samples[1].source, least)
    sizes = [measured(sample.source) for sample in more.samples[2::2]]
    assert max(sizes) <= BOX_PX and min(sizes) >= LEAST_FACTOR * BOX_PX - 1
    assert min(sizes) < 10 and max(sizes) > 16  # all there is between
    assert all(abs(measured(sample.source) - measured(least)) <= 1 for sample in more.samples[3::2])
    again, other = with_smaller(split, 1, seed=0), with_smaller(split, 1, seed=1)
    assert np.array_equal(again.samples[2].source, more.samples[2].source)
    assert not np.array_equal(again.samples[2].source, other.samples[2].source)


def test_a_blank_digit_has_copies_too():
    split = digits(np.zeros((2, 28, 28), np.uint8), np.array([0, 1]))
    assert not any(sample.source.any() for sample in with_smaller(split, 1, seed=0).samples)


def test_enlarged_digits_stay_what_and_where_they_are():
    digit = np.zeros((28, 28), np.uint8)
    digit[4:24, 8:20] = 255
    (one, two) = enlarged(digits(np.stack([digit, 255 - digit]), np.array([3, 7])), 56).samples
    assert (one.label, two.label) == (3, 7)
    rows, columns = np.nonzero(one.source > 127)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 47, 16, 39)


@pytest.mark.parametrize("size", [17, 64])
def test_a_placed_digit_has_its_size_and_even_contrast(size):
    digit = np.full((28, 28), 255, np.uint8)
    canvas = placed(digit, size, np.random.default_rng(0))
    assert canvas.shape == (STIR_CANVAS_PX, STIR_CANVAS_PX)
    rows, columns = np.nonzero(canvas > 127)
    assert abs(np.ptp(rows) + 1 - size) <= 2
    assert abs(np.ptp(columns) + 1 - size) <= 2
    assert canvas.max() >= 250


def test_stir_shows_every_digit_at_every_size_and_keeps_splits_apart(mnist):
    sizes = (17, 40)
    train, val, test = (stir(mnist, name, sizes, seed=0) for name in ("train", "val", "test"))
    for split in (train, val, test):
        assert len(split.samples) == 10 * 50 * 2
        assert np.bincount([sample.label for sample in split.samples]).tolist() == [100] * 10
    again = stir(mnist, "train", sizes, seed=0)
    assert all(np.array_equal(a.source, b.source) for a, b in zip(train.samples, again.samples, strict=True))


def test_a_folder_without_mnist_is_told(tmp_path):
    with pytest.raises(DataError, match="idx files"):
        mnist_scale(tmp_path, seed=0)
