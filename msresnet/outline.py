"""A mask and a box over a picture: their edges as lines, for SVG and for pixels.

Places are counted from the left and the top in the mask's own cells; a box is (left, top,
right, bottom) in shares of the picture.
"""

import numpy as np
from PIL import Image, ImageDraw

LIGHT, DARK = (255, 255, 255), (20, 20, 20)
FADE = 0.55  # of the picture outside of the mask


def border_lines(mask: np.ndarray) -> list[tuple[int, int, int, int]]:
    """The edge of a ``(h, w)`` mask as straight lines (x0, y0, x1, y1), the picture's own edge included."""
    padded = np.pad(mask, 1).astype(np.int8)
    across = np.diff(padded, axis=0)[:, 1:-1] != 0  # (h + 1, w): an edge above row y
    down = np.diff(padded, axis=1)[1:-1].T != 0  # (w + 1, h): an edge left of column x
    lines = [(start, y, stop, y) for y, start, stop in runs(across)]
    return lines + [(x, start, x, stop) for x, start, stop in runs(down)]


def runs(rows: np.ndarray) -> list[tuple[int, int, int]]:
    """(row, start, stop) of every run of true places."""
    edges = np.diff(np.pad(rows, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(edges == 1)
    stop = np.nonzero(edges == -1)[1]
    return [tuple(map(int, one)) for one in zip(row, start, stop, strict=True)]


def border_path(mask: np.ndarray) -> str:
    """The same as the ``d`` of an SVG path in the mask's own cells; empty for an empty mask."""
    return "".join(f"M{x0} {y0}H{x1}" if y0 == y1 else f"M{x0} {y0}V{y1}" for x0, y0, x1, y1 in border_lines(mask))


def located_picture(
    picture: np.ndarray, mask: np.ndarray, box: tuple[float, float, float, float] | None
) -> Image.Image:
    """The picture paler outside of the mask, the mask's edge thin and the box thick, both light on dark.

    Args:
        picture: ``(side, side, 3)`` uint8.
        mask: ``(n, n)`` bool over the same field of view.
        box: ``None`` draws none.
    """
    side = picture.shape[0]
    index = ((np.arange(side) + 0.5) * len(mask) / side).astype(int)
    inside = mask[np.ix_(index, index)][..., None]
    grey = picture.mean(axis=2, keepdims=True)
    pale = (1 - FADE) * grey + FADE * 255
    drawn = Image.fromarray(np.where(inside, picture, pale).round().astype(np.uint8))
    pen = ImageDraw.Draw(drawn)
    width = max(2, round(side / 112))
    scale = side / len(mask)
    for colour, extra in ((DARK, 2), (LIGHT, 0)):
        for line in border_lines(mask):
            pen.line([scale * place for place in line], fill=colour, width=max(1, width // 2) + extra)
        if box is not None:
            edges = [round(share * (side - 1)) for share in box]
            pen.rectangle([edge - extra // 2 * sign for edge, sign in zip(edges, (1, 1, -1, -1), strict=True)],
                          outline=colour, width=width + extra)  # fmt: skip
    return drawn
