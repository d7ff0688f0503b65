"""Methods by a stage's maps, and by leaving things out, a second way."""

from itertools import pairwise, permutations

import captum.attr
import numpy as np
import pytest
import torch
from attributing import SIDES, TARGET, ask, close, f_of, gate_of, levels_of_image, model_of

from msresnet.attribution import (
    Baseline,
    baseline_levels,
    cam,
    grad_cam_of_classes,
)
from msresnet.ledger import Target


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
