"""How often a model is right on a labelled folder of pictures, and how well it knows that."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from .data import Split
from .device import quick_batch
from .errors import ConfigError, DataError, ImageError, nearest_names
from .identity import identify
from .losses import level_logits
from .model import MultiscaleResNet
from .pyramid import Preprocessing, upload_levels
from .report import SHOWN_CONFUSIONS, ClassAccuracy, Confusion, ReliabilityBin, Report, ScaleAccuracy

log = logging.getLogger(__name__)

# Guo et al., "On Calibration of Modern Neural Networks" (arXiv 1706.04599), count 15 bins of equal width.
CALIBRATION_BINS = 15
# Moves the ends of an interval by less than a tenth of its width from seed to seed.
BOOTSTRAP_DRAWS = 10_000


def evaluate(
    model: MultiscaleResNet,
    split: Split,
    *,
    batch_size: int | None = None,
    workers: int = 0,
    seed: int = 0,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Report:
    """Measure a model on a split, every picture by the model's own preprocessing.

    A file that cannot be read is named in the log, counted and left out.

    Args:
        model: left as it was.
        split: its class folders are matched with the model's labels by name.
        batch_size: pictures at a time, at least 1; changes no number but by rounding. By default what is quickest,
            see :func:`msresnet.device.quick_batch`.
        workers: processes that read pictures; 0 reads in this one.
        seed: of the bootstrap interval.
        on_progress: told the share that is done.

    Raises:
        DataError: a class folder that the model does not know, or no readable picture.
        ConfigError: torchmetrics is not installed, or a batch does not fit in memory.
    """
    if batch_size is None:
        batch_size = quick_batch(model.device, model.sides)
    if batch_size < 1:
        raise ConfigError(f"batch_size must be at least 1, got {batch_size}")
    measures = Measures(class_count=len(model.classes), scale_count=len(model.sides))
    pictures = LabelledLevels(split, model)
    loader = DataLoader(pictures, batch_size, num_workers=workers, collate_fn=stack)
    skipped = 0
    with model.frozen(), torch.no_grad():
        for done, batch in enumerate(loader, start=1):
            for reason in batch.unreadable:
                log.warning("skipped %s", reason)
            skipped += len(batch.unreadable)
            if batch.levels:
                measures.update(*answers(model, batch.levels), batch.labels)
            on_progress(min(done * batch_size / len(pictures), 1.0))
    if skipped:
        log.warning("skipped %d of %d files", skipped, len(pictures))
    if skipped == len(pictures):
        raise DataError(f"an evaluation needs a readable picture, and none of {skipped} files is one")
    return measures.report(model, skipped=skipped, seed=seed)


def answers(model: MultiscaleResNet, levels: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Logits ``(batch, class)`` on the CPU of the vote, and of each scale alone."""
    try:
        output = model.vote([level.to(model.device) for level in levels])
        return output.logits.float().cpu(), [logits.float().cpu() for logits in level_logits(output)]
    except torch.OutOfMemoryError as error:
        raise ConfigError(
            f"a batch must fit in the device's memory, got {len(levels[0])} pictures; lower --batch-size"
        ) from error


def class_indices(split: Split, classes: Sequence[str]) -> tuple[int, ...]:
    """The model's index of each class folder of a split, by label or folder name; case does not matter.

    Raises:
        DataError: the model does not know a folder's class.
    """
    index = {label.casefold(): i for i, label in reversed(list(enumerate(classes)))}
    found = [
        index.get(label.casefold(), index.get(folder.casefold()))
        for folder, label in zip(split.folders, split.classes, strict=True)
    ]
    unknown = [folder for folder, i in zip(split.folders, found, strict=True) if i is None]
    if unknown:
        shown = ", ".join(map(repr, unknown[:3])) + (", …" if len(unknown) > 3 else "")
        nearest = " or ".join(map(repr, nearest_names(unknown[0], classes)))
        raise DataError(
            "every class folder must be named by a label of the model or its WordNet id, but the model "
            f"does not know {len(unknown)} of {len(found)} ({shown}); did you mean {nearest}?"
        )
    return tuple(found)


def bootstrap_interval(correct: int, count: int, *, seed: int) -> tuple[float, float]:
    """95 % percentile interval of the share ``correct / count``, over resampled sets of pictures.

    Drawing ``count`` zeros and ones with replacement and adding them up is one draw of
    a binomial variable, so that no set has to be drawn picture by picture.
    """
    shares = np.random.default_rng(seed).binomial(count, correct / count, size=BOOTSTRAP_DRAWS) / count
    low, high = np.percentile(shares, [2.5, 97.5])
    return float(low), float(high)


class Measures:
    """Counts over batches, by torchmetrics.

    Args:
        class_count: classes of the model.
        scale_count: its scales.

    Raises:
        ConfigError: torchmetrics is not installed.
    """

    def __init__(self, *, class_count: int, scale_count: int) -> None:
        of = import_torchmetrics()
        self.answerers = [Answerer(of, class_count) for _ in range(1 + scale_count)]  # the vote, then each scale
        self.per_class = {
            "precision": of.MulticlassPrecision(class_count, average=None),
            "recall": of.MulticlassRecall(class_count, average=None),
            "f1": of.MulticlassF1Score(class_count, average=None),
        }
        self.confusion = of.MulticlassConfusionMatrix(class_count)

    def update(self, logits: Tensor, of_scales: Sequence[Tensor], labels: Tensor) -> None:
        """Count a batch: logits ``(batch, class)`` of the vote and of each scale, labels ``(batch,)``."""
        for answerer, some in zip(self.answerers, (logits, *of_scales), strict=True):
            answerer.update(some, labels)
        for metric in (self.confusion, *self.per_class.values()):
            metric.update(logits, labels)

    def report(self, model: MultiscaleResNet, *, skipped: int, seed: int) -> Report:
        """The shares; at least one picture must have been counted."""
        confusion = self.confusion.compute()  # (class, named)
        support = confusion.sum(dim=1)
        is_there = support > 0
        of_classes = {name: metric.compute() for name, metric in self.per_class.items()}
        vote, *alone = self.answerers
        return Report(
            model=identify(model),
            pictures=vote.count,
            skipped=skipped,
            classes=int(is_there.sum()),
            missing=tuple(model.classes[k] for k in (~is_there).nonzero()[:, 0].tolist()),
            **vote.shares(),
            top1_interval=bootstrap_interval(vote.right, vote.count, seed=seed),
            **{name: float(values[is_there].mean()) for name, values in of_classes.items()},
            scales=tuple(
                ScaleAccuracy(scale, side, **one.shares())
                for scale, side, one in zip(model.scales, model.sides, alone, strict=True)
            ),
            per_class=tuple(
                ClassAccuracy(
                    model.classes[k],
                    int(support[k]),
                    **{name: float(values[k]) for name, values in of_classes.items()},
                )
                for k in is_there.nonzero()[:, 0].tolist()
            ),
            confusions=most_frequent(confusion, model.classes),
            reliability=vote.reliability(),
            seed=seed,
        )


class Answerer:
    """What is counted of the vote, and of each scale alone."""

    def __init__(self, of: ModuleType, class_count: int) -> None:
        self.right = self.count = 0
        self.top5 = of.MulticlassAccuracy(class_count, top_k=min(5, class_count), average="micro")
        self.calibration = of.MulticlassCalibrationError(class_count, n_bins=CALIBRATION_BINS, norm="l1")
        self.bins = torch.zeros(3, CALIBRATION_BINS, dtype=torch.float64)  # answers, their probabilities, right ones

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Count a batch of logits ``(batch, class)`` and labels ``(batch,)``."""
        confidence, named = logits.softmax(dim=1).max(dim=1)
        is_right = named == labels
        self.right += int(is_right.sum())
        self.count += len(labels)
        self.top5.update(logits, labels)
        self.calibration.update(logits.softmax(dim=1), labels)
        edges = torch.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
        index = torch.bucketize(confidence, edges, right=True)
        rows = torch.stack([torch.ones(len(labels)), confidence, is_right.float()]).double()
        self.bins.index_add_(1, index, rows)

    def shares(self) -> dict[str, float]:
        """Top-1, top-5 and expected calibration error."""
        return {
            "top1": self.right / self.count,
            "top5": float(self.top5.compute()),
            "calibration_error": float(self.calibration.compute()),
        }

    def reliability(self) -> tuple[ReliabilityBin, ...]:
        """The bins of the calibration error."""
        return tuple(
            ReliabilityBin(
                low=i / CALIBRATION_BINS,
                high=(i + 1) / CALIBRATION_BINS,
                count=int(count),
                confidence=confidence / max(count, 1),
                accuracy=right / max(count, 1),
            )
            for i, (count, confidence, right) in enumerate(self.bins.T.tolist())
        )


def most_frequent(confusion: Tensor, classes: Sequence[str]) -> tuple[Confusion, ...]:
    """The pairs that were most often taken for one another, of a matrix ``(class, named)`` of counts."""
    wrong = confusion - confusion.diag().diag()
    order = wrong.flatten().argsort(descending=True, stable=True)[:SHOWN_CONFUSIONS].tolist()
    pairs = [divmod(i, len(classes)) for i in order]
    return tuple(
        Confusion(classes[k], classes[named], int(wrong[k, named]), float(wrong[k, named] / confusion[k].sum()))
        for k, named in pairs
        if wrong[k, named] > 0
    )


def import_torchmetrics() -> ModuleType:
    """``torchmetrics.classification``, or a sentence that says how to get it."""
    try:
        from torchmetrics import classification
    except ModuleNotFoundError as error:
        raise ConfigError(
            "evaluating needs torchmetrics, which is not installed; run: pip install 'msresnet[train]'"
        ) from error
    return classification


@dataclass(frozen=True)
class LabelledPicture:
    """One file: its levels ``(1, 3, side, side)`` and its class, or why it cannot be read."""

    levels: tuple[Tensor, ...] = ()
    label: int = -1
    unreadable: str | None = None


@dataclass(frozen=True)
class Batch:
    """Readable pictures stacked per scale, ``(batch, 3, side, side)``, and the files that are none."""

    levels: tuple[Tensor, ...]
    labels: Tensor
    unreadable: tuple[str, ...]


class LabelledLevels(Dataset):
    """The files of a split as a model sees them; holds no model, so that worker processes stay light."""

    def __init__(self, split: Split, model: MultiscaleResNet) -> None:
        self.samples = split.samples
        self.indices = class_indices(split, model.classes)
        self.sides: tuple[int, ...] = model.sides
        self.preprocessing: Preprocessing = model.preprocessing()

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> LabelledPicture:
        sample = self.samples[index]
        try:
            picture = sample.read()
        except ImageError as error:
            return LabelledPicture(unreadable=f"{sample.source}: {error}")
        levels = upload_levels(picture, self.sides, self.preprocessing)
        return LabelledPicture(levels, self.indices[sample.label])


def stack(pictures: Sequence[LabelledPicture]) -> Batch:
    """Pictures to a batch."""
    good = [picture for picture in pictures if picture.unreadable is None]
    return Batch(
        levels=tuple(torch.cat(levels) for levels in zip(*(picture.levels for picture in good), strict=True)),
        labels=torch.tensor([picture.label for picture in good], dtype=torch.long),
        unreadable=tuple(picture.unreadable for picture in pictures if picture.unreadable is not None),
    )
