"""Zoom response: what the model says of a picture that comes nearer.

The picture is put on a canvas at zooms from ¼ to 2 and asked about anew at each. Between
two zooms whose top answers differ the place where the answer flips is found by bisection.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from PIL import Image

from ..canvas import Canvas, place, zoomed_levels
from ..errors import Cancelled, ConfigError
from ..ledger import Reading, Target, array, recompute, relative, softmax
from ..model import MultiscaleResNet
from ..stopping import IsCancelled, interruptible, never

# Four an octave: among them are all zooms of the benchmark's sweep, which has two an octave.
ZOOMS = tuple(2 ** (step / 4) for step in range(-8, 5))

# A flip is known to a sixty-fourth of an octave, about 1 % of the zoom: on a 448 px canvas a picture
# of 224 px is then known to 2 or 3 px.
FLIP_WIDTH_OCTAVES = 1 / 64

PICTURE_SIDE_PX = 224


@dataclass(frozen=True)
class ZoomPoint:
    """What the model says at one zoom.

    Attributes:
        zoom: factor of the picture's side; 1 is the picture as it is.
        probability: of the target's class.
        against_probability: of class B, in a comparison.
        reading: the ledger for the target at this zoom, class-centred or A − B.
        level_weights: the gate's weight of each level, 1 in sum.
        top: index of the most probable class.
        top_probability: its probability.
    """

    zoom: float
    probability: float
    against_probability: float | None
    reading: Reading
    level_weights: tuple[float, ...]
    top: int
    top_probability: float

    @property
    def shares(self) -> tuple[float, ...]:
        """Each scale's share of what speaks for the target: 1 in sum, or all 0 where no scale does."""
        return self.reading.shares


@dataclass(frozen=True, eq=False)
class Flip:
    """Where the top answer changes.

    Attributes:
        below, above: two zooms at most a sixty-fourth of an octave apart, with different top answers.
        picture: ``(side, side, 3)`` uint8, the canvas between them.
    """

    below: ZoomPoint
    above: ZoomPoint
    picture: np.ndarray

    @property
    def zoom(self) -> float:
        """The middle of the two, geometrically."""
        return math.sqrt(self.below.zoom * self.above.zoom)


@dataclass(frozen=True, eq=False)
class ZoomResponse:
    """The answers of a picture from far to near.

    Attributes:
        target: what was asked at every zoom.
        canvas: what lay around the picture.
        points: by rising zoom; those of the flips are among them.
        flips: by rising zoom.
        ends: the canvas ``(side, side, 3)`` uint8 at the first and at the last zoom.
    """

    target: Target
    canvas: Canvas
    points: tuple[ZoomPoint, ...]
    flips: tuple[Flip, ...]
    ends: tuple[np.ndarray, np.ndarray]

    def to_dict(self, classes: Sequence[str]) -> dict:
        """As JSON has it; ``classes`` are the model's labels."""
        return {
            "target": {"index": self.target.index, "against": self.target.against},
            "canvas": self.canvas.value,
            "points": [
                {
                    "zoom": point.zoom,
                    "probability": point.probability,
                    "against_probability": point.against_probability,
                    "contributions": list(point.reading.contributions),
                    "bias": point.reading.bias,
                    "total": point.reading.total,
                    "shares": list(point.shares),
                    "level_weights": list(point.level_weights),
                    "top": {"index": point.top, "label": classes[point.top], "probability": point.top_probability},
                }
                for point in self.points
            ],
            "flips": [
                {
                    "zoom": flip.zoom,
                    "between": [flip.below.zoom, flip.above.zoom],
                    "below": classes[flip.below.top],
                    "above": classes[flip.above.top],
                }
                for flip in self.flips
            ],
        }


def zoom_response(
    model: MultiscaleResNet,
    picture: Image.Image,
    target: Target,
    *,
    canvas: str | Canvas = Canvas.GREY,
    zooms: Sequence[float] = ZOOMS,
    sees_whole_image: bool | None = None,
    is_cancelled: IsCancelled = never,
    on_progress: Callable[[float], None] = lambda share: None,
) -> ZoomResponse:
    """What the model says of a picture at every zoom, and where its top answer flips.

    What the model sees of the picture (its own crop, or the whole picture) is put on the
    canvas, so that zoom 1 is the plain answer, exactly. Below 1 nothing of the picture beyond
    that is shown.

    Args:
        model: left as it was; held for one forward pass at a time.
        picture: upright RGB, as :func:`msresnet.images.read_image` gives it.
        target: a class against the average one, or against another.
        canvas: what lies around the picture below zoom 1, ``grey`` or ``mirror``.
        zooms: the grid, at least two, rising.
        sees_whole_image: overrides the model's crop.
        is_cancelled: asked before every forward pass, within it, and before every picture that is drawn.
        on_progress: told the share that is done, in [0, 1].

    Raises:
        ConfigError: the zooms do not rise, or one is impossible.
        UnknownNameError: there is no such canvas.
        Cancelled: ``is_cancelled`` said so.
    """
    if len(zooms) < 2 or any(after <= before for before, after in pairwise(zooms)):
        raise ConfigError(f"zooms must be at least two and rise, got {', '.join(f'{zoom:g}' for zoom in zooms)}")
    canvas = Canvas.find(canvas)
    preprocessing = model.preprocessing(sees_whole_image=sees_whole_image)

    def check() -> None:
        if is_cancelled():
            raise Cancelled("The zoom response was cancelled")

    def ask(zoom: float) -> ZoomPoint:
        check()
        levels = zoomed_levels(picture, zoom, model.sides, preprocessing, canvas=canvas)
        return point_at(model, levels, zoom, target, is_cancelled=is_cancelled)

    def show(zoom: float) -> np.ndarray:
        check()
        geometry = preprocessing.geometry(picture.size)
        side = PICTURE_SIDE_PX
        return np.asarray(place(picture, geometry, zoom, canvas=canvas, side=side, fill=preprocessing.fill))

    grid = []
    for zoom in zooms:
        grid.append(ask(zoom))
        on_progress(0.5 * len(grid) / len(zooms))
    points = [grid[0]]
    for below, above in pairwise(grid):
        points += [*refined(below, above, ask), above]
        on_progress(0.5 + 0.5 * grid.index(above) / (len(grid) - 1))
    flips = [
        Flip(below, above, show(math.sqrt(below.zoom * above.zoom)))
        for below, above in pairwise(points)
        if below.top != above.top
    ]
    return ZoomResponse(target, canvas, tuple(points), tuple(flips), (show(zooms[0]), show(zooms[-1])))


def refined(below: ZoomPoint, above: ZoomPoint, ask: Callable[[float], ZoomPoint]) -> Iterator[ZoomPoint]:
    """Points between two, by rising zoom, until every flip among them is narrow enough.

    Where the middle says a third thing there are two flips, and both are followed.
    """
    if below.top == above.top or math.log2(above.zoom / below.zoom) <= FLIP_WIDTH_OCTAVES * (1 + 1e-9):
        return
    middle = ask(math.sqrt(below.zoom * above.zoom))
    yield from refined(below, middle, ask)
    yield middle
    yield from refined(middle, above, ask)


def point_at(
    model: MultiscaleResNet, levels: Sequence[torch.Tensor], zoom: float, target: Target, *, is_cancelled: IsCancelled
) -> ZoomPoint:
    """What the model says of these levels."""
    with interruptible(model, is_cancelled), torch.no_grad():
        output = model.vote([level.to(model.device) for level in levels])
        contributions, _ = recompute(output, 0)
        logits, bias = array(output.logits[0], np.float64), array(output.bias, np.float64)
        weights = array(output.gate.levels[0], np.float64)
    probabilities = softmax(logits)
    top = int(logits.argmax())
    return ZoomPoint(
        zoom=float(zoom),
        probability=float(probabilities[target.index]),
        against_probability=None if target.against is None else float(probabilities[target.against]),
        reading=Reading(
            target=target,
            contributions=tuple(relative(contributions, target).tolist()),
            bias=float(relative(bias, target)),
            total=float(relative(logits, target)),
        ),
        level_weights=tuple(weights.tolist()),
        top=top,
        top_probability=float(probabilities[top]),
    )
