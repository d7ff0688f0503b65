"""Small pictures, and how files store them."""

import io

import numpy as np
from PIL import Image


def encode(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def noise(width: int, height: int, *, mode: str = "RGB", seed: int = 0) -> Image.Image:
    channels = len(Image.new(mode, (1, 1)).getbands())
    shape = (height, width) if channels == 1 else (height, width, channels)
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def with_dot(width: int, height: int, x: int, y: int) -> Image.Image:
    image = Image.new("RGB", (width, height))
    image.putpixel((x, y), (255, 255, 255))
    return image


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


# Where the stored pixel (x, y) of a stored w x h picture belongs upright, from the EXIF
# standard's "row 0 is at the visual ..., column 0 at the visual ...".
UPRIGHT_POSITION = {
    1: lambda x, y, w, h: (x, y),
    2: lambda x, y, w, h: (w - 1 - x, y),
    3: lambda x, y, w, h: (w - 1 - x, h - 1 - y),
    4: lambda x, y, w, h: (x, h - 1 - y),
    5: lambda x, y, w, h: (y, x),
    6: lambda x, y, w, h: (h - 1 - y, x),
    7: lambda x, y, w, h: (h - 1 - y, w - 1 - x),
    8: lambda x, y, w, h: (y, w - 1 - x),
}


def stored_as(upright: Image.Image, orientation: int) -> tuple[Image.Image, Image.Exif]:
    """The pixels that a camera with this EXIF orientation would store, and its EXIF."""
    w, h = upright.size if orientation < 5 else upright.size[::-1]
    stored = Image.new("RGB", (w, h))
    for y in range(h):
        for x in range(w):
            stored.putpixel((x, y), upright.getpixel(UPRIGHT_POSITION[orientation](x, y, w, h)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return stored, exif


def half_transparent(mode: str) -> Image.Image:
    """Left black and opaque, right hidden under alpha 0."""
    image = Image.new("RGBA", (4, 2), (0, 0, 0, 255))
    image.paste((9, 200, 9, 0), (2, 0, 4, 2))
    if mode == "P":
        quantised = Image.new("P", image.size, 0)
        quantised.putpalette([0, 0, 0, 9, 200, 9])
        quantised.paste(1, (2, 0, 4, 2))
        quantised.info["transparency"] = 1
        return quantised
    if mode == "RGB key":
        keyed = image.convert("RGB")
        keyed.info["transparency"] = (9, 200, 9)
        return keyed
    if mode == "PA":
        alpha = image.getchannel("A")
        indexed = half_transparent("P")
        indexed.info.clear()
        indexed = indexed.convert("PA")
        indexed.putalpha(alpha)
        return indexed
    if mode == "La":
        return image.convert("LA").convert("La")
    return image.convert(mode)
