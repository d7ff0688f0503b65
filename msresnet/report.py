"""What a model is worth on a folder of pictures: numbers, JSON and Markdown."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from .identity import Identity

SHOWN_CONFUSIONS = 20
SHOWN_MISSING = 3


@dataclass(frozen=True)
class ScaleAccuracy:
    """How one scale alone does, all its cells alike and without the gate; shares as in :class:`Report`."""

    scale: float
    side: int
    top1: float
    top5: float
    calibration_error: float


@dataclass(frozen=True)
class ClassAccuracy:
    """How one class does; precision is 0 where it is never named."""

    label: str
    pictures: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Confusion:
    """How often pictures of one class were taken for another."""

    label: str
    named: str
    count: int
    share: float  # of the class's pictures


@dataclass(frozen=True)
class ReliabilityBin:
    """The answers whose probability lies in [low, high), of the last also 1; the means are 0 where there is none."""

    low: float
    high: float
    count: int
    confidence: float  # mean probability of the answers
    accuracy: float


@dataclass(frozen=True)
class Report:
    """What a model is worth on a folder of pictures; shares lie in [0, 1].

    Attributes:
        model: which weights were asked.
        pictures: how many were counted.
        skipped: how many files could not be read.
        classes: how many classes have a picture; macro means are over these.
        missing: labels of the model's classes that have none, in the model's order.
        top1, top5: share of pictures whose class is the model's first, or among its first
            five (of all its classes, also where the folder has only some of them).
        top1_interval: 95 % bootstrap interval over the pictures.
        precision, recall, f1: macro means; a class that is never named has precision 0.
        calibration_error: expected calibration error, 15 bins.
        scales: each scale alone, from the smallest.
        per_class: the classes that have a picture, in the model's order.
        confusions: pairs of classes, the most frequent first; at most 20.
        reliability: the bins of the calibration error.
        seed: of the bootstrap.
    """

    model: Identity
    pictures: int
    skipped: int
    classes: int
    missing: tuple[str, ...]
    top1: float
    top1_interval: tuple[float, float]
    top5: float
    precision: float
    recall: float
    f1: float
    calibration_error: float
    scales: tuple[ScaleAccuracy, ...]
    per_class: tuple[ClassAccuracy, ...]
    confusions: tuple[Confusion, ...]
    reliability: tuple[ReliabilityBin, ...]
    seed: int

    def to_dict(self) -> dict:
        """As JSON keeps it."""
        kept = {name: value for name, value in vars(self).items() if name != "model"}
        lists = {
            name: [asdict(one) for one in kept[name]] for name in ("scales", "per_class", "confusions", "reliability")
        }
        return {
            "model": {"name": self.model.name, "sha256": self.model.sha256},
            **kept,
            "missing": list(self.missing),
            "top1_interval": list(self.top1_interval),
            **lists,
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
        return "\n\n".join([heading, *self.warnings(), table(rows)])

    def warnings(self) -> list[str]:
        """A sentence on the classes that nothing was measured of, where there are some."""
        if not self.missing:
            return []
        known = self.classes + len(self.missing)
        shown = ", ".join(self.missing[:SHOWN_MISSING]) + (", …" if len(self.missing) > SHOWN_MISSING else "")
        return [
            f"Of the model's {known} classes {len(self.missing)} have no picture here ({shown}): nothing is known of "
            "them, and macro means are over the others."
        ]

    def document(self, pictures: Sequence[tuple[str, str]] = ()) -> str:
        """Everything as a Markdown document.

        Args:
            pictures: a caption and a file name each, shown in this order.
        """
        scales = [("level", "scale", "top-1", "top-5", "expected calibration error")]
        scales += [
            (f"{s.side} px", f"{s.scale:.2f}", *map(per_cent, (s.top1, s.top5, s.calibration_error)))
            for s in self.scales
        ]
        confusions = [("class", "taken for", "pictures", "of the class")]
        confusions += [(c.label, c.named, str(c.count), per_cent(c.share)) for c in self.confusions]
        classes = [("class", "pictures", "precision", "recall", "F1")]
        classes += [(c.label, str(c.pictures), *map(per_cent, (c.precision, c.recall, c.f1))) for c in self.per_class]
        parts = [
            f"# {self.model.name}",
            self.to_markdown(),
            f"SHA-256 of the tensors: `{self.model.sha256}`",
            *(f"![{caption}]({name})" for caption, name in pictures),
            "## Each scale alone",
            table(scales),
            "## Most frequent confusions",
            table(confusions) if self.confusions else "None: every picture was named right.",
            "## Classes",
            table(classes),
        ]
        return "\n\n".join(parts) + "\n"


def per_cent(share: float) -> str:
    """A share as people read it."""
    return f"{100 * share:.1f} %"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows to an aligned Markdown table; the first is its head."""
    rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
