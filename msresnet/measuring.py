"""The commands that measure a model on labelled pictures: ``evaluate``, ``zoom``, ``calibrate``."""

import argparse
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

from .arguments import add_data_arguments, add_model_arguments, add_part_argument, load, not_negative, positive
from .calibration import read_calibration, save_calibration
from .canvas import Canvas
from .checkpoint import load_model
from .command import Command
from .data import Split, find_mnist, find_split
from .errors import ConfigError
from .files import make_folder, write_numbers, write_whole
from .renderings import ZOOMS
from .terminal import progress

OWN_GATE = "own"
CALIBRATED_AT = (1.0,)  # zooms, where no other is asked for
CANVASES = {**{one.value: (one,) for one in Canvas}, "both": tuple(Canvas)}


# evaluate --------------------------------------------------------------------------------------------


def add_evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_arguments(parser)
    add_pictures_arguments(parser)
    add_report_arguments(parser)
    add_batch_argument(parser, of="pictures")


def evaluate_model(options: argparse.Namespace) -> int:
    """Measure a model on the ``val`` split of a folder and print a table."""
    from .evaluation import evaluate

    split = chosen(options)
    model = load(options)
    with progress("evaluating") as on_progress:
        report = evaluate(model, split, batch_size=options.batch_size, workers=options.workers, on_progress=on_progress)
    print(report.to_markdown())
    if options.json is not None:
        write_numbers(report.to_dict(), options.json)
    if options.out is not None:
        from .charts import report_charts

        write_report(options.out, report.to_dict(), report_charts(report), report.document)
    return 0


# zoom ------------------------------------------------------------------------------------------------


def add_zoom_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_arguments(parser)
    add_pictures_arguments(parser)
    add_rendering_arguments(parser, zooms=ZOOMS)
    parser.add_argument(
        "--plain",
        metavar="CHECKPOINT",
        help="another model of the same classes to stand beside, such as one level trained for the same compute",
    )
    add_report_arguments(parser)


def sweep_zooms(options: argparse.Namespace) -> int:
    """Measure a model over object zooms and print tables."""
    from .sweep import sweep

    split = chosen(options)
    model = load(options)
    plain = None if options.plain is None else load_model(options.plain, device=options.device)
    with progress("zooming") as on_progress:
        found = sweep(
            model,
            split,
            zooms=options.zooms,
            canvases=CANVASES[options.canvas],
            plain=plain,
            store=options.store,
            is_half=options.bf16,
            batch_size=options.batch_size,
            workers=options.workers,
            on_progress=on_progress,
        )
    print(found.to_markdown())
    if options.json is not None:
        write_numbers(found.to_dict(), options.json)
    if options.out is not None:
        from .charts import sweep_charts

        write_report(options.out, found.to_dict(), sweep_charts(found), found.document)
    return 0


# calibrate -------------------------------------------------------------------------------------------


def add_calibrate_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_arguments(parser, has_calibration=False)
    add_pictures_arguments(parser)
    add_rendering_arguments(parser, zooms=CALIBRATED_AT)
    parser.add_argument(
        "--temperature-zoom",
        metavar="A",
        type=float,
        help="the one of the zooms at which probabilities are to be calibrated (default: all, together)",
    )
    parser.add_argument(
        "--gate",
        metavar="own|FILE",
        help="keep the model's own gate, or that of an earlier calibration: only the temperature for all is fitted, by "
        "all pictures, on grey and at --temperature-zoom (default: 1)",
    )
    parser.add_argument(
        "--drawn",
        metavar="N",
        type=positive,
        help="show each picture at N of the zooms and canvases, drawn by its pixels, and not at all of them",
    )
    parser.add_argument("--seed", metavar="N", type=not_negative, default=0, help="of the fit (default: %(default)s)")
    parser.add_argument("--out", metavar="FILE", type=Path, required=True, help="where the calibration goes")


def calibrate_model(options: argparse.Namespace) -> int:
    """Fit a model's gate and temperatures to labelled pictures and save them for these very weights."""
    from .gate_fit import fit_gate
    from .temperature_fit import fit_temperature, own_gate

    has_splits = (options.data / "train").is_dir() or find_mnist(options.data, "train")
    if has_splits and options.held_out is None:
        raise ConfigError(
            f"{options.data} has pictures that trained the model and pictures that will judge it, and a calibration "
            "needs others; say by --held-out how many of each class training held out, or name another folder"
        )
    of_the_gate = options.zooms != CALIBRATED_AT or options.canvas != "both" or options.drawn or options.seed
    if options.gate is not None and of_the_gate:
        raise ConfigError("with --gate only the temperature is fitted; leave out --zooms, --canvas, --drawn and --seed")
    split = chosen(options)
    model = load(options)
    make_folder(options.out.parent)
    with progress("calibrating") as on_progress:
        how = {
            "name": options.data.resolve().name,
            "store": options.store,
            "is_half": options.bf16,
            "batch_size": options.batch_size,
            "workers": options.workers,
            "on_progress": on_progress,
        }
        if options.gate is not None:
            earlier = own_gate(model) if options.gate == OWN_GATE else read_calibration(options.gate)
            calibration = fit_temperature(
                model,
                split,
                earlier,
                zoom=options.temperature_zoom if options.temperature_zoom is not None else 1.0,
                **how,
            )
        else:
            calibration = fit_gate(
                model,
                split,
                zooms=options.zooms,
                canvases=CANVASES[options.canvas],
                temperature_zoom=options.temperature_zoom,
                drawn=options.drawn,
                seed=options.seed,
                **how,
            )
    save_calibration(calibration, options.out)
    print(calibration.to_markdown())
    print(f"\nThe calibration is in {options.out}; try: msresnet evaluate --calibration {options.out}")
    return 0


# What they share -------------------------------------------------------------------------------------


def add_pictures_arguments(parser: argparse.ArgumentParser) -> None:
    """Which pictures of which folder."""
    add_data_arguments(parser, workers=0)  # batches of large levels overfill a container's shared memory
    add_part_argument(parser)
    parser.add_argument(
        "--held-out",
        metavar="N",
        type=positive,
        help="the last N pictures of each class of train/, which training by a recipe holds out, and not val/",
    )


def add_rendering_arguments(parser: argparse.ArgumentParser, *, zooms: tuple[float, ...]) -> None:
    """At which zooms, and how their votes are made."""
    parser.add_argument(
        "--zooms",
        metavar="A,B",
        type=zoom_list,
        default=zooms,
        help="side of the picture over the canvas's, such as 1/4,1,2; all are seven half octaves from 1/4 to 2 "
        f"(default: {', '.join(f'{zoom:.3g}' for zoom in zooms)})",
    )
    parser.add_argument(
        "--canvas",
        choices=CANVASES,
        default="both",
        help="what surrounds a picture below zoom 1: the mean grey, or the picture mirrored (default: %(default)s)",
    )
    parser.add_argument(
        "--store",
        metavar="DIR",
        type=Path,
        help="keep every cell's votes there in half precision; a run with the same weights goes on from them",
    )
    parser.add_argument(
        "--bf16",
        action="store_true",
        help="run the trunk in bfloat16: nearly the same, and faster on most GPUs and on Intel's processors with AMX",
    )
    add_batch_argument(parser, of="renderings")


def add_batch_argument(parser: argparse.ArgumentParser, *, of: str) -> None:
    """How much goes through the model at once."""
    parser.add_argument(
        "--batch-size",
        metavar="N",
        type=positive,
        help=f"{of} at a time; changes the speed, not the numbers (default: what is quickest for the levels)",
    )


def chosen(options: argparse.Namespace) -> Split:
    """The pictures of the options."""
    if options.held_out is None:
        split = find_split(options.data, "val")
    else:
        split = find_split(options.data, "train").hold_out(options.held_out)[1]
    return split.part(*options.part)


def zoom_list(text: str) -> tuple[float, ...]:
    """``1/4,1,2`` as ascending numbers, each once; ``all`` are the sweep's seven."""
    if text == "all":
        return ZOOMS
    try:
        zooms = {float(Fraction(one.strip())) for one in text.split(",")}
    except (ValueError, ZeroDivisionError):
        zooms = {0.0}
    if not all(math.isfinite(zoom) and zoom > 0 for zoom in zooms):
        raise argparse.ArgumentTypeError(f"must be numbers above 0 with commas between, such as 1/4,1,2, got {text!r}")
    return tuple(sorted(zooms))


def add_report_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the numbers go besides the terminal."""
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the numbers there too")
    parser.add_argument("--out", metavar="DIR", type=Path, help="write report.md, report.json and charts there")


def write_report(
    folder: Path,
    numbers: dict,
    charts: dict[str, tuple[str, bytes]],
    document: Callable[[Sequence[tuple[str, str]]], str],
) -> None:
    """A report as a folder: ``report.json``, charts, and ``report.md``, which shows them."""
    write_numbers(numbers, folder / "report.json")
    for name, (_, content) in charts.items():
        write_whole(folder / name, content)
    text = document([(caption, name) for name, (caption, _) in charts.items()])
    write_whole(folder / "report.md", text.encode())


COMMANDS = (
    Command("evaluate", "measure a model on labelled pictures", add_evaluate_arguments, evaluate_model),
    Command("zoom", "measure a model when things are nearer or farther", add_zoom_arguments, sweep_zooms),
    Command("calibrate", "fit a model's gate and temperatures", add_calibrate_arguments, calibrate_model),
)
