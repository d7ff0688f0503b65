"""Digits that the project writes itself, as a pen would: light strokes on a dark ground, like MNIST's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE_PX = 280
PEN = 0.085  # its width as a share of the digit's box
STEPS = 24  # pieces of a curve between two points

Point = tuple[float, float]

# Strokes through points of the unit square, x to the right and y down.
STROKES: dict[int, tuple[tuple[Point, ...], ...]] = {
    2: (((0.27, 0.3), (0.38, 0.15), (0.6, 0.14), (0.7, 0.3), (0.6, 0.52), (0.36, 0.76), (0.26, 0.85)),
        ((0.26, 0.85), (0.42, 0.81), (0.6, 0.85), (0.76, 0.83))),
    5: (((0.7, 0.16), (0.53, 0.17), (0.36, 0.18)),
        ((0.36, 0.18), (0.34, 0.32), (0.32, 0.46)),
        ((0.32, 0.46), (0.5, 0.4), (0.69, 0.52), (0.68, 0.74), (0.5, 0.87), (0.28, 0.82))),
    8: (((0.62, 0.22), (0.48, 0.13), (0.36, 0.25), (0.44, 0.42), (0.6, 0.56), (0.66, 0.73), (0.5, 0.87), (0.35, 0.75),
         (0.42, 0.57), (0.58, 0.42), (0.65, 0.28), (0.62, 0.22)),),
}  # fmt: skip


@dataclass(frozen=True)
class Written:
    """A digit on its ground.

    Attributes:
        digit: which one; one of ``STROKES``.
        size: of its box, as a share of the picture's side.
        x, y: the middle of the box, as shares of the picture's side.
    """

    digit: int
    size: float = 1.0
    x: float = 0.5
    y: float = 0.5

    def picture(self) -> Image.Image:
        """The digit in grey, RGB, ``SIDE_PX`` px wide and high."""
        side = 4 * SIDE_PX  # drawn large and reduced, so that the edges are soft
        ground = Image.new("L", (side, side))
        draw = ImageDraw.Draw(ground)
        pen = PEN * self.size * side
        for stroke in STROKES[self.digit]:
            middles = [
                (side * (self.x + (x - 0.5) * self.size), side * (self.y + (y - 0.5) * self.size))
                for x, y in curve(stroke)
            ]
            draw.line(middles, fill=255, width=round(pen))
            for x, y in middles:
                draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)
        soft = ground.filter(ImageFilter.GaussianBlur(pen / 6))
        return soft.resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS).convert("RGB")


def curve(points: Sequence[Point]) -> list[Point]:
    """A smooth line through the points: a Catmull-Rom spline, whose ends are met twice."""
    knots = np.array([points[0], *points, points[-1]])
    t = np.linspace(0, 1, STEPS)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(knots, knots[1:], knots[2:], knots[3:], strict=False)
    ]
    return [(float(x), float(y)) for x, y in np.concatenate(pieces)]
