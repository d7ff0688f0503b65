"""Boxes over the field of view: about a mask, about a density's mass, and how two of them overlap.

A box is (left, top, right, bottom) in shares of the field of view, so that (0, 0, 1, 1)
is all of it, whatever the level.
"""

import numpy as np

Box = tuple[float, float, float, float]


def bounding_box(mask: np.ndarray) -> Box:
    """The smallest box about a mask's true places, in shares of its sides; raises ``ValueError`` for an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ValueError("an empty mask has no box")
    height, width = mask.shape
    left, right = columns[0] / width, (columns[-1] + 1) / width
    return float(left), float(rows[0] / height), float(right), float((rows[-1] + 1) / height)


def moment_box(density: np.ndarray, *, reach: float, power: float = 1.0) -> Box:
    """The box ``reach`` standard deviations to either side of the mean of a density's positive mass.

    Unlike a threshold it weighs every place, and does not jump where two parts of a thing
    come together. It may lie partly outside of (0, 0, 1, 1).

    Args:
        density: ``(h, w)`` over the field of view.
        reach: standard deviations along x and along y; an even mass has √3.
        power: of the density, by which its peaks weigh more.

    Raises:
        ValueError: nothing is positive.
    """
    mass = np.clip(density / max(float(density.max()), 1e-300), 0, None) ** power
    if not mass.sum() > 0:
        raise ValueError("a density without positive values has no box")
    edges = []
    for along in (mass.sum(axis=0), mass.sum(axis=1)):  # x, y
        places = (np.arange(len(along)) + 0.5) / len(along)
        weights = along / along.sum()
        mean = float(weights @ places)
        extent = reach * float(np.sqrt(max(weights @ (places - mean) ** 2, 0.0)))
        edges.append((mean - extent, mean + extent))
    (left, right), (top, bottom) = edges
    return left, top, right, bottom


def box_iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes in the same units; 0 where both are empty. Edges may be arrays, for many."""
    width = np.minimum(one[2], other[2]) - np.maximum(one[0], other[0])
    height = np.minimum(one[3], other[3]) - np.maximum(one[1], other[1])
    shared = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    together = area(one) + area(other) - shared
    return shared / np.where(together > 0, together, 1.0)


def energy_in_box(values: np.ndarray, box: Box, *, side: int, stride: int = 1) -> float:
    """The energy-based pointing game (Wang et al., arXiv 1910.01279): positive energy in the box over all of it.

    A value fills the part of its level that is nearest to its centre, ``stride · i + 0.5``
    px; one on the box's edge counts by the part that lies inside. 0 for a map without
    positive values.

    Args:
        values: ``(h, w)`` pixels or cells of a level.
        box: in shares of the field of view.
        side: of the level in px.
        stride: level px between neighbouring values.
    """
    positive = np.clip(values, 0, None)
    total = float(positive.sum())
    if not total > 0:
        return 0.0
    rows = share_within(len(values), box[1] * side, box[3] * side, side=side, stride=stride)
    columns = share_within(values.shape[1], box[0] * side, box[2] * side, side=side, stride=stride)
    return float(rows @ positive @ columns) / total


def share_within(count: int, low: float, high: float, *, side: int, stride: int) -> np.ndarray:
    """``(count,)``: how much of each value's stretch along an axis lies between ``low`` and ``high`` px."""
    centres = stride * np.arange(count) + 0.5
    edges = np.concatenate([[0.0], (centres[:-1] + centres[1:]) / 2, [float(side)]])
    inside = np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None)
    return inside / (edges[1:] - edges[:-1])


def middle_and_size(box: Box, axis: int) -> tuple[float, float]:
    """Centre and length of a box along x (0) or y (1)."""
    return (box[axis] + box[axis + 2]) / 2, box[axis + 2] - box[axis]


def area(box: Box) -> float:
    """Width times height, 0 for a box that is turned inside out."""
    return np.maximum(box[2] - box[0], 0.0) * np.maximum(box[3] - box[1], 0.0)
