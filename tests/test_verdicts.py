"""What is said of a map that was tried."""

import re
from dataclasses import replace

import numpy as np
import pytest

from msresnet.attribution import RESIDUAL_LIMIT
from msresnet.faithfulness import (
    LAYERS,
    LIKENESS_LIMIT,
    STEPS,
    Advantage,
    Clipping,
    Curve,
    Direction,
    Likeness,
    Mark,
    Verdict,
)


def verdict(**changes) -> Verdict:
    """One that passes."""
    curve = Curve(np.zeros(STEPS + 1))
    good = Verdict(
        name="x",
        curves=dict.fromkeys(Direction, curve),
        advantages=dict.fromkeys(Direction, Advantage(0.2, 0.1, 0.3)),
        likenesses=tuple(Likeness(layer, 0.1, 0.1) for layer in LAYERS),
        networks=1,
        clipping=Clipping(0.0, 0.0),
        residual=RESIDUAL_LIMIT,
        is_flat=False,
    )
    return replace(good, **changes)


CHANCE = Advantage(0.1, -0.05, 0.25)


@pytest.mark.parametrize(
    ("changes", "marks", "said"),
    [
        ({}, (), "Passes every check"),
        ({"residual": None}, (), "Passes every check"),
        ({"residual": 0.05}, (Mark.RESIDUAL,), "Misses 5.0% of the sum"),
        (
            {"likenesses": tuple(Likeness(layer, LIKENESS_LIMIT, 0.0) for layer in LAYERS)},
            (Mark.RANDOMISATION,),
            r"Hardly changes .* 0\.50",
        ),
        (
            {"advantages": {Direction.DELETION: CHANCE, Direction.INSERTION: Advantage(0.2, 0.1, 0.3)}},
            (Mark.DELETION,),
            "Deleting its strongest places first costs the class no more than a random order",
        ),
        (
            {"advantages": dict.fromkeys(Direction, CHANCE), "residual": 1.0},
            (Mark.DELETION, Mark.INSERTION, Mark.RESIDUAL),
            "Inserting .* helps the class no more",
        ),
        ({"is_flat": True, "residual": 1.0}, (Mark.FLAT,), "Says nothing"),
    ],
)
def test_a_map_that_fails_is_marked_in_words(changes, marks, said):
    one = verdict(**changes)
    assert one.marks == marks
    assert re.search(said, one.words)


def test_clipping_is_what_lies_beyond_the_bar():
    values = np.ones((20, 20))
    values[0, 0] = 101.0
    clipped = Clipping.of([values], is_signed=True, percentile=99.5)
    assert clipped.share == pytest.approx(1 / 400) and clipped.mass == pytest.approx(100 / 500)
    assert Clipping.of([values], is_signed=False, percentile=100).mass == 0
    assert Clipping.of([np.zeros((3, 3))], is_signed=True, percentile=99.5) == Clipping(0.0, 0.0)
