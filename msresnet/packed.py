"""A session for another process: the picture's levels and gate as plain arrays, without the model."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .model import MultiscaleResNet
from .session import Session
from .vote import Gate


@dataclass(frozen=True)
class PackedSession:
    """A session without its model, as plain arrays: what one process tells another.

    Attributes:
        levels: ``(1, 3, side, side)`` float32 per scale.
        weights: of the gate, ``(1, h_s, w_s)`` per scale, ``None`` for a level that is left out.
        temperatures: of the gate, ``(1, scale)``.
        rest: every other attribute of the session, by its name; none holds a tensor.
    """

    levels: tuple[np.ndarray, ...]
    weights: tuple[np.ndarray | None, ...]
    temperatures: np.ndarray
    rest: dict[str, object]

    @classmethod
    def of(cls, session: Session) -> "PackedSession":
        """The session for another process, which has the same model: see :meth:`unpack`."""
        return cls(
            levels=tuple(level.cpu().numpy() for level in session.levels),
            weights=tuple(None if weight is None else weight.cpu().numpy() for weight in session.gate.weights),
            temperatures=session.gate.temperatures.cpu().numpy(),
            rest={name: value for name, value in vars(session).items() if name not in ("model", "levels", "gate")},
        )

    def unpack(self, model: MultiscaleResNet) -> Session:
        """The session that was packed, before its model on another device; nothing is computed again."""

        def there(array: np.ndarray) -> Tensor:
            return torch.tensor(array, device=model.device)

        session = Session.__new__(Session)
        vars(session).update(self.rest)
        session.model = model
        session.levels = tuple(there(level) for level in self.levels)
        weights = tuple(None if weight is None else there(weight) for weight in self.weights)
        session.gate = Gate(weights, there(self.temperatures))
        return session
