"""The use case: a model, an image and a request give a stream of results.

The answer comes first (top-k, ledger and evidence: one forward pass), then what takes
longer. Whoever asks may stop between any two results, and inside a long one through
``is_cancelled``.
"""

from collections.abc import Iterator, Sequence

from .attribution import Attribution
from .explanation import Answer, Explanation, Features, versions
from .faithfulness import Trust
from .model import MultiscaleResNet
from .request import Request
from .session import Session, Source
from .stopping import IsCancelled, check, never


def explain_stream(
    model: MultiscaleResNet,
    source: Source,
    request: Request,
    *,
    is_cancelled: IsCancelled = never,
) -> Iterator[Answer | Features | Attribution | Trust]:
    """The results of a request one by one: the answer, the feature maps, each attribution, the check.

    Raises:
        ImageError: the source is no picture.
        UnknownNameError: there is no such class or method.
        Cancelled: ``is_cancelled`` said so between two results or inside one.
    """
    session = Session(model, source, sees_whole_image=request.sees_whole_image, is_cancelled=is_cancelled)
    target = session.target(request.target, request.against)
    yield session.answer(target, top_k=request.top_k)
    if request.channels:
        check(is_cancelled)
        yield session.features(target, count=request.channels, is_cancelled=is_cancelled)
    known = []
    for name in request.methods:
        check(is_cancelled)
        known.append(session.attribution(name, target, **request.options_of(name), is_cancelled=is_cancelled))
        yield known[-1]
    if request.is_checked:
        yield session.trust(target, request.checked_methods, known=known, is_cancelled=is_cancelled)


def explain(
    model: MultiscaleResNet,
    image: Source,
    *,
    top_k: int = 5,
    methods: Sequence[str] = ("integrated-gradients",),
    target: str | int | None = None,
    against: str | int | None = None,
    baseline: str | None = None,
    stage: int | None = None,
    is_checked: bool = False,
) -> Explanation:
    """Explain one image: top-k, ledger, evidence, feature maps and the named attributions.

    Args:
        model: as :func:`msresnet.load_model` gives it; it is left as it was.
        image: a path, bytes, or a PIL picture of any size.
        top_k: how many classes.
        methods: names of attribution methods.
        target: label or index of the class to explain; by default the most probable.
        against: a class B, for "why A rather than B".
        baseline: what the methods that have one compare with: black, mean, blur or noise.
        stage: 0 to 3, what Grad-CAM and Guided Grad-CAM look at; by default the last.
        is_checked: also say how far the evidence and the maps can be believed (``Explanation.trust``).
    """
    request = Request(
        top_k=top_k,
        methods=tuple(methods),
        target=target,
        against=against,
        baseline=baseline,
        stage=stage,
        is_checked=is_checked,
    )
    return gather(explain_stream(model, image, request))


def gather(results: Iterator[Answer | Features | Attribution | Trust]) -> Explanation:
    """A stream of results as one explanation."""
    answer, features, methods, trust = None, None, {}, None
    for result in results:
        match result:
            case Answer():
                answer = result
            case Features():
                features = result
            case Attribution():
                methods[result.method] = result
            case Trust():
                trust = result
    return Explanation(answer=answer, features=features, methods=methods, versions=versions(), trust=trust)
