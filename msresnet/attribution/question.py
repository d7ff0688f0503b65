"""What a method is asked: the function that is explained, at one image, with its gate held."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from ..errors import Cancelled
from ..ledger import Target
from ..model import MultiscaleResNet
from ..output import Output
from ..vote import Gate
from .memory import batch_size

# Above this the maps do not quite add up: more steps where that helps, and a note where it does not.
RESIDUAL_LIMIT = 0.02


class Meter:
    """Counts the images that went through the model; stops the work, and says how far it is.

    Args:
        expected: how many images the work takes; more may be added on the way.
        is_cancelled: asked before every forward pass.
        on_progress: told the share of it that is done, in [0, 1]; it falls back where a
            method finds that it needs more.
    """

    def __init__(self, expected: float, is_cancelled: Callable[[], bool], on_progress: Callable[[float], None]) -> None:
        self.expected, self.done = expected, 0.0
        self.is_cancelled, self.on_progress = is_cancelled, on_progress

    def count(self, images: int) -> None:
        """A forward pass of so many images is about to begin; raises ``Cancelled`` where it should not."""
        self.check()
        self.on_progress(min(self.done / self.expected, 1.0))
        self.done += images

    def check(self) -> None:
        """Raises ``Cancelled`` where the work should stop."""
        if self.is_cancelled():
            raise Cancelled("The explanation was cancelled")


class Explained(nn.Module):
    """The explained function, as a module of its own for Captum to hook: levels to ``(batch,)``.

    It is the target's raw logit, or the difference of two logits, with the gate and the
    temperatures held at the image's own: the function whose shares the ledger shows.
    """

    def __init__(self, model: MultiscaleResNet, gate: Gate, target: Target, meter: Meter) -> None:
        super().__init__()
        self.model, self.gate, self.target, self.meter = model, gate, target, meter

    def forward(self, *levels: Tensor | None) -> Tensor:
        """``(batch, 3, side, side)`` per scale to ``(batch,)``."""
        self.meter.count(next(len(level) for level in levels if level is not None))
        return self.read(self.model.forward_levels(*levels, gate=self.gate))

    def read(self, values: Tensor) -> Tensor:
        """The target's value of ``(..., class)``: class A's, or A's minus B's."""
        chosen = values[..., self.target.index]
        return chosen if self.target.against is None else chosen - values[..., self.target.against]


@dataclass(frozen=True, eq=False)
class Question:
    """Everything that a method may look at.

    Attributes:
        f: the explained function.
        levels: of the image, ``(1, 3, side, side)`` per scale, leaves that require gradients.
        baseline: the same of the picture that stands for nothing; ``None`` where the method
            needs none.
        stage: 0 to 3, for layer methods.
        seed: of everything random.
        steps: points, samples, or parts along an axis; ``None`` is the method's own number.
    """

    f: Explained
    levels: tuple[Tensor, ...]
    baseline: tuple[Tensor, ...] | None
    stage: int
    seed: int
    steps: int | None = None

    @property
    def model(self) -> MultiscaleResNet:
        """Whose answer is explained."""
        return self.f.model

    @cached_property
    def batch(self) -> int:
        """How many images go through the model at once."""
        self.f.meter.check()
        return batch_size(self.model, self.levels, self.f.gate)

    @cached_property
    def output(self) -> Output:
        """The image's own forward pass, without gradients."""
        self.f.meter.check()
        with torch.no_grad():
            return self.model.vote(self.levels, gate=self.f.gate)

    @cached_property
    def f_input(self) -> float:
        """f(image)."""
        return float(self.f.read(self.output.logits[0].cpu().double()))

    @cached_property
    def f_baseline(self) -> float | None:
        """f(baseline), where there is one."""
        if self.baseline is None:
            return None
        self.f.meter.check()
        with torch.no_grad():
            logits = self.model.forward_levels(*self.baseline, gate=self.f.gate)[0]
        return float(self.f.read(logits.cpu().double()))


@dataclass(frozen=True, eq=False)
class Finding:
    """What a method found.

    Attributes:
        maps: a signed ``(h_s, w_s)`` per scale.
        magnitudes: the same of the absolute values, summed over the colour channels; ``None``
            where they are those of ``maps``.
        steps: points at which the gradient was taken, samples drawn or places covered.
        f_input, f_baseline: of a method that explains another function than ``Question.f``.
    """

    maps: tuple[Tensor, ...]
    steps: int = 1
    magnitudes: tuple[Tensor, ...] | None = None
    f_input: float | None = None
    f_baseline: float | None = None


def completeness_residual(maps: Sequence[Tensor], f_input: float, f_baseline: float) -> float:
    """How far the maps are from adding up to f(image) − f(baseline), relative to that, or to 1 logit."""
    difference = f_input - f_baseline
    total = sum(float(one.cpu().double().sum()) for one in maps)
    return abs(total - difference) / max(abs(difference), 1.0)
