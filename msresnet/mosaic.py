"""Small maps of a batch laid side by side, so that one convolution sees one large map.

A CPU's convolution kernels work along the rows of a map, and where a row is a few cells
long most of their work is overhead. ``benchmarks/training_step.py`` says what it saves
(docs/measurements.md).
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

COLUMNS = 8  # maps beside each other, where the batch can be divided so
LARGEST_SIDE = 8  # of maps that gain by it


def gains_side_by_side(x: Tensor) -> bool:
    """Whether ``(batch, channel, h, w)`` is learned from faster side by side: small, in bfloat16, on the CPU."""
    return (
        x.dtype is torch.bfloat16
        and x.device.type == "cpu"
        and max(x.shape[-2:]) <= LARGEST_SIDE
        and torch.is_grad_enabled()
    )


def convolve_side_by_side(x: Tensor, weight: Tensor, *, stride: int) -> Tensor:
    """What ``F.conv2d(x, weight, stride=stride, padding=k // 2)`` gives, for an odd kernel of k × k.

    Args:
        x: ``(batch, channel, h, w)``. Zeros between the maps are the padding of all of them.
        weight: ``(out, channel, k, k)``.
        stride: of both axes.
    """
    batch, _, height, width = x.shape
    padding = weight.shape[-1] // 2
    below, beside = gap(height, padding, stride), gap(width, padding, stride)
    columns = math.gcd(batch, COLUMNS)
    rows = batch // columns
    tiles = F.pad(x, (0, beside, 0, below)).permute(0, 2, 3, 1)
    tiles = tiles.unflatten(0, (rows, columns)).transpose(1, 2)  # row, h, column, w, channel
    mosaic = tiles.flatten(2, 3).flatten(0, 1).unsqueeze(0).permute(0, 3, 1, 2)
    y = F.conv2d(mosaic, weight, stride=stride, padding=padding)
    y = y.squeeze(0).permute(1, 2, 0)  # row · h, column · w, channel
    y = y.unflatten(0, (rows, -1)).unflatten(2, (columns, -1))
    y = y[:, : -(-height // stride), :, : -(-width // stride)]
    return y.transpose(1, 2).flatten(0, 1).permute(0, 3, 1, 2)


def gap(side: int, padding: int, stride: int) -> int:
    """Cells after a map: at least its padding, and a whole number of strides to the next map."""
    return padding + -(side + padding) % stride
