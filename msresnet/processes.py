"""Which of how many processes this one is, by the engine that training uses: each takes its share of a list.

``accelerate launch`` and ``torchrun`` start the same command several times and tell each copy, in its environment, who
it is. A process that ends early with an error would make them stop the others, so all of them end together.
"""

import atexit
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch

from .errors import ConfigError

Item = TypeVar("Item")

# How long a process waits for the slowest: shares are equal in number, not in work.
PATIENCE = timedelta(days=7)


@dataclass(frozen=True)
class Processes:
    """This process among its fellows.

    Attributes:
        rank: of this one, from 0.
        count: how many there are.
        device: that this one is given; ``None`` for a process that is alone and may choose.
    """

    rank: int = 0
    count: int = 1
    device: str | None = None

    @property
    def is_first(self) -> bool:
        """Whether this one speaks for all."""
        return self.rank == 0

    def share(self, items: Sequence[Item]) -> list[Item]:
        """Every ``count``-th item, from the rank on."""
        return list(items[self.rank :: self.count])

    def total(self, numbers: Sequence[int]) -> list[int]:
        """The numbers, added over all processes; waits until every one has given its own."""
        if self.count == 1:
            return list(numbers)
        from accelerate.utils import gather_object

        totals = [sum(column) for column in zip(*gather_object([list(numbers)]), strict=True)]
        leave_at_exit()
        return totals


def join_processes(*, device: str = "auto") -> Processes:
    """This process, joined with the others where a launcher started several.

    Args:
        device: that was asked for: each process is given a GPU of its own where there are some, unless it is ``cpu``.

    Raises:
        ConfigError: several were started and accelerate is not installed.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Processes()
    try:
        from accelerate import PartialState
    except ModuleNotFoundError as error:
        raise ConfigError(
            "several processes share their work by accelerate, which is not installed; "
            "run: pip install 'msresnet[train]', or start one process"
        ) from error
    # Without being told so, accelerate takes processes without a GPU for as many that are alone.
    state = PartialState(cpu=device == "cpu" or not torch.cuda.is_available(), timeout=PATIENCE)
    return Processes(state.process_index, state.num_processes, str(state.device))


def leave_at_exit() -> None:
    """Have this process leave the others when it ends, while Python still stands; call it when they have agreed.

    Gloo's threads may hold tensors. One that lets go of them while the interpreter is being torn down aborts the whole
    process, however well it had ended (pytorch/pytorch#179291).
    """
    atexit.unregister(_leave)
    atexit.register(_leave)


def _leave() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
