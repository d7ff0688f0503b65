"""The chart of a zoom response: what stands where, and that a screen reader hears it."""

import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import numpy as np
import pytest

from msresnet.canvas import Canvas
from msresnet.colour import scale_colour
from msresnet.ledger import Reading, Target
from msresnet.probes import Flip, ZoomPoint, ZoomResponse
from msresnet.zoom_chart import LEFT, PLOT, RIGHT, SHARES, Labels, cut, zoom_chart, zoom_text

SVG = "{http://www.w3.org/2000/svg}"
AVERAGE = Target(1)
CLASSES = ("ant", "bee & wasp", "a very long name of a cat")


def point(zoom: float, top: int, probability: float, *contributions: float, against: float | None = None) -> ZoomPoint:
    reading = Reading(Target(1), contributions, 0.0, sum(contributions))
    return ZoomPoint(zoom, probability, against, reading, (0.5, 0.5), top, 0.6)


def chart(*points: ZoomPoint, target: Target = AVERAGE, width: int = 720) -> ElementTree.Element:
    flips = tuple(Flip(a, b, np.zeros((2, 2, 3), np.uint8)) for a, b in pairwise(points) if a.top != b.top)
    blank = np.zeros((2, 2, 3), np.uint8)
    response = ZoomResponse(target, Canvas.GREY, points, flips, (blank, blank))
    labels = Labels(
        "answer", "probability", "shares", "all in <words>", lambda p: f"{100 * p:.0f} %", ("48 px", "96 px")
    )
    return ElementTree.fromstring(zoom_chart(response, classes=CLASSES, labels=labels, width=width))


THREE = (point(0.5, 0, 0.1, 1, 3), point(1, 1, 0.9, 3, 1), point(2, 1, 0.5, 1, 1))


def test_it_is_one_picture_with_words_for_it():
    drawn = chart(*THREE)
    assert drawn.get("role") == "img" and drawn.get("aria-label") == "all in <words>"
    assert (drawn.get("width"), drawn.get("viewBox").split()[2]) == ("720", "720")


def test_octaves_are_equally_wide():
    drawn = chart(*THREE)
    (curve,) = drawn.iter(f"{SVG}polyline")
    places = [tuple(map(float, place.split(","))) for place in curve.get("points").split()]
    xs = [x for x, _ in places]
    assert xs == pytest.approx([LEFT, (LEFT + 720 - RIGHT) / 2, 720 - RIGHT], abs=0.1)
    heights = [y for _, y in places]
    assert heights[0] - heights[1] == pytest.approx(0.8 * PLOT, abs=0.11)


def test_shares_are_stacked_in_the_scales_colours():
    drawn = chart(*THREE)
    polygons = list(drawn.iter(f"{SVG}polygon"))
    assert [one.get("fill") for one in polygons] == [scale_colour(0, 2)] * 2 + [scale_colour(1, 2)] * 2
    corners = [[float(place.split(",")[1]) for place in one.get("points").split()] for one in polygons]
    floor, border = corners[0][0], corners[0][1]
    assert floor - border == pytest.approx(SHARES / 4, abs=0.1), "a quarter is the small scale's"
    assert corners[2][0] == pytest.approx(border, abs=0.1)
    assert floor - corners[2][1] == pytest.approx(SHARES, abs=0.1), "together they are all"


def test_where_no_scale_speaks_for_the_class_no_share_is_drawn():
    assert not list(chart(point(0.5, 1, 0.1, -1, -3), *THREE[1:2]).iter(f"{SVG}polygon"))


def test_the_answers_stand_above_where_they_are_given():
    drawn = chart(*THREE)
    ribbon = {group.get("data-answer"): group for group in drawn.iter(f"{SVG}g") if group.get("data-answer")}
    assert set(ribbon) == {"0", "1"}
    names = {answer: group.find(f"{SVG}text").text for answer, group in ribbon.items()}
    assert names == {"0": "ant", "1": "bee & wasp"}
    flip = float(ribbon["1"].find(f"{SVG}rect").get("x"))
    lines = [float(line.get("x1")) for line in drawn.iter(f"{SVG}line") if line.get("data-flip")]
    assert lines == pytest.approx([flip] * 2, abs=0.1)


def test_class_b_is_dashed():
    compared = Target(1, against=0)
    points = [point(zoom, 1, 0.6, 1, 1, against=0.3) for zoom in (1, 2)]
    own, other = chart(*points, target=compared).iter(f"{SVG}polyline")
    assert own.get("stroke-dasharray") is None and other.get("stroke-dasharray")


def test_a_long_name_is_cut_and_a_longer_one_left_out():
    assert cut("tabby cat", 200) == "tabby cat"
    assert cut("tabby cat", 50) == "tabby…"
    assert cut("tabby cat", 20) == ""
    drawn = chart(point(1, 0, 0.1, 1, 1), point(1.01, 2, 0.1, 1, 1), point(2, 1, 0.1, 1, 1), width=340)
    texts = [group.find(f"{SVG}text").text for group in drawn.iter(f"{SVG}g") if group.get("data-answer") == "0"]
    assert texts == [None]


def test_zooms_are_told_as_people_read_them():
    assert [zoom_text(zoom) for zoom in (0.25, 0.5, 1, 2, 0.4261, 1.4142)] == ["×¼", "×½", "×1", "×2", "×0.43", "×1.41"]


def test_colours_of_the_page_have_a_value_of_their_own_in_a_file():
    drawn = ElementTree.tostring(chart(*THREE), encoding="unicode")
    assert not re.search(r"var\(--[\w-]+\)", drawn)
