"""A module as it was: Captum leaves hooks and tensors behind when a forward pass raises."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

HOOKS = tuple(name for name in vars(nn.Module()) if "hooks" in name)
IS_FULL = "_is_full_backward_hook"  # set with the first such hook, and never taken back


@contextmanager
def hooks_restored(module: nn.Module) -> Iterator[None]:
    """Afterwards every submodule has the hooks and the attributes that it had, also after an exception."""
    before = [
        (one, set(vars(one)), vars(one)[IS_FULL], {name: dict(vars(one)[name]) for name in HOOKS})
        for one in module.modules()
    ]
    try:
        yield
    finally:
        for one, names, is_full, hooks in before:
            for name in vars(one).keys() - names:
                delattr(one, name)
            vars(one)[IS_FULL] = is_full
            for name, kept in hooks.items():
                vars(one)[name].clear()
                vars(one)[name].update(kept)
