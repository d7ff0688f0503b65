"""Paper: a matplotlib figure measured in inches from its left and top edge.

Sizes are set one by one, since rcParams are global; pyplot is never touched: a sheet has no global state, so that
threads may draw at once.
"""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from PIL import Image

# Two type sizes, in points, and the inks.
TITLE_PT, TEXT_PT = 11.0, 8.5
INK, QUIET = "#1a1a1a", "#6b6b6b"
HAIRLINE, SEPARATOR = "#c9c9c9", "#ededed"
POINTS_PER_INCH = 72.0
# Half the height of a capital of the text, in inches: DejaVu Sans's capitals are 0.73 of its size.
HALF_CAPITAL = 0.73 * TEXT_PT / POINTS_PER_INCH / 2
# Width of DejaVu Sans's average character over its size: 0.56 measured on the ImageNet class names.
_CHARACTER_ASPECT = 0.56
_LINE_SPACING = 1.3
# DejaVu comes with matplotlib; the others draw Chinese class names where one is installed.
_FONTS = (
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "PingFang SC",
    "Microsoft YaHei",
    "WenQuanYi Zen Hei",
)


class Sheet:
    """A white sheet, or a part of one; what is drawn on a part lands on the whole.

    Args:
        width, height: in inches.
    """

    def __init__(self, width: float, height: float) -> None:
        self.figure = Figure(figsize=(width, height), facecolor="white", layout="none")
        self.size = width, height
        self.left, self.top, self.zoom = 0.0, 0.0, 1.0

    def part(self, left: float, top: float, *, zoom: float = 1.0) -> "Sheet":
        """The same sheet measured from another corner; ``zoom`` shrinks all that is drawn there, type too."""
        part = object.__new__(Sheet)
        part.figure, part.size = self.figure, self.size
        part.left, part.top = self.left + self.zoom * left, self.top + self.zoom * top
        part.zoom = self.zoom * zoom
        return part

    def fractions(self, left: float, top: float) -> tuple[float, float]:
        """A place as matplotlib wants it: shares of the whole, from the left and from below."""
        width, height = self.size
        return (self.left + self.zoom * left) / width, 1 - (self.top + self.zoom * top) / height

    def extent(self, width: float, height: float) -> tuple[float, float]:
        """A size as shares of the whole."""
        return self.zoom * width / self.size[0], self.zoom * height / self.size[1]

    def picture(
        self,
        left: float,
        top: float,
        width: float,
        height: float,
        *layers: np.ndarray,
        edge: str = HAIRLINE,
        edge_pt: float = 0.5,
    ) -> None:
        """Pictures of uint8 over each other in one frame, their pixels left square-edged."""
        axes = self.figure.add_axes((*self.fractions(left, top + height), *self.extent(width, height)))
        axes.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(1, 0))
        for layer in layers:
            axes.imshow(
                layer, extent=(0, 1, 1, 0), aspect="auto", origin="upper", interpolation="nearest", resample=False
            )
        axes.spines[:].set(edgecolor=edge, linewidth=self.zoom * edge_pt, visible=True)

    def bar(self, start: float, end: float, middle: float, height: float, colour: str) -> None:
        """A filled bar between two places on a line."""
        place = self.fractions(min(start, end), middle + height / 2)
        self.figure.add_artist(
            Rectangle(
                place,
                *self.extent(abs(end - start), height),
                transform=self.figure.transFigure,
                facecolor=colour,
                edgecolor="none",
                linewidth=0,
            )
        )

    def dot(self, left: float, middle: float, colour: str) -> None:
        """The dot that names a scale by its colour."""
        x, y = self.fractions(left, middle)
        size = 5.5 * self.zoom
        self.figure.add_artist(
            Line2D([x], [y], marker="o", markersize=size, color=colour, markeredgewidth=0, linestyle="none")
        )

    def line(self, x0: float, y0: float, x1: float, y1: float, colour: str) -> None:
        """A thin line, below bars and numbers."""
        start, end = self.fractions(x0, y0), self.fractions(x1, y1)
        width = 0.6 * self.zoom
        self.figure.add_artist(
            Line2D([start[0], end[0]], [start[1], end[1]], color=colour, linewidth=width, zorder=0.5)
        )

    def write(
        self,
        left: float,
        top: float,
        text: str,
        *,
        size: float = TEXT_PT,
        ha: str = "left",
        va: str = "baseline",
        colour: str = INK,
        weight: str = "normal",
        on_white: bool = False,
    ) -> None:
        """A text as it is, ``$`` and all; ``size`` in points."""
        x, y = self.fractions(left, top)
        self.figure.text(
            x,
            y,
            text,
            fontsize=self.zoom * size,
            fontfamily=list(_fonts()),
            fontweight=weight,
            color=colour,
            ha=ha,
            va=va,
            linespacing=_LINE_SPACING,
            parse_math=False,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8 * self.zoom} if on_white else None,
        )

    def render(self, dpi: int) -> Image.Image:
        """The sheet as an RGB picture."""
        self.figure.set_dpi(dpi)
        canvas = FigureCanvasAgg(self.figure)
        canvas.draw()
        return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


@dataclass(frozen=True)
class Block:
    """Something that can be drawn on a sheet: its size in inches, and how."""

    width: float
    height: float
    draw: Callable[[Sheet], None]


def text_width(text: str, size: float = TEXT_PT) -> float:
    """About how wide a line is, in inches."""
    return len(text) * size * _CHARACTER_ASPECT / POINTS_PER_INCH


def text_height(text: str, size: float = TEXT_PT) -> float:
    """How high its lines are, in inches."""
    return (text.count("\n") + 1) * size * _LINE_SPACING / POINTS_PER_INCH


def wrap(text: str, width: float, size: float = TEXT_PT, *, max_lines: int | None = None) -> str:
    """The text broken into lines of at most ``width`` inches."""
    characters = max(4, int(width / text_width("x", size)))
    return "\n".join(textwrap.wrap(text, characters, max_lines=max_lines, placeholder=" …"))


@cache
def _fonts() -> tuple[str, ...]:
    """The installed ones among the fonts wanted: matplotlib warns about each that is not."""
    installed = set(fontManager.get_font_names())
    return tuple(name for name in _FONTS if name in installed) or ("sans-serif",)
