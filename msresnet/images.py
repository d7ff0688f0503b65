"""Uploads: bytes → an upright RGB picture.

One reader serves the page and the command line, so that what is refused, how alpha is
shown and which way is up never depend on the way in.
"""

import hashlib
import io
import math
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from .errors import ImageError
from .geometry import Geometry as Geometry  # names that have always been found here
from .geometry import crop_to as crop_to
from .geometry import require_rgb
from .upright import UNREADABLE, upright

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")

# A 40 megapixel RGB picture takes 120 MB (160 MB inside Pillow): more than any camera
# phone's default, and little enough for a few visitors at once on a small machine.
MAX_PIXELS = 40_000_000

# The longest side that a JPEG can have. It bounds the square round a very long picture.
MAX_SIDE_PX = 65_535


def read_image(source: bytes | str | os.PathLike | Image.Image) -> Image.Image:
    """The upright, opaque RGB picture in ``source``, a new image that shares nothing with it.

    ``source`` is the content of a file, the name of a file, or a PIL image (which is copied
    and never changed; of an animation its current frame is taken, of a file the first).

    - EXIF (or XMP) orientation is applied and, like all other metadata, dropped, so that
      reading the result again changes nothing.
    - Transparency is shown on white; colours hidden under it do not come back.
    - 16-bit greys are divided by 257. Other wide greys (32-bit integers, floats) carry no
      range of their own: see :func:`msresnet.upright.wide_grey_to_8_bit`.
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
            return upright(source.copy())
        with _open_stream(source, name) as stream, _open_header(stream, name) as picture:
            _check_size(*picture.size, name)
            picture.load()
            return upright(picture)
    except UNREADABLE as error:
        raise ImageError(f"{name} is damaged or incomplete; export it again and retry.") from error


def image_digest(image: Image.Image) -> str:
    """SHA-256, in hex, of the size and pixels of an upright RGB image from :func:`read_image`.

    Two uploads share it exactly when they show the same pixels, whatever their files were.
    Raises :class:`ConfigError` for another mode than RGB.
    """
    require_rgb(image)
    digest = hashlib.sha256(f"{image.width}x{image.height}:".encode())
    digest.update(image.tobytes())
    return digest.hexdigest()


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
            f"{name} is {width} x {height} pixels; the limit for a side is {MAX_SIDE_PX}. Cut it and try again."
        )


def _too_large(pixels: int | None, name: str) -> str:
    """The sentence about too many pixels; rounded up, so that it never says 40 of 40."""
    limit = MAX_PIXELS // 10**6
    has = f"{math.ceil(pixels / 1e5) / 10:.1f}".removesuffix(".0") if pixels else f"over {limit}"
    return f"{name} has {has} megapixels; the limit is {limit}. Make it smaller and try again."
