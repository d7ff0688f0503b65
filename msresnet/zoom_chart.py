"""A zoom response as one SVG picture, for the page and for a file alike.

From top to bottom: which class is the answer at each zoom, the probability of the target's
class, each scale's share of what speaks for it. The zoom runs from left to right, an octave
as wide as the next. Colours and type are the page's where it shows the picture, and those of
its light theme where a file stands alone.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from .colour import scale_colour
from .probes import ZoomPoint, ZoomResponse

INK, SOFT = "var(--ms-ink, #1c1917)", "var(--ms-soft, #57534e)"
LINE, TRACK, CARD = "var(--ms-line, #e4e0da)", "var(--ms-track, #f0ede8)", "var(--ms-card, #ffffff)"

LEFT, RIGHT = 46, 14  # of the plots, in px of the picture
RIBBON, PLOT, SHARES, GAP = 24, 132, 104, 26
TYPE_PX = 13
CHARACTER_PX = 7.2  # of the type, on average: what a name is cut by

FRACTIONS = {0.25: "¼", 0.5: "½", 0.75: "¾"}


@dataclass(frozen=True)
class Labels:
    """What is written in the chart.

    Attributes:
        answer, probability, shares: the titles of its parts.
        summary: the whole chart in words.
        percent: a share in words.
        scales: what each scale is called.
    """

    answer: str
    probability: str
    shares: str
    summary: str
    percent: Callable[[float], str]
    scales: tuple[str, ...]


def zoom_chart(response: ZoomResponse, *, classes: Sequence[str], labels: Labels, width: int = 720) -> str:
    """The chart as an ``<svg>`` element of ``width`` px, to be shown at its own size.

    Args:
        response: what is drawn.
        classes: the model's labels.
        labels: what is written.
        width: at least 300.
    """
    across = Axis(response.points[0].zoom, response.points[-1].zoom, width)
    top = TYPE_PX + 8
    probability = top + RIBBON + GAP
    shares = probability + PLOT + GAP
    floor = shares + SHARES
    parts = [
        title(labels.answer, top),
        *ribbon(response, across, top, classes),
        title(labels.probability, probability),
        *grid(across, probability, PLOT, labels.percent),
        *curves(response, across, probability, labels),
        title(labels.shares, shares),
        *areas(response, across, shares, labels),
        *grid(across, shares, SHARES, labels.percent),
        *flip_lines(response, across, (probability, PLOT), (shares, SHARES)),
        *zoom_axis(across, floor),
        *legend(labels.scales, floor + 38),
    ]
    height = floor + 46
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(labels.summary)}" font-family="system-ui, sans-serif" '
        f'font-size="{TYPE_PX}">{"".join(parts)}</svg>'
    )


@dataclass(frozen=True)
class Axis:
    """Zooms from left to right, in octaves."""

    low: float
    high: float
    width: int

    def __call__(self, zoom: float) -> float:
        """Where a zoom is, in px."""
        share = math.log2(zoom / self.low) / math.log2(self.high / self.low)
        return LEFT + share * (self.width - LEFT - RIGHT)


def ribbon(response: ZoomResponse, across: Axis, top: float, classes: Sequence[str]) -> list[str]:
    """The answer at each zoom, named where there is room; the target's class is dark."""
    edges = [response.points[0].zoom, *(flip.zoom for flip in response.flips), response.points[-1].zoom]
    answers = [response.points[0].top, *(flip.above.top for flip in response.flips)]
    parts = []
    for (start, stop), answer in zip(pairwise(edges), answers, strict=True):
        left, right = across(start), across(stop)
        is_target = answer == response.target.index
        name = escape(classes[answer])
        shown = cut(classes[answer], right - left - 10)
        parts.append(
            f'<g data-answer="{answer}"><title>{name}, {zoom_text(start)} – {zoom_text(stop)}</title>'
            f'<rect x="{left:.1f}" y="{top}" width="{max(right - left - 1, 0.5):.1f}" height="{RIBBON}" rx="3" '
            f'fill="{INK if is_target else TRACK}" stroke="{LINE}"/>'
            f'<text x="{(left + right) / 2:.1f}" y="{top + RIBBON / 2 + TYPE_PX * 0.36:.1f}" text-anchor="middle" '
            f'fill="{CARD if is_target else INK}">{escape(shown)}</text></g>'
        )
    return parts


def curves(response: ZoomResponse, across: Axis, top: float, labels: Labels) -> list[str]:
    """The probability of the class, and dashed that of the one it is compared with."""

    def path(values: Sequence[float]) -> str:
        places = zip(response.points, values, strict=True)
        return " ".join(f"{across(point.zoom):.1f},{top + PLOT * (1 - value):.1f}" for point, value in places)

    own = [point.probability for point in response.points]
    parts = [f'<polyline points="{path(own)}" fill="none" stroke="{INK}" stroke-width="2" stroke-linejoin="round"/>']
    if response.target.against is not None:
        other = [point.against_probability or 0.0 for point in response.points]
        parts.append(
            f'<polyline points="{path(other)}" fill="none" stroke="{SOFT}" stroke-width="1.5" '
            'stroke-dasharray="5 4" stroke-linejoin="round"/>'
        )
    for point in response.points:
        where = f'cx="{across(point.zoom):.1f}" cy="{top + PLOT * (1 - point.probability):.1f}"'
        words = f"{zoom_text(point.zoom)}: {labels.percent(point.probability)}"
        parts.append(f'<circle {where} r="2.6" fill="{INK}"><title>{words}</title></circle>')
    return parts


def areas(response: ZoomResponse, across: Axis, top: float, labels: Labels) -> list[str]:
    """The scales' shares on top of each other, the smallest scale lowest; nothing where no scale speaks for it."""
    drawn = [(a, b) for a, b in pairwise(response.points) if sum(a.shares) and sum(b.shares)]
    parts = []
    for s, name in enumerate(labels.scales):
        first, last = (labels.percent(response.points[end].shares[s]) for end in (0, -1))
        outlines = "".join(area(before, after, s, across, top, len(labels.scales)) for before, after in drawn)
        parts.append(f'<g data-scale="{s}"><title>{escape(name)}: {first} – {last}</title>{outlines}</g>')
    return parts


def area(before: ZoomPoint, after: ZoomPoint, scale: int, across: Axis, top: float, count: int) -> str:
    """One scale's share between two zooms."""
    corners = [
        (across(point.zoom), top + SHARES * (1 - sum(point.shares[:upto])))
        for point, upto in ((before, scale), (before, scale + 1), (after, scale + 1), (after, scale))
    ]
    outline = " ".join(f"{x:.2f},{y:.2f}" for x, y in corners)
    colour = scale_colour(scale, count)
    # The stroke closes the hairline between two neighbours of one colour.
    return f'<polygon points="{outline}" fill="{colour}" stroke="{colour}" stroke-width="0.6"/>'


def grid(across: Axis, top: float, height: float, percent: Callable[[float], str]) -> list[str]:
    """Lines and labels at nothing, half and all."""
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = top + height * (1 - share)
        parts.append(
            f'<line x1="{LEFT}" x2="{across.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{LINE}"/>'
            f'<text x="{LEFT - 6}" y="{y + TYPE_PX * 0.36:.1f}" text-anchor="end" fill="{SOFT}" font-size="11">'
            f"{percent(share)}</text>"
        )
    return parts


def flip_lines(response: ZoomResponse, across: Axis, *plots: tuple[float, float]) -> list[str]:
    """A line through the plots, each ``(top, height)``, where the answer flips."""
    return [
        f'<line data-flip="{flip.zoom:.4f}" x1="{across(flip.zoom):.1f}" x2="{across(flip.zoom):.1f}" y1="{top:.1f}" '
        f'y2="{top + height:.1f}" stroke="{INK}" stroke-dasharray="2 3"/>'
        for flip in response.flips
        for top, height in plots
    ]


def zoom_axis(across: Axis, floor: float) -> list[str]:
    """Ticks at the octaves; at 1 the picture is as it is."""
    first, last = math.ceil(math.log2(across.low) - 1e-9), math.floor(math.log2(across.high) + 1e-9)
    return [
        f'<line x1="{across(2.0**octave):.1f}" x2="{across(2.0**octave):.1f}" y1="{floor}" y2="{floor + 5}" '
        f'stroke="{SOFT}"/><text x="{across(2.0**octave):.1f}" y="{floor + 19}" text-anchor="middle" fill="{SOFT}">'
        f"{zoom_text(2.0**octave)}</text>"
        for octave in range(first, last + 1)
    ]


def legend(names: Sequence[str], middle: float) -> list[str]:
    """A dot in each scale's colour, and its name."""
    parts, left = [], float(LEFT)
    for s, name in enumerate(names):
        parts.append(
            f'<g data-scale="{s}"><circle cx="{left + 5:.1f}" cy="{middle}" r="5" '
            f'fill="{scale_colour(s, len(names))}"/><text x="{left + 15:.1f}" y="{middle + TYPE_PX * 0.36:.1f}" '
            f'fill="{INK}">{escape(name)}</text></g>'
        )
        left += 15 + CHARACTER_PX * len(name) + 14
    return parts


def title(text: str, top: float) -> str:
    """What a part of the chart shows, above it."""
    return f'<text x="{LEFT}" y="{top - 7:.1f}" fill="{SOFT}">{escape(text)}</text>'


def zoom_text(zoom: float) -> str:
    """A zoom as people read it: ``×¼``, ``×0.43``, ``×2``."""
    return f"×{FRACTIONS.get(zoom, f'{zoom:.2f}'.rstrip('0').rstrip('.'))}"


def cut(name: str, room: float) -> str:
    """A name as far as there is room, in px; nothing where there is none."""
    characters = int(room / CHARACTER_PX)
    if len(name) <= characters:
        return name
    return f"{name[: characters - 1].rstrip()}…" if characters >= 4 else ""
