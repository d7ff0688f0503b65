"""The command line: ``python -m msresnet COMMAND``.

A command returns its exit code: 0 done, 1 something that the user can mend, told in one
sentence on stderr. Wrong usage is argparse's 2. A bug stays a traceback.
"""

import argparse
import io
import json
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from .attribution import METHODS, Attribution, Grid, Method
from .checkpoint import MODELS, identify, is_available, load_model, save_checkpoint
from .colour import format_signed, shared_range
from .data import find_split
from .errors import ConfigError, ImageError, MsresnetError, UnknownNameError
from .explain import Answer, Explanation, Request, Session, versions
from .figures import LedgerRow, cells_on_grid, evidence_figure, ledger_figure, to_png_bytes
from .images import crop_to
from .ledger import Reading, Target, find_class
from .model import MultiscaleResNet

if TYPE_CHECKING:
    from .training import Recipe

DEFAULT_MODEL = "msresnet18-tiny"
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
CLEAR_LINE = "\r\033[K"  # back to the start, and erase to the end (ECMA-48)
PICTURE_SIDE_PX = 448  # of the image in a figure: a panel is 2.1 inches at 200 dots each


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
        for name, content in explanation_files(explanation, session.picture):
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


def target_name(answer: Answer) -> str:
    """What is explained, in words."""
    classes, target = answer.ledger.classes, answer.target
    against = "" if target.against is None else f" rather than {classes[target.against]}"
    return classes[target.index] + against


def how_read(target: Target) -> str:
    """What the numbers of a target are relative to."""
    return "class-centred" if target.against is None else "A − B"


def explanation_files(explanation: Explanation, picture: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file of an explanation.

    Args:
        explanation: of one image.
        picture: the upright upload.
    """
    answer = explanation.answer
    content = json.dumps(explanation.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    yield "explanation.json", (content + "\n").encode()
    yield "maps.npz", maps_file(explanation)
    seen = field_of_view(answer, picture)
    yield "evidence.png", to_png_bytes(evidence_picture(answer, seen))
    yield "ledger.png", to_png_bytes(ledger_picture(answer))
    for name, result in explanation.methods.items():
        yield f"{name}.png", to_png_bytes(method_picture(answer, result, seen))


def maps_file(explanation: Explanation) -> bytes:
    """``maps.npz``: ``evidence/SIDE`` raw, so that its sum is the raw contribution, and ``METHOD/SIDE``."""
    answer = explanation.answer
    arrays = {
        f"evidence/{side}": maps[answer.target.index]
        for side, maps in zip(answer.sides, answer.ledger.evidence, strict=True)
    }
    for name, result in explanation.methods.items():
        arrays |= {f"{name}/{side}": values for side, values in zip(answer.sides, result.maps, strict=True)}
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def field_of_view(answer: Answer, picture: Image.Image) -> np.ndarray:
    """``(side, side, 3)`` uint8: what the levels show, as sharp as the upload has it."""
    left, _, right, _ = answer.geometry.box
    side = min(PICTURE_SIDE_PX, max(math.ceil(right - left), *answer.sides))
    return np.asarray(crop_to(picture, answer.geometry, side))


def evidence_picture(answer: Answer, seen: np.ndarray) -> Image.Image:
    """Where each scale found what speaks for the target; a scale's cells add up to its number."""
    reading = answer.ledger.read(answer.target)
    maps = answer.ledger.evidence_for(answer.target)
    return evidence_figure(
        seen,
        on_levels(maps, answer.sides, strides=(answer.stride,) * len(maps)),
        labels=[
            f"{side} px, {format_signed(value, decimals=2)} in sum"
            for side, value in zip(answer.sides, reading.contributions, strict=True)
        ],
        range_=shared_range(maps, percentile=100),
        title=f"Evidence for {target_name(answer)}, {how_read(answer.target)}",
        units=f"logits per cell, {how_read(answer.target)}",
        image_label="the field of view",
    )


def method_picture(answer: Answer, result: Attribution, seen: np.ndarray) -> Image.Image:
    """One method's map of each scale, on one range; what its maps add up to, where that means something."""
    method = METHODS[result.method]
    title = f"{method.title} for {target_name(answer)}"
    labels = None
    if method.is_complete:
        labels = [
            f"{side} px, {format_signed(float(values.sum()), decimals=2)}{' in sum' * (values.size > 1)}"
            for side, values in zip(answer.sides, result.maps, strict=True)
        ]
    percentile = 99.5 if method.grid is Grid.PIXEL else 100  # cells are compared: none is clipped
    return evidence_figure(
        seen,
        on_levels(result.maps, answer.sides, strides=result.strides),
        labels=labels,
        range_=shared_range(result.maps, percentile=percentile, is_signed=result.is_signed),
        title=f"{title}. {result.note}" if result.note else title,
        units=unit_of(method),
        image_label="the field of view",
    )


def unit_of(method: Method) -> str:
    """What the numbers of a method's maps are, in words."""
    match method:
        case Method(grid=Grid.SCALE):
            return "log-probability per scale"
        case Method(is_complete=True):
            return f"logits per {method.grid.value}"
        case _:
            return f"in the method's own unit, per {method.grid.value}"


def on_levels(
    maps: Sequence[np.ndarray], sides: Sequence[int], *, strides: Sequence[int]
) -> list[tuple[int, np.ndarray]]:
    """Side, and each map on its level with every cell at the centre of its receptive field."""
    return [(side, on_level(*one, side=side)) for side, *one in zip(sides, maps, strides, strict=True)]


def on_level(values: np.ndarray, stride: int, *, side: int) -> np.ndarray:
    """``(h, w)`` values centred on ``stride · i + 0.5`` as ``(side, side)``."""
    rows, columns = ([stride * i + 0.5 for i in range(count)] for count in values.shape)
    return cells_on_grid(values, rows, columns, side)


def ledger_picture(answer: Answer) -> Image.Image:
    """What each scale adds: to the top-k and the target, class-centred; or to A rather than B."""
    target = answer.target
    if target.against is not None:
        targets, note = [target], "logits of A minus logits of B, for every scale and the bias"
    else:
        indices = dict.fromkeys([*(entry.index for entry in answer.top_k), target.index])
        targets = [Target(index) for index in indices]
        note = "logits, class-centred: minus the mean over all classes, for every scale and the bias"
    return ledger_figure(
        [ledger_row(answer, answer.ledger.read(one)) for one in targets],
        scale_labels=[f"{side} px" for side in answer.sides],
        title=f"What each scale adds, {how_read(target)}",
        note=f"{note}; each bar starts where the one above it ends",
    )


def ledger_row(answer: Answer, reading: Reading) -> LedgerRow:
    """A reading as bars."""
    target = reading.target
    label = answer.ledger.classes[target.index] if target.against is None else target_name(answer)
    return LedgerRow(label, reading.contributions, reading.bias, reading.total)


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
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"training needs {error.name}, which is not installed; run: pip install 'msresnet[train]'"
        ) from error

    recipe = read_recipe(options.recipe, training.RECIPES)
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


def read_recipe(name: str, recipes: "Mapping[str, Recipe]") -> "Recipe":
    """A listed recipe, or the one of a JSON file; what the file leaves out is as in ``tiny-imagenet``.

    Raises:
        UnknownNameError: neither a recipe nor a file.
        ConfigError: not JSON, an unknown field, or a value of the wrong kind.
    """
    if name in recipes:
        return recipes[name]
    path = Path(name)
    if not path.is_file():
        raise UnknownNameError("recipe or file", name, recipes)
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ConfigError(f"a recipe must be a JSON file, and {name} is none: {error}") from error
    return filled(recipes["tiny-imagenet"], kept, where="recipe")


def filled(default: Any, kept: Any, *, where: str) -> Any:
    """What a JSON value means where ``default`` stands; of a dataclass only the fields that it names change.

    Raises:
        UnknownNameError: no such field or choice.
        ConfigError: a value of another kind than the default's.
    """
    is_number = isinstance(kept, int | float) and not isinstance(kept, bool)
    if is_dataclass(default) and isinstance(kept, dict):
        known = [field.name for field in fields(default)]
        for name in kept:
            if name not in known:
                raise UnknownNameError(f"field of the {where}", name, known)
        changes = {name: filled(getattr(default, name), value, where=name) for name, value in kept.items()}
        return replace(default, **changes)
    if isinstance(default, Enum) and isinstance(kept, str):
        choices = {choice.value: choice for choice in type(default)}
        if kept not in choices:
            raise UnknownNameError(where, kept, choices)
        return choices[kept]
    if isinstance(default, tuple) and isinstance(kept, list):
        return tuple(filled(default[0], value, where=where) for value in kept)
    if isinstance(default, float) and is_number:
        return float(kept)
    if type(kept) is type(default):
        return kept
    kinds = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", tuple: "a list"}
    kind = "a name" if isinstance(default, Enum) else kinds.get(type(default), "an object of fields")
    raise ConfigError(f"{where} must be {kind}, got {json.dumps(kept)}")


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
