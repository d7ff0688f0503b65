"""Uploads: bytes → an upright RGB picture, and the record that leads from its pixels to a level and back.

One reader serves the page and the command line, so that what is refused, how alpha is
shown and which way is up never depend on the way in. One :class:`Geometry` serves every
map that is drawn over the upload, so that a dot in the picture and a dot on a map are at
the same place after EXIF rotation, crop and resize.

Coordinates are continuous and refer to pixel *edges*: pixel ``i`` covers ``[i, i + 1)``,
its centre is ``i + 0.5``, and x and the width always come first.
"""

import hashlib
import io
import math
import os
import re
import stat
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self, TypeVar

import numpy as np
from PIL import Image

from .errors import ConfigError, ImageError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")

# A 40 megapixel RGB picture takes 120 MB (160 MB inside Pillow): more than any camera
# phone's default, and little enough for a few visitors at once on a small machine.
MAX_PIXELS = 40_000_000

# The longest side that a JPEG can have. It bounds the square round a very long picture.
MAX_SIDE_PX = 65_535

# The mean of ImageNet, (0.485, 0.456, 0.406), in 8 bits: what the network sees as nothing.
IMAGENET_MEAN_RGB = (124, 116, 104)

# What Pillow's parsers raise on damaged files: OSError, SyntaxError, ValueError and RuntimeError
# were seen in a million mutations of real files, the others stand in the sources of its plugins.
_UNREADABLE = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError,
    AssertionError, EOFError, MemoryError, RuntimeError, ImportError, struct.error, zlib.error,
)  # fmt: skip

# Orientation in EXIF (tag 0x0112) → what turns the stored pixels upright.
_EXIF_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# A box edge this near to the picture's edge lies on it: far above the rounding of
# (width - side) / 2 and far below anything that would show.
_ON_EDGE_PX = 1e-6

Coordinate = TypeVar("Coordinate", float, np.ndarray)


def read_image(source: bytes | str | os.PathLike | Image.Image) -> Image.Image:
    """The upright, opaque RGB picture in ``source``, a new image that shares nothing with it.

    ``source`` is the content of a file, the name of a file, or a PIL image (which is copied
    and never changed; of an animation its current frame is taken, of a file the first).

    - EXIF (or XMP) orientation is applied and, like all other metadata, dropped, so that
      reading the result again changes nothing.
    - Transparency is shown on white; colours hidden under it do not come back.
    - 16-bit greys are divided by 257. Other wide greys (32-bit integers, floats) carry no
      range of their own: see :func:`_wide_grey_to_8_bit`.
    - CMYK, YCbCr, LAB and HSV are converted by Pillow. ICC profiles are ignored, as in the
      pipelines that ImageNet models are trained with.

    Raises :class:`ImageError`, one sentence, for what is not a picture in one of
    ``FORMATS``, is damaged, or has more than ``MAX_PIXELS`` pixels (asked of the header,
    before anything is decoded). Of a path the sentence repeats the last part only.

    Keeps no state and leaves Pillow's global switches alone, so threads may share it.
    """
    name = _name_of(source)
    try:
        if isinstance(source, Image.Image):
            _check_size(*source.size, name)
            return _upright(source.copy())
        with _open_stream(source, name) as stream, _open_header(stream, name) as picture:
            _check_size(*picture.size, name)
            picture.load()
            return _upright(picture)
    except _UNREADABLE as error:
        raise ImageError(f"{name} is damaged or incomplete; export it again and retry.") from error


def image_digest(image: Image.Image) -> str:
    """SHA-256, in hex, of the size and pixels of an upright RGB image from :func:`read_image`.

    Two uploads share it exactly when they show the same pixels, whatever their files were.
    Raises :class:`ConfigError` for another mode than RGB.
    """
    _require_rgb(image)
    digest = hashlib.sha256(f"{image.width}x{image.height}:".encode())
    digest.update(image.tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Geometry:
    """The invertible record from the upright upload's pixels to a level of any side.

    ``upload_size`` is (width, height) in px. ``box`` is (left, top, right, bottom) of the
    model's square field of view in upload pixels, in the pixel-edge coordinates of this
    module; it may reach beyond the upload, where the level shows padding.

    Raises :class:`ConfigError` unless the sizes are whole and at least 1 px and the box is
    finite, square and overlaps the upload.
    """

    upload_size: tuple[int, int]
    box: tuple[float, float, float, float]

    def __post_init__(self) -> None:
        width, height = self.upload_size
        if not all(isinstance(edge, int) and edge >= 1 for edge in self.upload_size):
            raise ConfigError(f"upload_size must be two whole numbers >= 1, got {self.upload_size}")
        left, top, right, bottom = self.box
        if not all(math.isfinite(edge) for edge in self.box) or not (left < right and top < bottom):
            raise ConfigError(f"box must be finite with left < right and top < bottom, got {self.box}")
        if not math.isclose(right - left, bottom - top, rel_tol=1e-6, abs_tol=_ON_EDGE_PX):
            raise ConfigError(f"box must be square, got {right - left:g} x {bottom - top:g} px")
        if right <= 0 or bottom <= 0 or left >= width or top >= height:
            raise ConfigError(f"box must overlap the {width} x {height} px upload, got {self.box}")

    @classmethod
    def centre_crop(cls, size: tuple[int, int], *, fraction: float = 1.0) -> Self:
        """The centre square of ``fraction`` (> 0) times the short side of ``size`` (width, height)."""
        if not (math.isfinite(fraction) and fraction > 0):
            raise ConfigError(f"fraction must be > 0, got {fraction}; 1 is the largest square inside")
        return cls._centred(size, fraction * min(size))

    @classmethod
    def whole(cls, size: tuple[int, int]) -> Self:
        """The centred square that holds the entire picture of ``size`` (width, height)."""
        return cls._centred(size, float(max(size)))

    @classmethod
    def _centred(cls, size: tuple[int, int], side: float) -> Self:
        width, height = size
        left, top = (width - side) / 2, (height - side) / 2
        return cls((width, height), (left, top, left + side, top + side))

    def to_level(self, x: Coordinate, y: Coordinate, *, side: int) -> tuple[Coordinate, Coordinate]:
        """Upload coordinates → coordinates on a level of ``side`` px; floats or arrays.

        Inside the field of view the result lies in [0, side].
        """
        left, top, right, bottom = self.box
        return (x - left) * (side / (right - left)), (y - top) * (side / (bottom - top))

    def to_upload(self, x: Coordinate, y: Coordinate, *, side: int) -> tuple[Coordinate, Coordinate]:
        """The inverse of :meth:`to_level`: coordinates on a level of ``side`` px → upload."""
        left, top, right, bottom = self.box
        return x * ((right - left) / side) + left, y * ((bottom - top) / side) + top

    def px_per_level_px(self, side: int) -> float:
        """How many upload pixels lie side by side in one pixel of a level of ``side`` px."""
        return (self.box[2] - self.box[0]) / side


def crop_to(
    image: Image.Image,
    geometry: Geometry,
    side: int,
    *,
    fill: tuple[int, int, int] = IMAGENET_MEAN_RGB,
) -> Image.Image:
    """The field of view of ``geometry`` as a new ``side`` × ``side`` RGB image.

    Resized by Pillow's bilinear filter, which widens with the reduction (antialiased);
    where the box reaches outside the picture, the colour ``fill`` (RGB, 0 to 255) continues
    it. A whole-numbered box of ``side`` px comes out unchanged.

    Raises :class:`ConfigError` for a side below 1, a mode other than RGB, or a geometry
    that was made for another size.
    """
    _require_rgb(image)
    if side < 1:
        raise ConfigError(f"side must be at least 1 px, got {side}")
    if image.size != tuple(geometry.upload_size):
        raise ConfigError(
            f"a geometry fits the size it was made for, {geometry.upload_size}, got a picture of {image.size}"
        )
    left, top, right, bottom = (
        _snap(edge, length) for edge, length in zip(geometry.box, image.size * 2, strict=True)
    )
    if left >= 0 and top >= 0 and right <= image.width and bottom <= image.height:
        return image.resize((side, side), Image.Resampling.BILINEAR, box=(left, top, right, bottom))
    # The filter is separable. The axis along which nothing is padded goes first, so that
    # padding never multiplies a long picture's pixels.
    across = ("x", left, right), ("y", top, bottom)
    for axis, start, stop in across if left >= 0 and right <= image.width else across[::-1]:
        image = _resize_padded(image, axis, start, stop, side, fill)
    return image


def _require_rgb(image: Image.Image) -> None:
    if image.mode != "RGB":
        raise ConfigError(f"the mode must be RGB, got {image.mode}; pass the image through read_image first")


def _resize_padded(
    image: Image.Image, axis: str, start: float, stop: float, side: int, fill: tuple[int, int, int]
) -> Image.Image:
    """One axis of ``image``, from ``start`` to ``stop`` in px, on ``side`` px; ``fill`` outside it.

    Only the level pixels that the picture can reach are resized, with just the padding that
    their filter sees: a box far larger than the picture costs no memory.
    """
    length = image.width if axis == "x" else image.height
    px_per_level_px = (stop - start) / side
    reach = max(px_per_level_px, 1.0)  # half the width of the triangle filter, in px
    first = max(math.floor((-reach - start) / px_per_level_px), 0)
    last = min(math.ceil((length + reach - start) / px_per_level_px), side)
    # An outermost such pixel lies at most reach + px_per_level_px outside, its filter as much again.
    margin = math.ceil(3 * reach) + 1
    before, after = margin * (start < 0), margin * (stop > length)
    near = before + start + first * px_per_level_px
    far = min(before + start + last * px_per_level_px, before + length + after)

    def along(value: float, other: float) -> tuple:
        return (value, other) if axis == "x" else (other, value)

    other = image.height if axis == "x" else image.width
    padded = Image.new("RGB", along(before + length + after, other), fill)
    padded.paste(image, along(before, 0))
    strip = padded.resize(
        along(last - first, other), Image.Resampling.BILINEAR, box=along(near, 0) + along(far, other)
    )
    level = Image.new("RGB", along(side, other), fill)
    level.paste(strip, along(first, 0))
    return level


def _snap(edge: float, length: int) -> float:
    """``edge``, or the picture's own edge (0 or ``length``) where rounding alone keeps them apart."""
    return next((float(own) for own in (0, length) if abs(edge - own) <= _ON_EDGE_PX), edge)


def _name_of(source: bytes | str | os.PathLike | Image.Image) -> str:
    """How a message calls ``source``: never a folder, because a server's would reach its visitors."""
    if isinstance(source, bytes | Image.Image):
        return "The picture"
    path = os.fsdecode(source)
    return repr(Path(path).name or path)


def _open_stream(source: bytes | str | os.PathLike, name: str) -> BinaryIO:
    """The content of ``source``, neither empty nor anything but a regular file; the caller closes it."""
    empty = ImageError(f"{name} is empty (0 bytes); choose another file.")
    if isinstance(source, bytes):
        if not source:
            raise empty
        return io.BytesIO(source)
    try:
        status = os.stat(source)  # before open, which would wait for ever on a pipe
        if stat.S_ISDIR(status.st_mode):
            raise ImageError(f"{name} is a folder; name a picture inside it.")
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(f"{name} is not a regular file; name a picture file.")
        if status.st_size == 0:
            raise empty
        return open(source, "rb")
    except FileNotFoundError as error:
        raise ImageError(f"There is no file called {name}; check the name.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is not valid"
        raise ImageError(f"{name} cannot be opened ({reason}); choose another file.") from error


def _open_header(stream: BinaryIO, name: str) -> Image.Image:
    """The picture in ``stream`` with its header read and nothing decoded, of an allowed format."""
    Image.init()  # imports the plugins once; until then OPEN lists none of the rarer formats
    allowed = tuple(known for known in FORMATS if known in Image.OPEN)
    try:
        return Image.open(stream, formats=allowed)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Pillow refuses by itself from 179 megapixels on (and warns, harmlessly, from 89 on),
        # before the size can be asked for.
        claimed = re.search(r"\((\d+) pixels\)", str(error))
        raise ImageError(_too_large(int(claimed[1]) if claimed else None, name)) from error
    except Image.UnidentifiedImageError as error:
        formats = f"{', '.join(allowed[:-1])} or {allowed[-1]}"
        raise ImageError(f"{name} is not a picture that can be read; save it as {formats}.") from error


def _check_size(width: int, height: int, name: str) -> None:
    """Raise :class:`ImageError` unless a picture of this size may be decoded."""
    if width < 1 or height < 1:
        raise ImageError(f"{name} has no pixels ({width} x {height}); choose another file.")
    if width * height > MAX_PIXELS:
        raise ImageError(_too_large(width * height, name))
    if max(width, height) > MAX_SIDE_PX:
        raise ImageError(
            f"{name} is {width} x {height} pixels; the limit for a side is {MAX_SIDE_PX}. "
            "Cut it and try again."
        )


def _too_large(pixels: int | None, name: str) -> str:
    """The sentence about too many pixels; rounded up, so that it never says 40 of 40."""
    limit = MAX_PIXELS // 10**6
    has = f"{math.ceil(pixels / 1e5) / 10:.1f}".removesuffix(".0") if pixels else f"over {limit}"
    return f"{name} has {has} megapixels; the limit is {limit}. Make it smaller and try again."


def _upright(picture: Image.Image) -> Image.Image:
    """``picture``, decoded, as opaque RGB, turned as its EXIF says, without metadata."""
    # After decoding only: TIFF files are turned by Pillow itself, which then clears the tag.
    turn = _UPRIGHT.get(_orientation(picture))
    rgb = _opaque_rgb(picture)
    if turn is not None:
        rgb = rgb.transpose(turn)
    rgb.info = {}
    return rgb


def _orientation(picture: Image.Image) -> int | None:
    """The EXIF orientation; None where there is none, or where EXIF is damaged but the picture is not."""
    try:
        value = picture.getexif().get(_EXIF_ORIENTATION)
    except _UNREADABLE:
        return None
    return value if isinstance(value, int) else None


def _opaque_rgb(picture: Image.Image) -> Image.Image:
    """``picture`` of any mode as a new RGB image, on white where it is transparent."""
    if picture.mode.startswith("I;16"):
        return _grey_16_to_8_bit(picture).convert("RGB")
    if picture.mode in ("I", "F"):
        return _wide_grey_to_8_bit(picture).convert("RGB")
    if not _is_transparent(picture):
        return picture.convert("RGB")
    if picture.mode == "La":  # premultiplied; Pillow leads from here to LA only
        picture = picture.convert("LA")
    rgba = picture.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


def _is_transparent(picture: Image.Image) -> bool:
    """Whether ``picture`` has an alpha channel, a palette with alpha, or one transparent colour."""
    if picture.mode == "P" and picture.palette is not None and picture.palette.mode == "RGBA":
        return True
    has_key = "transparency" in picture.info and picture.mode in ("1", "L", "P", "RGB")
    return has_key or picture.mode in ("LA", "La", "PA", "RGBA", "RGBa")


def _grey_16_to_8_bit(picture: Image.Image) -> Image.Image:
    """16-bit grey → 8-bit grey by /257, the factor that takes 65535 to 255; Pillow's own clips."""
    values = np.asarray(picture)
    grey = np.rint(np.arange(2**16) / 257).astype(np.uint8)[values]
    key = picture.info.get("transparency")  # a PNG's one transparent value
    if isinstance(key, int):
        grey[values == key] = 255
    return Image.fromarray(grey)


def _wide_grey_to_8_bit(picture: Image.Image) -> Image.Image:
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
