"""The command ``probe``: a picture zoomed, a scale switched off, two pictures compared."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from .arguments import add_model_arguments, comma_separated, load, positive
from .canvas import Canvas
from .command import Command
from .errors import ConfigError
from .files import make_folder, write_whole
from .ledger import Target
from .probe_files import File, pair_files, switches_files, zoom_files
from .probes import Switches
from .session import Session
from .terminal import progress


def add_probe_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="a picture file")
    add_model_arguments(parser)
    parser.add_argument("--target", metavar="CLASS", help="the class, by label or number (default: the most probable)")
    parser.add_argument(
        "--against", metavar="CLASS", help="another class to compare it with (default: the average class)"
    )
    parser.add_argument(
        "--zoom", action="store_true", help="ask at zooms from 1/4 to 2, and find where the answer flips"
    )
    parser.add_argument(
        "--canvas",
        choices=[canvas.value for canvas in Canvas],
        default=Canvas.GREY.value,
        help="what lies around a picture that is farther away (default: %(default)s)",
    )
    parser.add_argument(
        "--off",
        metavar="SIDE,...",
        type=sides,
        default=(),
        help="switch these scales off, and recompute without them too",
    )
    parser.add_argument(
        "--gain",
        metavar="SIDE=GAIN",
        type=side_and_gain,
        action="append",
        default=[],
        help="multiply a scale's votes by 0 to 2",
    )
    parser.add_argument("--compare", metavar="OTHER", help="a second picture, for the difference of the ledgers")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where the files go")


def probe_image(options: argparse.Namespace) -> int:
    """Ask one picture all that was asked for, and write what it says."""
    has_switches = bool(options.off or options.gain)
    if not (options.zoom or has_switches or options.compare):
        raise ConfigError("a probe needs something to ask, got nothing; add --zoom, --off, --gain or --compare")
    model = load(options)
    switches = switches_of(options, model.sides) if has_switches else None
    session = Session(model, options.image)
    target = session.target(options.target, options.against)
    make_folder(options.out)
    names = []
    for name, content in probe_files(session, target, options, switches):
        write_whole(options.out / name, content)
        names.append(name)
    print(f"{options.image}: {model.classes[target.index]}; {', '.join(names)} in {options.out}", flush=True)
    return 0


def probe_files(
    session: Session, target: Target, options: argparse.Namespace, switches: Switches | None
) -> Iterator[File]:
    """The files of every probe that was asked for."""
    if options.zoom:
        with progress(f"{Path(options.image).name}, zoom") as on_progress:
            response = session.zoom_response(target, canvas=options.canvas, on_progress=on_progress)
        yield from zoom_files(response, session.answer(target))
    if switches is not None:
        yield from switches_files(session.answer(target, switches=switches), session.recomputed(switches))
    if options.compare:
        other = Session(session.model, options.compare)
        yield from pair_files(session.compare(other, target), (session, other))


def switches_of(options: argparse.Namespace, model_sides: tuple[int, ...]) -> Switches:
    """The position of the switches; raises ``ConfigError`` for a side that the model does not have."""
    gains = dict(options.gain)
    for side in (*options.off, *gains):
        if side not in model_sides:
            raise ConfigError(f"a scale must be one of {', '.join(map(str, model_sides))} px, got {side}")
    return Switches(
        tuple(side not in options.off for side in model_sides), tuple(gains.get(side, 1.0) for side in model_sides)
    )


def sides(text: str) -> tuple[int, ...]:
    """``48,64`` as sides in px."""
    return tuple(positive(one) for one in comma_separated(text))


def side_and_gain(text: str) -> tuple[int, float]:
    """``48=1.5`` as a side in px and a gain."""
    side, _, gain = text.partition("=")
    try:
        return positive(side), float(gain)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be SIDE=GAIN, as in 48=1.5, got {text!r}") from error


PROBE = Command("probe", "zoom a picture, switch scales off, compare two pictures", add_probe_arguments, probe_image)
