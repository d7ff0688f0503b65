"""Multi-scale layers: one tensor per scale in, one tensor per scale out.

A *pyramid of maps* is a sequence with one ``(batch, channel, height, width)``
tensor per scale, smallest level first; ``None`` stands for a level that is left
out (a scale that is switched off, or dropped in training) and stays ``None``.

Kernels are shared by all scales; everything that adapts to a scale (batch-norm
statistics) or that an explanation hooks (every non-linearity and every pooling)
is a module of its own *per scale*. Captum hooks modules: a ReLU that served two
scales would return the last scale's map for both.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .mosaic import convolve_side_by_side, gains_side_by_side

Maps = Sequence[Tensor | None]


class MultiscaleConv2d(nn.Conv2d):
    """The scale-invariant convolution: one kernel for all scales.

    Takes what :class:`torch.nn.Conv2d` takes, and has its state-dict keys, so
    that a published single-scale kernel loads as it is.
    """

    def forward(self, maps: Maps) -> list[Tensor | None]:
        """Convolve every scale's ``(batch, in_channels, height, width)`` with the same kernel."""
        return [None if x is None else self.convolve(x) for x in maps]

    def convolve(self, x: Tensor) -> Tensor:
        """One map with the kernel; a batch of small ones is learned from side by side, where that is faster."""
        if self.is_centred and gains_side_by_side(x):
            return convolve_side_by_side(x, self.weight, stride=self.stride[0])
        return super().forward(x)

    @property
    def is_centred(self) -> bool:
        """Whether the kernel is square, odd and more than a cell wide, with half of it as padding, and nothing else."""
        side, stride = self.kernel_size[0], self.stride[0]
        return (
            (self.kernel_size, self.stride) == ((side, side), (stride, stride))
            and side % 2 == 1 < side
            and (self.padding, self.padding_mode) == ((side // 2, side // 2), "zeros")
            and (self.dilation, self.groups, self.bias) == ((1, 1), 1, None)
        )


class PerScale(nn.Module):
    """One module per scale, applied each to its own scale's tensor.

    ``scales[s]`` is the module of scale ``s``: hook it to see that scale alone.
    """

    def __init__(self, make: Callable[[], nn.Module], scale_count: int) -> None:
        super().__init__()
        self.scales = nn.ModuleList(make() for _ in range(scale_count))

    def forward(self, maps: Maps) -> list[Tensor | None]:
        """Apply ``scales[s]`` to ``maps[s]``; raises ``ValueError`` unless there is one map per scale."""
        return [None if x is None else layer(x) for layer, x in zip(self.scales, maps, strict=True)]


class MultiscaleBatchNorm2d(PerScale):
    """Batch-norm with statistics and affine of its own for every scale.

    Features of a small and a large level have different statistics; shared ones
    would let the scales disturb each other (the inter-layer normalisation of
    resolution-switchable networks, arXiv 2007.09558).
    """

    def __init__(self, channels: int, scale_count: int) -> None:
        super().__init__(lambda: nn.BatchNorm2d(channels), scale_count)


class SharedBatchNorm2d(PerScale):
    """One batch-norm for all scales: the pixels of every level are counted together.

    While it learns it must be given all levels at once. Statistics of each level's own batch would be others than the
    running ones that take their place afterwards.
    """

    def __init__(self, channels: int, scale_count: int) -> None:
        one = nn.BatchNorm2d(channels)
        super().__init__(lambda: one, scale_count)

    def forward(self, maps: Maps) -> list[Tensor | None]:
        """As :class:`PerScale`; in training by the statistics of all maps together."""
        if not self.scales[0].training:
            return super().forward(maps)
        there = [x.permute(0, 2, 3, 1) for x in maps if x is not None]  # batch, h, w, channel: as training keeps them
        cells = [x.flatten(0, 2) for x in there]
        together = self.scales[0](torch.cat(cells)[:, :, None, None]).flatten(1)
        parts = zip(together.split([len(x) for x in cells]), there, strict=True)
        normalised = iter([part.view(x.shape).permute(0, 3, 1, 2) for part, x in parts])
        return [None if x is None else next(normalised) for x in maps]


class MultiscaleReLU(PerScale):
    """A rectifier per scale, never in-place, never used twice in one pass."""

    def __init__(self, scale_count: int) -> None:
        super().__init__(lambda: nn.ReLU(inplace=False), scale_count)


class MultiscaleDropout2d(PerScale):
    """Channel dropout with an own mask for every scale; ``p`` in [0, 1)."""

    def __init__(self, p: float, scale_count: int) -> None:
        super().__init__(lambda: nn.Dropout2d(p, inplace=False), scale_count)


class MultiscaleMaxPool2d(PerScale):
    """Max-pooling per scale; takes what :class:`torch.nn.MaxPool2d` takes."""

    def __init__(self, kernel_size: int, stride: int, padding: int, scale_count: int) -> None:
        super().__init__(lambda: nn.MaxPool2d(kernel_size, stride, padding), scale_count)


class MultiscaleGlobalPool2d(nn.Module):
    """Weighted sum over cells: ``(batch, channel, h, w)`` per scale to ``(batch, channel)`` per scale.

    ``weights[s]`` is ``(batch or 1, h, w)``. Uniform weights of ``1 / (h w)`` are
    global average pooling.
    """

    def forward(self, maps: Maps, weights: Maps) -> list[Tensor | None]:
        """Pool each scale's map by that scale's weights."""
        return [None if x is None else (x * w.unsqueeze(1)).sum(dim=(2, 3)) for x, w in zip(maps, weights, strict=True)]


class CrossScaleLink(nn.Module):
    """Residual links between neighbouring scales.

    ``y_s = x_s + down(x_{s+1} resized to x_s) + up(x_{s-1} resized to x_s)``

    with one 1×1 kernel for all links from finer to coarser (``down``) and one for
    all from coarser to finer (``up``). Both start at zero: a new link changes
    nothing until it has learned something. A neighbour that is left out adds
    nothing.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, channels, 1, bias=False)
        self.up = nn.Conv2d(channels, channels, 1, bias=False)
        nn.init.zeros_(self.down.weight)
        nn.init.zeros_(self.up.weight)

    def forward(self, maps: Maps) -> list[Tensor | None]:
        """Add each scale's neighbours to it; sizes stay."""
        linked: list[Tensor | None] = []
        for scale, x in enumerate(maps):
            if x is not None:
                if scale + 1 < len(maps) and maps[scale + 1] is not None:
                    x = x + self.down(resize_map(maps[scale + 1], maps[scale].shape[-2:]))
                if scale > 0 and maps[scale - 1] is not None:
                    x = x + self.up(resize_map(maps[scale - 1], maps[scale].shape[-2:]))
            linked.append(x)
        return linked


def resize_map(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear, anti-aliased resize of ``(batch, channel, height, width)`` to ``size``; linear in ``x``."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    if x.dtype is torch.bfloat16 and x.device.type == "cpu":  # no such kernel on the CPU
        return F.interpolate(x.float(), tuple(size), mode="bilinear", antialias=True).to(x.dtype)
    return F.interpolate(x, tuple(size), mode="bilinear", antialias=True)
