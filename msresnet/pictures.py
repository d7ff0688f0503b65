"""Arrays to pixels, drawn at the right place: what the page shows and the figures hold.

A stage's cell sits at the centre of its receptive field: :func:`cells_on_grid` is the only place where that is
drawn. Pixel i covers [i, i + 1), its centre is i + 0.5, in x and in y.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .colour import paint, shared_range


@dataclass(frozen=True, eq=False)
class ChannelTile:
    """One channel of a stage map as a picture (h, w, 3) uint8; its full colour means ``peak``."""

    picture: np.ndarray
    peak: float


def cells_on_grid(
    values: np.ndarray,
    centres_y: Sequence[float],
    centres_x: Sequence[float],
    side: int,
    *,
    is_smooth: bool = False,
) -> np.ndarray:
    """Cells (h, w) as a map (side, side) float64 of their level, each at its own centre.

    ``centres_y`` (h) and ``centres_x`` (w) are the centres of the cells' receptive fields in the
    level's continuous pixel coordinates, increasing; they may lie outside of it. A ResNet's are
    ``stride * i + 0.5``, not the middles of equal tiles. Every pixel gets the value of the cell whose
    centre is nearest (the earlier one of two), so the outer cells extend to the edges.
    ``is_smooth`` interpolates linearly between centres instead, constant beyond the outer ones.

    A pixel has the value of its cell, not a share of it: the picture does not add up to the logit,
    the cells do. Raises ValueError for shapes that do not match or centres that do not increase.
    """
    values = np.asarray(values, dtype=np.float64)
    rows, columns = np.asarray(centres_y, dtype=np.float64), np.asarray(centres_x, dtype=np.float64)
    if values.ndim != 2 or not values.size or values.shape != (rows.size, columns.size):
        raise ValueError(f"cells (h, w) need h and w centres, got {values.shape} with {rows.size} and {columns.size}")
    if (np.diff(rows) <= 0).any() or (np.diff(columns) <= 0).any():
        raise ValueError("the centres of cells must increase")
    if is_smooth:
        return _linear_weights(rows, side) @ values @ _linear_weights(columns, side).T
    return values[np.ix_(_nearest(rows, side), _nearest(columns, side))]


def cells_on_level(values: np.ndarray, *, stride: int, side: int, is_smooth: bool = False) -> np.ndarray:
    """Cells (h, w) of a ResNet's map on their level: cell i is centred on ``stride · i + 0.5`` px."""
    rows, columns = (stride * np.arange(count) + 0.5 for count in values.shape)
    return cells_on_grid(values, rows, columns, side, is_smooth=is_smooth)


def channel_tile(values: np.ndarray, *, tile_px: int = 64) -> ChannelTile:
    """One channel (h, w) of a stage map in magma from 0 to its own maximum, cells left square-edged.

    The longer side is ``tile_px`` or the next multiple of the map's that fits in it, never less
    than the map's own. A channel with negative values is painted in the signed colours about zero.
    """
    values = np.asarray(values)
    if values.ndim != 2:
        raise ValueError(f"a channel must be (h, w), got {values.shape}")
    range_ = shared_range([values], percentile=100, is_signed=bool((values < 0).any()))
    return ChannelTile(_enlarge(paint(values, range_), tile_px), range_.limit)


def to_png_bytes(picture: np.ndarray | Image.Image) -> bytes:
    """A PIL image, or an array (h, w), (h, w, 3) or (h, w, 4) uint8, as the bytes of a PNG file."""
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8:
            raise ValueError(f"a picture must be uint8, got {picture.dtype}; paint it first")
        picture = Image.fromarray(np.ascontiguousarray(picture))
    stream = io.BytesIO()
    picture.save(stream, format="PNG")
    return stream.getvalue()


def data_uri(png: bytes) -> str:
    """The bytes of a PNG file as a ``data:`` address that an ``<img>`` or CSS can show."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _nearest(centres: np.ndarray, side: int) -> np.ndarray:
    """(side): for each pixel the index of the centre nearest to its own, the earlier one of two."""
    midpoints = (centres[:-1] + centres[1:]) / 2
    return np.searchsorted(midpoints, np.arange(side) + 0.5, side="left")


def _linear_weights(centres: np.ndarray, side: int) -> np.ndarray:
    """(side, cells): each pixel's weights of the two centres about it; rows add up to 1."""
    pixels = np.arange(side) + 0.5
    return np.stack([np.interp(pixels, centres, unit) for unit in np.eye(centres.size)], axis=1)


def _enlarge(picture: np.ndarray, longer_px: int) -> np.ndarray:
    factor = max(1, longer_px // max(picture.shape[:2]))
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)
