"""How far a switch is from the truth: the model without the level, beside the cached votes.

The cached votes were cast when every level was there. Where links mix the scales, a level
has left its trace in its neighbours' maps; and a gate that sees fewer levels may weigh the
rest otherwise. One forward pass without the level tells both apart.
"""

from dataclasses import dataclass

import numpy as np
import torch

from ..layers import Maps
from ..ledger import Ledger, Target, array, relative, softmax
from ..model import MultiscaleResNet
from ..stopping import IsCancelled, interruptible, never
from ..vote import Gate
from .switches import Switches, switched


@dataclass(frozen=True)
class Recomputed:
    """Three answers to one position of the switches, ``(K,)`` float64 logits each.

    Attributes:
        switches: the position.
        cached: by the votes that were cast with every level there, the gate renormalised.
        held: by maps that were computed without the levels that are off, under that same gate.
        anew: by the same maps, with the gate that the model chooses for them: what the model
            says without these levels.
    """

    switches: Switches
    cached: np.ndarray
    held: np.ndarray
    anew: np.ndarray

    def by_links(self, target: Target) -> float:
        """What the maps of the other levels lose of the target, in logits, without those that are off."""
        return float(relative(self.held - self.cached, target))

    def by_gate(self, target: Target) -> float:
        """What the target gains, in logits, where the gate may choose anew."""
        return float(relative(self.anew - self.held, target))

    def difference(self, target: Target) -> float:
        """Recomputed less cached, in logits: :meth:`by_links` and :meth:`by_gate` together."""
        return float(relative(self.anew - self.cached, target))

    def probabilities(self, index: int) -> tuple[float, float]:
        """A class's probability by the cached votes, and recomputed."""
        return float(softmax(self.cached)[index]), float(softmax(self.anew)[index])


def recomputed(
    model: MultiscaleResNet,
    levels: Maps,
    ledger: Ledger,
    gate: Gate,
    switches: Switches,
    *,
    is_cancelled: IsCancelled = never,
) -> Recomputed:
    """The answer of the levels that are on alone, in one forward pass.

    Args:
        model: left as it was.
        levels: of one image, ``(1, 3, side, side)`` per scale, all of them.
        ledger, gate: of that image with every level there.
        switches: gains multiply the recomputed votes as they do the cached ones.
        is_cancelled: asked before every block of layers.

    Raises:
        ConfigError: an impossible position, as :func:`~msresnet.probes.switched` tells it.
        Cancelled: ``is_cancelled`` said so.
    """
    cached = switched(ledger, switches).logits
    with interruptible(model, is_cancelled), torch.no_grad():
        present = [level if is_on else None for level, is_on in zip(levels, switches.is_on, strict=True)]
        output = model.vote(present)
        over = gate.over(switches.is_on)
        kept = tuple(w if is_on else None for w, is_on in zip(over.weights, switches.is_on, strict=True))
        held = model.head(output.voters, Gate(kept, over.temperatures))
        gains = np.array(switches.gains)[:, None]
        bias = array(output.bias, np.float64)
        return Recomputed(
            switches=switches,
            cached=cached,
            held=(array(held.contributions[0], np.float64) * gains).sum(axis=0) + bias,
            anew=(array(output.contributions[0], np.float64) * gains).sum(axis=0) + bias,
        )
