"""Many pictures: what is said of each is what is said of it alone, and disagreement means what it says."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import tiny

from msresnet.batch import (
    MAX_PICTURES,
    Finding,
    Order,
    Unreadable,
    disagreement_of,
    look_through,
    ordered,
    scale_predictions,
)
from msresnet.errors import Cancelled, ConfigError
from msresnet.explain import Session
from msresnet.ledger import Ledger
from msresnet.probes import Switches, switched


@pytest.fixture(scope="module")
def model():
    return tiny()


def picture(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 50, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def findings(model) -> list[Finding]:
    return list(look_through(model, [(f"{seed}.png", picture(seed)) for seed in range(5)]))


def test_each_finding_is_what_the_picture_says_alone(model, findings):
    for seed, finding in enumerate(findings):
        ledger = Session(model, picture(seed)).ledger
        best = int(ledger.logits.argmax())
        contributions = ledger.contributions - ledger.contributions.mean(axis=1, keepdims=True)
        assert (finding.position, finding.name) == (seed, f"{seed}.png")
        assert (finding.index, finding.label) == (best, model.classes[best])
        assert finding.probability == pytest.approx(ledger.probabilities[best])
        assert finding.contributions == pytest.approx(contributions[:, best])
        assert finding.dominant == contributions[:, best].argmax()
        assert finding.thumbnail.shape == (64, 64, 3)


def test_a_scales_own_prediction_is_what_it_says_with_the_others_off(model):
    ledger = Session(model, picture(0)).ledger
    for scale, prediction in enumerate(scale_predictions(ledger)):
        alone = Switches(tuple(i == scale for i in range(3)), (1.0,) * 3)
        np.testing.assert_allclose(prediction, switched(ledger, alone).probabilities, rtol=1e-9)


def ledger_of(*predictions: np.ndarray, weights: np.ndarray | None = None) -> Ledger:
    """A ledger whose scales would predict these probabilities alone."""
    count, classes = len(predictions), len(predictions[0])
    weights = np.full(count, 1 / count) if weights is None else weights
    whole = Session(tiny(classes=tuple("abcdef"[:classes])), picture(0)).ledger
    contributions = np.log(np.maximum(predictions, 1e-300)) * weights[:, None]
    return replace(whole, contributions=contributions, bias=np.zeros(classes), level_weights=weights)


def test_disagreement_is_the_divergence_from_the_mean_prediction():
    predictions = np.random.default_rng(0).dirichlet(np.ones(5), size=3)
    mean = predictions.mean(axis=0)
    divergence = np.mean([(one * np.log(one / mean)).sum() for one in predictions])  # the rule a second way
    assert disagreement_of(ledger_of(*predictions)) == pytest.approx(divergence / np.log(3), rel=1e-9)


def test_disagreement_is_0_for_one_opinion_and_1_for_as_many_as_scales():
    one = np.array([0.7, 0.2, 0.1])
    assert disagreement_of(ledger_of(one, one, one)) == pytest.approx(0, abs=1e-12)
    assert disagreement_of(ledger_of(*np.eye(3))) == pytest.approx(1)


def test_a_scale_without_a_vote_is_not_asked():
    votes = np.array([0.0, 1.0])
    ledger = ledger_of(np.array([0.9, 0.1]), np.array([0.2, 0.8]), weights=votes)
    assert scale_predictions(ledger)[0] is None
    assert disagreement_of(ledger) == 0


def test_what_is_no_picture_is_named_and_does_not_stop_the_others(model, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("Dear model, this is no picture.")
    found = list(look_through(model, [("bad.png", bad), ("gone.png", Path("gone.png")), ("good.png", picture(0))]))
    assert [type(one) for one in found] == [Unreadable, Unreadable, Finding]
    assert (found[0].position, found[0].name) == (0, "bad.png") and "is not a picture" in found[0].reason
    assert found[2].position == 2


@pytest.mark.parametrize(
    ("count", "said"), [(0, "1 to 50 pictures, got none; add some"), (53, "at most 50 pictures, got 53; leave out 3")]
)
def test_too_many_or_none_is_told_before_the_work(model, count, said):
    with pytest.raises(ConfigError, match=said):
        next(look_through(model, [("x", b"never read")] * count))


def test_as_many_as_are_allowed_are_looked_through(model):
    assert len(list(look_through(model, [("x", b"")] * MAX_PICTURES))) == MAX_PICTURES


def test_a_batch_stops_between_two_pictures_and_within_one(model):
    wanted = threading.Event()
    stream = look_through(model, [("x", picture(0))] * 5, is_cancelled=wanted.is_set)
    assert len([next(stream), next(stream)]) == 2
    wanted.set()
    with pytest.raises(Cancelled):
        next(stream)
    looks = iter([False] * 4)  # before the picture, and in its first layers
    with pytest.raises(Cancelled):
        next(look_through(model, [("x", picture(0))], is_cancelled=lambda: next(looks, True)))


def finding(position: int, probability: float, contributions: tuple[float, ...], disagreement: float) -> Finding:
    dominant = int(np.argmax(contributions))
    thumbnail = np.zeros((1, 1, 3), np.uint8)
    opinions = ("a",) * len(contributions)
    return Finding(position, "x", 0, "a", probability, contributions, dominant, opinions, disagreement, thumbnail)


@pytest.mark.parametrize(
    ("order", "positions"),
    [
        (Order.SUREST, [1, 3, 0, 2]),
        (Order.LEAST_SURE, [2, 0, 1, 3]),
        (Order.SCALE, [3, 0, 2, 1]),
        (Order.DISAGREEMENT, [2, 0, 3, 1]),
    ],
)
def test_findings_are_sorted_as_asked_and_equal_ones_stay(order, positions):
    findings = [
        finding(0, 0.5, (1.0, 3.0), 0.2),
        finding(1, 0.9, (1.0, 1.5), 0.1),
        finding(2, 0.1, (1.0, 2.0), 0.7),
        finding(3, 0.9, (4.0, 2.0), 0.2),
    ]
    assert [one.position for one in ordered(findings, order)] == positions


def test_a_finding_as_json_has_plain_values_and_no_picture(findings):
    kept = findings[0].to_dict()
    assert "thumbnail" not in kept
    assert {type(value) for value in kept.values()} <= {int, str, float, list}
