"""Layers: kernels are shared, everything that adapts or is hooked is a scale's own."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from msresnet.layers import (
    CrossScaleLink,
    MultiscaleBatchNorm2d,
    MultiscaleConv2d,
    MultiscaleDropout2d,
    MultiscaleGlobalPool2d,
    MultiscaleMaxPool2d,
    MultiscaleReLU,
    SharedBatchNorm2d,
    resize_map,
)


def maps(channels: int = 3) -> list[torch.Tensor]:
    return [torch.randn(2, channels, side, side, dtype=torch.float64) for side in (5, 8, 12)]


def test_one_kernel_serves_all_scales():
    conv = MultiscaleConv2d(3, 4, 3, stride=2, padding=1).double()
    xs = maps()
    for x, y in zip(xs, conv(xs), strict=True):
        assert torch.equal(y, F.conv2d(x, conv.weight, conv.bias, stride=2, padding=1))
    assert set(conv.state_dict()) == {"weight", "bias"}


def test_a_kernel_learns_from_every_scale():
    conv = MultiscaleConv2d(3, 4, 3).double()
    xs = maps()
    alone = [torch.autograd.grad(conv([x])[0].sum(), conv.weight)[0] for x in xs]
    together = torch.autograd.grad(sum(y.sum() for y in conv(xs)), conv.weight)[0]
    assert torch.allclose(together, sum(alone))


def test_each_scale_keeps_its_own_statistics():
    norm = MultiscaleBatchNorm2d(3, 3).double().train()
    xs = [x + shift for x, shift in zip(maps(), (0, 10, -10), strict=True)]
    norm(xs)
    for layer, x in zip(norm.scales, xs, strict=True):
        assert torch.allclose(layer.running_mean, 0.1 * x.mean(dim=(0, 2, 3)))
    before = norm.scales[0].running_mean.clone()
    norm([None, *xs[1:]])
    assert torch.equal(norm.scales[0].running_mean, before)


def test_shared_statistics_are_those_of_all_pixels():
    norm = SharedBatchNorm2d(3, 3).double().train()
    xs = [x + shift for x, shift in zip(maps(), (0, 10, -10), strict=True)]
    ys = norm(xs)
    pixels, normalised = (torch.cat([x.flatten(2) for x in some], dim=2) for some in (xs, ys))
    assert torch.allclose(norm.scales[0].running_mean, 0.1 * pixels.mean(dim=(0, 2)))
    assert torch.allclose(normalised.mean(dim=(0, 2)), torch.zeros(3, dtype=torch.float64), atol=1e-6)
    assert [y.shape for y in ys] == [x.shape for x in xs] and ys[0].mean() > ys[2].mean() + 1
    left_out = norm([None, *xs[1:]])
    assert left_out[0] is None and left_out[1].shape == xs[1].shape
    norm.eval()
    for x, y in zip(xs, norm(xs), strict=True):
        assert torch.equal(y, norm.scales[0](x))


@pytest.mark.parametrize(
    "layer",
    [MultiscaleReLU(3), MultiscaleMaxPool2d(3, 2, 1, 3), MultiscaleDropout2d(0.5, 3)],
    ids=["relu", "pool", "dropout"],
)
def test_what_is_hooked_is_a_module_of_its_own_per_scale(layer):
    assert len({id(module) for module in layer.scales}) == 3
    seen = []
    handles = [
        module.register_forward_hook(lambda m, i, o, s=s: seen.append((s, i[0].shape)))
        for s, module in enumerate(layer.scales)
    ]
    xs = maps()
    layer(xs)
    for handle in handles:
        handle.remove()
    assert seen == [(s, x.shape) for s, x in enumerate(xs)]


def test_a_rectifier_leaves_its_input_alone():
    xs = maps()
    kept = [x.clone() for x in xs]
    MultiscaleReLU(3)(xs)
    assert all(torch.equal(x, y) for x, y in zip(xs, kept, strict=True))


def test_dropout_masks_whole_channels_and_differs_between_scales():
    layer = MultiscaleDropout2d(0.5, 2).train()
    ones = torch.ones(1, 64, 4, 4)
    first, second = layer([ones, ones])
    assert all(len(channel.unique()) == 1 for channel in first[0])
    assert not torch.equal(first, second)
    assert torch.equal(layer.eval()([ones, ones])[0], ones)


def test_a_level_that_is_left_out_stays_out():
    xs = [None, *maps()[1:]]
    for layer in (MultiscaleConv2d(3, 3, 3).double(), MultiscaleReLU(3), CrossScaleLink(3).double()):
        assert [y is None for y in layer(xs)] == [True, False, False]


def test_one_map_per_scale_or_an_error():
    with pytest.raises(ValueError, match="zip"):
        MultiscaleReLU(3)(maps()[:2])


def test_uniform_weights_are_global_average_pooling():
    xs = maps()
    weights = [torch.full((1, *x.shape[-2:]), 1 / x[0, 0].numel(), dtype=torch.float64) for x in xs]
    for x, y in zip(xs, MultiscaleGlobalPool2d()(xs, weights), strict=True):
        assert torch.allclose(y, x.mean(dim=(2, 3)))


def test_a_new_link_changes_nothing_and_can_learn():
    link = CrossScaleLink(3).double()
    xs = maps()
    ys = link(xs)
    assert all(torch.equal(x, y) for x, y in zip(xs, ys, strict=True))
    sum(y.pow(2).sum() for y in ys).backward()
    assert link.down.weight.grad.abs().max() > 0
    assert link.up.weight.grad.abs().max() > 0


def test_a_link_adds_its_neighbours_and_only_them():
    link = CrossScaleLink(3).double()
    nn.init.normal_(link.down.weight)
    nn.init.normal_(link.up.weight)
    small, middle, large = maps()
    linked = link([small, middle, large])
    size = middle.shape[-2:]
    expected = middle + link.down(resize_map(large, size)) + link.up(resize_map(small, size))
    assert torch.allclose(linked[1], expected)
    assert torch.equal(link([small, middle, large + 1])[0], linked[0]), "the large scale is no neighbour of the small"
    assert torch.allclose(link([small, middle, None])[1], middle + link.up(resize_map(small, size)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_resizing_is_linear_and_keeps_a_constant(dtype):
    x = torch.full((1, 2, 6, 6), 3.0, dtype=dtype)
    y = resize_map(x, (4, 4))
    assert y.dtype is dtype
    assert torch.allclose(y.float(), torch.full((1, 2, 4, 4), 3.0))
    assert resize_map(x, (6, 6)) is x
