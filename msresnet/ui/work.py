"""A visitor's request as a stream of views: the answer first, then what takes longer."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from enum import Enum
from html import escape
from typing import TypeVar

from ..attribution import METHODS
from ..errors import Cancelled, MsresnetError
from ..explain import Answer, Session
from ..ledger import Target
from ..model import MultiscaleResNet
from ..probes import Switches
from . import text
from .answer import ledger_html, sentence, top_k_html
from .features import features_html
from .maps import attribution_html, evidence_html
from .visits import Models
from .what_if import switches_html

log = logging.getLogger(__name__)

Result = TypeVar("Result")

TOP_K = 5
CHANNELS = 10

# How often a long step reports how far it is.
TICK_S = 0.25


class Stale(Enum):
    """What on the page still belongs to an earlier request, and is dimmed until it is replaced."""

    ALL = "all"
    FEATURES = "features"  # and the attributions below them
    ATTRIBUTIONS = "attributions"


@dataclass(frozen=True)
class View:
    """What the page shows; ``None`` leaves a part as it is."""

    status: str | None = None
    sentence: str | None = None
    top_k: str | None = None
    ledger: str | None = None
    evidence: str | None = None
    features: str | None = None
    attributions: str | None = None
    target: Target | None = None
    switches: str | None = None
    is_failure: bool = False


BLANK = View(
    status='<div class="ms-status" role="status" aria-live="polite"></div>',
    sentence=f'<p class="ms-empty">{text.EMPTY}</p>',
    top_k="",
    ledger="",
    evidence="",
    features="",
    attributions="",
    switches="",
)


def answer_view(answer: Answer, session: Session, target: Target) -> View:
    """Everything that one forward pass tells, with the switches in their neutral position."""
    return View(
        switches=switches_html(answer.sides),
        sentence=f'<p class="ms-sentence">{sentence(answer, target)}</p>',
        top_k=top_k_html(answer, target),
        ledger=ledger_html(answer, target),
        evidence=evidence_html(answer, target, session.pictures()),
        target=target,
    )


def probed_view(session: Session, target: Target, switches: Switches) -> View:
    """The answer as it would be with these switches; the switches themselves stay where they are."""
    answer = session.answer(target, top_k=TOP_K, switches=switches)
    view = replace(answer_view(answer, session, target), switches=None, status=status_html(text.READY))
    if switches.are_neutral:
        return view
    return replace(view, sentence=view.sentence.replace(">", f"><strong>{text.WHAT_IF_ON}</strong> ", 1))


def views(
    session: Session,
    target: Target,
    method: str,
    *,
    is_cancelled: Callable[[], bool],
    only_method: bool = False,
) -> Iterator[View]:
    """The views of a picture, one after another.

    Args:
        session: the picture before the model.
        target: what is explained.
        method: the attribution method.
        is_cancelled: asked between and inside the steps.
        only_method: leave answer and feature maps as they are.

    Raises:
        Cancelled: ``is_cancelled`` said so.
        MsresnetError: whatever the user can mend.
    """
    answer = session.answer(target, top_k=TOP_K)
    if not only_method:
        working = status_html(text.WORKING_FEATURES, stale=Stale.FEATURES)
        yield replace(answer_view(answer, session, target), status=working)
        features = session.features(target, count=CHANNELS)
        has_links = session.model.config.has_links
        yield View(features=features_html(features, answer, has_links=has_links))
    title = METHODS[method].title
    for progress, result in with_progress(
        lambda stop, report: session.attribution(method, target, is_cancelled=stop, on_progress=report), is_cancelled
    ):
        if result is None:
            yield View(status=status_html(f"Computing {title}", share=progress, stale=Stale.ATTRIBUTIONS))
        else:
            yield View(
                status=status_html(text.READY),
                attributions=attribution_html(result, answer, session.pictures()),
            )


def with_progress(
    work: Callable[[Callable[[], bool], Callable[[float], None]], Result], is_cancelled: Callable[[], bool]
) -> Iterator[tuple[float, Result | None]]:
    """Run ``work(stop, report)`` beside this generator.

    Gives ``(share, None)`` while it runs and ``(1.0, result)`` at the end. Closing the
    generator (a visitor who left) stops the work too.
    """
    left = threading.Event()
    share = [0.0]

    def report(value: float) -> None:
        share[0] = value

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work, lambda: left.is_set() or is_cancelled(), report)
        try:
            while not wait([future], timeout=TICK_S).done:
                yield share[0], None
        finally:
            left.set()
    yield 1.0, future.result()


def fetched(models: Models, name: str, *, is_cancelled: Callable[[], bool]) -> Iterator[View]:
    """How far the weights of a model are that has to be loaded first; nothing where it is there."""
    if models.is_loaded(name):
        return

    def load(stop: Callable[[], bool], report: Callable[[float], None]) -> MultiscaleResNet:
        def on_progress(done: int, total: int | None) -> None:
            if stop():
                raise Cancelled("The download was cancelled")
            report(done / total if total else 0.0)

        return models.get(name, on_progress=on_progress)

    for share, model in with_progress(load, is_cancelled):
        if model is None:
            yield View(status=status_html(text.LOADING.format(name=name), share=share, stale=Stale.ALL))


def guarded(stream: Iterator[View], *, keeps_answer: bool = False) -> Iterator[View]:
    """The stream; an error becomes a sentence in the status, a bug a traceback in the log.

    What the error left unanswered is emptied; the answer stays where it was given already,
    by the stream or (``keeps_answer``) before it.
    """
    rest = View(attributions="") if keeps_answer else BLANK
    try:
        for view in stream:
            if view.sentence is not None:
                rest = View(features="", attributions="")
            elif view.features is not None:
                rest = View(attributions="")
            yield view
    except Cancelled:
        return
    except MsresnetError as error:
        yield replace(rest, status=status_html(str(error), is_error=True), is_failure=True)
    except Exception:
        log.exception("an explanation failed")
        yield replace(rest, status=status_html(text.BUG, is_error=True), is_failure=True)


def status_html(message: str, *, share: float | None = None, is_error: bool = False, stale: Stale | None = None) -> str:
    """A line that screen readers announce, with a bar where the share done is known."""
    bar = "" if share is None else f'<span class="ms-progress"><span style="width:{100 * share:.0f}%"></span></span>'
    kind = " ms-error" if is_error else f" ms-stale-{stale.value}" if stale else ""
    role = "alert" if is_error else "status"
    return f'<div class="ms-status{kind}" role="{role}" aria-live="polite"><span>{escape(message)}</span>{bar}</div>'


def model_caption(model: MultiscaleResNet, *, is_verified: bool) -> str:
    """What the model knows, what it looks at, and where it runs, in one line."""
    *sides, last = (str(side) for side in model.sides)
    looks = f"looks at {', '.join(sides)} and {last} px" if sides else f"looks at {last} px"
    place = "on the GPU" if model.device.type == "cuda" else f"on the {model.device.type.upper()}"
    parts = [f"knows {len(model.classes):,} things", looks, place]
    if not is_verified:
        parts.append("weights not verified")
    return " · ".join(parts)
