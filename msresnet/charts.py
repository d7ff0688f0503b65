"""Numbers of an evaluation or a sweep to charts, PNG each; knows no model."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .colour import scale_colour
from .report import ClassAccuracy, Confusion, ReliabilityBin, Report, ScaleAccuracy, per_cent
from .sheet import HAIRLINE, INK, QUIET, TEXT_PT, TITLE_PT
from .sweep import MEAN, VOTE, CanvasSweep, Sweep

DPI = 150
MAX_BARS = 40  # of classes with a name each; beyond it the best and the worst are named
NAMED_AT_EACH_END = 15
BAR_HEIGHT = 0.2  # inches
VOTE_COLOUR = INK


def report_charts(report: Report) -> dict[str, tuple[str, bytes]]:
    """The charts of a report: file name to caption and PNG."""
    charts = {
        "reliability.png": (
            "Reliability: how often answers of a probability are right",
            reliability_chart(report.reliability, report.calibration_error),
        ),
        "scales.png": ("Top-1 and top-5 of the vote and of each scale alone", scales_chart(report)),
        "classes.png": ("F1 of each class", classes_chart(report.per_class)),
    }
    if report.confusions:
        charts["confusions.png"] = ("Most frequent confusions", confusions_chart(report.confusions))
    return charts


def sweep_charts(sweep: Sweep) -> dict[str, tuple[str, bytes]]:
    """The charts of a sweep: file name to caption and PNG."""
    return {
        f"zoom-{one.canvas}.png": (f"Top-1 over the object's zoom, {one.canvas} canvas", sweep_chart(sweep.zooms, one))
        for one in sweep.canvases
    }


def sweep_chart(zooms: Sequence[float], one: CanvasSweep) -> bytes:
    """Accuracy over log zoom; the vote with its 95 % interval."""
    figure = new_figure(6.4, 4.0)
    axes = figure.subplots()
    alone = [curve.name for curve in one.curves if curve.name.endswith("alone")]
    for curve in one.curves:
        line = {"color": QUIET, "linestyle": "--" if curve.name == MEAN else ":"}
        if curve.name == VOTE:
            line = {"color": VOTE_COLOUR, "linewidth": 2.5}
            low, high = ([100 * getattr(share, end) for share in curve.accuracy] for end in ("low", "high"))
            axes.fill_between(zooms, low, high, color=VOTE_COLOUR, alpha=0.12, linewidth=0)
        elif curve.name in alone:
            line = {"color": scale_colour(alone.index(curve.name), len(alone))}
        label = f"{curve.name}: {100 * curve.mean.value:.1f} %"
        axes.plot(zooms, [100 * share.value for share in curve.accuracy], marker="o", markersize=3, label=label, **line)
    axes.set_xscale("log", base=2)
    axes.set_xticks(zooms, [f"{zoom:.2g}" for zoom in zooms])
    axes.minorticks_off()
    axes.set(xlabel="zoom of the object", ylabel="top-1, %", ylim=(0, None))
    title(axes, f"{one.canvas.capitalize()} canvas; mean over the zooms beside each name")
    axes.legend(frameon=False, fontsize=TEXT_PT)
    dress(axes)
    return png(figure)


def reliability_chart(bins: Sequence[ReliabilityBin], calibration_error: float) -> bytes:
    """Accuracy over confidence, a bar a bin, and below it how many answers each bin has."""
    figure = new_figure(5.0, 5.4)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    low, width = np.array([one.low for one in bins]), np.array([one.high - one.low for one in bins])
    counts = np.array([one.count for one in bins])
    upper.bar(low, [one.accuracy for one in bins], width, align="edge", color="#8fb8de", edgecolor="white")
    has_some = counts > 0
    confidence, accuracy = (np.array([getattr(one, name) for one in bins])[has_some] for name in CONFIDENCE_AXES)
    upper.plot(confidence, accuracy, "o", color=INK, markersize=4, label="mean probability and accuracy of a bin")
    upper.plot([0, 1], [0, 1], "--", color=QUIET, linewidth=1, label="a perfectly calibrated model")
    upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    title(upper, f"Reliability: expected calibration error {per_cent(calibration_error)}")
    upper.legend(frameon=False, fontsize=TEXT_PT, loc="upper left")
    lower.bar(low, counts, width, align="edge", color="#c9c9c9", edgecolor="white")
    lower.set(xlabel="probability of the answer", ylabel="pictures")
    for axes in (upper, lower):
        dress(axes)
    return png(figure)


CONFIDENCE_AXES = ("confidence", "accuracy")


def scales_chart(report: Report) -> bytes:
    """Top-1, and top-5 behind it, of the vote and of each scale alone."""
    figure = new_figure(1.6 + 0.9 * (1 + len(report.scales)), 3.4)
    axes = figure.subplots()
    rows: list[Report | ScaleAccuracy] = [report, *report.scales]
    colours = [VOTE_COLOUR, *(scale_colour(i, len(report.scales)) for i in range(len(report.scales)))]
    places = range(len(rows))
    axes.bar(places, [100 * one.top5 for one in rows], color=colours, alpha=0.3, width=0.7)
    bars = axes.bar(places, [100 * one.top1 for one in rows], color=colours, width=0.7)
    axes.bar_label(bars, [f"{100 * one.top1:.1f}" for one in rows], fontsize=TEXT_PT, padding=2)
    axes.set_xticks(places, ["vote", *(f"{one.side} px" for one in report.scales)])
    axes.set(ylabel="% of the pictures", ylim=(0, 105))
    title(axes, "Top-1, and top-5 in pale")
    dress(axes)
    return png(figure)


def classes_chart(classes: Sequence[ClassAccuracy]) -> bytes:
    """F1 of each class from the best; of many classes the ends are named and the whole is a profile."""
    ordered = sorted(classes, key=lambda one: -one.f1)
    if len(ordered) <= MAX_BARS:
        figure = new_figure(6.0, 1.0 + BAR_HEIGHT * len(ordered))
        bars(figure.subplots(), [(one.label, 100 * one.f1) for one in ordered], "F1 of each class, %")
        return png(figure)
    figure = new_figure(10.0, 1.2 + 2 * BAR_HEIGHT * NAMED_AT_EACH_END)
    profile, named = figure.subplots(1, 2)
    profile.fill_between(np.arange(len(ordered)), [100 * one.f1 for one in ordered], step="mid", color="#8fb8de")
    profile.set(xlabel="classes, from the best", ylabel="F1, %", ylim=(0, 100), xlim=(0, len(ordered) - 1))
    title(profile, f"F1 of {len(ordered)} classes")
    dress(profile)
    ends = [*ordered[:NAMED_AT_EACH_END], *ordered[-NAMED_AT_EACH_END:]]
    bars(named, [(one.label, 100 * one.f1) for one in ends], f"The {NAMED_AT_EACH_END} best and worst, F1 in %")
    named.axhline(NAMED_AT_EACH_END - 0.5, color=QUIET, linewidth=0.8)
    return png(figure)


def confusions_chart(confusions: Sequence[Confusion]) -> bytes:
    """How many pictures of a class were taken for another."""
    figure = new_figure(7.0, 1.0 + BAR_HEIGHT * len(confusions))
    rows = [(f"{one.label} → {one.named}", one.count) for one in confusions]
    bars(figure.subplots(), rows, "Pictures of a class → taken for")
    return png(figure)


def bars(axes: Axes, rows: Sequence[tuple[str, float]], heading: str) -> None:
    """Horizontal bars with a name each, the first on top."""
    places = range(len(rows))
    axes.barh(places, [value for _, value in rows], color="#8fb8de", height=0.75)
    axes.set_yticks(places, [shortened(label) for label, _ in rows], parse_math=False)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    title(axes, heading)
    dress(axes)


def shortened(label: str, *, length: int = 44) -> str:
    """A label that fits beside a bar."""
    return label if len(label) <= length else label[: length - 1] + "…"


def new_figure(width: float, height: float) -> Figure:
    """A white figure in inches, laid out by what is on it."""
    figure = Figure(figsize=(width, height), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def title(axes: Axes, text: str) -> None:
    """A heading at the left."""
    axes.set_title(text, loc="left", fontsize=TITLE_PT, color=INK)


def dress(axes: Axes) -> None:
    """The style that all charts share."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(HAIRLINE)
    axes.tick_params(labelsize=TEXT_PT, color=HAIRLINE, labelcolor=INK)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(fontsize=TEXT_PT, color=QUIET)


def png(figure: Figure) -> bytes:
    """The figure as the content of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=DPI, format="png")
    return buffer.getvalue()
