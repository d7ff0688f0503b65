"""Which rule makes the best boxes of densities: chosen on pictures whose boxes are known."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from _boxes import Boxed

from msresnet.boxes import Box, bounding_box, box_iou, middle_and_size, moment_box
from msresnet.localisation import Rule, object_mask

HIT_IOU = 0.5
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(2, 15))
POWERS = (1.0, 2.0, 3.0)
REACHES = (1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5)
TRUSTS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
TILINGS = (0.0, 0.5, 1.0)
TILED = (1.0,)  # how Grad-CAM is usually drawn
EDGES = tuple(step / 32 for step in range(8, 33))  # widths and heights that a centred box may have


@dataclass(frozen=True)
class Freedom:
    """What of a rule may be chosen on training pictures, beside the threshold.

    Attributes:
        tilings: where a cell may lie.
        trusts: how far a box may be drawn towards the typical one, in place and in size.
        has_moments: the box may also be drawn by mean and deviation, with POWERS and REACHES.
    """

    tilings: tuple[float, ...]
    trusts: tuple[float, ...] = (1.0,)
    has_moments: bool = False


USUAL = Freedom(TILED)
WHOLE_RULE = Freedom(TILINGS, TRUSTS, has_moments=True)


def best_centred_box(pictures: list[Boxed]) -> Box:
    """The centred box that most pictures' boxes overlap by half; the first of equals."""

    def centred(width: float, height: float) -> Box:
        return (1 - width) / 2, (1 - height) / 2, (1 + width) / 2, (1 + height) / 2

    boxes = [centred(width, height) for width, height in itertools.product(EDGES, EDGES)]
    return max(boxes, key=lambda box: is_hit([box] * len(pictures), pictures).sum())


def choose_rule(
    densities: dict[float, list[np.ndarray]], pictures: list[Boxed], freedom: Freedom, *, typical: Box
) -> Rule:
    """The rule with most hits on these pictures, whose densities are given by tiling; the first of equals."""
    true = true_boxes(pictures)
    rules = mask_rules(densities, freedom, typical)
    best, own = max(rules, key=lambda one: hits_of(*one, true).sum())
    if not freedom.has_moments:
        return best
    rules = itertools.chain([(best, own)], moment_rules(densities, freedom, best))
    return max(rules, key=lambda one: hits_of(*one, true).sum())[0]


def mask_rules(
    densities: dict[float, list[np.ndarray]], freedom: Freedom, typical: Box
) -> Iterator[tuple[Rule, np.ndarray]]:
    """Rules that draw a box about the mask, each with the masks' boxes."""
    for (tiling, drawn), threshold in itertools.product(densities.items(), THRESHOLDS):
        own = own_boxes(Rule(threshold), drawn)
        for place, size in itertools.product(freedom.trusts, freedom.trusts):
            yield Rule(threshold, tiling, place, size, typical), own


def moment_rules(
    densities: dict[float, list[np.ndarray]], freedom: Freedom, like: Rule
) -> Iterator[tuple[Rule, np.ndarray]]:
    """Rules that draw a box by mean and deviation, each with the densities' own; threshold and typical box as given."""
    for (tiling, drawn), power in itertools.product(densities.items(), POWERS):
        once = own_boxes(replace(like, reach=1.0, power=power), drawn)
        for reach, place, size in itertools.product(REACHES, freedom.trusts, freedom.trusts):
            rule = replace(like, tiling=tiling, place_trust=place, size_trust=size, reach=reach, power=power)
            yield rule, widened(once, reach)


def widened(boxes: np.ndarray, factor: float) -> np.ndarray:
    """``(picture, 4)`` boxes about their own middles, so many times as wide and high."""
    (x, width), (y, height) = (middle_and_size(tuple(boxes.T), axis) for axis in (0, 1))
    reach_x, reach_y = factor * width / 2, factor * height / 2
    return np.stack([x - reach_x, y - reach_y, x + reach_x, y + reach_y], axis=1)


def boxes_by(rule: Rule, densities: list[np.ndarray]) -> np.ndarray:
    """A rule's boxes, ``(picture, 4)``; nan where nothing speaks for the class."""
    return drawn_boxes(rule, own_boxes(rule, densities))


def drawn_boxes(rule: Rule, own: np.ndarray) -> np.ndarray:
    """A rule's boxes ``(picture, 4)`` of densities whose own boxes are given."""
    return np.stack(rule.draw(tuple(own.T)), axis=1)


def own_boxes(rule: Rule, densities: list[np.ndarray]) -> np.ndarray:
    """The densities' own boxes, ``(picture, 4)``; nan where nothing is positive."""

    def own(density: np.ndarray) -> Box:
        if not density.max() > 0:
            return (np.nan,) * 4
        if rule.reach is not None:
            return moment_box(density, reach=rule.reach, power=rule.power)
        return bounding_box(object_mask(density, rule.threshold))

    return np.array([own(density) for density in densities])


def hits_of(rule: Rule, own: np.ndarray, true: np.ndarray) -> np.ndarray:
    """1 where a rule's box of a density overlaps the true one by half, otherwise 0."""
    return overlaps(drawn_boxes(rule, own), true)


def true_boxes(pictures: list[Boxed]) -> np.ndarray:
    """``(picture, 4)``."""
    return np.array([one.box for one in pictures])


def is_hit(boxes: np.ndarray, pictures: list[Boxed]) -> np.ndarray:
    """1 where one of ``(picture, 4)`` boxes overlaps the true one by half, otherwise 0; nan is no hit."""
    return overlaps(np.asarray(boxes), true_boxes(pictures))


def overlaps(boxes: np.ndarray, true: np.ndarray) -> np.ndarray:
    """The same of two times ``(picture, 4)`` boxes."""
    return (box_iou(tuple(boxes.T), tuple(true.T)) >= HIT_IOU).astype(float)
