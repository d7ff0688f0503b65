"""How often a model is right on a labelled folder of pictures, and how well it knows that."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from types import ModuleType

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from .checkpoint import Identity, identify
from .data import Split
from .errors import ConfigError, DataError, ImageError, nearest_names
from .images import read_image
from .losses import level_logits
from .model import MultiscaleResNet
from .pyramid import Preprocessing, upload_levels

log = logging.getLogger(__name__)

# Guo et al., "On Calibration of Modern Neural Networks" (arXiv 1706.04599), count 15 bins of equal width.
CALIBRATION_BINS = 15
# Moves the ends of an interval by less than a tenth of its width from seed to seed.
BOOTSTRAP_DRAWS = 10_000


@dataclass(frozen=True)
class ScaleAccuracy:
    """How often one scale alone is right, all its cells alike and without the gate."""

    scale: float
    side: int
    top1: float


@dataclass(frozen=True)
class Report:
    """What a model is worth on a folder of pictures; shares lie in [0, 1].

    Attributes:
        model: which weights were asked.
        pictures: how many were counted.
        skipped: how many files could not be read.
        classes: how many classes have a picture; macro means are over these.
        top1, top5: share of pictures whose class is the model's first, or among its first
            five (of all its classes, also where the folder has only some of them).
        top1_interval: 95 % bootstrap interval over the pictures.
        precision, recall, f1: macro means; a class that is never named has precision 0.
        calibration_error: expected calibration error, 15 bins.
        scales: each scale alone, from the smallest.
        seed: of the bootstrap.
    """

    model: Identity
    pictures: int
    skipped: int
    classes: int
    top1: float
    top1_interval: tuple[float, float]
    top5: float
    precision: float
    recall: float
    f1: float
    calibration_error: float
    scales: tuple[ScaleAccuracy, ...]
    seed: int

    def to_dict(self) -> dict:
        """As JSON keeps it."""
        kept = {name: value for name, value in vars(self).items() if name != "model"}
        return {
            "model": {"name": self.model.name, "sha256": self.model.sha256},
            **kept,
            "top1_interval": list(self.top1_interval),
            "scales": [asdict(scale) for scale in self.scales],
        }

    def to_markdown(self) -> str:
        """A table for people, in per cent."""
        low, high = self.top1_interval
        rows = [
            ("measure", "value"),
            ("top-1", f"{per_cent(self.top1)} (95 % interval {per_cent(low)} to {per_cent(high)})"),
            ("top-5", per_cent(self.top5)),
            ("macro precision", per_cent(self.precision)),
            ("macro recall", per_cent(self.recall)),
            ("macro F1", per_cent(self.f1)),
            ("expected calibration error", per_cent(self.calibration_error)),
            *((f"top-1 of {one.side} px alone", per_cent(one.top1)) for one in self.scales),
        ]
        skipped = f", {self.skipped} unreadable files left out" if self.skipped else ""
        heading = f"{self.model.name}: {self.pictures} pictures of {self.classes} classes{skipped}"
        width = max(len(name) for name, _ in rows)
        value_width = max(len(value) for _, value in rows)
        lines = [f"| {name:<{width}} | {value:<{value_width}} |" for name, value in rows]
        lines.insert(1, f"|{'-' * (width + 2)}|{'-' * (value_width + 2)}|")
        return "\n".join([heading, "", *lines])


def evaluate(
    model: MultiscaleResNet,
    split: Split,
    *,
    batch_size: int = 32,
    workers: int = 0,
    seed: int = 0,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Report:
    """Measure a model on a split, every picture by the model's own preprocessing.

    A file that cannot be read is named in the log, counted and left out.

    Args:
        model: left as it was.
        split: its class folders are matched with the model's labels by name.
        batch_size: pictures at a time, at least 1; changes no number but by rounding.
        workers: processes that read pictures; 0 reads in this one.
        seed: of the bootstrap interval.
        on_progress: told the share that is done.

    Raises:
        DataError: a class folder that the model does not know, or no readable picture.
        ConfigError: torchmetrics is not installed, or a batch does not fit in memory.
    """
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
        self.right = [0] * (1 + scale_count)  # pictures that the vote, then each scale, got right
        self.support = torch.zeros(class_count, dtype=torch.long)
        self.top5 = of.MulticlassAccuracy(class_count, top_k=min(5, class_count), average="micro")
        self.per_class = {
            "precision": of.MulticlassPrecision(class_count, average=None),
            "recall": of.MulticlassRecall(class_count, average=None),
            "f1": of.MulticlassF1Score(class_count, average=None),
        }
        self.calibration = of.MulticlassCalibrationError(class_count, n_bins=CALIBRATION_BINS, norm="l1")

    def update(self, logits: Tensor, of_scales: Sequence[Tensor], labels: Tensor) -> None:
        """Count a batch: logits ``(batch, class)`` of the vote and of each scale, labels ``(batch,)``."""
        for i, some in enumerate((logits, *of_scales)):
            self.right[i] += int((some.argmax(dim=1) == labels).sum())
        self.support += labels.bincount(minlength=len(self.support))
        for metric in (self.top5, *self.per_class.values()):
            metric.update(logits, labels)
        self.calibration.update(logits.softmax(dim=1), labels)

    def report(self, model: MultiscaleResNet, *, skipped: int, seed: int) -> Report:
        """The shares; at least one picture must have been counted."""
        count = int(self.support.sum())
        is_there = self.support > 0
        vote, *alone = self.right
        return Report(
            model=identify(model),
            pictures=count,
            skipped=skipped,
            classes=int(is_there.sum()),
            top1=vote / count,
            top1_interval=bootstrap_interval(vote, count, seed=seed),
            top5=float(self.top5.compute()),
            **{name: float(metric.compute()[is_there].mean()) for name, metric in self.per_class.items()},
            calibration_error=float(self.calibration.compute()),
            scales=tuple(
                ScaleAccuracy(scale, side, right / count)
                for scale, side, right in zip(model.scales, model.sides, alone, strict=True)
            ),
            seed=seed,
        )


def per_cent(share: float) -> str:
    """A share as people read it."""
    return f"{100 * share:.1f} %"


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
            picture = read_image(sample.path)
        except ImageError as error:
            return LabelledPicture(unreadable=f"{sample.path}: {error}")
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
