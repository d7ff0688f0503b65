"""The use case: a stream in order, a frozen result, nothing left behind."""

import json
import threading

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import tiny

from msresnet import explain
from msresnet.attribution import METHODS, Attribution
from msresnet.errors import Cancelled, ConfigError, ImageError, UnknownNameError
from msresnet.explain import Answer, Features, Request, Session, explain_stream, gather
from msresnet.faithfulness import TRIED, Trust
from msresnet.ledger import Target

METHOD_KEYS = {"completeness_residual", "baseline", "f_input", "f_baseline", "stage", "seconds"}


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
    assert set(content) == {
        *("model", "image", "preprocessing", "scales", "target", "top_k", "methods", "scale_game", "versions"),
    }
    assert set(content["top_k"][0]) == {"index", "label", "probability", "logit", "bias", "contributions", "residual"}
    assert content["image"] == {"width": 90, "height": 70, "sha256": content["image"]["sha256"]}
    assert [scale["side"] for scale in content["scales"]] == list(model.sides)
    assert set(content["methods"]["integrated-gradients"]) == METHOD_KEYS
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
    has_left = threading.Event()
    stream = explain_stream(model, picture, Request(methods=("saliency",)), is_cancelled=has_left.is_set)
    assert isinstance(next(stream), Answer)
    has_left.set()
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


def test_baseline_and_stage_reach_the_methods_that_take_them(model, picture):
    found = explain(model, picture, methods=("occlusion", "grad-cam", "saliency"), baseline="black", stage=1)
    occlusion, cam, saliency = found.methods.values()
    assert (occlusion.baseline, cam.baseline, saliency.baseline) == ("black", None, None)
    assert (occlusion.stage, cam.stage, saliency.stage) == (None, 1, None)
    assert cam.strides == (model.trunk.cell_stride(1),) * 3
    session = Session(model, picture)
    again = session.attribution("occlusion", session.target(), baseline="black")
    assert np.array_equal(again.maps[0], occlusion.maps[0])
    other = session.attribution("occlusion", session.target(), baseline="blur")
    assert not np.array_equal(other.maps[0], occlusion.maps[0])
    kept = found.to_dict()["methods"]
    assert kept["occlusion"]["f_baseline"] == occlusion.f_baseline and kept["grad-cam"]["stage"] == 1


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"methods": ("saliency",), "baseline": "black"}, ConfigError, "none of saliency compares with a baseline"),
        ({"methods": ("saliency",), "stage": 1}, ConfigError, "none of saliency looks at a stage's maps"),
        ({"methods": ("grad-cam",), "stage": 4}, ConfigError, "stage must be 0 to 3, got 4"),
        ({"methods": ("occlusion",), "baseline": "grey"}, UnknownNameError, "no baseline called 'grey'"),
    ],
)
def test_a_baseline_or_stage_that_nobody_takes_is_refused(options, error, said):
    with pytest.raises(error, match=said):
        Request(**options)


def test_a_baseline_can_be_looked_at(model, picture):
    session = Session(model, picture)
    shown = session.baseline_pictures("mean")
    assert [one.shape for one in shown] == [(side, side, 3) for side in model.sides]
    assert all(tuple(one[0, 0]) == model.config.preprocessing.fill for one in shown)
    assert len(np.unique(session.baseline_pictures("blur")[0])) > 3


def test_what_a_method_will_take_is_its_cost_by_what_a_forward_pass_took_here(model, picture):
    session = Session(model, picture)
    assert 0 < session.forward_seconds <= session.seconds
    session.forward_seconds = 0.5
    assert session.estimate_seconds("grad-cam") == 0.5 * METHODS["grad-cam"].cost(3)
    assert session.estimate_seconds("occlusion") == 0.5 * METHODS["occlusion"].cost(3), "linked scales go together"
    assert session.estimate_seconds("grad-cam", stage=0) > session.estimate_seconds("grad-cam")


def test_the_json_has_the_shapley_values_of_the_target(model, picture):
    content = explain(model, picture, methods=("scale-shapley",), target=1, against=0)
    written = content.to_dict()["scale_game"]
    assert written["unit"] == "log-odds"
    values = [one.item() for one in content.methods["scale-shapley"].maps]
    assert written["shapley"] == pytest.approx(values, abs=1e-5)


def test_a_picture_that_changed_on_the_disk_is_not_zoomed(model, picture, tmp_path):
    path = tmp_path / "picture.png"
    picture.save(path)
    session = Session(model, path)
    assert session.picture().tobytes() == picture.tobytes()
    Image.new("RGB", picture.size).save(path)
    with pytest.raises(ImageError, match="has changed since"):
        session.zoom_response(Target(0))
    path.unlink()
    with pytest.raises(ImageError, match="There is no file"):
        session.zoom_response(Target(0))


def test_a_check_comes_last_and_is_in_the_json(model, picture):
    request = Request(methods=("scale-shapley", "grad-cam"), channels=0, is_checked=True)
    results = list(explain_stream(model, picture, request))
    assert [type(result) for result in results] == [Answer, Attribution, Attribution, Trust]
    assert [verdict.name for verdict in results[-1].verdicts] == ["evidence", "grad-cam"], "what says where"
    content = gather(iter(results)).to_dict()
    assert json.dumps(content["trust"], allow_nan=False)
    assert set(content["trust"]["maps"]) == {"evidence", "grad-cam"}
    assert Request(is_checked=True).checked_methods == TRIED
