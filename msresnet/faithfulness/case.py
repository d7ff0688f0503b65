"""One picture before one model, and the maps that explain it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..attribution import METHODS, Attribution, attribute
from ..ledger import Ledger, Target
from ..model import MultiscaleResNet
from ..stopping import IsCancelled, interruptible, never
from ..vote import Gate
from .ranking import Subject


@dataclass(frozen=True, eq=False)
class Case:
    """One picture before one model.

    Attributes:
        model: whose answer is explained; it is left as it was.
        levels: ``(1, 3, side, side)`` in [0, 1] per scale.
        gate: the image's own.
        ledger: of all classes.
        target: what the maps explain.
    """

    model: MultiscaleResNet
    levels: tuple[Tensor, ...]
    gate: Gate
    ledger: Ledger
    target: Target

    def before(self, model: MultiscaleResNet, *, is_cancelled: IsCancelled = never) -> "Case":
        """The same picture and target before another model of the same sides and classes."""
        with interruptible(model, is_cancelled), torch.no_grad():
            output = model.vote(self.levels)
            return Case(model, self.levels, output.gate.detach(), Ledger.of(output, model.classes), self.target)

    def evidence(self) -> Subject:
        """Of the target."""
        return Subject.of_evidence(self.ledger, self.target, stride=self.model.trunk.cell_stride(3))

    def maps(
        self,
        name: str,
        *,
        like: Attribution | None = None,
        seed: int,
        is_cancelled: IsCancelled,
        on_progress: Callable[[float], None] = lambda share: None,
        is_quick: bool = False,
    ) -> Attribution:
        """A method's maps of the target, in outline (``quick_steps``) where asked.

        ``like`` gives baseline and stage; without it they are the method's own.
        """
        return attribute(
            self.model,
            self.levels,
            self.target,
            method=name,
            gate=self.gate,
            baseline=None if like is None else like.baseline,
            stage=None if like is None else like.stage,
            seed=seed,
            steps=METHODS[name].quick_steps if is_quick else None,
            is_cancelled=is_cancelled,
            on_progress=on_progress,
        )
