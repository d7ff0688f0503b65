"""The command ``explain``: pictures to folders that say which scale decided, and where."""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .arguments import add_model_arguments, comma_separated, load, not_negative, positive
from .attribution import LAST_STAGE, METHODS, Baseline
from .command import Command
from .errors import ConfigError, ImageError
from .explanation import Explanation, versions
from .export import explanation_files
from .files import make_folder
from .folders import Ask, Job, is_finished, jobs_for, write_explanation
from .identity import identify
from .ledger import find_class
from .model import MultiscaleResNet
from .plates import summary
from .processes import join_processes
from .request import Request
from .session import Session
from .terminal import complain, progress, tell


def add_explain_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "images", metavar="IMAGE", nargs="+", help="a picture file; several get a folder each below DIR"
    )
    add_model_arguments(parser)
    parser.add_argument(
        "--methods",
        metavar="A,B",
        type=comma_separated,
        default=(),
        help=f"attribution methods, in this order: {', '.join(METHODS)}",
    )
    parser.add_argument(
        "--target",
        metavar="CLASS",
        help="the class to explain, by label or number (default: the most probable)",
    )
    parser.add_argument(
        "--against",
        metavar="CLASS",
        help="explain why the target rather than this class (default: rather than the average class)",
    )
    parser.add_argument("--top-k", metavar="K", type=positive, default=5, help="how many classes to list (default: 5)")
    parser.add_argument(
        "--baseline",
        metavar="NAME",
        help=f"what the methods that have one compare with: {', '.join(one.value for one in Baseline)} "
        "(default: each method's own)",
    )
    parser.add_argument(
        "--stage",
        metavar="N",
        type=not_negative,
        help=f"stage 0 to {LAST_STAGE} whose maps Grad-CAM and Guided Grad-CAM look at (default: the last)",
    )
    parser.add_argument(
        "--box", action="store_true", help="say where the class is, too: location.json and location.png"
    )
    parser.add_argument(
        "--trust",
        action="store_true",
        help="also check how far the evidence and the methods' maps can be believed, and mark those that fail "
        "(of all methods that say where, unless --methods names some)",
    )
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where the files go")


def explain_images(options: argparse.Namespace) -> int:
    """Explain each picture into its folder; one that cannot be is named and counted and does not stop the others.

    What an earlier run finished is not made again. Started by ``torchrun`` or ``accelerate launch``, each process
    takes its share.
    """
    request = Request(
        top_k=options.top_k,
        methods=options.methods,
        target=options.target,
        against=options.against,
        channels=0,
        baseline=options.baseline,
        stage=options.stage,
        has_box=options.box,
        is_checked=options.trust,
    )
    processes = join_processes(device=options.device)
    if options.device == "auto" and processes.device is not None:
        options.device = processes.device
    model = load(options)
    for name in (request.target, request.against):
        if name is not None:
            find_class(name, model.classes)
    make_folder(options.out)
    ask = Ask(identify(model).sha256, request)
    jobs = jobs_for(options.images, options.out)
    share = processes.share(jobs)
    pending = [job for job in share if not is_finished(job, ask)]
    if len(jobs) == 1 and share and not pending:
        tell(f"{share[0].picture}: explained already; files in {share[0].folder}")
    failures = explain_jobs(model, pending, ask, names_paths=len(jobs) > len(options.images))
    made, kept, failed = processes.total([len(pending) - failures, len(share) - len(pending), failures])
    if len(jobs) > 1 and processes.is_first:
        complain(f"{len(jobs)} pictures: {made} explained, {kept} explained already, {failed} that could not be")
    return 1 if failed else 0


def explain_jobs(model: MultiscaleResNet, jobs: Sequence[Job], ask: Ask, *, names_paths: bool) -> int:
    """Explain pictures one after another; returns how many could not be.

    Args:
        model: what is asked.
        jobs: which pictures go where.
        ask: what is asked of each.
        names_paths: complain of a picture by its whole path: of two folders' the names alone may be alike.
    """
    failures, started = 0, time.monotonic()
    for done, job in enumerate(jobs):
        name = job.picture.name
        label = name if len(jobs) == 1 else f"{done + 1} of {len(jobs)}, {name}"
        try:
            with progress(label, started=started, span=(done / len(jobs), (done + 1) / len(jobs))) as on_progress:
                session = Session(model, job.picture)
                explanation = explain_one(session, ask.request, name=name, on_progress=on_progress)
                write_explanation(job, ask, explanation_files(explanation, session.view, has_box=ask.request.has_box))
        except (ImageError, ConfigError) as error:
            complain(f"{job.picture}: {error}" if names_paths else str(error))
            failures += 1
        else:
            verdicts = [] if explanation.trust is None else explanation.trust.verdicts
            tell(
                f"{job.picture}: {summary(explanation.answer)}; files in {job.folder}",
                *(f"  {verdict.name}: {verdict.words}" for verdict in verdicts),
            )
    return failures


def explain_one(
    session: Session, request: Request, *, name: str, on_progress: Callable[[float], None] = lambda share: None
) -> Explanation:
    """Everything that was asked of one picture; ``name`` is what a message calls it."""
    try:
        target = session.target(request.target, request.against)
    except ConfigError as error:  # the most probable class may turn out to be class B
        raise ConfigError(f"{name!r}: {error}") from error
    parts = {method: session.estimate_seconds(method) for method in request.methods}
    whole = sum(parts.values()) + (session.estimate_trust_seconds(request.checked_methods) if request.is_checked else 0)
    done, methods, trust = 0.0, {}, None
    for method, part in parts.items():

        def report(share: float, before: float = done, part: float = part) -> None:
            on_progress((before + share * part) / whole)

        methods[method] = session.attribution(method, target, **request.options_of(method), on_progress=report)
        done += part
    if request.is_checked:
        trust = session.trust(
            target,
            request.checked_methods,
            known=tuple(methods.values()),
            on_progress=lambda share: on_progress((done + share * (whole - done)) / whole),
        )
    return Explanation(session.answer(target, top_k=request.top_k), None, methods, versions(), trust)


EXPLAIN = Command("explain", "say which scale decided, and where", add_explain_arguments, explain_images)
