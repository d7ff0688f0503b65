"""Zoom response: 1 is the plain answer, shares add up, flips truly flip."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import tiny

from msresnet.canvas import Canvas, zoomed_levels
from msresnet.errors import Cancelled, ConfigError, UnknownNameError
from msresnet.explain import Session
from msresnet.ledger import Reading, Target
from msresnet.probes import ZoomPoint, zoom_response
from msresnet.probes.zoom import FLIP_WIDTH_OCTAVES, ZOOMS, refined
from msresnet.pyramid import Preprocessing


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """Rings of other colours farther out: nearer is another picture."""
    y, x = np.mgrid[:90, :120]
    far = np.hypot(x - 60, y - 45)
    values = np.stack([128 + 127 * np.sin(far / width) for width in (2, 5, 11)], axis=-1)
    return Image.fromarray(values.astype(np.uint8))


@pytest.fixture(scope="module")
def model(picture):
    """A model whose answer changes with the zoom: over the zooms no class is ahead of the others."""
    model = tiny(preprocessing=Preprocessing(crop_fraction=0.875))
    levels = [zoomed_levels(picture, zoom, model.sides, model.config.preprocessing) for zoom in ZOOMS]
    with torch.no_grad():
        model.head.fc.bias -= torch.stack([model.vote(one).logits[0] for one in levels]).mean(dim=0)
    return model


@pytest.fixture(scope="module")
def responses(model, picture):
    session = Session(model, picture)
    return {canvas: session.zoom_response(session.target(), canvas=canvas) for canvas in ("grey", "mirror")}


@pytest.mark.parametrize("canvas", ["grey", "mirror"])
@pytest.mark.parametrize("is_whole", [False, True])
@pytest.mark.parametrize("target", [Target(1), Target(2, against=0)])
def test_zoom_1_is_the_plain_answer(model, picture, canvas, is_whole, target):
    session = Session(model, picture, sees_whole_image=is_whole)
    response = zoom_response(model, picture, target, canvas=canvas, zooms=(1, 2), sees_whole_image=is_whole)
    point, ledger = response.points[0], session.ledger
    assert point.probability == ledger.probabilities[target.index]
    assert point.reading == ledger.read(target)
    assert point.level_weights == pytest.approx(ledger.level_weights.tolist(), abs=1e-7)
    assert (point.top, point.top_probability) == (ledger.top_k(1)[0].index, ledger.top_k(1)[0].probability)
    has_other = target.against is not None
    assert point.against_probability == (ledger.probabilities[target.against] if has_other else None)


def test_every_point_adds_up(responses):
    for response in responses.values():
        assert set(ZOOMS) <= {point.zoom for point in response.points}
        for point in response.points:
            reading = point.reading
            assert sum(reading.contributions) + reading.bias == pytest.approx(reading.total, abs=1e-4)
            assert sum(point.level_weights) == pytest.approx(1)
            speaks_for = max(reading.contributions) > 0
            assert sum(point.shares) == pytest.approx(1 if speaks_for else 0)
            assert all(0 <= share <= 1 for share in point.shares)


def test_shares_are_of_what_speaks_for_the_target():
    reading = Reading(Target(0), (3.0, -2.0, 1.0), bias=0.5, total=2.5)
    assert reading.shares == (0.75, 0, 0.25)
    assert Reading(Target(0), (-3.0, -2.0), bias=0.5, total=-4.5).shares == (0, 0)


def test_flips_truly_flip(model, picture, responses):
    assert sum(len(response.flips) for response in responses.values()) >= 2, "the test's picture has none"
    for name, response in responses.items():
        zooms = [point.zoom for point in response.points]
        assert zooms == sorted(set(zooms))
        for flip in response.flips:
            assert flip.below.zoom < flip.zoom < flip.above.zoom
            assert math.log2(flip.above.zoom / flip.below.zoom) <= FLIP_WIDTH_OCTAVES * (1 + 1e-6)
            assert flip.picture.shape == (224, 224, 3) and flip.picture.dtype == np.uint8
            for point in (flip.below, flip.above):
                levels = zoomed_levels(picture, point.zoom, model.sides, model.config.preprocessing, canvas=name)
                with torch.no_grad():
                    assert int(model.vote(levels).logits[0].argmax()) == point.top
            assert flip.below.top != flip.above.top
        changes = [(a, b) for a, b in pairwise(response.points) if a.top != b.top]
        assert [(flip.below, flip.above) for flip in response.flips] == changes


def test_a_third_answer_between_two_is_found():
    def answer(zoom: float) -> ZoomPoint:
        top = 0 if zoom < 1.1 else 1 if zoom < 1.3 else 2
        return ZoomPoint(zoom, 0.5, None, Reading(Target(0), (1.0,), 0.0, 1.0), (1.0,), top, 0.5)

    below, above = answer(1.0), answer(2.0)
    points = [below, *refined(below, above, answer), above]
    assert [(a.top, b.top) for a, b in pairwise(points) if a.top != b.top] == [(0, 1), (1, 2)]
    (first, second) = ((a.zoom, b.zoom) for a, b in pairwise(points) if a.top != b.top)
    assert first[0] < 1.1 <= first[1] and second[0] < 1.3 <= second[1]


def test_nothing_is_asked_where_nothing_flips():
    point = ZoomPoint(1.0, 0.5, None, Reading(Target(0), (1.0,), 0.0, 1.0), (1.0,), 0, 0.5)
    assert list(refined(point, point, pytest.fail)) == []


def test_the_file_names_the_answers(model, responses):
    response = responses["grey"]
    kept = response.to_dict(model.classes)
    assert kept["canvas"] == "grey" and len(kept["points"]) == len(response.points)
    for point, written in zip(response.points, kept["points"], strict=True):
        assert written["top"]["label"] == model.classes[point.top]
        assert written["shares"] == list(point.shares)
    for flip, written in zip(response.flips, kept["flips"], strict=True):
        assert written["between"][0] < written["zoom"] < written["between"][1]
        assert (written["below"], written["above"]) == (model.classes[flip.below.top], model.classes[flip.above.top])


def test_progress_rises_to_1(model, picture):
    told = []
    zoom_response(model, picture, Target(0), zooms=(0.5, 1, 2), on_progress=told.append)
    assert told == sorted(told) and told[-1] == 1 and len(told) >= 5


def test_it_stops_at_the_next_picture(model, picture):
    asked = []
    with pytest.raises(Cancelled):
        zoom_response(model, picture, Target(0), is_cancelled=lambda: len(asked) == 3 or asked.append(1))
    assert len(asked) == 3


def test_what_cannot_be_asked_is_told(model, picture):
    for zooms in [(1,), (1, 1), (2, 1)]:
        with pytest.raises(ConfigError, match="zooms must be at least two and rise"):
            zoom_response(model, picture, Target(0), zooms=zooms)
    with pytest.raises(UnknownNameError, match="canvas"):
        zoom_response(model, picture, Target(0), canvas="white")
    assert Canvas.find(Canvas.MIRROR) is Canvas.MIRROR


def test_the_model_is_left_as_it_was(model, picture):
    model.train()
    try:
        zoom_response(model, picture, Target(0), zooms=(1, 2))
        assert model.training and all(parameter.requires_grad for parameter in model.parameters())
    finally:
        model.eval()
