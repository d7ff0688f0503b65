"""The multi-scale ResNet trunk: levels in, stage maps per scale out.

The layout, the initialisation and the names of the parameters are torchvision's
(``torchvision/models/resnet.py``; He et al., arXiv 1512.03385, with the stride of
a bottleneck at its 3×3 convolution), so that any of its checkpoints loads into
the shared kernels. Stage maps are returned, not hooked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from torch import Tensor, nn

from .errors import ConfigError
from .layers import (
    CrossScaleLink,
    Maps,
    MultiscaleBatchNorm2d,
    MultiscaleConv2d,
    MultiscaleDropout2d,
    MultiscaleMaxPool2d,
    MultiscaleReLU,
    SharedBatchNorm2d,
)

StageMaps = list[list[Tensor | None]]


class Stem(Enum):
    """How the first layer meets the pixels; ``stride`` is what it divides the side by."""

    IMAGENET = "imagenet"  # 7×7, stride 2, then 3×3 max-pooling, stride 2: torchvision's
    STRIDE_2 = "stride-2"  # 3×3, stride 2: small pictures on a small machine
    STRIDE_1 = "stride-1"  # 3×3, stride 1: small pictures on a GPU

    @property
    def stride(self) -> int:
        """Level pixels per cell of the first stage's map."""
        return {Stem.IMAGENET: 4, Stem.STRIDE_2: 2, Stem.STRIDE_1: 1}[self]


class MultiscaleBasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut, at every scale (ResNet-18, -34)."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: int, scale_count: int, *, is_projected: bool) -> None:
        super().__init__()
        self.conv1 = MultiscaleConv2d(in_channels, width, 3, stride, 1, bias=False)
        self.bn1 = MultiscaleBatchNorm2d(width, scale_count)
        self.relu1 = MultiscaleReLU(scale_count)
        self.conv2 = MultiscaleConv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = MultiscaleBatchNorm2d(width, scale_count)
        self.downsample = projection(in_channels, width, stride, scale_count) if is_projected else None
        self.relu2 = MultiscaleReLU(scale_count)

    def forward(self, maps: Maps) -> list[Tensor | None]:
        """``(batch, in_channels, h, w)`` per scale to ``(batch, width, h / stride, w / stride)`` per scale."""
        shortcut = maps if self.downsample is None else self.downsample(maps)
        maps = self.relu1(self.bn1(self.conv1(maps)))
        maps = self.bn2(self.conv2(maps))
        return self.relu2(add(maps, shortcut))


class MultiscaleBottleneck(nn.Module):
    """1×1, 3×3, 1×1 convolutions and a shortcut, at every scale (ResNet-50, -101)."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int, scale_count: int, *, is_projected: bool) -> None:
        super().__init__()
        out_channels = width * self.expansion
        self.conv1 = MultiscaleConv2d(in_channels, width, 1, bias=False)
        self.bn1 = MultiscaleBatchNorm2d(width, scale_count)
        self.relu1 = MultiscaleReLU(scale_count)
        self.conv2 = MultiscaleConv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = MultiscaleBatchNorm2d(width, scale_count)
        self.relu2 = MultiscaleReLU(scale_count)
        self.conv3 = MultiscaleConv2d(width, out_channels, 1, bias=False)
        self.bn3 = MultiscaleBatchNorm2d(out_channels, scale_count)
        self.downsample = projection(in_channels, out_channels, stride, scale_count) if is_projected else None
        self.relu3 = MultiscaleReLU(scale_count)

    def forward(self, maps: Maps) -> list[Tensor | None]:
        """``(batch, in_channels, h, w)`` per scale to ``(batch, 4 width, h / stride, w / stride)`` per scale."""
        shortcut = maps if self.downsample is None else self.downsample(maps)
        maps = self.relu1(self.bn1(self.conv1(maps)))
        maps = self.relu2(self.bn2(self.conv2(maps)))
        maps = self.bn3(self.conv3(maps))
        return self.relu3(add(maps, shortcut))


@dataclass(frozen=True)
class Architecture:
    """The shape of a ResNet: its block and the number of blocks in each of its four stages."""

    block: type[MultiscaleBasicBlock] | type[MultiscaleBottleneck]
    depths: tuple[int, int, int, int]


ARCHITECTURES = {
    "resnet10": Architecture(MultiscaleBasicBlock, (1, 1, 1, 1)),
    "resnet18": Architecture(MultiscaleBasicBlock, (2, 2, 2, 2)),
    "resnet34": Architecture(MultiscaleBasicBlock, (3, 4, 6, 3)),
    "resnet50": Architecture(MultiscaleBottleneck, (3, 4, 6, 3)),
    "resnet101": Architecture(MultiscaleBottleneck, (3, 4, 23, 3)),
}


class MultiscaleTrunk(nn.Module):
    """Convolutional part of an MS-ResNet: normalised levels to stage maps.

    Args:
        architecture: the blocks and depths, one of ``ARCHITECTURES``' values.
        scale_count: how many levels it takes, at least 1.
        stem: the first layer.
        width: channels of the first stage; torchvision's is 64.
        has_links: cross-scale residual links after stages 2 and 3.
        dropout: channel dropout after the last stage, own mask per scale; 0 builds none.
        has_own_statistics: a batch-norm for every scale; without, one for all.
    """

    def __init__(
        self,
        architecture: Architecture,
        *,
        scale_count: int,
        stem: Stem = Stem.IMAGENET,
        width: int = 64,
        has_links: bool = False,
        dropout: float = 0.0,
        has_own_statistics: bool = True,
    ) -> None:
        super().__init__()
        self.stem = stem
        kernel, stride, padding = (7, 2, 3) if stem is Stem.IMAGENET else (3, stem.stride, 1)
        self.conv1 = MultiscaleConv2d(3, width, kernel, stride, padding, bias=False)
        self.bn1 = MultiscaleBatchNorm2d(width, scale_count)
        self.relu = MultiscaleReLU(scale_count)
        self.maxpool = MultiscaleMaxPool2d(3, 2, 1, scale_count) if stem is Stem.IMAGENET else None

        channels = width
        for index, depth in enumerate(architecture.depths):
            stage, channels = make_stage(architecture.block, channels, width << index, depth, index, scale_count)
            setattr(self, f"layer{index + 1}", stage)
        self.out_channels = channels
        expansion = architecture.block.expansion
        self.link2 = CrossScaleLink(2 * width * expansion) if has_links else None
        self.link3 = CrossScaleLink(4 * width * expansion) if has_links else None
        self.dropout = MultiscaleDropout2d(dropout, scale_count) if dropout else None
        if not has_own_statistics:
            share_statistics(self)
        for module in self.modules():
            # On the meta device there is nothing to draw, and PyTorch would import its compiler to find out.
            if isinstance(module, MultiscaleConv2d) and not module.weight.is_meta:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, levels: Maps) -> StageMaps:
        """Map ``(batch, 3, side_s, side_s)`` levels to ``stages[i][s]``, ``(batch, channels_i, h_s, w_s)``.

        Without links the levels go through one after the other, which keeps the memory at
        hand that the next layer needs; with links, or while they learn statistics together, they have to go together.
        """
        learns_together = self.training and isinstance(self.bn1, SharedBatchNorm2d)
        if self.link2 is not None or learns_together:
            return self.through(levels)
        alone = [
            self.through([x if s == scale else None for s, x in enumerate(levels)]) for scale in range(len(levels))
        ]
        return [[stages[i][scale] for scale, stages in enumerate(alone)] for i in range(len(alone[0]))]

    def through(self, levels: Maps) -> StageMaps:
        """All layers and stages, for the levels that are there, together."""
        maps = self.relu(self.bn1(self.conv1(levels)))
        if self.maxpool is not None:
            maps = self.maxpool(maps)
        stages = [self.layer1(maps)]
        for layer, link in ((self.layer2, self.link2), (self.layer3, self.link3), (self.layer4, None)):
            maps = layer(stages[-1])
            stages.append(maps if link is None else link(maps))
        if self.dropout is not None:
            stages[-1] = self.dropout(stages[-1])
        return stages

    def cell_stride(self, stage: int) -> int:
        """Level pixels between neighbouring cells of ``stage`` (0 to 3)."""
        return self.stem.stride << stage

    def cell_centres(self, stage: int, count: int) -> list[float]:
        """Centres of the receptive fields of ``count`` cells along one axis, in level pixels.

        Pixel ``i`` covers [i, i + 1). Every layer has an odd kernel k and padding
        (k − 1) / 2, so cell ``i`` is centred on pixel ``stride · i``: half a pixel
        past it here, and *not* in the middle of a naive tiling.
        """
        return [self.cell_stride(stage) * i + 0.5 for i in range(count)]


def share_statistics(trunk: nn.Module) -> None:
    """One batch-norm for all scales wherever there was one for each."""
    for parent in list(trunk.modules()):
        for name, module in list(parent.named_children()):
            if isinstance(module, MultiscaleBatchNorm2d):
                setattr(parent, name, SharedBatchNorm2d(module.scales[0].num_features, len(module.scales)))


def make_stage(
    block: type[MultiscaleBasicBlock] | type[MultiscaleBottleneck],
    in_channels: int,
    width: int,
    depth: int,
    index: int,
    scale_count: int,
) -> tuple[nn.Sequential, int]:
    """A stage of ``depth`` blocks and the channels it ends with; all but the first stage halve the side."""
    out_channels = width * block.expansion
    stride = 1 if index == 0 else 2
    is_projected = stride != 1 or in_channels != out_channels
    blocks = [block(in_channels, width, stride, scale_count, is_projected=is_projected)]
    blocks += [block(out_channels, width, 1, scale_count, is_projected=False) for _ in range(depth - 1)]
    return nn.Sequential(*blocks), out_channels


def projection(in_channels: int, out_channels: int, stride: int, scale_count: int) -> nn.Sequential:
    """The shortcut of a block that changes its shape: 1×1 convolution and batch-norm."""
    return nn.Sequential(
        MultiscaleConv2d(in_channels, out_channels, 1, stride, bias=False),
        MultiscaleBatchNorm2d(out_channels, scale_count),
    )


def add(maps: Maps, others: Maps) -> list[Tensor | None]:
    """The sum of two pyramids of maps, scale by scale."""
    return [None if x is None else x + y for x, y in zip(maps, others, strict=True)]


def spread_over_scales(state: dict[str, Tensor], *, scale_count: int) -> dict[str, Tensor]:
    """A torchvision ResNet's state as a trunk's: kernels as they are, batch-norm copied to every scale."""
    spread: dict[str, Tensor] = {}
    for key, value in state.items():
        owner, _, name = key.rpartition(".")
        if is_batch_norm(owner):
            spread.update({f"{owner}.scales.{s}.{name}": value.clone() for s in range(scale_count)})
        else:
            spread[key] = value
    return spread


def is_batch_norm(owner: str) -> bool:
    """Whether a torchvision key's owner is a batch-norm: ``bn1``, ``layer1.0.bn2``, ``layer2.0.downsample.1``."""
    parts: Sequence[str] = owner.split(".")
    return parts[-1].startswith("bn") or parts[-2:] == ["downsample", "1"]


def recognise(state: dict[str, Tensor]) -> str:
    """The architecture of a torchvision ResNet's state dict.

    Raises:
        ConfigError: it is none of those that we know.
    """
    depths = tuple(
        1 + max((int(key.split(".")[1]) for key in state if key.startswith(f"layer{i}.")), default=-1)
        for i in range(1, 5)
    )
    expansion = 4 if "layer1.0.conv3.weight" in state else 1
    for name, architecture in ARCHITECTURES.items():
        if architecture.depths == depths and architecture.block.expansion == expansion and "fc.bias" in state:
            return name
    raise ConfigError(
        f"the weights are not a torchvision ResNet ({', '.join(ARCHITECTURES)}): "
        f"found stages of {depths} blocks and {'a' if 'fc.bias' in state else 'no'} classifier"
    )
