"""What came out of the trial of each map, and by which marks a map that failed is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from ..attribution import RESIDUAL_LIMIT
from ..colour import shared_range
from ..ledger import Target
from .curves import Advantage, Control, Curve, Direction
from .randomisation import Likeness

# A map whose ranks agree so well with themselves, on average, while the network is unlearned from the top does
# not show what it learned. Our choice: half way between a map that is all new and one that stays the same.
LIKENESS_LIMIT = 0.5


class Mark(Enum):
    """A way in which a map fails."""

    FLAT = "flat"  # it says nothing
    DELETION = "deletion"  # chance would have found these places as well
    INSERTION = "insertion"
    RANDOMISATION = "randomisation"  # it does not depend on what the network learned
    RESIDUAL = "residual"  # it does not add up to what it promises


@dataclass(frozen=True)
class Clipping:
    """What the colours do not show of maps that are drawn on one range.

    Attributes:
        share: of the values, in [0, 1], those stronger than the range's end.
        mass: of the sum of all magnitudes, in [0, 1], what lies beyond the range's end.
    """

    share: float
    mass: float

    @classmethod
    def of(cls, maps: Sequence[np.ndarray], *, is_signed: bool, percentile: float) -> "Clipping":
        """Of maps on the range that :func:`msresnet.colour.shared_range` gives them."""
        range_ = shared_range(maps, percentile=percentile, is_signed=is_signed)
        magnitudes = np.concatenate([np.abs(values, dtype=np.float64).ravel() for values in maps])
        beyond = np.clip(magnitudes - range_.limit, 0, None).sum()
        return cls(range_.clipped_share, 0.0 if range_.is_flat else float(beyond / magnitudes.sum()))


@dataclass(frozen=True, eq=False)
class Verdict:
    """One map after its trial.

    Attributes:
        name: a method's, or ``evidence``.
        curves: its deletion and its insertion.
        advantages: over random orders on the same picture.
        likenesses: to itself, as layer after layer is made random from the top; means over
            ``networks`` random networks.
        networks: how many.
        clipping: what the colours do not show.
        residual: what its sum misses, relative; ``None`` where it promises no sum.
        is_flat: every value is the same, so that it ranks nothing.
    """

    name: str
    curves: dict[Direction, Curve]
    advantages: dict[Direction, Advantage]
    likenesses: tuple[Likeness, ...]
    networks: int
    clipping: Clipping
    residual: float | None
    is_flat: bool

    @property
    def likeness(self) -> float:
        """Rank correlation with itself while the network is unlearned, the mean over the cascade, in [-1, 1]."""
        return float(np.mean([one.rank_correlation for one in self.likenesses]))

    @property
    def marks(self) -> tuple[Mark, ...]:
        """How it failed; empty where it did not."""
        if self.is_flat:
            return (Mark.FLAT,)
        failed = {
            Mark.DELETION: not self.advantages[Direction.DELETION].is_real,
            Mark.INSERTION: not self.advantages[Direction.INSERTION].is_real,
            Mark.RANDOMISATION: self.likeness >= LIKENESS_LIMIT,
            Mark.RESIDUAL: self.residual is not None and self.residual > RESIDUAL_LIMIT,
        }
        return tuple(mark for mark, is_failed in failed.items() if is_failed)

    @property
    def words(self) -> str:
        """The marks in a sentence."""
        if not self.marks:
            return "Passes every check."
        return " ".join(self.sentence(mark) for mark in self.marks)

    def sentence(self, mark: Mark) -> str:
        """One mark in words."""
        match mark:
            case Mark.FLAT:
                return "Says nothing: every value is the same."
            case Mark.DELETION:
                return "Deleting its strongest places first costs the class no more than a random order does."
            case Mark.INSERTION:
                return "Inserting its strongest places first helps the class no more than a random order does."
            case Mark.RANDOMISATION:
                return f"Hardly changes while the network is made random (mean rank correlation {self.likeness:.2f})."
            case Mark.RESIDUAL:
                return f"Misses {self.residual:.1%} of the sum that it promises."


@dataclass(frozen=True, eq=False)
class Trust:
    """The trial of all maps of one picture and target, frozen, on the CPU.

    Attributes:
        target: what the maps explain.
        baseline: name of what the picture is exchanged for.
        score_image, score_baseline: the target's probability at both ends of the curves.
        verdicts: one per map, in the order asked for.
        controls: the random orders.
        agreement: ``(map, map)`` Spearman's correlation of the maps' densities over the field of view.
        seconds: what the trial took.
    """

    target: Target
    baseline: str
    score_image: float
    score_baseline: float
    verdicts: tuple[Verdict, ...]
    controls: dict[Direction, Control]
    agreement: np.ndarray
    seconds: float

    def to_dict(self) -> dict:
        """As ``explanation.json`` has it."""
        return {
            "baseline": self.baseline,
            "score_image": self.score_image,
            "score_baseline": self.score_baseline,
            "random_order": {
                way.value: {
                    "area": control.area,
                    "interval": [control.low, control.high],
                    "orders": len(control.curves),
                    "scores": control.scores.tolist(),
                }
                for way, control in self.controls.items()
            },
            "maps": {verdict.name: verdict_dict(verdict) for verdict in self.verdicts},
            "agreement": {
                verdict.name: {other.name: float(value) for other, value in zip(self.verdicts, row, strict=True)}
                for verdict, row in zip(self.verdicts, self.agreement, strict=True)
            },
            "seconds": self.seconds,
        }


def verdict_dict(verdict: Verdict) -> dict:
    """One map's part of it."""
    ways = {
        way.value: {
            "area": curve.area,
            "advantage": verdict.advantages[way].value,
            "interval": [verdict.advantages[way].low, verdict.advantages[way].high],
            "scores": curve.scores.tolist(),
        }
        for way, curve in verdict.curves.items()
    }
    return {
        **ways,
        "randomisation": {
            "rank_correlation": verdict.likeness,
            "networks": verdict.networks,
            "cascade": [
                {"layer": one.layer, "rank_correlation": one.rank_correlation, "structure": one.structure}
                for one in verdict.likenesses
            ],
        },
        "clipped_share": verdict.clipping.share,
        "clipped_mass": verdict.clipping.mass,
        "completeness_residual": verdict.residual,
        "marks": [mark.value for mark in verdict.marks],
        "words": verdict.words,
    }
