"""A visitor's request as a stream of views: the answer first, then what takes longer."""

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, replace

from ..attribution import METHODS, Attribution, find_method
from ..errors import Cancelled
from ..explanation import Answer, Features
from ..faithfulness import Trust, trial_cost
from ..ledger import Target
from ..probes import Switches
from ..request import Request
from ..session import Session
from .answer import ledger_html, sentence, top_k_html
from .features import features_html
from .game import game_html
from .gpu import Step, computed
from .maps import DEFAULTS, about, attribution_html, evidence_html, kept_html
from .models import Models
from .options import Options
from .seen import seen_html
from .status import Stale, status_html
from .streams import told
from .trust import idle_html
from .what_if import switches_html
from .words import Words, methods
from .words import page as text

TOP_K = 5
CHANNELS = 10
FEATURES_COST = 3.0  # forward passes: one forward, and back to every stage


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
    archive: str | None = None  # a file that the visitor is handed
    trust: str | None = None
    is_failure: bool = False


def blank(words: Words) -> View:
    """The page without a picture."""
    return View(
        status='<div class="ms-status" role="status" aria-live="polite"></div>',
        sentence=f'<p class="ms-empty">{words(text.EMPTY)}</p>',
        top_k="",
        ledger="",
        evidence="",
        features="",
        attributions="",
        switches="",
        trust="",
    )


def answer_view(answer: Answer, session: Session, target: Target, words: Words) -> View:
    """Everything that one forward pass tells, with the switches in their neutral position."""
    return View(
        switches=switches_html(answer.sides, words),
        sentence=f'<p class="ms-sentence">{sentence(answer, target, words)}</p>',
        top_k=top_k_html(answer, target, words),
        ledger=ledger_html(answer, target, words) + game_html(session.game(target), answer.sides, words),
        evidence=evidence_html(answer, target, session.pictures(), words) + seen_html(session, target, words),
        target=target,
    )


def probed_view(session: Session, target: Target, switches: Switches, words: Words) -> View:
    """The answer as it would be with these switches; the switches themselves stay where they are."""
    answer = session.answer(target, top_k=TOP_K, switches=switches)
    view = replace(answer_view(answer, session, target, words), switches=None, status=status_html(words(text.READY)))
    if switches.are_neutral:
        return view
    return replace(view, sentence=view.sentence.replace(">", f"><strong>{words(text.WHAT_IF_ON)}</strong> ", 1))


def views(
    session: Session,
    target: Target,
    method: str,
    words: Words,
    *,
    is_cancelled: Callable[[], bool],
    only_method: bool = False,
    is_at_home: bool = False,
    options: Options = DEFAULTS,
    kept: MutableMapping[str, Attribution] | None = None,
    on_result: Callable[[Attribution], None] = lambda result: None,
) -> Iterator[View]:
    """The views of a picture, one after another.

    Args:
        session: the picture before the model.
        target: what is explained.
        method: the attribution method.
        words: the visitor's language.
        is_cancelled: asked between and inside the steps.
        only_method: leave answer and feature maps as they are.
        is_at_home: computed in this process, also where GPUs are lent.
        options: how the method is asked and its maps are drawn.
        kept: attributions of this very question by method, which are not computed again; gets the new one.
        on_result: told the attribution that was computed.

    Raises:
        Cancelled: ``is_cancelled`` said so.
        MsresnetError: whatever the user can mend.
    """
    answer = session.answer(target, top_k=TOP_K)
    kept = {} if kept is None else kept
    asked = options.of(method)
    result = kept.get(method)
    if result is not None and not options.fits(result, method):
        result = None
    steps = [] if result is not None else [attribution_step(session, method, target, **asked)]
    if not only_method:
        working = status_html(words(text.WORKING_FEATURES), stale=Stale.FEATURES)
        checks = idle_html(session, method, words)
        yield replace(answer_view(answer, session, target, words), status=working, trust=checks)
        steps.insert(0, Step(features_of, FEATURES_COST, {"target": target, "count": CHANNELS}))
    computing = computing_words(session, method, words, options)
    running = computed(session, steps, is_cancelled=is_cancelled, is_at_home=is_at_home) if steps else ()
    for progress in running:
        delay = words(text.WITHOUT_GPU, reason=progress.refusal) if progress.refusal else ""
        match progress.result:
            case Features() as features:
                has_links = session.model.config.has_links
                yield View(features=features_html(features, answer, words, has_links=has_links))
            case Attribution() as attribution:
                result = kept[method] = attribution
                on_result(attribution)
            case None if steps[progress.step].task is features_of:
                message = words.join(words(text.WORKING_FEATURES), delay)
                yield View(status=status_html(message, stale=Stale.FEATURES))
            case None:
                message = words.join(computing, delay)
                yield View(status=status_html(message, share=progress.share, stale=Stale.ATTRIBUTIONS))
    yield attribution_view(result, answer, session, words, options, kept)


def attribution_view(
    result: Attribution,
    answer: Answer,
    session: Session,
    words: Words,
    options: Options,
    kept: MutableMapping[str, Attribution],
) -> View:
    """A method's maps, what they are compared with, and the way back to the ones that were computed before."""
    baseline = None if result.baseline is None else session.baseline_pictures(result.baseline)[-1]
    estimates = {name: session.estimate_seconds(name) for name in METHODS}
    shown = attribution_html(
        result, answer, session.pictures(), words, options=options, baseline=baseline, estimates=estimates
    )
    return View(status=status_html(words(text.READY)), attributions=kept_html(kept, result.method, words) + shown)


def computing_words(session: Session, method: str, words: Words, options: Options) -> str:
    """What is being computed, and about how long it takes."""
    expected = about(session.estimate_seconds(method, stage=options.of(method)["stage"]))
    return words(text.COMPUTING, title=methods.title(words, method), seconds=expected)


def features_of(
    session: Session,
    *,
    target: Target,
    count: int,
    is_cancelled: Callable[[], bool],
    on_progress: Callable[[float], None],
) -> Features:
    """The feature maps as a step."""
    return session.features(target, count=count, is_cancelled=is_cancelled)


def attribution_of(
    session: Session,
    *,
    method: str,
    target: Target,
    is_cancelled: Callable[[], bool],
    on_progress: Callable[[float], None],
    **options: object,
) -> Attribution:
    """An attribution as a step."""
    return session.attribution(method, target, **options, is_cancelled=is_cancelled, on_progress=on_progress)


def attribution_step(session: Session, method: str, target: Target, **options: object) -> Step:
    """An attribution as a step, with what its method costs."""
    forwards = find_method(method).cost(len(session.model.sides))
    return Step(attribution_of, forwards, {"method": method, "target": target, **options})


def trust_of(
    session: Session,
    *,
    target: Target,
    chosen: Sequence[str],
    baseline: str,
    known: Sequence[Attribution],
    is_cancelled: Callable[[], bool],
    on_progress: Callable[[float], None],
) -> Trust:
    """A check of maps as a step."""
    return session.trust(
        target, chosen, baseline=baseline, known=known, is_cancelled=is_cancelled, on_progress=on_progress
    )


def trust_step(
    session: Session, target: Target, chosen: Sequence[str], *, baseline: str, known: Sequence[Attribution] = ()
) -> Step:
    """A check of maps as a step, with what it costs."""
    options = {"target": target, "chosen": tuple(chosen), "baseline": baseline, "known": tuple(known)}
    return Step(trust_of, trial_cost(session.model, chosen), options)


def results(session: Session, request: Request) -> Iterator[Answer | Features | Attribution]:
    """What :func:`msresnet.explain.explain_stream` gives, the long part computed where the GPU is."""
    target = session.target(request.target, request.against)
    yield session.answer(target, top_k=request.top_k)
    steps = [attribution_step(session, name, target, **request.options_of(name)) for name in request.methods]
    if request.channels:
        steps.insert(0, Step(features_of, FEATURES_COST, {"target": target, "count": request.channels}))
    for progress in computed(session, steps, is_cancelled=lambda: False):
        if progress.is_done:
            yield progress.result


def fetched(models: Models, name: str, words: Words, *, is_cancelled: Callable[[], bool]) -> Iterator[View]:
    """How far the weights of a model are that has to be loaded first; nothing where it is there."""
    for share in models.arriving(name):
        if is_cancelled():
            raise Cancelled("Another question was asked")
        yield View(status=status_html(words(text.LOADING, name=name), share=share, stale=Stale.ALL))


def guarded(stream: Iterator[View], words: Words, *, keeps_answer: bool = False) -> Iterator[View]:
    """The stream; an error becomes a sentence in the status, a bug a traceback in the log.

    What the error left unanswered is emptied; the answer stays where it was given already,
    by the stream or (``keeps_answer``) before it.
    """
    rest = View(attributions="") if keeps_answer else blank(words)

    def failed(sentence: str) -> View:
        return replace(rest, status=status_html(sentence, is_error=True), is_failure=True)

    for view in told(stream, words, failed, what="an explanation"):
        if view.sentence is not None:
            rest = View(features="", attributions="")
        elif view.features is not None:
            rest = View(attributions="")
        yield view
