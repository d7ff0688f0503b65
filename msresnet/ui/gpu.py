"""Where long work is done: beside the page, or on ZeroGPU in the process that is lent a GPU for it.

On ZeroGPU the page's own process never has a GPU. A function that ``spaces.GPU`` decorates
runs in a fork of it; arguments and everything that is yielded are pickled, and what the fork
changes stays there. So the page keeps its models on the CPU, where one forward pass answers
without waiting for a GPU, and sends what takes longer as an :class:`Order` of plain arrays. The
fork moves a model to its GPU once and keeps it there for as long as it is used again.

Read in ``spaces`` 0.51 and tried with a stand-in that forks and pickles as it does; a real
ZeroGPU Space is not measured.
"""

import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import gradio as gr
import torch

from ..checkpoint import choose_device, load_model
from ..errors import Cancelled, MsresnetError
from ..identity import Identity, identify, known_model, remember
from ..model import MultiscaleResNet
from ..packed import PackedSession
from ..session import Session
from ..tensors import digest, pack
from .progress import with_progress

try:
    import spaces
except ImportError:
    spaces = None
if not hasattr(spaces, "GPU"):  # a folder called spaces, on whatever path the page was started from
    spaces = None

log = logging.getLogger(__name__)

# Of the time for which a GPU is asked. None of it was measured on ZeroGPU: a forward pass of msresnet101 at
# four levels is about 120 GFLOP, and Integrated Gradients may take eight times the steps they begin with.
START_S = 10  # to fork, to wake the GPU and to move the weights
FORWARD_S = 0.02
MARGIN = 4


@dataclass(frozen=True)
class Step:
    """One piece of long work on a session.

    Attributes:
        task: a function at the top level of a module, ``task(session, *, is_cancelled, on_progress, **options)``;
            what it returns holds arrays on the CPU, no tensors.
        forwards: what it costs, in forward passes of one image.
        options: plain data.
    """

    task: Callable
    forwards: float
    options: Mapping = field(default_factory=dict)

    def run(self, session: Session, *, is_cancelled: Callable[[], bool], on_progress: Callable[[float], None]):
        """Do it, and give its result."""
        return self.task(session, is_cancelled=is_cancelled, on_progress=on_progress, **self.options)


@dataclass(frozen=True)
class Progress:
    """How far a row of steps is.

    Attributes:
        step: which of them.
        share: of this step, in [0, 1].
        result: of this step, once it is done.
        is_done: whether it is.
        refusal: why no GPU was lent for it, where none was; otherwise empty.
    """

    step: int
    share: float
    result: object = None
    is_done: bool = False
    refusal: str = ""


@dataclass(frozen=True)
class Order:
    """What goes to the process with the GPU: plain arrays and names."""

    model: Identity
    session: PackedSession
    steps: tuple[Step, ...]


def is_lent() -> bool:
    """Whether the page's process has no GPU of its own and is lent one per call: on ZeroGPU."""
    return spaces is not None and os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def home_device() -> str:
    """Where the page's process keeps its models."""
    return "cpu" if is_lent() else "auto"


def computed(
    session: Session, steps: Sequence[Step], *, is_cancelled: Callable[[], bool], is_at_home: bool = False
) -> Iterator[Progress]:
    """Steps one after another, with ticks between which the generator may be closed.

    Where no GPU can be lent (a used-up quota, nobody free) the rest is done on the CPU.

    Args:
        session: the picture before the model.
        steps: what is to be done.
        is_cancelled: asked at every tick, and inside the steps.
        is_at_home: done in this process in any case.

    Raises:
        Cancelled: ``is_cancelled`` said so.
        MsresnetError: whatever the user can mend.
    """
    done, refusal = 0, ""
    if is_lent() and not is_at_home:
        try:
            for progress in lent(session, steps, is_cancelled=is_cancelled):
                yield progress
                done += progress.is_done
            return
        except gr.Error as error:
            log.warning("no GPU was lent: %s", error.message)
            refusal = str(error.message)
    for index, step in enumerate(steps[done:], done):
        for share, result in with_progress(
            lambda stop, report, step=step: step.run(session, is_cancelled=stop, on_progress=report), is_cancelled
        ):
            yield Progress(index, share, result, is_done=result is not None, refusal=refusal)


def lent(session: Session, steps: Sequence[Step], *, is_cancelled: Callable[[], bool]) -> Iterator[Progress]:
    """The steps in the process that has the GPU; closing this generator stops them there too.

    Raises:
        Cancelled, MsresnetError: as :func:`computed` does.
        gradio.Error: no GPU was lent, or it was taken away.
    """
    order = Order(identify(session.model), PackedSession.of(session), tuple(steps))
    with closing(carry_out_on_gpu(order)) as messages:
        for message in messages:
            if is_cancelled():
                raise Cancelled("The explanation was cancelled")
            if isinstance(message, MsresnetError):
                raise message
            yield message


def seconds_needed(order: Order) -> int:
    """For how long a GPU is asked: it follows the methods' cost, because a short call is served sooner."""
    return math.ceil(START_S + MARGIN * FORWARD_S * sum(step.forwards for step in order.steps))


def carry_out(order: Order) -> Iterator[Progress | MsresnetError]:
    """Do what is ordered; runs in the fork that has the GPU.

    An error that the user can mend is given, not raised: it would lose its sentence on the way.
    """
    torch.set_num_threads(1)  # the threads of GNU OpenMP do not survive a fork
    try:
        session = order.session.unpack(model_here(order.model))
        yield from computed(session, order.steps, is_cancelled=lambda: False, is_at_home=True)
    except MsresnetError as error:
        yield error


carry_out_on_gpu = carry_out if spaces is None else spaces.GPU(carry_out, duration=seconds_needed)

# Of the fork, by the hash of their tensors; the page's own process has none.
models_here: dict[str, MultiscaleResNet] = {}


def model_here(known: Identity) -> MultiscaleResNet:
    """The model on this fork's GPU: made from what the fork inherited, or loaded where it is older than the model."""
    if known.sha256 not in models_here:
        inherited = known_model(known.sha256)
        model = None if inherited is None else twin(inherited)
        if model is None or digest(pack(model.state_dict())) != known.sha256:
            model = load_model(known.name, device="cpu")
        models_here[known.sha256] = model.to(choose_device("auto"))
        remember(model, known)
    return models_here[known.sha256]


def twin(model: MultiscaleResNet) -> MultiscaleResNet:
    """The same tensors in a model of its own: what a thread of the other process did to its lock, its modes or
    its hooks at the moment of the fork does not matter."""
    with torch.device("meta"):
        made = MultiscaleResNet(model.config)
    made.load_state_dict(model.state_dict(), assign=True)
    made.mean, made.std = model.mean, model.std
    return made.eval()
