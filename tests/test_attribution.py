"""Every method a second way: plain algebra in float64, tiny seeded models, no network."""

import dataclasses
import threading
from functools import cache
from itertools import pairwise, permutations

import captum.attr
import numpy as np
import pytest
import torch
from torch import nn

from msresnet import attribution
from msresnet.attribution import (
    METHODS,
    Baseline,
    Family,
    Grid,
    attribute,
    baseline_levels,
    cam,
    estimate_seconds,
    find_method,
    grad_cam_of_classes,
    gradients,
    memory,
)
from msresnet.errors import Cancelled, ConfigError, UnknownNameError
from msresnet.ledger import Target
from msresnet.model import ModelConfig, MultiscaleResNet
from msresnet.resnet import Stem

NAMES = (
    *("saliency", "input-x-gradient", "integrated-gradients", "gradient-shap", "deep-lift"),
    *("guided-backprop", "smooth-grad", "var-grad", "grad-cam", "guided-grad-cam", "occlusion"),
    *("feature-ablation", "scale-shapley"),
)
SIDES = (24, 32, 48)
TARGET = Target(1)


@cache
def model_of(
    architecture: str = "resnet18", *, has_links: bool = False, stem: Stem = Stem.STRIDE_2
) -> MultiscaleResNet:
    """A tiny seeded model in float64 whose norms and gate are not trivial."""
    torch.manual_seed(1)
    config = ModelConfig(architecture, SIDES, 32, tuple("abcde"), width=8, stem=stem, has_links=has_links, dropout=0.1)
    model = MultiscaleResNet(config)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.4, 0.9)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.normal_(module.running_mean, std=0.2)
    for link in filter(None, (model.trunk.link2, model.trunk.link3)):
        nn.init.normal_(link.down.weight, std=0.1)
        nn.init.normal_(link.up.weight, std=0.1)
    return model.double().eval()


@cache
def levels_of_image() -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(2)
    return tuple(torch.rand(1, 3, side, side, generator=generator, dtype=torch.float64) for side in SIDES)


def gate_of(model: MultiscaleResNet):
    return model.vote(levels_of_image()).gate.detach()


def ask(method: str, model: MultiscaleResNet | None = None, target: Target = TARGET, **options):
    model = model or model_of()
    return attribute(model, levels_of_image(), target, method=method, gate=gate_of(model), **options)


def f_of(model: MultiscaleResNet, target: Target = TARGET):
    """The explained function once more: levels to a scalar."""
    gate = gate_of(model)

    def f(*levels):
        logits = model.forward_levels(*levels, gate=gate)[0]
        return logits[target.index] - (0 if target.against is None else logits[target.against])

    return f


def slopes(f, levels):
    """The gradient of a scalar function at levels, ``(3, side, side)`` per scale."""
    points = [level.detach().clone().requires_grad_() for level in levels]
    return [slope[0] for slope in torch.autograd.grad(f(*points), points)]


def close(maps, expected, tolerance: float = 1e-9) -> None:
    for one, other in zip(maps, expected, strict=True):
        np.testing.assert_allclose(one, np.asarray(other.detach()), atol=tolerance, rtol=1e-6)


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


@pytest.mark.parametrize("target", [TARGET, Target(2, against=0)])
@pytest.mark.parametrize("has_links", [False, True])
def test_saliency_is_the_gradient(target, has_links):
    model = model_of(has_links=has_links)
    expected = slopes(f_of(model, target), levels_of_image())
    close(ask("saliency", model, target).maps, [slope.sum(0) for slope in expected])


def test_input_x_gradient_is_the_product():
    expected = slopes(f_of(model_of()), levels_of_image())
    products = [(slope * level[0]).sum(0) for slope, level in zip(expected, levels_of_image(), strict=True)]
    close(ask("input-x-gradient").maps, products)


@pytest.mark.parametrize("baseline", list(Baseline))
def test_integrated_gradients_is_the_gauss_legendre_sum(baseline):
    model, levels = model_of(has_links=True), levels_of_image()
    start = baseline_levels(model, levels, baseline)
    result = ask("integrated-gradients", model, baseline=baseline.value)
    nodes, weights = np.polynomial.legendre.leggauss(result.steps)
    total = [torch.zeros_like(level[0]) for level in levels]
    for share, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        point = [b + share * (x - b) for x, b in zip(levels, start, strict=True)]
        for s, slope in enumerate(slopes(f_of(model), point)):
            total[s] += weight * slope * (levels[s] - start[s])[0]
    close(result.maps, [one.sum(0) for one in total], tolerance=1e-6)  # Captum's step sizes are float32
    assert result.baseline == baseline.value


def test_integrated_gradients_doubles_its_steps_until_the_maps_add_up(monkeypatch):
    monkeypatch.setattr(gradients, "FIRST_STEPS", 1)
    monkeypatch.setattr(gradients, "RESIDUAL_LIMIT", 1e-3)
    monkeypatch.setattr(attribution, "RESIDUAL_LIMIT", 1e-3)
    result = ask("integrated-gradients", baseline="black")
    assert result.steps in (2, 4, 8, 16) and result.completeness_residual <= 1e-3 and result.note == ""
    monkeypatch.setattr(gradients, "LAST_STEPS", 1)
    result = ask("integrated-gradients", baseline="black")
    assert result.steps == 1 and result.completeness_residual > 1e-3
    assert f"{result.completeness_residual:.1%}" in result.note


def test_gradient_shap_draws_near_integrated_gradients(monkeypatch):
    monkeypatch.setattr(gradients, "SHAP_NOISE", 0.0)
    monkeypatch.setattr(gradients, "SHAP_SAMPLES", 512)
    result, expected = ask("gradient-shap"), ask("integrated-gradients")
    for one, other in zip(result.maps, expected.maps, strict=True):
        assert abs(one - other).max() <= 0.02 * abs(other).max()
    assert result.completeness_residual <= 0.01


@pytest.mark.parametrize("baseline", list(Baseline))
def test_deep_lift_is_exact_for_every_scale_on_its_own(baseline):
    """Without links a scale's map adds up to what that scale's contribution gains over the baseline."""
    model, levels = model_of(), levels_of_image()
    result = ask("deep-lift", model, baseline=baseline.value)
    gate, start = gate_of(model), baseline_levels(model, levels, baseline)
    gain = model.vote(levels, gate=gate).contributions - model.vote(start, gate=gate).contributions
    sums = [one.sum() for one in result.maps]
    np.testing.assert_allclose(sums, gain[0, :, TARGET.index].detach(), atol=1e-9)
    assert result.completeness_residual <= 1e-3


def test_deep_lift_with_the_max_pooling_stem_reports_what_it_misses():
    model = model_of(stem=Stem.IMAGENET)
    assert ask("deep-lift", model, baseline="mean").completeness_residual <= 1e-3
    result = ask("deep-lift", model, baseline="black")
    gap = abs(sum(one.sum() for one in result.maps) - (result.f_input - result.f_baseline))
    assert result.completeness_residual == pytest.approx(gap / max(abs(result.f_input - result.f_baseline), 1))


class Guided(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp_min(0)

    @staticmethod
    def backward(ctx, slope):
        return slope.clamp_min(0) * (ctx.saved_tensors[0] > 0)


@pytest.mark.parametrize("architecture", ["resnet18", "resnet50"])
def test_guided_backprop_cuts_negative_signals_at_every_rectifier(architecture, monkeypatch):
    model = model_of(architecture)
    maps = ask("guided-backprop", model).maps
    plain = [slope.sum(0) for slope in slopes(f_of(model), levels_of_image())]
    with monkeypatch.context() as patch:
        patch.setattr(nn.ReLU, "forward", lambda self, x: Guided.apply(x))
        close(maps, [slope.sum(0) for slope in slopes(f_of(model), levels_of_image())])
    assert not np.allclose(maps[0], plain[0])


@pytest.mark.parametrize(("name", "kind"), [("smooth-grad", "smoothgrad"), ("var-grad", "vargrad")])
def test_noisy_gradients_are_those_of_captums_noise_tunnel(name, kind, monkeypatch):
    """The tunnel is fed the same noise, so that the results are the same."""
    model, f = model_of(), f_of(model_of())
    monkeypatch.setattr(gradients, "SAMPLES", 4)
    generator = torch.Generator().manual_seed(7)
    noise = [torch.randn(4, *level.shape[1:], generator=generator) for level in levels_of_image()]
    remaining = iter(noise)
    monkeypatch.setattr(
        captum.attr.NoiseTunnel,
        "_add_noise_to_input",
        staticmethod(lambda level, stdev, count: level + stdev * next(remaining)),
    )

    def batched(*levels):
        return torch.stack([f(*(level[i : i + 1] for level in levels)) for i in range(len(levels[0]))])

    tunnel = captum.attr.NoiseTunnel(captum.attr.Saliency(batched))
    expected = tunnel.attribute(levels_of_image(), nt_type=kind, nt_samples=4, stdevs=gradients.NOISE, abs=False)
    close(ask(name, model, seed=7).maps, [one[0].sum(0) for one in expected], tolerance=1e-7)


@pytest.mark.parametrize("name", ["smooth-grad", "var-grad", "gradient-shap"])
def test_a_seed_gives_one_map_and_nobody_elses_numbers_change(name):
    state = torch.get_rng_state()
    first = ask(name, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(5)
    np.random.rand(5)
    close(first.maps, map(torch.from_numpy, ask(name, seed=3).maps), tolerance=0)
    assert abs(first.maps[0] - ask(name, seed=4).maps[0]).max() > 0


@pytest.mark.parametrize("architecture", ["resnet18", "resnet50"])
@pytest.mark.parametrize("target", [TARGET, Target(4), Target(0, against=2), Target(2, against=0)])
def test_the_last_stages_grad_cam_is_captums(architecture, target):
    model = model_of(architecture)
    gate = gate_of(model)

    def f(*levels):
        logits = model.forward_levels(*levels, gate=gate)
        return logits[:, target.index] - (0 if target.against is None else logits[:, target.against])

    levels = tuple(level.clone().requires_grad_() for level in levels_of_image())
    block = model.trunk.layer4[-1]
    layers = (block.relu3 if architecture == "resnet50" else block.relu2).scales
    expected = [captum.attr.LayerGradCam(f, layer).attribute(levels, relu_attributions=True)[0, 0] for layer in layers]
    close(ask("grad-cam", model, target).maps, expected)


def test_grad_cam_of_all_classes_at_once_is_that_of_each():
    model = model_of()
    output = model.vote(levels_of_image())
    every = grad_cam_of_classes(model, output)
    some = grad_cam_of_classes(model, output, [4, 1])
    for s in range(len(SIDES)):
        assert torch.equal(some[s], every[s][[4, 1]])
        for index in range(len(model.classes)):
            expected = ask("grad-cam", model, Target(index)).maps[s]
            np.testing.assert_allclose(every[s][index], expected, atol=1e-12)


@pytest.mark.parametrize("stage", range(4))
def test_grad_cam_of_a_stage_is_activation_times_mean_slope(stage):
    model = model_of()
    result = ask("grad-cam", model, stage=stage)
    levels = [level.clone().requires_grad_() for level in levels_of_image()]
    output = model.vote(levels, gate=gate_of(model))
    maps = output.stages[stage]
    gradient = torch.autograd.grad(output.logits[0, TARGET.index], maps)
    close(
        result.maps,
        [(x * g.mean((2, 3), keepdim=True)).sum(1)[0].relu() for x, g in zip(maps, gradient, strict=True)],
    )
    assert result.strides == (2 << stage,) * 3


def test_guided_grad_cam_is_the_product_with_each_cell_about_its_centre():
    cells = torch.zeros(3, 3)
    cells[1, 2] = 1.0
    fine = cam.upsample(cells, 16, 48)
    assert fine.shape == (48, 48)
    assert fine[16, 32] == fine.max() == 1 and fine[16, 24] == 0.5 and fine[8, 32] == 0.5
    assert fine[16, 47] == 1 and fine[32, 32] == 0 and fine[16, 16] == 0
    guided, coarse = ask("guided-backprop"), ask("grad-cam")
    expected = [
        torch.from_numpy(g) * cam.upsample(torch.from_numpy(c), 16, len(g))
        for g, c in zip(guided.maps, coarse.maps, strict=True)
    ]
    close(ask("guided-grad-cam").maps, expected)


@pytest.mark.parametrize("has_links", [False, True])
def test_occlusion_is_the_mean_loss_of_the_windows_over_a_pixel(has_links):
    model, levels = model_of(has_links=has_links), levels_of_image()
    result = ask("occlusion", model, baseline="blur")
    f, start = f_of(model), baseline_levels(model, levels, Baseline.BLUR)
    for scale, side in enumerate(SIDES):
        step = side // 8
        row, column = 3 * step, 6 * step  # under four windows
        losses = []
        for top in (2 * step, 3 * step):
            for left in (5 * step, 6 * step):
                covered = [level.clone() for level in levels]
                place = (..., slice(top, top + 2 * step), slice(left, left + 2 * step))
                covered[scale][place] = start[scale][place]
                losses.append((f(*levels) - f(*covered)).item())
        assert result.maps[scale][row, column] == pytest.approx(np.mean(losses), rel=1e-5)
    assert result.steps == 49 * 3


@pytest.mark.parametrize("has_links", [False, True])
def test_feature_ablation_is_the_loss_of_a_tile(has_links):
    model, levels = model_of(has_links=has_links), levels_of_image()
    result = ask("feature-ablation", model)
    f, start = f_of(model), baseline_levels(model, levels, Baseline.MEAN)
    for scale, side in enumerate(SIDES):
        step = side // 8
        covered = [level.clone() for level in levels]
        place = (..., slice(5 * step, 6 * step), slice(2 * step, 3 * step))
        covered[scale][place] = start[scale][place]
        expected = (f(*levels) - f(*covered)).item()
        np.testing.assert_allclose(result.maps[scale][place[1:]], expected, atol=1e-9)
        assert len(np.unique(result.maps[scale].round(12))) == 64


def test_scale_shapley_is_the_mean_gain_over_all_orders():
    model, levels = model_of(), levels_of_image()
    gate = gate_of(model)

    def value(players):
        logits = model.head.fc.bias
        if players:
            present = tuple(s in players for s in range(3))
            logits = model.forward_levels(*levels, gate=gate.over(present))[0]
        return logits.log_softmax(0)[TARGET.index].item()

    expected = np.zeros(3)
    for order in permutations(range(3)):
        for before, after in pairwise([order[:i] for i in range(4)]):
            expected[after[-1]] += (value(after) - value(before)) / 6
    result = ask("scale-shapley")
    np.testing.assert_allclose([one.item() for one in result.maps], expected, atol=1e-12)
    assert result.completeness_residual <= 1e-12 and result.steps == 8
    assert result.f_input == pytest.approx(value((0, 1, 2))) and result.f_baseline == pytest.approx(value(()))


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


def test_magnitudes_are_summed_over_the_colours():
    slopes_ = slopes(f_of(model_of()), levels_of_image())
    close(ask("saliency").magnitudes, [slope.abs().sum(0) for slope in slopes_])
    signed = ask("integrated-gradients")
    assert all((m >= abs(v) - 1e-12).all() for m, v in zip(signed.magnitudes, signed.maps, strict=True))
    assert any((m > abs(v) + 1e-9).any() for m, v in zip(signed.magnitudes, signed.maps, strict=True))
    for name in ("occlusion", "grad-cam", "scale-shapley", "var-grad"):
        result = ask(name)
        close(result.magnitudes, [torch.from_numpy(abs(one)) for one in result.maps])
    coarse, guided = ask("grad-cam").maps, ask("guided-backprop").magnitudes
    expected = [
        torch.from_numpy(g) * cam.upsample(torch.from_numpy(c), 16, len(g)) for g, c in zip(guided, coarse, strict=True)
    ]
    close(ask("guided-grad-cam").magnitudes, expected)


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
