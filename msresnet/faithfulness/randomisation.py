"""Does a map depend on what the network learned? Its weights are made random from the top, and the map watched.

The cascading randomisation of Adebayo et al. (arXiv 1810.03292): classifier and gate first,
then stage after stage down to the stem. A map that stays as it was shows the picture's
edges, not the network's reasons. The network that is unlearned is a private copy.
"""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..layers import CrossScaleLink
from ..model import MultiscaleResNet
from ..stopping import IsCancelled, check, never

# From the top. The links after a stage go with it, the stem with the first.
LAYERS = ("vote", "stage 4", "stage 3", "stage 2", "stage 1")


@dataclass(frozen=True)
class Likeness:
    """How much of a map is left after a step of the cascade.

    Attributes:
        layer: the last that was made random; all above it are too.
        rank_correlation: Spearman's, the mean over the scales, in [-1, 1].
        structure: SSIM, the mean over the scales, in [-1, 1].
    """

    layer: str
    rank_correlation: float
    structure: float


def cascade(
    model: MultiscaleResNet, *, seed: int = 0, is_cancelled: IsCancelled = never
) -> Iterator[tuple[str, MultiscaleResNet]]:
    """A private copy of the model, with one layer more made random at every step.

    The same copy is changed at the next step. Batch-norm becomes that of a new network; the
    few scalars of the gate (what entropy, norm and size count) stay.

    Raises:
        Cancelled: ``is_cancelled`` said so, before the copy or a layer.
    """
    check(is_cancelled)
    unlearned = private_copy(model)
    generator = torch.Generator().manual_seed(seed)
    for layer in LAYERS:
        for part in parts_of(unlearned, layer):
            randomise(part, generator, is_cancelled=is_cancelled)
        yield layer, unlearned


def private_copy(model: MultiscaleResNet) -> MultiscaleResNet:
    """The model once more, with a lock of its own; made while nobody has hooked it."""
    with model.frozen():
        return copy.deepcopy(model)


def parts_of(model: MultiscaleResNet, layer: str) -> list[nn.Module]:
    """The modules of a name in ``LAYERS``."""
    trunk = model.trunk
    if layer == "vote":
        return [model.head]
    number = int(layer.removeprefix("stage "))
    below = [trunk.conv1, trunk.bn1] if number == 1 else []
    parts = [getattr(trunk, f"layer{number}"), getattr(trunk, f"link{number}", None), *below]
    return [part for part in parts if part is not None]


@torch.no_grad()
def randomise(module: nn.Module, generator: torch.Generator, *, is_cancelled: IsCancelled = never) -> None:
    """Give every layer below ``module`` the weights of a network that has learned nothing."""
    for one in module.modules():
        check(is_cancelled)
        match one:
            case nn.Conv2d():  # He et al.'s, as the trunk begins with
                fan_out = one.out_channels * one.kernel_size[0] * one.kernel_size[1]
                fill(one.weight, torch.randn(one.weight.shape, generator=generator) * math.sqrt(2 / fan_out))
            case nn.Linear():  # PyTorch's own
                for tensor in (one.weight, one.bias):
                    uniform = 2 * torch.rand(tensor.shape, generator=generator) - 1
                    fill(tensor, uniform / math.sqrt(one.in_features))
            case nn.BatchNorm2d():
                one.reset_parameters()
    for link in module.modules():
        if isinstance(link, CrossScaleLink):  # a new link adds nothing
            nn.init.zeros_(link.down.weight)
            nn.init.zeros_(link.up.weight)


def fill(tensor: Tensor, values: Tensor) -> None:
    """Write values drawn on the CPU, so that a seed gives the same everywhere."""
    tensor.copy_(values.to(tensor))
