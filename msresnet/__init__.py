"""Multi-scale ResNets that say which scale decided, and where.

``explain`` is looked up when it is first used, because Captum comes with it. It is
always the function; its module's other names are imported from there, as in
``from msresnet.explain import Request``.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING

from .checkpoint import load_model
from .model import MultiscaleResNet

if TYPE_CHECKING:
    from .explain import explain

__all__ = ["load_model", "explain", "MultiscaleResNet"]


class Package(ModuleType):
    """A package one of whose modules has the name of its public function.

    Importing a module binds it to its name in the package, which would put the module
    in the function's place. That one binding is left out.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name == "explain" and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = Package


def __getattr__(name: str) -> object:
    if name == "explain":
        from .explain import explain

        return explain
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
