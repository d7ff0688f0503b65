"""The use case: a stream in order, a frozen result, nothing left behind."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import tiny

from msresnet import explain
from msresnet.attribution import Attribution
from msresnet.errors import Cancelled, ConfigError, ImageError, UnknownNameError
from msresnet.explain import Answer, Features, Request, Session, explain_stream


@pytest.fixture(scope="module")
def model():
    return tiny()


@pytest.fixture(scope="module")
def picture():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8))


def test_the_answer_comes_first(model, picture):
    request = Request(top_k=2, methods=("saliency", "grad-cam"), channels=3)
    results = list(explain_stream(model, picture, request))
    assert [type(result) for result in results] == [Answer, Features, Attribution, Attribution]
    assert [result.method for result in results[2:]] == ["saliency", "grad-cam"]
    assert len(results[0].top_k) == 2


def test_the_explanation_is_what_the_model_says(model, picture):
    found = explain(model, picture, top_k=5, methods=("saliency",), target="c")
    with torch.no_grad():
        logits = model.forward_levels(*model.pyramid(picture))[0]
    for entry in found.answer.top_k:
        assert entry.logit == pytest.approx(float(logits[entry.index]), abs=1e-5)
        assert entry.probability == pytest.approx(float(logits.softmax(0)[entry.index]), abs=1e-5)
    assert found.answer.target.index == 2
    assert found.methods["saliency"].target.index == 2


def test_the_json_has_the_agreed_keys(model, picture):
    content = json.loads(json.dumps(explain(model, picture, methods=("integrated-gradients",)).to_dict()))
    assert set(content) == {"model", "image", "scales", "target", "top_k", "methods", "versions"}
    assert set(content["top_k"][0]) == {"index", "label", "probability", "logit", "bias", "contributions", "residual"}
    assert content["image"] == {"width": 90, "height": 70, "sha256": content["image"]["sha256"]}
    assert [scale["side"] for scale in content["scales"]] == list(model.sides)
    assert set(content["methods"]["integrated-gradients"]) == {"completeness_residual", "baseline", "seconds"}
    top = content["top_k"][0]
    assert sum(top["contributions"]) + top["bias"] == pytest.approx(top["logit"], abs=1e-4)


def test_arrays_are_on_the_cpu_and_nothing_is_changed(model, picture):
    before = {key: value.clone() for key, value in model.state_dict().items()}
    found = explain(model, picture, methods=("integrated-gradients",))
    assert all(isinstance(maps, np.ndarray) for maps in found.methods["integrated-gradients"].maps)
    assert all(isinstance(maps, np.ndarray) for maps in found.answer.ledger.evidence)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    with pytest.raises(AttributeError):
        found.methods = {}


def test_cancelling_stops_between_two_results(model, picture):
    stream = explain_stream(model, picture, Request(methods=("saliency",)), is_cancelled=lambda: True)
    assert isinstance(next(stream), Answer)
    with pytest.raises(Cancelled):
        next(stream)


def test_why_a_rather_than_b(model, picture):
    found = explain(model, picture, methods=("input-x-gradient",), target="a", against="b")
    result, ledger = found.methods["input-x-gradient"], found.answer.ledger
    assert result.f_input == pytest.approx(ledger.logits[0] - ledger.logits[1], abs=1e-5)


def test_a_session_shows_the_pixels_that_the_model_was_given(model, picture):
    session = Session(model, picture)
    shown = session.pictures()
    assert [image.shape for image in shown] == [(side, side, 3) for side in model.sides]
    assert np.allclose(shown[1] / 255, session.levels[1][0].permute(1, 2, 0).numpy(), atol=1 / 255)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"methods": ("integrated-gradient",)}, UnknownNameError),
        ({"target": "zebra"}, UnknownNameError),
        ({"top_k": 0}, ConfigError),
        ({"target": "a", "against": "a"}, ConfigError),
    ],
)
def test_what_does_not_exist_is_told(model, picture, options, error):
    with pytest.raises(error):
        explain(model, picture, **options)


def test_bytes_that_are_no_picture(model):
    with pytest.raises(ImageError):
        explain(model, b"not a picture")
