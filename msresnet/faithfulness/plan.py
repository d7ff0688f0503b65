"""What a trial takes, counted in forward passes of one image, and how far it is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from ..attribution import LAST_STAGE, METHODS, estimate_seconds
from ..attribution.methods import BATCHED, OWN
from ..errors import Cancelled
from ..model import MultiscaleResNet
from .curves import CONTROLS, Direction, images
from .randomisation import LAYERS

Result = TypeVar("Result")

# Random networks in which a map is watched that costs about one forward pass: the evidence, and Grad-CAM of the
# last stage. They have few cells, so that a single network may agree by chance; the other maps have one.
NETWORKS = 5

# A step of the cascade makes weights anew and asks for the evidence: about as long as two passes.
EVIDENCE_COST = 2.0

Stages = Mapping[str, int | None]  # per method what it looks at, where that is not the last stage


def method_cost(model: MultiscaleResNet, name: str, *, stage: int | None = None, is_quick: bool = False) -> float:
    """Forward passes, in time, of a method's maps, in outline (``quick_steps``) where asked."""
    return estimate_seconds(
        name,
        1.0,
        scale_count=len(model.sides),
        has_links=model.config.has_links,
        stage=LAST_STAGE if stage is None else stage,
        steps=METHODS[name].quick_steps if is_quick else None,
    )


def curves_cost(methods: Sequence[str]) -> float:
    """Of insertion and deletion, for the evidence, the methods and the random orders."""
    return BATCHED * len(Direction) * (images(1 + len(methods)) + images(CONTROLS))


def outlines_cost(model: MultiscaleResNet, methods: Iterable[str], *, stages: Stages) -> float:
    """Of all maps in outline, once."""
    return EVIDENCE_COST + sum(method_cost(model, name, stage=stages.get(name), is_quick=True) for name in methods)


def cheap(model: MultiscaleResNet, methods: Iterable[str], *, stages: Stages) -> list[str]:
    """The methods that are watched in ``NETWORKS`` random networks."""
    return [name for name in methods if method_cost(model, name, stage=stages.get(name), is_quick=True) <= OWN]


def trial_cost(
    model: MultiscaleResNet, methods: Sequence[str], *, known: Iterable[str] = (), stages: Stages | None = None
) -> float:
    """Of a whole trial, some of whose maps are known already."""
    stages = {} if stages is None else stages
    missing = set(methods) - set(known)
    maps = sum(method_cost(model, name, stage=stages.get(name)) for name in missing)
    first = (1 + len(LAYERS)) * outlines_cost(model, methods, stages=stages)
    others = (NETWORKS - 1) * len(LAYERS) * outlines_cost(model, cheap(model, methods, stages=stages), stages=stages)
    return maps + curves_cost(methods) + first + others


class Progress:
    """Turns the progress of parts of different length into that of the whole; never falls back.

    Args:
        total: cost of all parts.
        is_cancelled: asked between the parts; each part also asks itself.
        on_progress: told the share that is done, in [0, 1].
    """

    def __init__(self, total: float, is_cancelled: Callable[[], bool], on_progress: Callable[[float], None]) -> None:
        self.total, self.done, self.told = total, 0.0, 0.0
        self.is_cancelled, self.on_progress = is_cancelled, on_progress

    def run(self, cost: float, work: Callable[[Callable[[float], None]], Result]) -> Result:
        """Do a part that takes ``cost``; ``work`` is given what to tell its own share to.

        Raises:
            Cancelled: somebody said so before it began, or within.
        """
        if self.is_cancelled():
            raise Cancelled("The check was cancelled")
        before = self.done
        result = work(lambda share: self.tell(before + share * cost))
        self.done = before + cost
        self.tell(self.done)
        return result

    def tell(self, done: float) -> None:
        """So much is done."""
        self.told = max(self.told, min(done / self.total, 1.0))
        self.on_progress(self.told)
