"""The table of methods: what each computes, promises and costs. It drives everything else."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from ..errors import UnknownNameError
from .ablation import PARTS, ablation_places, feature_ablation, occlusion, occlusion_places
from .baselines import Baseline
from .cam import LAST_STAGE, grad_cam, guided_grad_cam
from .gradients import (
    FIRST_STEPS,
    SAMPLES,
    SHAP_SAMPLES,
    deep_lift,
    gradient_shap,
    guided_backprop,
    input_x_gradient,
    integrated_gradients,
    saliency,
    smooth_grad,
    var_grad,
)
from .question import Finding, Question
from .shapley import scale_shapley

# Measured on one core with a ResNet-18 at 48, 64 and 96 px: forward and back to the pixels, with frozen
# parameters, takes as long as two forward passes; an image in a batch half as long as one alone.
BACKWARD, BATCHED = 2, 0.5
# Every method looks at the image itself, and one with a baseline at that too.
OWN, WITH_BASELINE = 1, 2


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
        cost: forward passes of one image that it takes, in time, by the number of scales and,
            where a method has such a number, of steps.
        images: images that go through the model, by the same two numbers.
        grid: what one value of a map stands for.
        baseline: the default; ``None`` where the method compares with nothing.
        is_complete: the maps add up to f(image) − f(baseline).
        is_signed: values below zero speak against the target.
        is_slope: values say how the score reacts to brightness; their sign says in which direction,
            not for or against, so that places are ranked by magnitude.
        quick_steps: points, samples or parts along an axis that show the map in outline, where it
            has such a number: for what has to be computed many times.
    """

    name: str
    title: str
    family: Family
    promise: str
    caution: str
    compute: Callable[[Question], Finding]
    cost: Callable[..., float]
    images: Callable[..., float]
    grid: Grid = Grid.PIXEL
    baseline: Baseline | None = None
    is_complete: bool = False
    is_signed: bool = True
    is_slope: bool = False
    quick_steps: int | None = None

    @property
    def says_where(self) -> bool:
        """Whether its maps tell places apart."""
        return self.grid is not Grid.SCALE

    @property
    def has_stages(self) -> bool:
        """Whether it can be asked about an earlier stage."""
        return self.family is Family.LAYER


_ALL = (
    Method(
        name="integrated-gradients",
        title="Integrated Gradients",
        family=Family.GRADIENT,
        promise="Each pixel's share of what the score gains on the way from the baseline to the picture.",
        caution="A share is relative to the baseline: another one gives another map.",
        compute=integrated_gradients,
        images=lambda scales, steps=FIRST_STEPS: steps,
        cost=lambda scales, steps=FIRST_STEPS: WITH_BASELINE + steps * BACKWARD * BATCHED,
        baseline=Baseline.MEAN,
        is_complete=True,
        quick_steps=8,
    ),
    Method(
        name="grad-cam",
        title="Grad-CAM",
        family=Family.LAYER,
        promise="Which cells of a stage speak for the target; in the last stage without any approximation.",
        caution="As coarse as the stage's grid, and what speaks against the target is cut off.",
        compute=grad_cam,
        images=lambda scales: 1,
        cost=lambda scales: OWN,
        grid=Grid.CELL,
        is_signed=False,
    ),
    Method(
        name="occlusion",
        title="Occlusion",
        family=Family.PERTURBATION,
        promise="How many logits the score loses when a window covers this place of this level alone.",
        caution="The model never saw covered pictures; what two places both show is missed at neither.",
        compute=occlusion,
        images=lambda scales, steps=PARTS: scales * occlusion_places(steps),
        cost=lambda scales, steps=PARTS: WITH_BASELINE + scales * occlusion_places(steps) * BATCHED,
        baseline=Baseline.MEAN,
        quick_steps=4,
    ),
    Method(
        name="saliency",
        title="Saliency",
        family=Family.GRADIENT,
        promise="How fast the score rises when a pixel becomes brighter.",
        caution="A slope is not a share: it can be steep where nothing of the target is.",
        compute=saliency,
        images=lambda scales: 1,
        cost=lambda scales: OWN + BACKWARD,
        is_slope=True,
    ),
    Method(
        name="input-x-gradient",
        title="Input × Gradient",
        family=Family.GRADIENT,
        promise="A pixel's brightness times the slope there: a first guess at its share.",
        caution="The guess does not add up to the score, and a black pixel always gets nothing.",
        compute=input_x_gradient,
        images=lambda scales: 1,
        cost=lambda scales: OWN + BACKWARD,
    ),
    Method(
        name="gradient-shap",
        title="GradientSHAP",
        family=Family.GRADIENT,
        promise="Each pixel's expected share over random points on the way from the baseline.",
        caution="Drawn at random: the shares add up on average only.",
        compute=gradient_shap,
        images=lambda scales, steps=SHAP_SAMPLES: steps,
        cost=lambda scales, steps=SHAP_SAMPLES: WITH_BASELINE + steps * BACKWARD * BATCHED,
        baseline=Baseline.MEAN,
        is_complete=True,
        quick_steps=8,
    ),
    Method(
        name="deep-lift",
        title="DeepLIFT",
        family=Family.GRADIENT,
        promise="Each pixel's share of the difference to the baseline, by one pass through both.",
        caution="Max-pooling with overlapping windows breaks the sum where the baseline is not the mean.",
        compute=deep_lift,
        images=lambda scales: 1,
        cost=lambda scales: WITH_BASELINE + 2 * BACKWARD * BATCHED,
        baseline=Baseline.MEAN,
        is_complete=True,
    ),
    Method(
        name="guided-backprop",
        title="Guided Backprop",
        family=Family.GRADIENT,
        promise="Which pixels excite the units that the score rests on.",
        caution="Sharp, but hardly depends on the class or the weights (arXiv 1810.03292): an edge detector.",
        compute=guided_backprop,
        images=lambda scales: 1,
        cost=lambda scales: OWN + BACKWARD,
        is_slope=True,
    ),
    Method(
        name="smooth-grad",
        title="SmoothGrad",
        family=Family.GRADIENT,
        promise="The mean slope over noisy copies of the picture.",
        caution="Still a slope, and now that of pictures with noise, which the model never saw.",
        compute=smooth_grad,
        images=lambda scales, steps=SAMPLES: steps,
        cost=lambda scales, steps=SAMPLES: OWN + steps * BACKWARD * BATCHED,
        is_slope=True,
        quick_steps=8,
    ),
    Method(
        name="var-grad",
        title="VarGrad",
        family=Family.GRADIENT,
        promise="Where the slope changes most from one noisy copy of the picture to the next.",
        caution="Says where, not whether for or against; it hardly depends on the class.",
        compute=var_grad,
        images=lambda scales, steps=SAMPLES: steps,
        cost=lambda scales, steps=SAMPLES: OWN + steps * BACKWARD * BATCHED,
        is_signed=False,
        quick_steps=8,
    ),
    Method(
        name="guided-grad-cam",
        title="Guided Grad-CAM",
        family=Family.LAYER,
        promise="Guided Backprop within the cells that speak for the target.",
        caution="Its detail is Guided Backprop's and hardly depends on the class; only its place does.",
        compute=guided_grad_cam,
        images=lambda scales: 1,
        cost=lambda scales: OWN + BACKWARD,
        is_slope=True,
    ),
    Method(
        name="feature-ablation",
        title="Feature ablation",
        family=Family.PERTURBATION,
        promise="How many logits the score loses when one tile of this level alone is covered.",
        caution="The model never saw covered pictures, and the tiles' borders are arbitrary.",
        compute=feature_ablation,
        images=lambda scales, steps=PARTS: scales * ablation_places(steps),
        cost=lambda scales, steps=PARTS: WITH_BASELINE + scales * ablation_places(steps) * BATCHED,
        baseline=Baseline.MEAN,
        quick_steps=4,
    ),
    Method(
        name="scale-shapley",
        title="Shapley values of the scales",
        family=Family.GAME,
        promise="What each scale adds to the target's log-probability, averaged over all orders of joining.",
        caution="One number a scale: it says which, not where.",
        compute=scale_shapley,
        images=lambda scales: 1,
        cost=lambda scales: OWN,
        grid=Grid.SCALE,
        is_complete=True,
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


def estimate_seconds(
    method: str | Method,
    forward_seconds: float,
    *,
    scale_count: int = 3,
    has_links: bool = True,
    stage: int = LAST_STAGE,
    steps: int | None = None,
) -> float:
    """About how long a method takes where a forward pass of one image takes ``forward_seconds``.

    Integrated Gradients takes longer where its maps need more steps to add up.

    Args:
        method: in the table.
        forward_seconds: of all levels of one image, on the machine at hand.
        scale_count: of the model.
        has_links: whether the scales have to go through the model together.
        stage: 0 to 3, for layer methods.
        steps: where another number than the method's own is asked for.
    """
    chosen = find_method(method) if isinstance(method, str) else method
    # Without links a covered level goes through the model alone: all of them together are one image.
    count = 1 if chosen.family is Family.PERTURBATION and not has_links else scale_count
    cost = chosen.cost(count) if steps is None else chosen.cost(count, steps)
    if chosen.has_stages and stage != LAST_STAGE:
        cost += scale_count * BACKWARD  # a pass per scale
    return cost * forward_seconds
