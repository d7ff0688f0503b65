"""Where a class is: a mask and a box from its evidence (weakly supervised localisation).

The evidence of all scales is laid over the field of view as a density, every cell at the
centre of its receptive field. The mask is the largest connected part of what reaches a
share of the density's maximum (Zhou et al., arXiv 1512.04150). The box is drawn about it, or
about the density's own mean, as far as its spread reaches. :data:`RULE` was chosen on training
pictures with known boxes, which nobody used to train the network;
``experiments/localisation.py`` makes the choice and measures it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .boxes import Box, bounding_box, energy_in_box, middle_and_size, moment_box
from .errors import ConfigError
from .geometry import Geometry
from .ledger import Ledger, Target

# Places along an edge of the density: as fine as the pictures that the listed small model was trained on.
RESOLUTION = 64


@dataclass(frozen=True)
class Rule:
    """How a density becomes a box.

    A coarse map tells where a thing is better than how large it is. So the box may be
    drawn from the density's own towards a typical one, its centre and its size apart: a
    prior, taken from training pictures, that most things stand in the middle and fill
    most of the picture.

    A receptive field is centred on the first pixel of a cell's tile, because every layer
    with a stride starts there. What a trained network answers to need not be: ``tiling``
    is the empirical correction. It places boxes only; the evidence itself is drawn at the
    centres.

    Attributes:
        threshold: share of the density's maximum that belongs to the mask, in (0, 1].
        tiling: 0 takes a cell to lie at its receptive field's centre, 1 in the middle of
            its tile, as most tools draw it.
        place_trust: 1 leaves the centre where the density has it, 0 is the centre of ``typical``.
        size_trust: the same of width and height.
        typical: the fixed box that fits most things of the training pictures.
        reach: the density's own box goes so many standard deviations to either side of its
            mean; ``None`` draws it about the mask.
        power: of the density where its mean and deviation are taken, at least 1; its peaks weigh more.
    """

    threshold: float
    tiling: float = 0.0
    place_trust: float = 1.0
    size_trust: float = 1.0
    typical: Box = (0.0, 0.0, 1.0, 1.0)
    reach: float | None = None
    power: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ConfigError(f"threshold must be in (0, 1], got {self.threshold}; it is a share of the maximum")
        for name in ("tiling", "place_trust", "size_trust"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must be in [0, 1], got {getattr(self, name)}")
        if self.reach is not None and not self.reach > 0:
            raise ConfigError(f"reach must be above 0 or left out, got {self.reach}")
        if not self.power >= 1:
            raise ConfigError(f"power must be at least 1, got {self.power}")

    def own(self, density: np.ndarray, mask: np.ndarray) -> Box:
        """The density's own box, before it is drawn towards the typical one; ``mask`` must not be empty."""
        return bounding_box(mask) if self.reach is None else moment_box(density, reach=self.reach, power=self.power)

    def draw(self, own: Box) -> Box:
        """The box of a density whose own is ``own``, within the field of view; edges may be arrays, for many."""
        edges = []
        for axis in (0, 1):
            centre, size = middle_and_size(own, axis)
            usual_centre, usual_size = middle_and_size(self.typical, axis)
            centre = usual_centre + self.place_trust * (centre - usual_centre)
            size = usual_size + self.size_trust * (size - usual_size)
            edges.append((np.maximum(centre - size / 2, 0.0), np.minimum(centre + size / 2, 1.0)))
        (left, right), (top, bottom) = edges
        return left, top, right, bottom


# Chosen by experiments/localisation.py for msresnet18-tiny.
RULE = Rule(
    threshold=0.3,
    tiling=1.0,
    place_trust=0.8,
    size_trust=0.6,
    typical=(0.09375, 0.140625, 0.90625, 0.859375),
    reach=2.0,
    power=2.0,
)


@dataclass(frozen=True, eq=False)
class Location:
    """Where a target is, as far as its evidence tells.

    Attributes:
        target: a class above the average one, or A rather than B.
        density: ``(n, n)`` float64, logits per field of view; its mean is about the
            scales' contribution in sum.
        mask: ``(n, n)`` bool, nowhere true where nothing speaks for the target.
        box: in shares of the field of view; ``None`` where nothing speaks for the target.
        energy: share of the positive density that lies in the box, in [0, 1].
        rule: how they were found.
        geometry: where the field of view lies in the upright picture, where that is known.
    """

    target: Target
    density: np.ndarray
    mask: np.ndarray
    box: Box | None
    energy: float
    rule: Rule
    geometry: Geometry | None = None

    @property
    def box_px(self) -> Box | None:
        """The box in pixels of the upright picture, edges as in :mod:`msresnet.images`, cut at the picture's own."""
        if self.box is None or self.geometry is None:
            return None
        width, height = self.geometry.upload_size
        left, top = self.geometry.to_upload(self.box[0], self.box[1], side=1)
        right, bottom = self.geometry.to_upload(self.box[2], self.box[3], side=1)
        return max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))

    def to_dict(self) -> dict:
        """The content of ``location.json``."""
        return {
            "target": {"index": self.target.index, "against": self.target.against},
            "box_px": None if self.box_px is None else [round(edge, 2) for edge in self.box_px],
            "box_of_view": None if self.box is None else [round(edge, 4) for edge in self.box],
            "evidence_inside": self.energy,
            "rule": {
                "threshold": self.rule.threshold,
                "tiling": self.rule.tiling,
                "place_trust": self.rule.place_trust,
                "size_trust": self.rule.size_trust,
                "typical": list(self.rule.typical),
                "reach": self.rule.reach,
                "power": self.rule.power,
            },
        }


def locate(
    ledger: Ledger,
    target: Target,
    *,
    sides: Sequence[int],
    stride: int,
    rule: Rule = RULE,
    geometry: Geometry | None = None,
) -> Location:
    """Where the evidence for a target lies; costs no forward pass.

    Args:
        ledger: of the picture.
        target: a class above the average one, or A rather than B.
        sides: of the levels in px.
        stride: of the last stage's cells in level px.
        rule: how the density becomes a box.
        geometry: where the field of view lies in the upright picture.
    """
    maps = ledger.evidence_for(target)
    density = evidence_density(maps, sides=sides, strides=(stride,) * len(maps), tiling=rule.tiling)
    return replace(located(density, target, rule=rule), geometry=geometry)


def located(density: np.ndarray, target: Target, *, rule: Rule) -> Location:
    """The same from a density."""
    mask = object_mask(density, rule.threshold)
    if not mask.any():
        return Location(target, density, mask, None, 0.0, rule)
    left, top, right, bottom = (float(edge) for edge in rule.draw(rule.own(density, mask)))
    box = left, top, right, bottom
    return Location(target, density, mask, box, energy_in_box(density, box, side=len(density)), rule)


def evidence_density(
    maps: Sequence[np.ndarray],
    *,
    sides: Sequence[int],
    strides: Sequence[int],
    tiling: float = 0.0,
    resolution: int = RESOLUTION,
) -> np.ndarray:
    """Maps of all scales on one ``(resolution, resolution)`` grid of the field of view, in logits per field of view.

    A cell's value over its share of the area is linear between the places of the cells, and
    constant beyond the outer ones. The places are the centres of the receptive fields,
    ``stride · i + 0.5`` level px, moved by ``tiling`` to the tiles' middles. The scales add up.
    """
    total = np.zeros((resolution, resolution))
    for values, side, stride in zip(maps, sides, strides, strict=True):
        height, width = values.shape
        rows = linear_weights(height, side=side, stride=stride, tiling=tiling, resolution=resolution)
        columns = linear_weights(width, side=side, stride=stride, tiling=tiling, resolution=resolution)
        total += rows @ (values * (height * width)) @ columns.T
    return total


def linear_weights(count: int, *, side: int, stride: int, tiling: float, resolution: int) -> np.ndarray:
    """``(resolution, count)``: each place's weights of the two cells about it, 1 in sum."""
    places = (np.arange(resolution) + 0.5) * side / resolution
    centres = stride * np.arange(count) + 0.5 + tiling * (stride - 1) / 2
    return np.stack([np.interp(places, centres, one) for one in np.eye(count)], axis=1)


def object_mask(density: np.ndarray, threshold: float) -> np.ndarray:
    """The largest connected part of what reaches ``threshold`` of the maximum; empty where nothing is positive."""
    peak = float(density.max())
    if not peak > 0:
        return np.zeros(density.shape, dtype=bool)
    return largest_component(density >= threshold * peak)


def largest_component(mask: np.ndarray) -> np.ndarray:
    """The largest 4-connected part of a ``(h, w)`` mask, the upper of two equal ones; empty where the mask is.

    Rows are cut into runs, and runs that touch in neighbouring rows are joined.
    """
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    stops = np.nonzero(edges == -1)[1]
    root = list(range(len(rows)))

    def find(run: int) -> int:
        while root[run] != run:
            root[run] = root[root[run]]
            run = root[run]
        return run

    by_row = np.searchsorted(rows, np.arange(len(mask) + 1))
    for row in range(1, len(mask)):
        above, below = by_row[row - 1], by_row[row]
        while above < by_row[row] and below < by_row[row + 1]:
            if starts[above] < stops[below] and starts[below] < stops[above]:
                upper, lower = sorted((find(above), find(below)))
                root[lower] = upper
            if stops[above] < stops[below]:
                above += 1
            else:
                below += 1
    part = np.zeros_like(mask, dtype=bool)
    if not root:
        return part
    owners = np.array([find(run) for run in range(len(root))])
    largest = np.bincount(owners, weights=stops - starts).argmax()
    for run in np.flatnonzero(owners == largest):
        part[rows[run], starts[run] : stops[run]] = True
    return part
