"""What if: a scale that is off, a picture that is covered, or nearer, or another; and one point of it.

One question a file.
"""

from .mask import Mask
from .occlusion import Fill, Occluded, occluded
from .pair import Pair, pair
from .point import CellReading, PointReader, PointReading
from .recomputing import Recomputed, recomputed
from .switches import Switches, switched
from .zoom import Flip, ZoomPoint, ZoomResponse, zoom_response

__all__ = [
    "CellReading",
    "Fill",
    "Flip",
    "Mask",
    "Occluded",
    "Pair",
    "PointReader",
    "PointReading",
    "Recomputed",
    "Switches",
    "ZoomPoint",
    "ZoomResponse",
    "occluded",
    "pair",
    "recomputed",
    "switched",
    "zoom_response",
]
