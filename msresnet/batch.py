"""Many pictures before one model: how sure it is of each, which scale decides, and where the scales disagree."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from PIL import Image

from .errors import Cancelled, ConfigError, ImageError
from .ledger import Ledger
from .model import MultiscaleResNet
from .session import Session, Source
from .stopping import IsCancelled, never

MAX_PICTURES = 50
THUMBNAIL_PX = 160


@dataclass(frozen=True)
class Finding:
    """What the model says of one picture of a batch.

    Attributes:
        position: of the picture in the batch, from 0.
        name: of the picture.
        index, label, probability: of the most probable class.
        contributions: per scale, to that class, class-centred, in logits.
        dominant: the scale that gave most.
        opinions: the label that each scale would have chosen alone; ``None`` for a scale that has no vote.
        disagreement: of the scales' own predictions, in [0, 1]; see :func:`disagreement_of`.
        thumbnail: ``(side, side, 3)`` uint8, the field of view, at most 160 px.
    """

    position: int
    name: str
    index: int
    label: str
    probability: float
    contributions: tuple[float, ...]
    dominant: int
    opinions: tuple[str | None, ...]
    disagreement: float
    thumbnail: np.ndarray

    def to_dict(self) -> dict:
        """As JSON keeps it; without the picture."""
        kept = {name: value for name, value in vars(self).items() if name != "thumbnail"}
        return {**kept, "contributions": list(self.contributions), "opinions": list(self.opinions)}


@dataclass(frozen=True)
class Unreadable:
    """A file of a batch that is no picture, and why."""

    position: int
    name: str
    reason: str

    def to_dict(self) -> dict:
        """As JSON keeps it."""
        return dict(vars(self))


class Order(Enum):
    """How findings are sorted."""

    SUREST = "surest"
    LEAST_SURE = "least-sure"
    SCALE = "scale"  # by the dominant one, from small to large; within one, its largest lead first
    DISAGREEMENT = "disagreement"  # the largest first


def look_through(
    model: MultiscaleResNet,
    sources: Sequence[tuple[str, Source]],
    *,
    is_cancelled: IsCancelled = never,
) -> Iterator[Finding | Unreadable]:
    """What the model says of each picture, one after another, in their order.

    Args:
        model: left as it was.
        sources: name and picture (a path, bytes, or a PIL picture) of each, at most 50.
        is_cancelled: asked between the pictures, and before every block of layers.

    Raises:
        ConfigError: there are more than 50, or none.
        Cancelled: ``is_cancelled`` said so.
    """
    if not sources:
        raise ConfigError(f"a batch must have 1 to {MAX_PICTURES} pictures, got none; add some")
    if len(sources) > MAX_PICTURES:
        surplus = len(sources) - MAX_PICTURES
        raise ConfigError(f"a batch must have at most {MAX_PICTURES} pictures, got {len(sources)}; leave out {surplus}")
    for position, (name, source) in enumerate(sources):
        if is_cancelled():
            raise Cancelled("The batch was cancelled")
        try:
            session = Session(model, source, is_cancelled=is_cancelled)
        except ImageError as error:
            yield Unreadable(position, name, str(error))
        else:
            yield finding_of(session, position=position, name=name)


def finding_of(session: Session, *, position: int, name: str) -> Finding:
    """What the model says of the picture of a session."""
    ledger, target = session.ledger, session.target()
    contributions = ledger.read(target).contributions
    predictions = scale_predictions(ledger)
    thumbnail = Image.fromarray(session.view)
    thumbnail.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    return Finding(
        position=position,
        name=name,
        index=target.index,
        label=ledger.classes[target.index],
        probability=float(ledger.probabilities[target.index]),
        contributions=contributions,
        dominant=int(np.argmax(contributions)),
        opinions=tuple(None if one is None else ledger.classes[int(one.argmax())] for one in predictions),
        disagreement=disagreement_of(ledger),
        thumbnail=np.asarray(thumbnail),
    )


def scale_predictions(ledger: Ledger) -> tuple[np.ndarray | None, ...]:
    """For each scale the ``(K,)`` probabilities if it alone voted, the gate's weight being all its own.

    ``None`` for a scale whose weight is 0: it has no vote.
    """
    return tuple(
        softmax(votes / weight + ledger.bias) if weight > 0 else None
        for votes, weight in zip(ledger.contributions, ledger.level_weights, strict=True)
    )


def disagreement_of(ledger: Ledger) -> float:
    """How much the scales' own predictions differ, in [0, 1].

    The Jensen–Shannon divergence of :func:`scale_predictions`, each scale counting alike (Lin, "Divergence measures
    based on the Shannon entropy", IEEE Trans. Inf. Theory 37, 1991), over the largest that it can be, the logarithm of
    the number of scales that vote: 0 where all say the same, 1 where each is certain of a class of its own.
    """
    predictions = [one for one in scale_predictions(ledger) if one is not None]
    if len(predictions) < 2:
        return 0.0
    mean_entropy = np.mean([entropy(one) for one in predictions])
    divergence = entropy(np.mean(predictions, axis=0)) - mean_entropy
    return float(np.clip(divergence / np.log(len(predictions)), 0, 1))


def ordered(findings: Sequence[Finding], order: Order) -> list[Finding]:
    """The findings sorted; equal ones stay as they came."""

    def place(finding: Finding) -> tuple[float, ...]:
        match order:
            case Order.SUREST:
                return (-finding.probability,)
            case Order.LEAST_SURE:
                return (finding.probability,)
            case Order.SCALE:
                return (finding.dominant, -lead(finding))
            case Order.DISAGREEMENT:
                return (-finding.disagreement,)

    return sorted(findings, key=place)


def lead(finding: Finding) -> float:
    """By how many logits the dominant scale gave more than the next one."""
    first, *others = sorted(finding.contributions, reverse=True)
    return first - others[0] if others else first


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits."""
    shifted = np.exp(logits - logits.max())
    return shifted / shifted.sum()


def entropy(probabilities: np.ndarray) -> float:
    """Shannon's, in nats."""
    present = probabilities[probabilities > 0]
    return float(-(present * np.log(present)).sum())
