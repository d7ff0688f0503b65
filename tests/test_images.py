"""Laws of the reader: what is a picture, what is refused, and how."""

import os
import random
import re
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile
from sketches import encode, half_transparent, noise, pixels, stored_as

from msresnet.errors import ConfigError, ImageError
from msresnet.geometry import Geometry, crop_to
from msresnet.images import MAX_PIXELS, image_digest, read_image

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ODD_IMAGES = SHARED_DATA / "odd-images"

needs_odd_images = pytest.mark.skipif(not ODD_IMAGES.is_dir(), reason="shared/data/odd-images is absent")

# Pillow warns about damaged metadata and large headers; the law here is about what comes out.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]


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


# Refusals


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


# Digest


def test_the_digest_is_of_pixels_and_size():
    image = noise(6, 4)
    digest = image_digest(image)
    assert re.fullmatch("[0-9a-f]{64}", digest)
    assert image_digest(read_image(encode(image, "BMP"))) == digest
    assert image_digest(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) != digest
    assert image_digest(Image.new("RGB", (6, 4))) != image_digest(Image.new("RGB", (4, 6)))
    with pytest.raises(ConfigError, match="RGB"):
        image_digest(image.convert("L"))


# Real odd files


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
