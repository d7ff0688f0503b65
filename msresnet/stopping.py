"""Stopping within a pass: the model is asked whether to go on before every block of layers, there and back.

A pass of many pictures through large levels takes seconds on a slow machine. A block is a
sixteenth of it or less, and so is what Cancel waits for.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from .errors import Cancelled
from .model import MultiscaleResNet
from .resnet import MultiscaleBasicBlock, MultiscaleBottleneck

IsCancelled = Callable[[], bool]

# How often somebody who waits for the model, while others ask it, is asked whether to wait on.
LOOK_S = 0.1


def never() -> bool:
    """Nobody cancels."""
    return False


def check(is_cancelled: IsCancelled) -> None:
    """Raises ``Cancelled`` where somebody has cancelled."""
    if is_cancelled():
        raise Cancelled("The explanation was cancelled")


@contextmanager
def interruptible(model: MultiscaleResNet, is_cancelled: IsCancelled) -> Iterator[None]:
    """The model held still, as by :meth:`MultiscaleResNet.frozen`, and stopped where somebody cancels.

    Args:
        model: whose passes may be stopped; it is afterwards without the hooks that do it.
        is_cancelled: asked while others hold the model, before and after every block of layers, and
            on the way back before each again.

    Raises:
        Cancelled: out of the pass that was going on.
    """

    def before(block: nn.Module, inputs: tuple) -> None:
        check(is_cancelled)

    def on_the_way_back(gradient: Tensor) -> None:
        check(is_cancelled)

    def after(block: nn.Module, inputs: tuple, maps: list[Tensor | None]) -> None:
        check(is_cancelled)
        for one in maps:
            if one is not None and one.requires_grad:
                one.register_hook(on_the_way_back)

    with held(model, is_cancelled), model.frozen():
        hooks = [
            hook
            for block in blocks(model)
            for hook in (block.register_forward_pre_hook(before), block.register_forward_hook(after))
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


@contextmanager
def held(model: MultiscaleResNet, is_cancelled: IsCancelled) -> Iterator[None]:
    """The model's lock, for which nobody waits longer than they want to."""
    while not model.lock.acquire(timeout=LOOK_S):
        check(is_cancelled)
    try:
        yield
    finally:
        model.lock.release()


def blocks(model: MultiscaleResNet) -> list[nn.Module]:
    """The residual blocks, from the stem on."""
    return [one for one in model.trunk.modules() if isinstance(one, MultiscaleBasicBlock | MultiscaleBottleneck)]
