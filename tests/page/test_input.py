"""Bad input and unusual input in a real Chromium."""

import re
from pathlib import Path

import numpy as np
import pytest
from expecting import assert_answers
from PIL import Image
from visiting import expect

from msresnet.images import read_image
from msresnet.ui.words import ENGLISH
from msresnet.ui.words import page as text

pytestmark = pytest.mark.browser


def no_bytes(path: Path) -> None:
    path.touch()


def truncated(path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:3000])


def no_image(path: Path) -> None:
    path.write_text("Dear model, this is no picture.")


def huge(path: Path) -> None:
    Image.new("1", (8000, 6000)).save(path)


@pytest.mark.parametrize(
    ("write", "complaint"),
    [
        (no_bytes, "is empty (0 bytes); choose another file."),
        (truncated, "is damaged or incomplete; export it again and retry."),
        (no_image, "is not a picture that can be read; save it as"),
        (huge, "has 48 megapixels; the limit is 40. Make it smaller and try again."),
    ],
)
def test_what_is_no_picture_gets_one_sentence(visitor, folder, write, complaint):
    path = folder / f"{write.__name__}.png"
    write(path)
    visitor.upload(path)
    expect(visitor.part("status", "[role=alert]")).to_contain_text(complaint)
    for name in ("top-k", "ledger", "evidence", "feature-maps", "attributions"):
        expect(visitor.part(name, ".prose > *")).to_have_count(0)
    assert "Traceback" not in visitor.page.content() and str(folder) not in visitor.said("status")
    assert visitor.page.get_by_test_id("toast-body").count() == 0


def test_after_bad_pictures_a_good_one_is_explained(visitor, model, photo):
    visitor.upload(photo)
    assert_answers(visitor, model, photo)


def cmyk(picture: Image.Image, path: Path) -> None:
    picture.convert("CMYK").save(path, "JPEG")


def deep(picture: Image.Image, path: Path) -> None:
    grey = np.asarray(picture.convert("L"), dtype=np.uint16) * 257
    Image.fromarray(grey).save(path, "PNG")


def palette(picture: Image.Image, path: Path) -> None:
    picture.quantize(32).save(path, "PNG", transparency=3)


def alpha(picture: Image.Image, path: Path) -> None:
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    picture.save(path, "PNG")


def animated(picture: Image.Image, path: Path) -> None:
    picture.save(path, "GIF", save_all=True, append_images=[Image.new("RGB", picture.size)] * 2)


def turned(picture: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(path, "JPEG", exif=exif)


@pytest.mark.parametrize("save", [cmyk, deep, palette, alpha, animated, turned])
def test_unusual_pictures_are_explained(visitor, model, drawing, folder, save):
    path = folder / f"{save.__name__}.{'gif' if save is animated else 'jpg' if save in (cmyk, turned) else 'png'}"
    save(read_image(drawing), path)
    visitor.upload(path)
    assert_answers(visitor, model, path)


def test_without_a_picture_the_page_is_empty(visitor, model, photo):
    visitor.explain(model, photo)
    visitor.clear()
    expect(visitor.part("answer")).to_contain_text(ENGLISH(text.EMPTY))
    for name in ("top-k", "ledger", "evidence", "feature-maps", "attributions"):
        expect(visitor.part(name, ".prose > *")).to_have_count(0)
    expect(visitor.part("status", ".ms-status")).to_have_text("")


def test_an_example_is_explained(visitor, model, server):
    example = list(server.shown.values())[1]
    visitor.part("examples", "button").nth(1).click()
    assert_answers(visitor, model, example.uploaded())
    visitor.showing = example.uploaded()


def test_a_file_that_the_browser_cannot_show_leaves_no_broken_frame(visitor, model, photo, folder):
    path = folder / "letter.png"
    no_image(path)
    visitor.upload(path)
    expect(visitor.part("status", "[role=alert]")).to_contain_text("is not a picture that can be read")
    preview = visitor.part("image-input")
    expect(preview).to_have_class(re.compile("ms-no-preview"))
    expect(preview.locator("img")).not_to_be_visible()
    visitor.upload(photo)
    assert_answers(visitor, model, photo)
    expect(preview).not_to_have_class(re.compile("ms-no-preview"))
    expect(preview.locator("img")).to_be_visible()
