"""The fit of a gate: better on held-out pictures, additive, by seed, and exactly what step 2 saw."""

from dataclasses import replace

import pytest
import torch
from squares import small_model, write_squares
from torch.nn import functional as F

from msresnet import gate_fit, level_fit
from msresnet.calibration import calibrated
from msresnet.canvas import Canvas
from msresnet.data import find_split
from msresnet.errors import ConfigError, DataError
from msresnet.evaluation import evaluate
from msresnet.gate_fit import fit_gate, summarise
from msresnet.level_fit import Levels
from msresnet.pyramid import Preprocessing
from msresnet.renderings import all_renderings, each_picture, repeated, stands_for
from msresnet.temperature_fit import best_temperature, fit_temperature, own_gate, quality, top_label_loss
from msresnet.vote import GateMode, Temperature


@pytest.fixture(scope="module")
def model():
    return small_model(preprocessing=Preprocessing(source_side=32))


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return find_split(write_squares(tmp_path_factory.mktemp("squares"), per_class=6, size=(32, 32)), "val")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    shorten(monkeypatch)


def shorten(patch):
    patch.setattr(level_fit, "STEPS", 60)
    patch.setattr(level_fit, "PENALTIES", (0.1, 1.0))


@pytest.fixture(scope="module")
def fitted(model, split):
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        return fit_gate(model, split, name="squares", zooms=(0.5, 1.0), seed=1)


def test_held_out_pictures_are_more_likely_and_better_calibrated_than_before(model, split, fitted):
    before, after = fitted.metrics["before"], fitted.metrics["held_out"]
    assert after["nll"] < before["nll"] and after["calibration_error"] < before["calibration_error"]
    reports = [evaluate(one, split) for one in (model, calibrated(model, fitted))]
    assert reports[1].calibration_error < reports[0].calibration_error
    assert fitted.data["pictures"] == 36 and fitted.data["folder"] == "squares"
    assert "| as it was" in fitted.to_markdown()


def test_what_was_measured_before_is_the_model(model, split):
    found = fit_gate(model, split, name="squares")
    report = evaluate(model, split)
    assert found.metrics["before"]["top1"] == pytest.approx(report.top1)
    assert found.metrics["before"]["calibration_error"] == pytest.approx(report.calibration_error, abs=1e-4)


def test_the_temperature_is_fitted_at_the_zoom_that_is_asked_about(model, split, fitted):
    found = fit_gate(model, split, name="squares", zooms=(0.5, 1.0), seed=1, temperature_zoom=1.0)
    alone = fit_gate(model, split, name="squares", seed=1)
    assert found.metrics["before"] == pytest.approx(alone.metrics["before"], rel=1e-4)
    assert found.metrics["before"] != fitted.metrics["before"]
    assert found.temperature != fitted.temperature
    assert all(torch.equal(found.gate[key], value) for key, value in fitted.gate.items())
    assert "36 pictures of squares, at zoom 1\n" in found.to_markdown()
    with pytest.raises(ConfigError, match="must be one that pictures are shown at, got 2"):
        fit_gate(model, split, name="squares", zooms=(0.5, 1.0), temperature_zoom=2.0)


def test_a_gate_is_kept_and_its_temperature_fitted_anew(model, split, fitted):
    wrong = replace(fitted, temperature=20 * fitted.temperature)
    found = fit_temperature(model, split, wrong, name="others")
    assert all(torch.equal(found.gate[key], value) for key, value in fitted.gate.items())
    before, there, here = (evaluate(one, split) for one in (model, *(calibrated(model, c) for c in (wrong, found))))
    assert here.calibration_error < there.calibration_error
    assert found.metrics["before"]["nll"] != found.metrics["same_pictures"]["nll"]
    for report, key in ((before, "before"), (here, "same_pictures")):
        assert found.metrics[key]["calibration_error"] == pytest.approx(report.calibration_error, abs=1e-4)
    assert found.temperature == pytest.approx(
        fit_temperature(model, split, fitted, name="others").temperature, rel=1e-3
    )
    assert found.data["gate"] == fitted.data and found.data["folder"] == "others"
    table = found.to_markdown()
    assert "36 pictures of others, at zoom 1\n" in table and "| calibrated, on what fitted the temperature |" in table


def test_the_models_own_gate_may_be_kept(model, split):
    own = own_gate(model)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(calibrated(model, own)(images).logits, model(images).logits)
    found = fit_temperature(model, split, own, name="squares")
    before, after = (evaluate(one, split) for one in (model, calibrated(model, found)))
    assert after.calibration_error < before.calibration_error
    assert found.temperature_mode is model.config.temperature and found.temperature != 1


def test_a_calibrated_model_adds_up(model, split, fitted):
    other = calibrated(model, fitted)
    with torch.no_grad():
        output = other(torch.rand(2, 3, 32, 32))
    assert torch.allclose(output.contributions.double().sum(1) + output.bias, output.logits.double(), atol=1e-5)
    assert other.config.temperature is Temperature.LEARNED and model.config.temperature is Temperature.MATCHED


def test_the_seed_decides_and_the_model_and_the_random_state_stay(model, split, fitted):
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    again = fit_gate(model, split, name="squares", zooms=(0.5, 1.0), seed=1)
    other = fit_gate(model, split, name="squares", zooms=(0.5, 1.0), seed=2)
    assert all(torch.equal(again.gate[key], value) for key, value in fitted.gate.items())
    assert again.temperature == fitted.temperature
    assert any(not torch.equal(other.gate[key], value) for key, value in fitted.gate.items())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


@pytest.mark.parametrize("is_trained", [False, True])
def test_the_fitted_levels_are_what_the_gate_then_does(model, split, is_trained):
    head = gate_fit.fresh_head(model)
    head.gate.temperature = Temperature.LEARNED
    if is_trained:
        torch.nn.init.normal_(head.gate.perceptron[-1].weight)
        torch.nn.init.normal_(head.gate.perceptron[-1].bias)
    pictures = list(each_picture(model, split, all_renderings((0.5, 1.0), (Canvas.GREY,))))
    with torch.no_grad():
        summary = summarise(head.gate, pictures, torch.zeros(len(pictures)))
        levels = Levels(head.gate, head.fc.bias, summary)
        own = torch.cat([head.cast(one.votes, one.log_norms)[0] for one in pictures])
        assert torch.allclose(levels(summary), own, atol=1e-4)
        for parameter in levels.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
        levels.into(head.gate)
        moved = torch.cat([head.cast(one.votes, one.log_norms)[0] for one in pictures])
        assert not torch.allclose(moved, own, atol=1e-2)
        assert torch.allclose(levels(summary), moved, atol=1e-4)


def test_a_picture_is_in_one_fold(model, split):
    pictures = list(each_picture(model, split, all_renderings((0.5, 1.0), (Canvas.GREY,))))
    folds = torch.arange(len(pictures)) % 5
    summary = summarise(gate_fit.fresh_head(model).gate, pictures, folds)
    assert torch.equal(summary.fold.view(-1, 2), torch.stack([folds, folds], dim=1))


def test_renderings_may_be_drawn_and_are_the_same_again(model, split, tmp_path):
    renderings = all_renderings((0.25, 0.5, 1.0), tuple(Canvas))
    first, second = ([one.renderings for one in each_picture(model, split, renderings, drawn=2)] for _ in range(2))
    assert first == second and all(len(set(one)) == 2 for one in first) and len(set(first)) > 3
    kept = [
        (one.renderings, one.votes[0])
        for _ in range(2)
        for one in each_picture(model, split, renderings, drawn=2, store=tmp_path / "v")
    ]
    assert [one for one, _ in kept] == first * 2
    full = list(each_picture(model, split, renderings))
    for (which, votes), picture in zip(kept[len(full) :], full, strict=True):
        assert torch.allclose(votes, picture.votes[0][list(which)], atol=1e-2)


def test_what_fills_every_canvas_counts_for_each():
    zooms, both = (0.5, 1.0, 2.0), tuple(Canvas)
    assert stands_for(zooms, both) == (1, 2, 2, 1)
    assert stands_for(zooms, (Canvas.GREY,)) == (1, 1, 1)
    assert stands_for((1.0, 2.0), both) == (1, 1)
    assert len(all_renderings(zooms, both)) == 4


def test_a_repeated_rendering_keeps_its_votes(model, split):
    times = stands_for((0.5, 1.0), tuple(Canvas))
    for picture in each_picture(model, split, all_renderings((0.5, 1.0), tuple(Canvas)), drawn=2):
        more = repeated(picture, times)
        assert more.renderings == tuple(i for i in picture.renderings for _ in range(times[i]))
        rows = [picture.renderings.index(i) for i in more.renderings]
        for one, other in zip(picture.votes + picture.log_norms, more.votes + more.log_norms, strict=True):
            assert torch.equal(one[rows], other)


def test_a_fit_counts_what_fills_every_canvas_as_often_as_the_sweep(model, split, monkeypatch):
    seen = []
    summarise = gate_fit.summarise
    monkeypatch.setattr(gate_fit, "summarise", lambda *a: seen.append(summarise(*a)) or seen[-1])
    fit_gate(model, split, name="squares", zooms=(0.5, 1.0))
    assert len(seen[0].labels) == 4 * 36  # on grey and mirrored, at half and at full size


def test_the_temperature_is_that_at_which_being_right_is_most_likely():
    torch.manual_seed(0)
    labels = torch.arange(200) % 4
    logits = 3.0 * F.one_hot(labels, 4) + 2 * torch.randn(200, 4)
    bias = torch.tensor([0.5, 0.0, -0.5, 1.0])
    found = best_temperature(5 * logits, bias, labels)
    named = (5 * logits / found + bias).argmax(dim=1)

    def loss(temperature):
        return float(top_label_loss(5 * logits / temperature + bias, named, named == labels))

    assert loss(found) < min(loss(0.99 * found), loss(1.01 * found))
    assert found == pytest.approx(5 * best_temperature(logits, bias, labels), rel=1e-3)


def test_a_temperature_that_leaves_the_answers_to_the_bias_is_not_thought_good():
    """The bias alone names one class of many, which is surely wrong: nothing is more likely than that."""
    torch.manual_seed(0)
    labels = torch.arange(400) % 40
    votes = 4.0 * F.one_hot(labels, 40) + 2 * torch.randn(400, 40)
    bias = torch.zeros(40)
    bias[0] = 0.3
    found = best_temperature(votes, bias, torch.where(labels == 0, 1, labels))
    assert 0.5 < found < 5


def test_the_likelihood_is_that_the_named_class_is_right_or_wrong():
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]], dtype=torch.float64)
    shares = logits.softmax(dim=1)
    wanted = -(shares[0, 0].log() + (1 - shares[1, 1]).log()) / 2
    assert torch.isclose(top_label_loss(logits, torch.tensor([0, 1]), torch.tensor([True, False])), wanted)
    sure = torch.tensor([[200.0, 0.0]])
    assert float(top_label_loss(sure, torch.tensor([0]), torch.tensor([False]))) == pytest.approx(200)


def test_quality_of_sure_and_wrong_answers():
    sure = torch.tensor([[50.0, 0.0], [50.0, 0.0]])
    found = quality(sure, torch.tensor([0, 1]))
    assert (found.top1, found.calibration_error) == pytest.approx((0.5, 0.5))


def test_a_model_without_a_gate_is_refused(split):
    with pytest.raises(ConfigError, match="only the gate 'gated'"):
        fit_gate(small_model(gate=GateMode.MEAN), split, name="squares")
    with pytest.raises(ConfigError, match="only the gate 'gated'"):
        own_gate(small_model(gate=GateMode.MEAN))


def test_too_few_pictures_are_refused(model, tmp_path):
    few = find_split(write_squares(tmp_path / "few", per_class=1, size=(32, 32)), "val")
    with pytest.raises(DataError, match="at least 10 readable pictures, got 6"):
        fit_gate(model, few, name="few")
