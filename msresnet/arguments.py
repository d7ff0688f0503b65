"""What the options of several commands hold: numbers, names, a model, a folder of pictures."""

import argparse
from pathlib import Path

from .checkpoint import load_model
from .identity import identify
from .model import MultiscaleResNet
from .terminal import complain, progress

DEFAULT_MODEL = "msresnet18-tiny"


def add_model_arguments(parser: argparse.ArgumentParser, *, has_calibration: bool = True) -> None:
    """Which model, calibrated by what, and where it runs."""
    parser.add_argument(
        "--model",
        metavar="NAME",
        default=DEFAULT_MODEL,
        help="a name that 'models' lists, a path, or a repository of the Hub (default: %(default)s)",
    )
    parser.add_argument(
        "--sides",
        metavar="A,B",
        type=whole_numbers,
        help="side of each level in px, for weights of one scale that are lifted (default: 160,224,320,448)",
    )
    parser.add_argument("--device", default="auto", help="cuda, mps or cpu (default: the first of these that is there)")
    if not has_calibration:
        parser.set_defaults(calibration="none")
        return
    parser.add_argument(
        "--calibration",
        metavar="FILE",
        default="auto",
        help="what 'calibrate' wrote for these weights; 'none' leaves out the one that lies beside them",
    )


def load(options: argparse.Namespace) -> MultiscaleResNet:
    """The model of the options; says where nobody vouches for it, and on a terminal how far a download is."""
    with progress(f"fetching {options.model}") as on_progress:
        model = load_model(
            options.model,
            device=options.device,
            sides=options.sides,
            calibration=None if options.calibration == "none" else options.calibration,
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


def whole_numbers(text: str) -> tuple[int, ...]:
    """``160,224`` as (160, 224)."""
    return tuple(map(positive, text.split(",")))


def whole(text: str, *, at_least: int) -> int:
    """A whole number; argparse tells the sentence and exits with 2."""
    if not text.isdecimal() or int(text) < at_least:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least {at_least}, got {text!r}")
    return int(text)


def add_part_argument(parser: argparse.ArgumentParser) -> None:
    """``--part``: only some of the pictures."""
    parser.add_argument(
        "--part",
        metavar="I/N",
        type=part,
        default=(1, 1),
        help="only every N-th picture in the order of classes and names, from the I-th on: 1/2 and 2/2 are halves",
    )


def part(text: str) -> tuple[int, int]:
    """``1/2`` as (1, 2)."""
    one, _, of = text.partition("/")
    if not (one.isdecimal() and of.isdecimal() and 1 <= int(one) <= int(of)):
        raise argparse.ArgumentTypeError(f"must be I/N with I from 1 to N, such as 1/2, got {text!r}")
    return int(one), int(of)
