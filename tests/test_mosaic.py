"""Maps side by side give what maps one by one give."""

import pytest
import torch
from torch.nn import functional as F

from msresnet.layers import MultiscaleConv2d
from msresnet.mosaic import LARGEST_SIDE, gains_side_by_side
from msresnet.mosaic import convolve_side_by_side as convolve


@pytest.mark.parametrize("batch", [1, 6, 7, 16])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (4, 4), (5, 6), (8, 8)])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (1, 2), (3, 1), (3, 2), (3, 3), (5, 2), (7, 2)])
def test_side_by_side_is_one_by_one(batch: int, size: tuple[int, int], kernel: int, stride: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, 5, *size, dtype=torch.float64, generator=generator, requires_grad=True)
    weight = torch.randn(4, 5, kernel, kernel, dtype=torch.float64, generator=generator, requires_grad=True)
    alone = F.conv2d(x, weight, stride=stride, padding=kernel // 2)
    together = convolve(x, weight, stride=stride)
    torch.testing.assert_close(together, alone)
    upstream = torch.randn(alone.shape, dtype=torch.float64, generator=generator)
    for found, wanted in zip(
        torch.autograd.grad(together, (x, weight), upstream),
        torch.autograd.grad(alone, (x, weight), upstream),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted)


def test_only_what_is_learned_from_small_in_bfloat16_goes_side_by_side() -> None:
    small = torch.zeros(8, 3, LARGEST_SIDE, LARGEST_SIDE, dtype=torch.bfloat16)
    assert gains_side_by_side(small)
    assert not gains_side_by_side(small.float())
    assert not gains_side_by_side(torch.zeros(8, 3, 2, LARGEST_SIDE + 1, dtype=torch.bfloat16))
    with torch.no_grad():
        assert not gains_side_by_side(small)


@pytest.mark.parametrize(
    "options",
    [
        {"padding": 1, "bias": False},
        {"padding": 0, "bias": False},
        {"padding": 1, "bias": True},
        {"padding": 1, "dilation": 2, "bias": False},
        {"padding": 1, "groups": 2, "bias": False},
        {"padding": 1, "padding_mode": "reflect", "bias": False},
        {"padding": (1, 0), "bias": False},
        {"padding": 1, "stride": (1, 2), "bias": False},
    ],
)
def test_a_shared_kernel_gives_what_pytorchs_own_does(options: dict) -> None:
    torch.manual_seed(0)
    shared = MultiscaleConv2d(4, 6, 3, **options).bfloat16()
    x = torch.randn(8, 4, 5, 5).bfloat16()
    (found,) = shared([x])
    torch.testing.assert_close(found, torch.nn.Conv2d.forward(shared, x))
