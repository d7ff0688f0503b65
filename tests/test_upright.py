"""Whatever the file holds comes out upright, opaque and RGB."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, features
from sketches import encode, half_transparent, noise, pixels, stored_as

from msresnet.images import FORMATS, image_digest, read_image

# Pillow warns about damaged metadata and large headers; the law here is about what comes out.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]


# Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG"])
def test_every_orientation_gives_the_same_upright_picture(kind, orientation):
    upright = noise(17, 11) if kind != "JPEG" else noise(3, 2).resize((48, 32), Image.Resampling.BILINEAR)
    stored, exif = stored_as(upright, orientation)
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 98, "subsampling": 0}}.get(kind, {})
    content = encode(stored, kind, exif=exif, **options)
    for source in (content, Image.open(io.BytesIO(content))):
        image = read_image(source)
        assert image.size == upright.size
        assert np.abs(pixels(image) - pixels(upright)).max() <= (12 if kind == "JPEG" else 0)
        assert image_digest(read_image(image)) == image_digest(image)  # never turned twice


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_a_meaningless_orientation_turns_nothing(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = noise(5, 4)
    assert image_digest(read_image(encode(upright, exif=exif))) == image_digest(upright)


def test_damaged_exif_does_not_cost_the_picture():
    upright = noise(5, 4)
    upright.info["exif"] = b"Exif\0\0MM\0*\xff\xff\xff"
    assert np.array_equal(pixels(read_image(upright)), pixels(noise(5, 4)))


# Modes


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "LAB", "HSV", "RGBX"])
def test_opaque_modes_show_what_pillow_shows(mode):
    image = noise(9, 7).convert("RGB")
    if mode == "LAB":
        image = Image.merge("LAB", image.split())
    else:
        image = image.convert(mode)
    got = read_image(image)
    assert got.mode == "RGB"
    assert np.array_equal(pixels(got), pixels(image.convert("RGB")))


def test_adobe_cmyk_jpeg_is_not_inverted():
    grey = Image.new("RGB", (16, 16), (200, 60, 60))
    got = read_image(encode(grey.convert("CMYK"), "JPEG", quality=98))
    assert np.abs(pixels(got) - [200, 60, 60]).max() <= 6


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_divided_by_257(kind):
    values = np.array([[0, 257, 128 * 257], [254 * 257, 65535, 1000]], dtype=np.uint16)
    got = read_image(encode(Image.fromarray(values), kind))
    assert np.array_equal(pixels(got)[..., 1], np.rint(values / 257))


def test_big_endian_sixteen_bit_grey():
    image = Image.frombytes("I;16B", (2, 1), struct.pack(">HH", 65535, 2 * 257))
    assert pixels(read_image(image))[0, :, 0].tolist() == [255, 2]


def test_transparent_sixteen_bit_grey_is_white():
    image = Image.fromarray(np.array([[0, 257]], dtype=np.uint16))
    image.info["transparency"] = 0
    assert pixels(read_image(image))[0, :, 0].tolist() == [255, 1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 128, 255]], np.int32), [0, 128, 255]),
        (np.array([[0, 128 * 257, 65535]], np.int32), [0, 128, 255]),
        (np.array([[0, 2**20, 2**21]], np.int32), [0, 128, 255]),
        (np.array([[-10, 0, 10]], np.int32), [0, 128, 255]),
        (np.array([[0.0, 0.2, 1.0]], np.float32), [0, 51, 255]),
        (np.array([[0.0, 51.0, 255.0]], np.float32), [0, 51, 255]),
        (np.array([[-1.0, np.nan, 3.0]], np.float32), [0, 0, 255]),
        (np.array([[np.inf, 0.5, -np.inf]], np.float32), [128, 128, 128]),
        (np.full((1, 3), np.nan, np.float32), [0, 0, 0]),
        (np.full((1, 3), -5.0, np.float32), [0, 0, 0]),
        (np.array([[-3e38, 0.0, 3e38]], np.float32), [0, 128, 255]),
    ],
)
def test_wide_greys_fill_eight_bits(values, expected):
    assert pixels(read_image(Image.fromarray(values)))[0, :, 0].tolist() == expected


@pytest.mark.parametrize("mode", ["RGBA", "LA", "RGBa", "La", "PA", "P", "RGB key"])
def test_what_is_transparent_is_white(mode):
    image = half_transparent(mode)
    expected = [[[0] * 3] * 2 + [[255] * 3] * 2] * 2
    assert pixels(read_image(image)).tolist() == expected
    if mode in ("RGBA", "LA", "P", "RGB key"):
        assert pixels(read_image(encode(image))).tolist() == expected


def test_half_opaque_black_on_white_is_grey():
    assert read_image(Image.new("RGBA", (1, 1), (0, 0, 0, 128))).getpixel((0, 0)) == (127, 127, 127)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_an_animation_gives_its_first_frame(kind):
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "lime", "blue")]
    content = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    assert Image.open(io.BytesIO(content)).n_frames == 3
    assert np.abs(pixels(read_image(content)) - [255, 0, 0]).max() <= 6


@pytest.mark.parametrize("kind", FORMATS)
def test_every_allowed_format_is_read(kind):
    if kind in ("WEBP", "AVIF") and not features.check(kind.lower()):
        pytest.skip(f"this Pillow has no {kind}")
    got = read_image(encode(Image.new("RGB", (20, 10), (200, 100, 50)), kind))
    assert got.mode == "RGB" and got.size == (20, 10)
    assert np.abs(pixels(got) - [200, 100, 50]).max() <= 6


def test_the_callers_image_is_not_changed():
    image = half_transparent("P")
    exif = Image.Exif()
    exif[0x0112] = 6
    image.info["exif"] = exif.tobytes()
    before = image.tobytes(), dict(image.info), image.mode, image.size
    assert read_image(image).size == (2, 4)
    assert (image.tobytes(), dict(image.info), image.mode, image.size) == before
    own = noise(3, 3)
    read_image(own).paste("red", (0, 0, 3, 3))
    assert np.array_equal(pixels(own), pixels(noise(3, 3)))
