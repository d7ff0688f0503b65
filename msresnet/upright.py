"""A decoded picture of any mode as upright, opaque RGB: EXIF orientation, transparency, wide greys."""

import struct
import zlib

import numpy as np
from PIL import Image

# What Pillow's parsers raise on damaged files: OSError, SyntaxError, ValueError and RuntimeError
# were seen in a million mutations of real files, the others stand in the sources of its plugins.
UNREADABLE = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError,
    AssertionError, EOFError, MemoryError, RuntimeError, ImportError, struct.error, zlib.error,
)  # fmt: skip

# Orientation in EXIF (tag 0x0112) → what turns the stored pixels upright.
EXIF_ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(picture: Image.Image) -> Image.Image:
    """``picture``, decoded, as opaque RGB, turned as its EXIF says, without metadata."""
    # After decoding only: TIFF files are turned by Pillow itself, which then clears the tag.
    turn = UPRIGHT.get(orientation(picture))
    rgb = opaque_rgb(picture)
    if turn is not None:
        rgb = rgb.transpose(turn)
    rgb.info = {}
    return rgb


def orientation(picture: Image.Image) -> int | None:
    """The EXIF orientation; None where there is none, or where EXIF is damaged but the picture is not."""
    try:
        value = picture.getexif().get(EXIF_ORIENTATION)
    except UNREADABLE:
        return None
    return value if isinstance(value, int) else None


def opaque_rgb(picture: Image.Image) -> Image.Image:
    """``picture`` of any mode as a new RGB image, on white where it is transparent."""
    if picture.mode.startswith("I;16"):
        return grey_16_to_8_bit(picture).convert("RGB")
    if picture.mode in ("I", "F"):
        return wide_grey_to_8_bit(picture).convert("RGB")
    if not is_transparent(picture):
        return picture.convert("RGB")
    if picture.mode == "La":  # premultiplied; Pillow leads from here to LA only
        picture = picture.convert("LA")
    rgba = picture.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


def is_transparent(picture: Image.Image) -> bool:
    """Whether ``picture`` has an alpha channel, a palette with alpha, or one transparent colour."""
    if picture.mode == "P" and picture.palette is not None and picture.palette.mode == "RGBA":
        return True
    has_key = "transparency" in picture.info and picture.mode in ("1", "L", "P", "RGB")
    return has_key or picture.mode in ("LA", "La", "PA", "RGBA", "RGBa")


def grey_16_to_8_bit(picture: Image.Image) -> Image.Image:
    """16-bit grey → 8-bit grey by /257, the factor that takes 65535 to 255; Pillow's own clips."""
    values = np.asarray(picture)
    grey = np.rint(np.arange(2**16) / 257).astype(np.uint8)[values]
    key = picture.info.get("transparency")  # a PNG's one transparent value
    if isinstance(key, int):
        grey[values == key] = 255
    return Image.fromarray(grey)


def wide_grey_to_8_bit(picture: Image.Image) -> Image.Image:
    """32-bit integer or float grey → 8-bit grey, by the first range that holds all its values.

    The ranges are [0, 1] for floats only, then those of 8 and of 16 bits; values beyond
    are stretched from their lowest to their highest. NaN counts as the lowest.
    """
    values = np.asarray(picture, dtype=np.float64)
    finite = values[np.isfinite(values)]
    lowest, highest = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    values = np.nan_to_num(values, nan=lowest, posinf=highest, neginf=lowest)
    ranges = (1, 255, 65535) if picture.mode == "F" else (255, 65535)
    top = next((top for top in ranges if lowest >= 0 and highest <= top), None)
    if top is None:
        values -= lowest
        top = highest - lowest or 1.0
    return Image.fromarray(np.rint(values * (255 / top)).astype(np.uint8))
