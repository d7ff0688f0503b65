"""Multi-scale ResNets that say which scale decided, and where."""

from .model import MultiscaleResNet

__all__ = ["MultiscaleResNet"]
