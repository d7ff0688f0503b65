"""Many pictures in a real Chromium."""

import pytest
from expecting import assert_answers
from PIL import Image
from visiting import expect

from msresnet.batch import Finding, look_through, ordered
from msresnet.ui.batch import ORDERS

pytestmark = pytest.mark.browser


def test_many_pictures_are_sorted_and_one_is_explained(visitor, model, photo, drawing, dots, folder):
    bad = folder / "no-picture.png"
    bad.write_text("Dear model, this is no picture.")
    files = [photo, drawing, bad, dots]
    visitor.part("batch", "> button").click()
    visitor.part("batch-input", "input[type=file]").set_input_files(files)
    expect(visitor.part("batch-status")).to_have_text("4 pictures looked through")
    expect(visitor.part("batch-gallery", ".ms-unreadable")).to_contain_text("'no-picture.png' is not a picture")
    expect(visitor.part("batch-stop")).to_be_hidden()
    looked = look_through(model, [(path.name, path) for path in files])
    findings = [one for one in looked if isinstance(one, Finding)]
    for order, (value, _) in ORDERS.items():
        visitor.part("batch-gallery", "[data-order]").select_option(value)
        names = visitor.part("batch-gallery", ".ms-finding").evaluate_all("all => all.map(one => one.title)")
        assert names == [one.name for one in ordered(findings, order)]
    visitor.part("batch-gallery", ".ms-finding[title='dots.png']").click()
    assert_answers(visitor, model, dots)
    visitor.showing = dots
    visitor.part("batch-input", "[aria-label='Clear']").click()
    expect(visitor.part("batch-gallery", ".ms-finding")).to_have_count(0)
    visitor.part("batch", "> button").click()


def test_more_pictures_than_fifty_are_told(visitor, folder):
    many = []
    for number in range(51):
        path = folder / f"{number}.png"
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
        many.append(path)
    visitor.part("batch", "> button").click()
    visitor.part("batch-input", "input[type=file]").set_input_files(many)
    expect(visitor.part("batch-status")).to_have_text("a batch must have at most 50 pictures, got 51; leave out 1")
    expect(visitor.part("batch-gallery", ".ms-finding")).to_have_count(0)
    visitor.part("batch", "> button").click()
