"""``occlude`` and ``point``: a part of one picture, on the command line."""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .arguments import add_model_arguments, load, not_negative, positive
from .colour import format_signed
from .command import Command
from .files import make_folder, write_numbers, write_whole
from .images import read_image
from .ledger import Target
from .pictures import to_png_bytes
from .probes import CellReading, Fill, Mask, Occluded
from .session import Session
from .terminal import table

DECIMALS = 3


def add_target_arguments(parser: argparse.ArgumentParser) -> None:
    """Of which picture, and for which class."""
    parser.add_argument("image", metavar="IMAGE", help="a picture file")
    add_model_arguments(parser)
    parser.add_argument(
        "--target", metavar="CLASS", help="the class to explain, by label or number (default: the most probable)"
    )
    parser.add_argument(
        "--against", metavar="CLASS", help="explain why the target rather than this class (default: the average class)"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the numbers there too")


def add_occlude_arguments(parser: argparse.ArgumentParser) -> None:
    add_target_arguments(parser)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--mask", metavar="FILE", help="a picture over the whole IMAGE: white is covered, black is not")
    where.add_argument("--box", metavar="L,T,R,B", type=numbers(4), help="a rectangle in pixels of the upright picture")
    fills = ", ".join(fill.value for fill in Fill)
    parser.add_argument("--fill", default=Fill.BLUR.value, help=f"what covers it: {fills} (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep that part, and cover all else")
    parser.add_argument("--seed", metavar="N", type=not_negative, default=0, help="of the noise (default: %(default)s)")
    parser.add_argument(
        "--top-k", metavar="K", type=positive, default=5, help="how many classes to list (default: %(default)s)"
    )
    parser.add_argument("--picture", metavar="FILE", type=Path, help="write what the model was then given, as PNG")


def occlude(options: argparse.Namespace) -> int:
    """Cover a part of a picture, or all else, and print the change per class and per scale."""
    fill = Fill.find(options.fill)
    mask_picture = None if options.mask is None else read_image(options.mask)
    session = Session(load(options), options.image)
    target = session.target(options.target, options.against)
    size = (session.image.width, session.image.height)
    mask = Mask.rectangle(options.box, size) if mask_picture is None else Mask.of_picture(mask_picture, size)
    result = session.occluded(mask, fill=fill, is_kept=options.keep, seed=options.seed)
    print(occlusion_table(result, target, session.model.sides, top_k=options.top_k))
    if options.picture is not None:
        make_folder(options.picture.parent)
        write_whole(options.picture, to_png_bytes(result.view))
    if options.json is not None:
        write_numbers(result.to_dict(target, top_k=options.top_k), options.json)
    return 0


def occlusion_table(result: Occluded, target: Target, sides: tuple[int, ...], *, top_k: int) -> str:
    """Before and after: probabilities of classes, and logits of the target's scales."""
    rows = [(f"{100 * result.covered_share:.1f} % covered by {result.fill.value}", "before", "after", "change")]
    for one in result.classes(top_k):
        before, after = one.probabilities
        change = format_signed(100 * (after - before))
        rows.append((one.label, f"{100 * before:.1f} %", f"{100 * after:.1f} %", f"{change} points"))
    before, after = result.before.read(target), result.after.read(target)
    names = [*(f"{side} px" for side in sides), "bias", "total"]
    columns = [(*reading.contributions, reading.bias, reading.total) for reading in (before, after)]
    label = result.before.classes[target.index]
    against = "" if target.against is None else f" rather than {result.before.classes[target.against]}"
    rows.append((f"logits of {label}{against}", "", "", ""))
    rows += [
        (name, *(format_signed(value, decimals=DECIMALS) for value in (old, new, new - old)))
        for name, old, new in zip(names, *columns, strict=True)
    ]
    return table(rows)


def add_point_arguments(parser: argparse.ArgumentParser) -> None:
    add_target_arguments(parser)
    parser.add_argument(
        "--at", metavar="X,Y", type=numbers(2), required=True, help="the point in pixels of the upright picture"
    )
    parser.add_argument(
        "--channels", metavar="N", type=positive, default=3, help="of each stage and scale (default: %(default)s)"
    )
    parser.add_argument("--effective", action="store_true", help="also the effective receptive fields")


def point(options: argparse.Namespace) -> int:
    """Print what each stage and scale can see at a point, what fires there, and what that adds."""
    session = Session(load(options), options.image)
    target = session.target(options.target, options.against)
    reading = session.point(*options.at, target, count=options.channels, has_influence=options.effective)
    rows = [("stage", "level", "receptive field, px", "effective, px", "firing", "logits", "channels")]
    rows += [cell_row(cell) for cells in reading.cells for cell in cells]
    print(table(rows))
    print("Logits are exact in stage 4, and true to first order before it.")
    if options.json is not None:
        write_numbers(reading.to_dict(), options.json)
    return 0


def cell_row(cell: CellReading) -> tuple[str, ...]:
    """One cell: boxes in px of the upright picture, and its strongest channels."""
    channels = ", ".join(
        f"{channel} ({format_signed(amount, decimals=DECIMALS)})"
        for channel, amount in zip(cell.channels, cell.contributions, strict=True)
    )
    return (
        str(cell.stage + 1),
        f"{cell.side} px",
        box_words(cell.upload_box),
        "" if cell.influence is None else box_words(cell.influence.upload_box),
        f"{cell.firing_count} of {cell.channel_count}",
        format_signed(cell.total, decimals=DECIMALS),
        channels,
    )


def box_words(box: tuple[float, ...]) -> str:
    """A box as people read it."""
    left, top, right, bottom = np.rint(box).astype(int)
    return f"{left} to {right}, {top} to {bottom}"


def numbers(count: int) -> Callable[[str], tuple[float, ...]]:
    """What reads so many numbers, separated by commas."""

    def read(text: str) -> tuple[float, ...]:
        try:
            found = tuple(float(part) for part in text.split(","))
        except ValueError:
            found = ()
        if len(found) != count:
            raise argparse.ArgumentTypeError(f"must be {count} numbers separated by commas, got {text!r}")
        return found

    return read


COMMANDS = (
    Command("occlude", "say what changes when a part of a picture is covered", add_occlude_arguments, occlude),
    Command("point", "say what is seen at one point of a picture, and what it adds", add_point_arguments, point),
)
