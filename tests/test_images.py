"""Laws of the reader and of the geometry from upload to level."""

import io
import os
import random
import re
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, features

from msresnet.errors import ConfigError, ImageError
from msresnet.images import (
    FORMATS,
    IMAGENET_MEAN_RGB,
    MAX_PIXELS,
    Geometry,
    crop_to,
    image_digest,
    read_image,
)

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ODD_IMAGES = SHARED_DATA / "odd-images"

needs_odd_images = pytest.mark.skipif(not ODD_IMAGES.is_dir(), reason="shared/data/odd-images is absent")

# Pillow warns about damaged metadata and large headers; the law here is about what comes out.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]


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


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of some sixty bytes whose header claims any size."""

    def chunk(tag: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    scanlines = chunk(b"IDAT", zlib.compress(b"\0"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + scanlines + chunk(b"IEND", b"")


def assert_plain(error: Exception) -> None:
    """One short line for a visitor: no folder, no address of an object, no exception's name."""
    sentence = str(error)
    assert "\n" not in sentence and len(sentence) < 200 and sentence.endswith(".")
    assert not re.search(r"[/\\]|<|0x|Error|Traceback|BytesIO", sentence), sentence


def refusal(source) -> str:
    with pytest.raises(ImageError) as caught:
        read_image(source)
    assert_plain(caught.value)
    return str(caught.value)


# ---- orientation -------------------------------------------------------------------------

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


# ---- modes -------------------------------------------------------------------------------


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


# ---- refusals ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"not a picture at all", "JPEG, PNG"),
        (b"\0" * 5000, "JPEG, PNG"),
        (encode(noise(64, 64))[:900], "damaged or incomplete"),
        (encode(noise(64, 64), "JPEG")[:900], "damaged or incomplete"),
        (encode(noise(8, 8), "PPM"), "JPEG, PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "JPEG, PNG"),
        (png_claiming(20_000, 20_000), "400 megapixels; the limit is 40. Make it smaller"),
        (png_claiming(13_000, 13_000), "169 megapixels"),
        (png_claiming(40_000_001, 1), "40.1 megapixels"),
        (png_claiming(70_000, 1), "70000 x 1"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(content, says):
    assert says in refusal(content)


@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")
def test_a_bomb_warning_made_an_error_is_the_same_refusal():
    assert "169 megapixels" in refusal(png_claiming(13_000, 13_000))


def test_a_bomb_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
    refusal(png_claiming(8_000, 8_000))


def test_the_limit_itself_is_allowed_and_holds_for_pil_images():
    side = 4_000
    assert "no pixels" in refusal(Image.new("RGB", (0, 3)))
    assert "megapixels" in refusal(Image.new("1", (side, MAX_PIXELS // side + 1)))
    assert read_image(Image.new("1", (side, MAX_PIXELS // side))).size == (side, MAX_PIXELS // side)


def test_pillows_switches_stay_as_they_are():
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    refusal(png_claiming(20_000, 20_000))
    refusal(encode(noise(64, 64))[:900])
    read_image(encode(noise(4, 4)))
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)


def test_paths_and_their_refusals_name_no_folder(tmp_path):
    good = tmp_path / "good.png"
    good.write_bytes(encode(noise(5, 4)))
    assert image_digest(read_image(good)) == image_digest(read_image(str(good))) == image_digest(noise(5, 4))
    (tmp_path / "empty.png").touch()
    (tmp_path / "cut.png").write_bytes(encode(noise(64, 64))[:900])
    (tmp_path / "text.jpg").write_text("no picture")
    assert refusal(tmp_path / "missing.png") == "There is no file called 'missing.png'; check the name."
    assert "'empty.png' is empty" in refusal(str(tmp_path / "empty.png"))
    assert "'cut.png' is damaged" in refusal(tmp_path / "cut.png")
    assert "'text.jpg' is not a picture" in refusal(tmp_path / "text.jpg")
    assert "is a folder" in refusal(tmp_path)
    assert "cannot be opened" in refusal(good / "inside.png")
    with pytest.raises(ImageError, match="name is not valid"):
        read_image("nul\0byte.png")
    assert "cannot be opened" in refusal("n" * 5000 + "/picture.png")
    assert "There is no file" in refusal("")


def test_a_pipe_is_refused_without_waiting(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes in the file system here")
    os.mkfifo(tmp_path / "pipe.png")
    assert "not a regular file" in refusal(tmp_path / "pipe.png")


def test_mutated_files_give_a_picture_or_a_sentence():
    generator = random.Random(0)
    seeds = [encode(noise(16, 12), kind) for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF")]
    seeds.append(encode(noise(16, 12), "TIFF", compression="tiff_lzw"))
    seeds.append(encode(half_transparent("P"), "PNG", exif=stored_as(noise(2, 2), 6)[1]))
    refused = 0
    for _ in range(1500):
        content = bytearray(generator.choice(seeds))
        for _ in range(generator.choice((1, 3, 10))):
            content[generator.randrange(min(len(content), 400))] = generator.choice((0, 1, 127, 128, 255))
        try:
            image = read_image(bytes(content))
        except ImageError as error:
            refused += 1
            assert_plain(error)
        else:
            assert image.mode == "RGB"
    assert 100 < refused < 1400


def test_threads_read_as_one_does():
    contents = [encode(noise(40 + i, 30, seed=i), kind) for i in range(6) for kind in ("PNG", "BMP", "TIFF")]
    contents += [encode(noise(64, 64))[:900], png_claiming(20_000, 20_000)]

    def outcome(content: bytes) -> str:
        try:
            return image_digest(read_image(content))
        except ImageError as error:
            return str(error)

    alone = [outcome(content) for content in contents]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(outcome, contents * 10)) == alone * 10


# ---- digest ------------------------------------------------------------------------------


def test_the_digest_is_of_pixels_and_size():
    image = noise(6, 4)
    digest = image_digest(image)
    assert re.fullmatch("[0-9a-f]{64}", digest)
    assert image_digest(read_image(encode(image, "BMP"))) == digest
    assert image_digest(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) != digest
    assert image_digest(Image.new("RGB", (6, 4))) != image_digest(Image.new("RGB", (4, 6)))
    with pytest.raises(ConfigError, match="RGB"):
        image_digest(image.convert("L"))


# ---- geometry ----------------------------------------------------------------------------

GEOMETRIES = [
    Geometry.centre_crop((640, 427)),
    Geometry.centre_crop((427, 640), fraction=224 / 256),
    Geometry.centre_crop((64, 64)),
    Geometry.centre_crop((31, 20), fraction=2.0),
    Geometry.whole((640, 427)),
    Geometry.whole((5, 99)),
    Geometry((100, 80), (60.25, -12.5, 140.25, 67.5)),
]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("side", [1, 64, 224, 448])
def test_there_and_back_is_where_it_was(geometry, side):
    generator = np.random.default_rng(0)
    x, y = generator.uniform(-50, 700, (2, 200))
    back = geometry.to_upload(*geometry.to_level(x, y, side=side), side=side)
    np.testing.assert_allclose(back, (x, y), rtol=0, atol=1e-9)
    left, top, right, bottom = geometry.box
    assert geometry.to_level(left, top, side=side) == pytest.approx((0, 0))
    assert geometry.to_level(right, bottom, side=side) == pytest.approx((side, side))
    one, _ = geometry.to_upload(1.0, 0.0, side=side)
    assert one - left == pytest.approx(geometry.px_per_level_px(side))


def test_the_fields_of_view():
    assert Geometry.centre_crop((640, 427)).box == (106.5, 0, 533.5, 427)
    assert Geometry.centre_crop((256, 300), fraction=0.875).box == (16, 38, 240, 262)
    assert Geometry.whole((640, 427)).box == (0, -106.5, 640, 533.5)
    assert Geometry.whole((9, 9)) == Geometry.centre_crop((9, 9))


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((0, 5), (0, 0, 5, 5)),
        ((5.5, 5), (0, 0, 5, 5)),
        ((5, 5), (0, 0, 5, 4)),
        ((5, 5), (3, 0, 3, 0)),
        ((5, 5), (5, 0, 0, 5)),
        ((5, 5), (0, 0, float("inf"), float("inf"))),
        ((5, 5), (0, 0, float("nan"), 5)),
        ((5, 5), (5, 0, 10, 5)),
        ((5, 5), (0, -5, 5, 0)),
    ],
)
def test_an_impossible_geometry_fails_when_it_is_made(size, box):
    with pytest.raises(ConfigError):
        Geometry(size, box)


@pytest.mark.parametrize("fraction", [0, -1, float("nan"), float("inf")])
def test_an_impossible_fraction_fails(fraction):
    with pytest.raises(ConfigError, match="fraction"):
        Geometry.centre_crop((4, 4), fraction=fraction)


# ---- crop --------------------------------------------------------------------------------


def brightest(image: Image.Image, background: tuple[int, int, int] = (0, 0, 0)) -> tuple[float, float]:
    """The centroid of what differs from the background, in pixel-edge coordinates."""
    weight = np.abs(pixels(image) - background).sum(axis=2).astype(float)
    assert weight.sum() > 0
    ys, xs = np.indices(weight.shape) + 0.5
    return (xs * weight).sum() / weight.sum(), (ys * weight).sum() / weight.sum()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("side", [16, 29, 64])
@pytest.mark.parametrize("show", [Geometry.centre_crop, Geometry.whole])
@pytest.mark.parametrize("dot", [(15, 11), (25, 20), (33, 3)])
def test_a_dot_lands_where_to_level_says(orientation, side, show, dot):
    stored, exif = stored_as(with_dot(48, 32, *dot), orientation)
    image = read_image(encode(stored, exif=exif))
    geometry = show(image.size)
    level = crop_to(image, geometry, side, fill=(0, 0, 0))
    x, y = geometry.to_level(dot[0] + 0.5, dot[1] + 0.5, side=side)
    assert brightest(level) == (pytest.approx(x, abs=0.5), pytest.approx(y, abs=0.5))


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_a_square_lands_where_to_level_says(geometry):
    """The same with a square that is large enough for reductions and any padding."""
    width, height = geometry.upload_size
    image = Image.new("RGB", (width, height))
    half = max(1, min(width, height) // 8)
    x0, y0 = width // 2 + half, height // 2 - half
    x0 = min(x0, width - 2 * half)
    image.paste("white", (x0, y0, x0 + 2 * half, y0 + 2 * half))
    level = crop_to(image, geometry, 96, fill=(0, 0, 0))
    x, y = geometry.to_level(x0 + half, y0 + half, side=96)
    assert brightest(level) == (pytest.approx(x, abs=0.5), pytest.approx(y, abs=0.5))


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("side", [7, 64, 200])
def test_padding_is_as_if_the_picture_lay_on_a_large_canvas(geometry, side):
    """The rule a second way: a canvas that holds the whole box, with room for the filter."""
    width, height = geometry.upload_size
    image = noise(width, height)
    left, top, right, bottom = geometry.box
    room = 3 * max(int(geometry.px_per_level_px(side)), 1) + 3
    # Where the box ends at the picture's edge, the filter ends there too.
    before_x, before_y = (int(-edge) + room if edge < 0 else 0 for edge in (left, top))
    after_x = int(right - width) + room if right > width else 0
    after_y = int(bottom - height) + room if bottom > height else 0
    canvas = Image.new("RGB", (before_x + width + after_x, before_y + height + after_y), IMAGENET_MEAN_RGB)
    canvas.paste(image, (before_x, before_y))
    box = (left + before_x, top + before_y, right + before_x, bottom + before_y)
    expected = canvas.resize((side, side), Image.Resampling.BILINEAR, box=box)
    level = crop_to(image, geometry, side)
    assert level.size == (side, side) and level.mode == "RGB"
    assert np.abs(pixels(level) - pixels(expected)).max() <= 1


def test_a_whole_numbered_box_of_the_same_side_is_unchanged():
    image = noise(40, 30)
    inside = crop_to(image, Geometry.centre_crop(image.size), 30)
    assert np.array_equal(pixels(inside), pixels(image.crop((5, 0, 35, 30))))
    padded = crop_to(image, Geometry.whole(image.size), 40, fill=(1, 2, 3))
    assert np.array_equal(pixels(padded)[5:35], pixels(image))
    assert (np.concatenate([pixels(padded)[:5], pixels(padded)[35:]]) == [1, 2, 3]).all()


def test_a_box_on_the_edge_but_for_rounding_is_not_padded():
    image = Image.new("RGB", (30, 30), "white")
    level = crop_to(image, Geometry((30, 30), (-1e-9, 0, 30, 30 + 1e-9)), 15)
    assert (pixels(level) == 255).all()


def test_reduction_is_antialiased():
    stripes = Image.fromarray(np.tile(np.array([0, 255], np.uint8), (64, 32))).convert("RGB")
    level = pixels(crop_to(stripes, Geometry.centre_crop((64, 64)), 16))
    assert np.abs(level[:, 1:-1] - 127.5).max() < 3


@pytest.mark.parametrize("size", [(65_000, 2), (2, 65_000)])
def test_a_very_long_picture_fits_into_a_level(size, monkeypatch):
    made = []
    new = Image.new
    monkeypatch.setattr(Image, "new", lambda mode, size, *rest: made.append(size) or new(mode, size, *rest))
    level = crop_to(Image.new("RGB", size, "white"), Geometry.whole(size), 224)
    assert level.size == (224, 224)
    assert level.getpixel((0, 0)) == IMAGENET_MEAN_RGB
    assert max(width * height for width, height in made[1:]) < 10**6  # the whole square has 4 gigapixels


def test_a_far_larger_field_of_view_costs_nothing():
    """Padded in full, the box would have ten gigapixels."""
    far = Geometry((1000, 1000), (-49_500, -49_500, 50_500, 50_500))
    level = crop_to(Image.new("RGB", (1000, 1000), "white"), far, 101)
    assert brightest(level, IMAGENET_MEAN_RGB) == pytest.approx((50.5, 50.5))


def test_crop_to_refuses_what_does_not_fit():
    geometry = Geometry.centre_crop((8, 6))
    with pytest.raises(ConfigError, match=r"\(8, 6\)"):
        crop_to(Image.new("RGB", (6, 8)), geometry, 4)
    with pytest.raises(ConfigError, match="side"):
        crop_to(Image.new("RGB", (8, 6)), geometry, 0)
    with pytest.raises(ConfigError, match="RGB"):
        crop_to(Image.new("P", (8, 6)), geometry, 4)


# ---- real odd files ----------------------------------------------------------------------


@pytest.mark.data
@needs_odd_images
@pytest.mark.filterwarnings("ignore")
def test_every_odd_file_is_a_picture_or_a_sentence():
    read = refused = 0
    for path in sorted(path for path in ODD_IMAGES.rglob("*") if path.is_file()):
        for source in (path, path.read_bytes()):
            try:
                image = read_image(source)
            except ImageError as error:
                refused += 1
                assert_plain(error)
            else:
                read += 1
                assert image.mode == "RGB" and 0 < image.width * image.height <= MAX_PIXELS
    assert read > 100 and refused > 50


@pytest.mark.data
@needs_odd_images
@pytest.mark.parametrize("kind", ["Landscape", "Portrait"])
def test_the_orientation_examples_all_look_the_same(kind):
    paths = sorted((ODD_IMAGES / "exif-orientation").glob(f"{kind}_*.jpg"))
    first, *others = [read_image(path) for path in paths]
    assert len(others) == 8
    # Each file was compressed anew: compared at 60 px they differ by 0.7 at most, turned by 36 and more.
    small = Geometry.centre_crop(first.size)
    for other in others:
        assert other.size == first.size
        assert np.abs(pixels(crop_to(other, small, 60)) - pixels(crop_to(first, small, 60))).mean() < 2
