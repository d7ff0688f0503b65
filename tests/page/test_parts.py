"""A part of one picture in a real Chromium: a point that is asked, a place that is brushed."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from expecting import box_of
from visiting import Visitor, expect

from msresnet.explain import Session
from msresnet.probes import Mask, PointReader
from msresnet.ui.brush import read_mask
from msresnet.ui.words import ENGLISH
from msresnet.ui.words import brush as brush_words

pytestmark = pytest.mark.browser


def test_a_point_is_asked_on_a_map_and_moved_by_keys(visitor, model, photo):
    visitor.explain_best(model, photo)
    session = Session(model, photo)
    reader, (left, top, right, _) = session.points(session.target()), session.geometry.box
    visitor.unfold("point")
    box = box_of(visitor, "evidence", ".ms-frame[data-scale='1'] .ms-stack")
    place = (box["x"] + 0.41 * box["width"], box["y"] + 0.62 * box["height"])
    x, y = see_point(visitor, reader, lambda: visitor.page.mouse.click(*place))
    side = right - left
    assert (x, y) == pytest.approx((left + 0.41 * side, top + 0.62 * side), abs=0.01 * side)
    assert visitor.part("evidence", ".ms-frame[data-scale='1'] .ms-marks rect").count() > 0
    visitor.part("point", ".ms-stage").focus()
    moved = see_point(visitor, reader, lambda: visitor.page.keyboard.press("ArrowRight"))
    assert moved == pytest.approx((x + 0.02 * side, y))
    moved = see_point(visitor, reader, lambda: visitor.page.keyboard.press("Shift+ArrowUp"))
    assert moved == pytest.approx((x + 0.02 * side, y - 0.1 * side))
    visitor.part("point-answer", "label[for=ms-point-stage-0]").click()
    expect(visitor.part("point-answer", "[data-stage='0']")).to_be_visible()
    assert visitor.part("point-answer", ".ms-stage-panel:visible").count() == 1
    visitor.unfold("point", is_open=False)
    expect(visitor.part("point-answer")).to_be_hidden()


def see_point(visitor: Visitor, reader: PointReader, act: Callable[[], None]) -> tuple[float, float]:
    """Do what makes the page ask; the point that it asks about. It comes to show the cells there."""
    with visitor.page.expect_request(lambda request: '"x":' in (request.post_data or "")) as sent:
        act()
    x, y = (float(re.search(rf'"{name}":([\d.]+)', sent.value.post_data)[1]) for name in "xy")
    reading = reader.with_influence(reader.at(x, y))
    boxes = [[one.field.left / one.side, one.influence.box[0] / one.side] for cells in reading.cells for one in cells]
    visitor.page.wait_for_function(
        """(expected) => {
          const carried = document.querySelector('#point-answer [data-boxes]')?.dataset.boxes;
          if (!carried) return false;
          const shown = JSON.parse(carried).flat().map((one) => [one.field[0], one.influence[0]]);
          return shown.every((pair, i) => pair.every((edge, j) => Math.abs(edge - expected[i][j]) < 1e-4));
        }""",
        arg=boxes,
        polling=200,
    )
    totals = visitor.part("point-answer", "[data-stage='3'] b span").evaluate_all("all => all.map(one => +one.title)")
    assert totals == pytest.approx([one.total for one in reading.cells[3]], abs=1e-5)
    return x, y


def test_a_click_on_the_upload_chooses_the_point_there(visitor, model, photo):
    visitor.explain_best(model, photo)
    session = Session(model, photo)
    middle, quarter = session.image.width / 2, session.image.height / 4
    box = box_of(visitor, "image-input", "img")
    place = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 4)
    asked = see_point(visitor, session.points(session.target()), lambda: visitor.page.mouse.click(*place))
    assert asked == pytest.approx((middle, quarter), abs=4)
    shown = re.search(r"Point at (\d+), (\d+) px", visitor.said("point", "[data-point-state]"))
    assert [int(one) for one in shown.groups()] == pytest.approx(asked, abs=1)


def test_a_part_is_brushed_and_the_change_shown(visitor, model, photo):
    visitor.explain_best(model, photo)
    session = Session(model, photo)
    visitor.unfold("brush")
    box, mouse, keyboard = box_of(visitor, "brush", "canvas"), visitor.page.mouse, visitor.page.keyboard
    mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.5 * box["height"])
    mouse.down()
    mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.5 * box["height"], steps=5)
    mask = see_covered(visitor, session, mouse.up, fill="blur")
    assert mask[112, 60:164].min() > 0.99 and mask[:80].max() == mask[144:].max() == 0

    see_covered(visitor, session, visitor.part("brush", "[value=noise]").check, fill="noise")
    see_covered(visitor, session, visitor.part("brush", "[value=keep]").check, fill="noise", is_kept=True)
    visitor.part("brush", "canvas").focus()
    keyboard.press("ArrowDown")
    keyboard.press("ArrowDown")
    more = see_covered(visitor, session, lambda: keyboard.press("Space"), fill="noise", is_kept=True)
    assert more.sum() > mask.sum()
    inverted = visitor.part("brush", "[data-brush=invert]").click
    assert np.abs(1 - more - see_covered(visitor, session, inverted, fill="noise", is_kept=True)).max() < 0.01
    for _ in range(3):
        visitor.part("brush", "[data-brush=undo]").click()
    expect(visitor.part("brush-answer", ".prose > *")).to_have_count(0)
    expect(visitor.part("brush", "[data-brush-state]")).to_have_text(ENGLISH(brush_words.NOTHING_YET))


def see_covered(visitor: Visitor, session: Session, act: Callable[[], None], **options) -> np.ndarray:
    """Do what makes the page ask; what was painted then. The page comes to show what the model says of it."""
    with visitor.page.expect_request(lambda request: '"mask"' in (request.post_data or "")) as sent:
        act()
    mask = read_mask(re.search(r'"mask":"(data:image/png[^"]*)"', sent.value.post_data)[1])
    reading = session.occluded(Mask.over_view(mask, session.geometry), **options).after.read(session.target())
    visitor.page.wait_for_function(
        """(expected) => {
          const shown = [...document.querySelectorAll('#brush-answer .ms-change:last-child td:nth-child(3)')];
          return shown.length === expected.length
            && shown.every((cell, i) => Math.abs(parseFloat(cell.title) - expected[i]) < 1e-4);
        }""",
        arg=[*reading.contributions, reading.bias, reading.total],
        polling=200,
    )
    return mask
