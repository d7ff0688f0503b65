"""A phone, a dark and a light screen in a real Chromium."""

import re

import pytest
from expecting import PARTS
from visiting import expect

pytestmark = pytest.mark.browser


def test_a_phone_needs_no_scrolling_sideways(phone):
    width = phone.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    for name in PARTS:
        expect(phone.part(name)).to_be_visible()
        box = phone.part(name).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert phone.problems == []


# Pixels by which what may be written in a picker reaches over its arrow.
OVERLAPS = """() => [...document.querySelectorAll('.icon-wrap svg')].map((arrow) => {
  const input = arrow.closest('.block').querySelector('input');
  const right = input.getBoundingClientRect().right - parseFloat(getComputedStyle(input).paddingRight);
  return right - arrow.getBoundingClientRect().left;
})"""


def test_no_pickers_arrow_lies_on_its_text(phone):
    overlaps = phone.page.evaluate(OVERLAPS)
    assert len(overlaps) >= 4 and max(overlaps) <= 4  # the arrow's own frame is wider than it
    against = phone.part("against-picker", "input")
    assert against.evaluate("input => input.scrollWidth <= input.clientWidth")


def test_the_answer_is_on_a_phones_first_screen(phone):
    expect(phone.part("answer", ".ms-sentence")).to_contain_text("%")
    answer, first = phone.part("answer").bounding_box(), phone.part("top-k", ".ms-class").first.bounding_box()
    assert answer["y"] + answer["height"] <= first["y"] and first["y"] + first["height"] <= 844
    export = phone.part("export").bounding_box()
    assert export["y"] > phone.part("ledger").bounding_box()["y"]  # what is done with the answer comes after it


def test_the_dark_theme_is_dark(phone):
    def brightness(what: str) -> float:
        colour = phone.page.evaluate(f"getComputedStyle({what}).backgroundColor")
        channels = [float(value) for value in re.findall(r"[\d.]+", colour)]
        assert len(channels) == 3, f"not opaque: {colour}"
        return sum(channels) / 3

    assert brightness("document.body") < 60
    ink = phone.page.evaluate("getComputedStyle(document.querySelector('#answer .ms-sentence')).color")
    assert min(float(value) for value in re.findall(r"[\d.]+", ink)[:3]) > 180


def test_the_light_theme_is_light(visitor):
    colour = visitor.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert min(float(value) for value in re.findall(r"[\d.]+", colour)[:3]) > 200


def test_many_pictures_fit_a_phone(phone, photo, drawing):
    phone.part("batch", "> button").click()
    phone.part("batch-input", "input[type=file]").set_input_files([photo, drawing])
    expect(phone.part("batch-status")).to_have_text("2 pictures looked through")
    expect(phone.part("batch-gallery", ".ms-finding")).to_have_count(2)
    first, second = (phone.part("batch-gallery", ".ms-finding").nth(i).bounding_box() for i in range(2))
    assert first["y"] == second["y"] and second["x"] + second["width"] <= 390
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390
    phone.part("batch", "> button").click()
    assert phone.problems == []


def test_what_which_scale_and_where_fit_one_screen(arrive):
    visitor = arrive(viewport={"width": 1440, "height": 900})
    for part in ("answer", "top-k", "ledger", "class-picker"):
        expect(visitor.part(part)).to_be_in_viewport(ratio=1)
    for map_ in visitor.part("evidence", ".ms-stack").all():
        expect(map_).to_be_in_viewport(ratio=1)
