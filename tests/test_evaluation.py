"""Evaluation: every number against the same number by plain numpy, on coloured squares."""

import json
import logging
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from squares import LABELS, small_model, write_squares

from msresnet.data import Sample, Split, find_split
from msresnet.errors import ConfigError, DataError
from msresnet.evaluation import (
    BOOTSTRAP_DRAWS,
    CALIBRATION_BINS,
    LabelledLevels,
    answers,
    bootstrap_interval,
    class_indices,
    evaluate,
)
from msresnet.model import MultiscaleResNet
from msresnet.pyramid import Preprocessing, pixels


@pytest.fixture(scope="module")
def model() -> MultiscaleResNet:
    return small_model(LABELS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_squares(tmp_path_factory.mktemp("squares"), per_class=7)


def by_hand(model: MultiscaleResNet, folder: Path) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Logits of the vote, of each scale alone, and labels: picture by picture, through the public surface."""
    weight, bias = model.head.fc.weight.detach().numpy(), model.head.fc.bias.detach().numpy()
    logits, alone, labels = [], [[] for _ in model.sides], []
    for path in sorted(folder.glob("*/*.png")):
        with torch.no_grad():
            output = model.vote(model.pyramid(Image.open(path).convert("RGB")))
        logits.append(output.logits[0].numpy())
        for found, features in zip(alone, output.stages[-1], strict=True):
            found.append(weight @ features[0].numpy().mean(axis=(1, 2)) + bias)
        labels.append(LABELS.index({"n01440764": "tench"}.get(path.parent.name, path.parent.name)))
    return np.array(logits), [np.array(found) for found in alone], np.array(labels)


def test_every_number_is_what_plain_numpy_finds(model, folder):
    report = evaluate(model, find_split(folder, "val"), batch_size=5)
    logits, alone, labels = by_hand(model, folder)
    guesses = logits.argmax(axis=1)
    assert len(set(guesses)) > 2 and 0 < np.mean(guesses == labels) < 1, "the model is too dull to test with"

    assert (report.pictures, report.skipped, report.classes) == (42, 0, 6)
    assert report.top1 == pytest.approx(np.mean(guesses == labels))
    assert [(one.scale, one.side) for one in report.scales] == [(0.75, 24), (1.0, 32)]
    for one, found in zip(report.scales, alone, strict=True):
        assert one.top1 == pytest.approx(np.mean(found.argmax(axis=1) == labels))

    for one, found in zip((report, *report.scales), (logits, *alone), strict=True):
        assert one.top5 == pytest.approx(
            np.mean([y in np.argsort(-row)[:5] for row, y in zip(found, labels, strict=True)])
        )
        assert one.calibration_error == pytest.approx(calibration_error(found, labels), abs=1e-6)

    rows = [precision_recall_f1(guesses, labels, k) for k in sorted(set(labels))]
    for one, row, k in zip(report.per_class, rows, sorted(set(labels)), strict=True):
        assert (one.label, one.pictures) == (LABELS[k], 7)
        assert (one.precision, one.recall, one.f1) == pytest.approx(row, abs=1e-6)
    assert (report.precision, report.recall, report.f1) == pytest.approx(np.mean(rows, axis=0), abs=1e-6)


def test_the_bins_give_the_calibration_error_and_the_accuracy(model, folder):
    report = evaluate(model, find_split(folder, "val"))
    bins = report.reliability
    assert len(bins) == CALIBRATION_BINS and sum(one.count for one in bins) == report.pictures
    assert sum(one.count * one.accuracy for one in bins) == pytest.approx(report.pictures * report.top1)
    gaps = [one.count * abs(one.accuracy - one.confidence) for one in bins]
    assert sum(gaps) / report.pictures == pytest.approx(report.calibration_error, abs=1e-6)
    assert all(one.low <= one.confidence <= one.high for one in bins if one.count)


def test_confusions_are_counted_and_sorted(model, folder):
    report = evaluate(model, find_split(folder, "val"))
    logits, _, labels = by_hand(model, folder)
    pairs = Counter((LABELS[y], LABELS[guess]) for y, guess in zip(labels, logits.argmax(1), strict=True) if y != guess)
    assert {(one.label, one.named): one.count for one in report.confusions} == pairs and pairs
    counts = [one.count for one in report.confusions]
    assert counts == sorted(counts, reverse=True)
    assert all(one.share == pytest.approx(one.count / 7) for one in report.confusions)


def precision_recall_f1(guesses: np.ndarray, labels: np.ndarray, k: int) -> tuple[float, float, float]:
    hits = np.sum((guesses == k) & (labels == k))
    precision = hits / max(np.sum(guesses == k), 1)
    recall = hits / np.sum(labels == k)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-12)


def calibration_error(logits: np.ndarray, labels: np.ndarray) -> float:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    confidence, is_right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [abs(np.sum(confidence[bins == b]) - np.sum(is_right[bins == b])) for b in range(CALIBRATION_BINS)]
    return sum(gaps) / len(labels)


def test_the_batch_size_changes_nothing(model, folder):
    split = find_split(folder, "val")
    one, all_ = (evaluate(model, split, batch_size=size).to_dict() for size in (1, 64))
    for name in ("top1", "top5", "precision", "recall", "f1", "calibration_error"):
        assert one[name] == pytest.approx(all_[name], abs=1e-5), name
    for some, other in zip(one["scales"], all_["scales"], strict=True):
        assert some == pytest.approx(other, abs=1e-5)


def test_every_picture_takes_the_models_own_way_to_its_levels(model, folder):
    split = find_split(folder, "val")
    pictures = LabelledLevels(split, model)
    for index in (0, 20):
        levels = model.pyramid(Image.open(split.samples[index].source).convert("RGB"))
        assert all(map(torch.equal, pictures[index].levels, levels))


def test_a_model_that_sees_whole_images_is_measured_on_whole_images(folder):
    seen = small_model(LABELS)
    seen.config = replace(seen.config, preprocessing=Preprocessing(sees_whole_image=True))
    split = find_split(folder, "val")
    corner = pixels(Image.new("RGB", (1, 1), seen.config.preprocessing.fill))[0, :, 0, 0]
    assert torch.allclose(LabelledLevels(split, seen)[0].levels[0][0, :, 0, 0], corner, atol=2 / 255)


def test_the_model_is_left_as_it_was(folder):
    model = small_model(LABELS).train()
    evaluate(model, find_split(folder, "val"))
    assert model.training
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


def test_the_interval_is_the_bootstraps():
    correct, count = 31, 42
    outcomes = np.arange(count) < correct
    random = np.random.default_rng(1)
    means = random.choice(outcomes, size=(BOOTSTRAP_DRAWS, count)).mean(axis=1)
    expected = np.percentile(means, [2.5, 97.5])
    assert bootstrap_interval(correct, count, seed=0) == pytest.approx(tuple(expected), abs=1 / count)
    assert bootstrap_interval(correct, count, seed=0) == bootstrap_interval(correct, count, seed=0)
    assert bootstrap_interval(count, count, seed=0) == (1.0, 1.0)


def test_unreadable_files_are_named_counted_and_left_out(model, tmp_path, caplog):
    root = write_squares(tmp_path, per_class=2)
    clean = evaluate(model, find_split(root, "val"))
    (root / "red" / "broken.png").write_bytes(b"not a picture")
    (root / "blue" / "empty.jpg").write_bytes(b"")
    with caplog.at_level(logging.WARNING, logger="msresnet"):
        report = evaluate(model, find_split(root, "val"), batch_size=1)
    assert report.skipped == 2
    assert (report.pictures, report.top1) == (clean.pictures, clean.top1)
    text = caplog.text
    assert "broken.png" in text and "empty.jpg" in text and "skipped 2 of 14 files" in text
    assert "2 unreadable files left out" in report.to_markdown()


def test_nothing_readable_is_said_in_a_sentence(model, tmp_path):
    for name in ("red", "blue"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(b"no")
    with pytest.raises(DataError, match="none of 2 files"):
        evaluate(model, find_split(tmp_path, "val"))


def test_folders_are_matched_by_label_or_wordnet_id_whatever_their_order():
    split = Split((), ("Goldfish", "n01440764", "red"))
    assert class_indices(split, LABELS) == (4, 3, 0)
    assert class_indices(split, LABELS[::-1]) == (2, 3, 6)
    assert class_indices(Split((), ("n01440764",)), ("x", "n01440764")) == (1,)


def test_unknown_folders_are_named_with_the_nearest_labels():
    complaint = r"does not know 2 of 3 \('goldfisch', 'zebra'\); did you mean 'goldfish'"
    with pytest.raises(DataError, match=complaint):
        class_indices(Split((), ("goldfisch", "red", "zebra")), LABELS)


def test_progress_rises_to_one(model, folder):
    shares = []
    evaluate(model, find_split(folder, "val"), batch_size=16, on_progress=shares.append)
    assert shares == sorted(shares) and len(shares) == 3 and shares[-1] == 1.0


def test_worker_processes_find_the_same(model, folder):
    split = find_split(folder, "val")
    assert evaluate(model, split, batch_size=16, workers=1) == evaluate(model, split, batch_size=16)


def test_the_report_is_json_and_a_table(model, folder):
    report = evaluate(model, find_split(folder, "val"))
    kept = json.loads(json.dumps(report.to_dict()))
    assert list(kept) == [
        "model", "pictures", "skipped", "classes", "missing", "top1", "top1_interval", "top5",
        "precision", "recall", "f1", "calibration_error", "scales",
        "per_class", "confusions", "reliability", "seed",
    ]  # fmt: skip
    assert set(kept["model"]) == {"name", "sha256"}
    assert set(kept["scales"][0]) == {"scale", "side", "top1", "top5", "calibration_error"}
    assert set(kept["per_class"][0]) == {"label", "pictures", "precision", "recall", "f1"}
    assert set(kept["confusions"][0]) == {"label", "named", "count", "share"}
    assert set(kept["reliability"][0]) == {"low", "high", "count", "confidence", "accuracy"}
    table = report.to_markdown()
    assert f"| {100 * report.top5:.1f} %" in table
    assert "42 pictures of 6 classes" in table and "unreadable" not in table
    assert len({len(line) for line in table.splitlines() if line.startswith("|")}) == 1, "the columns are not aligned"


def test_classes_without_a_picture_are_named_in_a_sentence(model, folder):
    report = evaluate(model, find_split(folder, "val"))
    some = replace(report, missing=("tench", "goldfish", "eft", "boa"))
    assert "Of the model's 10 classes 4 have no picture here (tench, goldfish, eft, …)" in some.to_markdown()
    assert some.to_dict()["missing"] == ["tench", "goldfish", "eft", "boa"]
    assert report.missing == ("unseen",)
    assert "no picture" not in replace(report, missing=()).to_markdown()


def test_the_document_tells_every_class_and_shows_the_charts(model, folder):
    report = evaluate(model, find_split(folder, "val"))
    text = report.document([("A chart", "a.png")])
    assert "![A chart](a.png)" in text and report.model.sha256 in text
    assert all(f"| {one.label} " in text for one in report.per_class)
    assert "None: every picture" in replace(report, confusions=()).document()


def test_a_missing_torchmetrics_is_said_with_its_cure(model, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    with pytest.raises(ConfigError, match=r"pip install 'msresnet\[train\]'"):
        evaluate(model, find_split(folder, "val"))


def test_a_batch_that_does_not_fit_is_said_with_its_cure(model, monkeypatch):
    def full(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(model, "vote", full)
    with pytest.raises(ConfigError, match="lower --batch-size"):
        answers(model, [torch.rand(4, 3, side, side) for side in model.sides])


def test_a_batch_size_below_one_is_refused(model):
    with pytest.raises(ConfigError, match="at least 1"):
        evaluate(model, Split((Sample(Path("x.png"), 0),), ("red",)), batch_size=0)
