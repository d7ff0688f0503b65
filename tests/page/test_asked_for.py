"""Panels that work when they are asked for, in a real Chromium: zoom response, two pictures."""

import pytest
from expecting import words
from visiting import expect

from msresnet.explain import Session
from msresnet.ledger import Target
from msresnet.ui.pair import pair_sentence
from msresnet.ui.words import ENGLISH
from msresnet.ui.zoom import zoom_sentence

pytestmark = pytest.mark.browser


def test_the_zoom_response_is_drawn_and_goes_with_its_class(visitor, model, photo):
    visitor.explain_best(model, photo)
    session = Session(model, photo)
    response = session.zoom_response(session.target())
    visitor.part("zoom-ask").click()
    expect(visitor.part("zoom-response", ".ms-panel-finding")).to_have_text(
        words(zoom_sentence(response, model.classes, model.sides, ENGLISH))
    )
    assert visitor.part("zoom-response", "svg[role=img]:visible").count() == 1
    assert visitor.part("zoom-response", ".ms-flip img").count() == len(response.flips)
    rows = visitor.part("zoom-response", "tbody tr").evaluate_all("all => all.map(row => Number(row.dataset.zoom))")
    assert rows == pytest.approx([point.zoom for point in response.points], abs=1e-4)
    visitor.part("top-k", ".ms-class").nth(1).click()
    visitor.see_answer(model, photo, Target(session.ledger.top_k(2)[1].index))
    expect(visitor.part("zoom-response", ".ms-panel-finding")).to_have_count(0)


def test_a_pinned_picture_is_compared_with_the_next(visitor, model, photo, drawing):
    visitor.explain_best(model, photo)
    visitor.part("pair-pin").click()
    expect(visitor.part("pair", ".ms-difference")).to_be_visible()
    visitor.explain(model, drawing)
    first, second = Session(model, drawing), Session(model, photo)
    found = first.compare(second, first.target())
    expect(visitor.part("pair", ".ms-panel-finding")).to_have_text(words(pair_sentence(found, first, ENGLISH)))
    shown = visitor.part("pair", ".ms-difference-number").evaluate_all("all => all.map(one => Number(one.title))")
    assert shown == pytest.approx([*found.difference.contributions, found.difference.total], abs=1e-4)
    visitor.part("pair-with-maps", "input").check()
    expect(visitor.part("pair", ".ms-frame")).to_have_count(4 * len(model.sides))
    visitor.part("pair-with-maps", "input").uncheck()
    visitor.part("pair-image", "[aria-label='Remove Image']").click()
    expect(visitor.part("pair", ".ms-difference")).to_have_count(0)
