"""The command line: ``python -m msresnet COMMAND``.

A command returns its exit code: 0 done, 1 something that the user can mend, told in one
sentence on stderr. Wrong usage is argparse's 2. A bug stays a traceback.
"""

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .attribution import METHODS
from .checkpoint import MODELS, identify, is_available, load_model, save_checkpoint
from .colour import format_signed
from .data import find_split
from .errors import ConfigError, ImageError, MsresnetError
from .explain import Answer, Explanation, Request, Session, versions
from .export import explanation_files, how_read, target_name
from .ledger import Target, find_class
from .model import MultiscaleResNet

DEFAULT_MODEL = "msresnet18-tiny"
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
CLEAR_LINE = "\r\033[K"  # back to the start, and erase to the end (ECMA-48)


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        name: as people type it.
        summary: one line of the list of commands.
        add_arguments: declares its options.
        run: takes the parsed options and returns the exit code.
    """

    name: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None, *, more: Sequence[Command] = ()) -> int:
    """Run a command and return its exit code; ``more`` commands come before this module's own.

    Raises:
        SystemExit: wrong usage (2), or help (0).
    """
    options = command_parser((*more, *COMMANDS)).parse_args(arguments)
    logging.basicConfig(format="%(message)s")
    logging.getLogger(__package__).setLevel(logging.INFO)
    try:
        return options.run(options)
    except MsresnetError as error:
        complain(str(error))
        return 1
    except KeyboardInterrupt:
        complain("Stopped")
        return INTERRUPTED


def command_parser(commands: Sequence[Command]) -> argparse.ArgumentParser:
    """The parser of all commands; each leaves its ``run`` in the options."""
    parser = argparse.ArgumentParser(
        prog="msresnet",
        description="Multi-scale ResNets that say which scale decided, and where.",
        epilog="msresnet COMMAND --help tells the options of a command.",
        allow_abbrev=False,
    )
    chosen = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in commands:
        own = chosen.add_parser(
            command.name,
            help=command.summary,
            description=f"{command.summary[0].upper()}{command.summary[1:]}.",
            allow_abbrev=False,
        )
        command.add_arguments(own)
        own.set_defaults(run=command.run)
    return parser


def complain(sentence: str) -> None:
    """One sentence on stderr."""
    print(sentence, file=sys.stderr)


# explain ---------------------------------------------------------------------------------------------


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
    parser.add_argument(
        "--top-k", metavar="K", type=positive, default=5, help="how many classes to list (default: 5)"
    )
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where the files go")


def explain_images(options: argparse.Namespace) -> int:
    """Explain each picture into its folder; one that cannot be is named and does not stop the others."""
    request = Request(
        top_k=options.top_k,
        methods=options.methods,
        target=options.target,
        against=options.against,
        channels=0,
    )
    model = load(options)
    for name in (request.target, request.against):
        if name is not None:
            find_class(name, model.classes)
    make_folder(options.out)
    failures = 0
    for image, folder in zip(options.images, folders_for(options.images, options.out), strict=True):
        try:
            session = Session(model, image)
            explanation = explain_one(session, request, name=Path(image).name)
        except (ImageError, ConfigError) as error:
            complain(str(error))
            failures += 1
            continue
        make_folder(folder)
        for name, content in explanation_files(explanation, session.view):
            write_whole(folder / name, content)
        print(f"{image}: {summary(explanation.answer)}; files in {folder}", flush=True)
    return 1 if failures else 0


def explain_one(session: Session, request: Request, *, name: str) -> Explanation:
    """Everything that was asked of one picture; ``name`` is what a message calls it."""
    try:
        target = session.target(request.target, request.against)
    except ConfigError as error:  # the most probable class may turn out to be class B
        raise ConfigError(f"{name!r}: {error}") from error
    methods = {}
    for method in request.methods:
        with progress(f"{name}, {METHODS[method].title}") as on_progress:
            methods[method] = session.attribution(method, target, on_progress=on_progress)
    return Explanation(session.answer(target, top_k=request.top_k), None, methods, versions())


def folders_for(images: Sequence[str], out: Path) -> list[Path]:
    """A folder for each image: ``out`` for one, otherwise the stem below it; equal stems are numbered."""
    if len(images) == 1:
        return [out]
    taken: set[str] = set()
    names = []
    for stem in (Path(image).stem for image in images):
        candidates = (stem, *(f"{stem}-{i}" for i in range(2, len(images) + 1)))
        name = next(one for one in candidates if one.casefold() not in taken)
        taken.add(name.casefold())  # a file system may not tell Cat from cat
        names.append(name)
    return [out / name for name in names]


def summary(answer: Answer) -> str:
    """Top-1, its probability, and the scale that gave most to the target, class-centred or A − B."""
    best = answer.top_k[0]
    reading = answer.ledger.read(answer.target)
    most = int(np.argmax(reading.contributions))
    explained = "" if answer.target == Target(best.index) else f" to {target_name(answer)}"
    share = format_signed(reading.contributions[most], decimals=2)
    total = format_signed(reading.total, decimals=2)
    return (
        f"{best.label} {per_cent(best.probability)}, {answer.sides[most]} px gave most{explained} "
        f"({share} of {total} logits, {how_read(answer.target)})"
    )


def per_cent(share: float) -> str:
    """A probability, honest at both ends."""
    if 0 < share < 0.0005 or 0.9995 <= share < 1:
        return "less than 0.1 %" if share < 0.5 else "over 99.9 %"
    return f"{100 * share:.1f} %"


# models ----------------------------------------------------------------------------------------------


NUMBER_COLUMNS = (1, 2)  # of the table: set to the right


def add_models_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = f"{DEFAULT_MODEL} is the default. A path or a repository of the Hub is a model too."


def list_models(options: argparse.Namespace) -> int:
    """A table of the models that are known by name."""
    rows = [("name", "classes", "size", "weights", "here")]
    for one in MODELS:
        is_here = "yes" if is_available(one.name) else "no"
        rows.append((one.name, str(one.class_count), f"{one.size_mb} MB", one.source, is_here))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            f"{cell:{'>' if column in NUMBER_COLUMNS else '<'}{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
    return 0


# evaluate --------------------------------------------------------------------------------------------


def add_evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_arguments(parser)
    add_data_arguments(parser, workers=0)  # batches of large levels overfill a container's shared memory
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the numbers there too")
    parser.add_argument(
        "--batch-size",
        metavar="N",
        type=positive,
        default=32,
        help="pictures at a time; changes the speed, not the numbers (default: %(default)s)",
    )


def evaluate_model(options: argparse.Namespace) -> int:
    """Measure a model on the ``val`` split of a folder and print a table."""
    from .evaluation import evaluate

    split = find_split(options.data, "val")
    model = load(options)
    with progress("evaluating") as on_progress:
        report = evaluate(
            model, split, batch_size=options.batch_size, workers=options.workers, on_progress=on_progress
        )
    print(report.to_markdown())
    if options.json is not None:
        make_folder(options.json.parent)
        content = json.dumps({**report.to_dict(), "versions": versions()}, indent=2, ensure_ascii=False)
        write_whole(options.json, (content + "\n").encode())
    return 0


# train -----------------------------------------------------------------------------------------------


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--recipe",
        metavar="NAME|FILE",
        required=True,
        help="tiny-imagenet, or a JSON file of the fields of a recipe that differ from it",
    )
    add_data_arguments(parser, workers=2)
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where log and model go")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in DIR")


def train_model(options: argparse.Namespace) -> int:
    """Train by a recipe and save the model where ``--model`` finds it."""
    try:
        from accelerate import PartialState

        from . import training
        from .recipes import read_recipe
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"training needs {error.name}, which is not installed; run: pip install 'msresnet[train]'"
        ) from error

    recipe = read_recipe(options.recipe)
    if not options.resume and (options.out / "checkpoint.pt").exists():
        raise ConfigError(
            f"{options.out} already holds a training run; go on with it by --resume, or choose another --out"
        )
    make_folder(options.out)
    model = training.train(
        recipe, options.data, options.out, is_resumed=options.resume, workers=options.workers
    )
    if not PartialState().is_main_process:  # of a distributed run; the others have nothing to add
        return 0
    folder = options.out / "model"
    save_checkpoint(
        model,
        folder,
        name=options.out.resolve().name,
        data={"folder": options.data.resolve().name},
        recipe=recipe.to_dict(),
    )
    print(f"The model is in {folder}; try: msresnet explain IMAGE --model {folder} --out DIR")
    return 0


# What several commands share -------------------------------------------------------------------------


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Which model, and where it runs."""
    parser.add_argument(
        "--model",
        metavar="NAME",
        default=DEFAULT_MODEL,
        help="a name that 'models' lists, a path, or a repository of the Hub (default: %(default)s)",
    )
    parser.add_argument(
        "--device", default="auto", help="cuda, mps or cpu (default: the first of these that is there)"
    )


def load(options: argparse.Namespace) -> MultiscaleResNet:
    """The model of the options; says where nobody vouches for it, and on a terminal how far a download is."""
    with progress(f"fetching {options.model}") as on_progress:
        model = load_model(
            options.model,
            device=options.device,
            on_progress=lambda done, total: on_progress(done / total if total else 0.0),
        )
    identity = identify(model)
    if not identity.is_verified:
        complain(f"{identity.name} is not verified: {'; '.join(identity.notes)}")
    return model


def add_data_arguments(parser: argparse.ArgumentParser, *, workers: int) -> None:
    """Which pictures, and how many ``workers`` read them unless told otherwise."""
    parser.add_argument(
        "--data",
        metavar="DIR",
        type=Path,
        required=True,
        help="a folder of class folders named by WordNet id or by label, or with train/ and val/ of these",
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        type=not_negative,
        default=workers,
        help="processes that read pictures; 0 reads in the main one (default: %(default)s)",
    )


def comma_separated(text: str) -> tuple[str, ...]:
    """``a,b`` as names, each once."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def positive(text: str) -> int:
    """A whole number of at least 1."""
    return whole(text, at_least=1)


def not_negative(text: str) -> int:
    """A whole number of at least 0."""
    return whole(text, at_least=0)


def whole(text: str, *, at_least: int) -> int:
    """A whole number; argparse tells the sentence and exits with 2."""
    if not text.isdecimal() or int(text) < at_least:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least {at_least}, got {text!r}")
    return int(text)


def make_folder(folder: Path) -> None:
    """The folder, made where it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MsresnetError(f"{folder} cannot be made a folder ({error.strerror}); choose another") from error


def write_whole(path: Path, content: bytes) -> None:
    """Write to a temporary file beside, then rename: the file is whole or not there."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        raise MsresnetError(f"{path} cannot be written ({error.strerror}); choose another place") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def progress(label: str) -> Iterator[Callable[[float], None]]:
    """Told a share in [0, 1], keeps a line on stderr, "evaluating: 40 %, 2 min left"; only on a terminal."""
    started = time.monotonic()
    is_seen = sys.stderr.isatty()

    def show(share: float) -> None:
        elapsed_s = time.monotonic() - started
        if share > 0:
            line = f"{label}: {100 * share:.0f} %, {time_left(elapsed_s, share)}"
            print(f"{CLEAR_LINE}{line}", end="", file=sys.stderr, flush=True)

    try:
        yield show if is_seen else lambda share: None
    finally:
        if is_seen:
            print(CLEAR_LINE, end="", file=sys.stderr, flush=True)


def time_left(elapsed_s: float, share: float) -> str:
    """How long the rest takes at the pace so far."""
    left_s = elapsed_s * (1 - share) / share
    return f"{left_s:.0f} s left" if left_s < 90 else f"{left_s / 60:.0f} min left"


COMMANDS = (
    Command("models", "list the models that have a name", add_models_arguments, list_models),
    Command("explain", "say which scale decided, and where", add_explain_arguments, explain_images),
    Command("evaluate", "measure a model on labelled pictures", add_evaluate_arguments, evaluate_model),
    Command("train", "train a model by a recipe", add_train_arguments, train_model),
)
