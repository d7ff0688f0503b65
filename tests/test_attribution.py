"""Every method a second way: plain algebra in float64, tiny seeded models, no network."""

import dataclasses
import threading

import numpy as np
import pytest
import torch
from attributing import SIDES, TARGET, ask, close, f_of, gate_of, levels_of_image, model_of

from msresnet import attribution
from msresnet.attribution import (
    METHODS,
    Baseline,
    Family,
    Grid,
    attribute,
    baseline_levels,
    estimate_seconds,
    find_method,
    memory,
)
from msresnet.errors import Cancelled, ConfigError, UnknownNameError
from msresnet.ledger import Target
from msresnet.model import MultiscaleResNet

NAMES = (
    *("saliency", "input-x-gradient", "integrated-gradients", "gradient-shap", "deep-lift"),
    *("guided-backprop", "smooth-grad", "var-grad", "grad-cam", "guided-grad-cam", "occlusion"),
    *("feature-ablation", "scale-shapley"),
)


def test_the_table_has_the_methods_of_the_design_and_every_row_is_complete():
    assert set(METHODS) == set(NAMES)
    for name, method in METHODS.items():
        assert method.name == name
        assert method.promise.endswith(".") and method.caution.endswith(".")
        assert method.cost(3) >= 1 and method.images(3) >= 1
    assert {m.name for m in METHODS.values() if m.is_complete} == {
        "integrated-gradients", "gradient-shap", "deep-lift", "scale-shapley"
    }  # fmt: skip
    assert "1810.03292" in METHODS["guided-backprop"].caution


def test_an_unknown_name_is_told_with_the_nearest():
    assert find_method("saliency") is METHODS["saliency"]
    with pytest.raises(UnknownNameError, match=r"no method called 'gradcam'.*'grad-cam'"):
        find_method("gradcam")
    with pytest.raises(UnknownNameError, match=r"no baseline called 'grey'.*'mean'"):
        ask("occlusion", baseline="grey")


@pytest.mark.parametrize("name", NAMES)
def test_a_result_is_frozen_finite_and_on_the_cpu(name):
    result, method = ask(name), METHODS[name]
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.note = ""
    assert all(isinstance(one, np.ndarray) and one.dtype == np.float64 for one in result.maps)
    assert all(np.isfinite(one).all() for one in result.maps)
    shapes = {
        Grid.PIXEL: [(side, side) for side in SIDES],
        Grid.CELL: [(2, 2), (2, 2), (3, 3)],
        Grid.SCALE: [(1, 1)] * 3,
    }
    assert [one.shape for one in result.maps] == shapes[method.grid]
    assert result.strides == {Grid.PIXEL: (1, 1, 1), Grid.CELL: (16, 16, 16), Grid.SCALE: SIDES}[method.grid]
    assert any(one.any() for one in result.maps), "a map of nothing"
    assert result.is_signed == method.is_signed
    assert result.is_signed or all((one >= 0).all() for one in result.maps)
    assert (result.completeness_residual is not None) == method.is_complete
    assert result.baseline == (method.baseline.value if method.baseline else None)
    assert result.seconds > 0 and result.steps >= 1
    if method.family is not Family.GAME:
        assert result.f_input == pytest.approx(f_of(model_of())(*levels_of_image()).item())
    assert not any(level.requires_grad for level in levels_of_image())


@pytest.mark.parametrize("name", NAMES)
def test_float32_gives_nearly_the_same(name):
    single = model_of().float()
    try:
        levels = tuple(level.float() for level in levels_of_image())
        gate = single.vote(levels).gate.detach()
        result = attribute(single, levels, TARGET, method=name, gate=gate)
    finally:
        model_of().double()
    expected = ask(name)
    largest = max(abs(one).max() for one in expected.maps)
    for one, other in zip(result.maps, expected.maps, strict=True):
        assert one.dtype == (np.float64 if name == "scale-shapley" else np.float32)
        np.testing.assert_allclose(one, other, atol=1e-3 * largest)


@pytest.mark.parametrize("name", ["saliency", "integrated-gradients", "deep-lift", "occlusion", "smooth-grad"])
def test_a_against_b_is_the_difference_of_the_two(name):
    difference = ask(name, target=Target(3, against=0))
    a, b = ask(name, target=Target(3)), ask(name, target=Target(0))
    close(difference.maps, [torch.from_numpy(x - y) for x, y in zip(a.maps, b.maps, strict=True)], 1e-8)
    assert difference.f_input == pytest.approx(a.f_input - b.f_input)


def test_baselines_are_what_they_are_called():
    model, levels = model_of(), levels_of_image()
    picture = {one: baseline_levels(model, levels, one, seed=5) for one in Baseline}
    assert all(
        x.shape == level.shape and x.dtype == level.dtype
        for levels_ in picture.values()
        for x, level in zip(levels_, levels, strict=True)
    )
    for s, level in enumerate(levels):
        assert not picture[Baseline.BLACK][s].any()
        assert ((picture[Baseline.MEAN][s] - model.mean) / model.std).abs().max() == 0
        assert picture[Baseline.BLUR][s].std() < level.std() / 5
        assert picture[Baseline.BLUR][s].mean() == pytest.approx(float(level.mean()), abs=0.02)
        assert picture[Baseline.NOISE][s].min() >= 0 and picture[Baseline.NOISE][s].max() <= 1
    flat = tuple(torch.full_like(level, 0.3) for level in levels)
    assert all(torch.allclose(x, flat[s]) for s, x in enumerate(baseline_levels(model, flat, Baseline.BLUR)))
    again = baseline_levels(model, levels, Baseline.NOISE, seed=5)
    assert all(torch.equal(x, y) for x, y in zip(again, picture[Baseline.NOISE], strict=True))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match="saliency compares with nothing, got the baseline 'black'"):
        ask("saliency", baseline="black")
    with pytest.raises(ConfigError, match="saliency looks at pixels, got stage 2"):
        ask("saliency", stage=2)
    with pytest.raises(ConfigError, match="stage must be 0 to 3, got 4"):
        ask("grad-cam", stage=4)
    with pytest.raises(ValueError, match="levels of one image must be"):
        attribute(model_of(), levels_of_image()[:2], TARGET, method="saliency", gate=gate_of(model_of()))


@pytest.mark.parametrize("name", NAMES)
def test_a_cancelled_method_stops_before_the_next_pass(name):
    with pytest.raises(Cancelled):
        ask(name, is_cancelled=lambda: True)


@pytest.mark.parametrize("name", NAMES)
def test_progress_goes_from_the_first_pass_to_one(name):
    shares = []
    ask(name, on_progress=shares.append)
    assert shares[-1] == 1 and all(0 <= share <= 1 for share in shares)
    assert shares == sorted(shares)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_the_callers_gradient_mode_does_not_matter(context):
    model = model_of()
    expected = ask("integrated-gradients", model)
    with context():
        levels = tuple(level.clone() for level in levels_of_image())
        gate = model.vote(levels).gate
        result = attribute(model, levels, TARGET, method="integrated-gradients", gate=gate)
    close(result.maps, map(torch.from_numpy, expected.maps))


def test_the_estimate_grows_with_the_cost():
    assert estimate_seconds("saliency", 0.1) < estimate_seconds("integrated-gradients", 0.1)
    assert estimate_seconds("saliency", 0.3) == pytest.approx(3 * estimate_seconds("saliency", 0.1))
    assert estimate_seconds("occlusion", 0.1, has_links=False) < estimate_seconds("occlusion", 0.1, has_links=True) / 2
    assert estimate_seconds("grad-cam", 0.1, stage=1) > estimate_seconds("grad-cam", 0.1)
    assert estimate_seconds("smooth-grad", 0.1, steps=4) < estimate_seconds("smooth-grad", 0.1)
    assert estimate_seconds("occlusion", 0.1, scale_count=5) > estimate_seconds("occlusion", 0.1, scale_count=3)
    assert estimate_seconds(METHODS["grad-cam"], 0.25) == 0.25


def test_other_threads_filters_of_warnings_survive(recwarn):
    """Captum's announcements are kept quiet without ``catch_warnings``, which is not safe among threads."""
    results = []
    threads = [threading.Thread(target=lambda: results.append(ask("deep-lift"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2 and not recwarn.list


def test_the_package_exports_what_it_names():
    assert all(hasattr(attribution, name) for name in attribution.__all__)


def test_a_prediction_beside_an_explanation_waits_for_it():
    """DeepLIFT hooks the layers while it holds the model; a prediction in another thread must not run into that."""
    model, levels = model_of(), levels_of_image()
    alone, gate = model.forward_levels(*levels).detach(), gate_of(model)
    beside: list[torch.Tensor] = []
    threads: list[threading.Thread] = []

    def predict_too(share: float) -> None:
        if not threads:
            threads.append(threading.Thread(target=lambda: beside.append(model.forward_levels(*levels).detach())))
            threads[0].start()
            threads[0].join(timeout=0.5)
            assert threads[0].is_alive(), "it did not wait"

    attribute(model, levels, TARGET, method="deep-lift", gate=gate, on_progress=predict_too)
    threads[0].join()
    assert torch.equal(beside[0], alone)


PASSES = 3  # how many the counting model lets through before somebody cancels


@pytest.mark.parametrize("name", NAMES)
def test_nothing_goes_through_the_model_after_cancel(name, monkeypatch):
    """A counting stand-in for the clock: whoever cancels waits for the one pass that is running, no other."""
    model, gate = model_of(), gate_of(model_of())
    passes: list[int] = []
    vote = MultiscaleResNet.vote

    def counted(self, levels, **options):
        passes.append(next(len(level) for level in levels if level is not None))
        return vote(self, levels, **options)

    monkeypatch.setattr(MultiscaleResNet, "vote", counted)
    monkeypatch.setattr(memory, "MOST_PIXELS", {"cpu": 8 * sum(side**2 for side in SIDES)})
    attribute(model, levels_of_image(), TARGET, method=name, gate=gate)
    whole, largest = len(passes), max(passes)
    passes.clear()
    if whole > PASSES:
        with pytest.raises(Cancelled):
            attribute(
                model, levels_of_image(), TARGET, method=name, gate=gate, is_cancelled=lambda: len(passes) >= PASSES
            )
        assert len(passes) == PASSES
    assert largest <= 8, "a pass of more images than a batch keeps Cancel waiting"


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.quick_steps])
def test_fewer_steps_are_taken_where_asked(name):
    quick, whole = METHODS[name].quick_steps, ask(name)
    result = ask(name, steps=quick)
    assert result.steps == METHODS[name].images(3, quick) < whole.steps == METHODS[name].images(3)
    assert METHODS[name].cost(3, quick) < METHODS[name].cost(3)


def test_steps_that_mean_nothing_are_refused():
    with pytest.raises(ConfigError, match="saliency takes no number of steps, got 3"):
        ask("saliency", steps=3)
    with pytest.raises(ConfigError, match="steps must be at least 2, got 1"):
        ask("occlusion", steps=1)


def test_batches_shrink_with_the_memory_there_is(monkeypatch):
    model = model_of()
    levels, gate = levels_of_image(), gate_of(model)
    one = memory.image_bytes(model, levels, gate)
    assert one > sum(level.nbytes for level in levels)
    monkeypatch.setattr(memory, "available_bytes", lambda device: int(3.5 * one / memory.SHARE))
    assert memory.batch_size(model, levels, gate) == 3
    sizes = []
    forward = MultiscaleResNet.forward_levels
    monkeypatch.setattr(
        MultiscaleResNet,
        "forward_levels",
        lambda self, *levels, gate: sizes.append(len(levels[0])) or forward(self, *levels, gate=gate),
    )
    ask("smooth-grad", model)
    assert max(sizes) == 3
    monkeypatch.setattr(memory, "available_bytes", lambda device: 0)
    assert memory.batch_size(model, levels, gate) == 1
    monkeypatch.setattr(memory, "available_bytes", lambda device: 10**15)
    assert memory.batch_size(model, levels, gate) == memory.MOST_PIXELS["cpu"] // sum(side**2 for side in SIDES)


def test_memory_is_read_from_linux_and_from_a_containers_limit(tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       16000 kB\nMemFree:  100 kB\nMemAvailable:   8000 kB\n", encoding="ascii")
    assert memory.system_bytes(meminfo) == 8_192_000
    assert memory.system_bytes(tmp_path / "nothing") is None
    assert memory.container_bytes(tmp_path) is None
    for name, content in (("max", "1000\n"), ("current", "700\n"), ("stat", "anon 1\ninactive_file 200\n")):
        (tmp_path / f"memory.{name}").write_text(content, encoding="ascii")
    assert memory.container_bytes(tmp_path) == 500
    (tmp_path / "memory.max").write_text("max\n", encoding="ascii")
    assert memory.container_bytes(tmp_path) is None
    first = tmp_path / "first" / "memory"
    first.mkdir(parents=True)
    for name, content in (
        ("limit_in_bytes", "1000"), ("usage_in_bytes", "700"), ("stat", "inactive_file 1\ntotal_inactive_file 100")
    ):  # fmt: skip
        (first / f"memory.{name}").write_text(content, encoding="ascii")
    assert memory.container_bytes(first.parent) == 400
    (first / "memory.limit_in_bytes").write_text(str(2**63 - 4096), encoding="ascii")
    assert memory.container_bytes(first.parent) is None
    assert memory.available_bytes(torch.device("cpu")) > 0
