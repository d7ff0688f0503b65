"""Methods by gradients a second way: plain algebra in float64."""

import captum.attr
import numpy as np
import pytest
import torch
from attributing import TARGET, ask, close, f_of, gate_of, levels_of_image, model_of
from torch import nn

from msresnet import attribution
from msresnet.attribution import (
    Baseline,
    baseline_levels,
    cam,
    gradients,
)
from msresnet.ledger import Target
from msresnet.resnet import Stem


def slopes(f, levels):
    """The gradient of a scalar function at levels, ``(3, side, side)`` per scale."""
    points = [level.detach().clone().requires_grad_() for level in levels]
    return [slope[0] for slope in torch.autograd.grad(f(*points), points)]


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
