"""The table of methods: what each computes, promises and costs. It drives everything else."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from ..errors import UnknownNameError
from .baselines import Baseline
from .cam import grad_cam
from .gradients import saliency
from .question import Finding, Question

# A backward pass to the pixels, with frozen parameters, takes about as long as two forward passes.
BACKWARD = 3


class Family(Enum):
    """How a method finds out."""

    GRADIENT = "gradient"  # slopes at the pixels
    LAYER = "layer"  # slopes at a stage's maps
    PERTURBATION = "perturbation"  # covers a place and looks again
    GAME = "game"  # scales as players


class Grid(Enum):
    """What one value of a map stands for."""

    PIXEL = "pixel"  # a pixel of the level
    CELL = "cell"  # a cell of a stage's map
    SCALE = "scale"  # the whole level


@dataclass(frozen=True)
class Method:
    """One way to ask which pixels, cells or scales an answer rests on.

    Attributes:
        name: as people type it.
        title: as people read it.
        family: how it finds out.
        promise: what its numbers mean, in a sentence.
        caution: what they do not mean, in a sentence.
        compute: the method itself.
        cost: forward passes of one image that it takes, in time, by the number of scales.
        images: images that go through the model, by the number of scales.
        grid: what one value of a map stands for.
        baseline: the default; ``None`` where the method compares with nothing.
        is_complete: the maps add up to f(image) − f(baseline).
        is_signed: values below zero speak against the target.
    """

    name: str
    title: str
    family: Family
    promise: str
    caution: str
    compute: Callable[[Question], Finding]
    cost: Callable[[int], float]
    images: Callable[[int], float]
    grid: Grid = Grid.PIXEL
    baseline: Baseline | None = None
    is_complete: bool = False
    is_signed: bool = True


_ALL = (
    Method(
        name="saliency",
        title="Saliency",
        family=Family.GRADIENT,
        promise="How much the score would rise if a pixel became a little brighter.",
        caution="A slope is not a share: it can be large where the picture holds nothing.",
        compute=saliency,
        cost=lambda scales: BACKWARD,
        images=lambda scales: 1,
    ),
    Method(
        name="grad-cam",
        title="Grad-CAM",
        family=Family.LAYER,
        promise="Which cells of a stage speak for the target; the last stage's answer is exact and free.",
        caution="As coarse as the stage's grid, and what speaks against the target is cut off.",
        compute=grad_cam,
        cost=lambda scales: 1,
        images=lambda scales: 1,
        grid=Grid.CELL,
        is_signed=False,
    ),
)

METHODS: dict[str, Method] = {method.name: method for method in _ALL}


def find_method(name: str) -> Method:
    """The method by its name.

    Raises:
        UnknownNameError: there is none; names the nearest.
    """
    if name not in METHODS:
        raise UnknownNameError("method", name, METHODS)
    return METHODS[name]


def estimate_seconds(method: str | Method, forward_seconds: float, *, scale_count: int = 3) -> float:
    """About how long a method takes where a forward pass of one image takes ``forward_seconds``."""
    chosen = find_method(method) if isinstance(method, str) else method
    return chosen.cost(scale_count) * forward_seconds
