"""How a method is asked, and whether its maps can be believed, in a real Chromium."""

import re
import threading

import numpy as np
import pytest
from expecting import assert_answers, pixels
from visiting import PATIENCE_MS, PATIENCE_S, expect

from msresnet.errors import Cancelled
from msresnet.explain import Session
from msresnet.faithfulness import Direction
from msresnet.ledger import Target
from msresnet.ui.maps import attribution_html
from msresnet.ui.words import ENGLISH
from msresnet.ui.words import trust as trust_words

pytestmark = pytest.mark.browser


def test_the_baseline_the_stage_and_the_colours_are_chosen_at_the_maps(visitor, model, photo):
    visitor.explain_best(model, photo)
    visitor.choose_method("grad-cam")
    squares = visitor.part("attributions", ".ms-over").first.get_attribute("src")
    chosen = visitor.part("attributions", "[data-option=stage]")
    chosen.focus()  # as who chooses does; the browser is steered past it otherwise
    chosen.select_option("2")
    expect(visitor.part("attributions", ".ms-over").first).not_to_have_attribute("src", squares)
    expect(visitor.part("attributions", "[data-option=stage]")).to_have_value("2")
    expect(visitor.part("attributions", "[data-option=stage]")).to_be_focused()
    session = Session(model, photo)
    result = session.attribution("grad-cam", session.target(), stage=2)
    html = attribution_html(result, session.answer(session.target()), session.pictures(), ENGLISH)
    drawn = pixels(visitor.part("attributions", ".ms-over").first.get_attribute("src"))
    expected = pixels(re.findall(r'class="ms-over" alt="" src="([^"]*)"', html)[0])
    assert np.abs(drawn - expected).mean() < 0.5
    visitor.part("attributions", "[data-option=range]").select_option("local")
    expect(visitor.part("attributions")).to_contain_text("cannot be compared")
    visitor.part("attributions", "[data-option=range]").select_option("shared")
    expect(visitor.part("attributions", ".ms-gradient")).to_have_count(1)
    visitor.part("attributions", "[data-option=stage]").select_option("3")
    expect(visitor.part("attributions", ".ms-over").first).to_have_attribute("src", squares)
    visitor.choose_method("saliency")
    visitor.choose_method("grad-cam")


def test_the_maps_are_put_on_trial_and_what_fails_is_marked(visitor, model, photo):
    visitor.explain_best(model, photo)
    visitor.choose_method("grad-cam")
    visitor.part("trust", "[data-check=shown]").click()
    rows = visitor.part("trust", "[data-map]")
    expect(rows).to_have_count(2, timeout=3 * PATIENCE_MS)  # the longest that the page does
    visitor.wait()
    session = Session(model, photo)
    expected = session.trust(session.target(), ("grad-cam",))
    for verdict in expected.verdicts:
        row = visitor.part("trust", f"[data-map={verdict.name}]")
        told = trust_words.PASSES if not verdict.marks else trust_words.MARKS[verdict.marks[0]]
        expect(row.locator(".ms-verdict")).to_contain_text(ENGLISH(told))
        assert row.locator("svg[role=img]").count() == 3
        assert f"{verdict.curves[Direction.DELETION].area:.3f}" in row.inner_text()
    visitor.part("top-k", ".ms-class").nth(1).click()
    visitor.see_answer(model, photo, Target(session.ledger.top_k(2)[1].index))
    expect(visitor.part("trust", "[data-check=all]")).to_be_visible()
    expect(rows).to_have_count(0)
    visitor.explain_best(model, photo)
    expect(rows).to_have_count(2)  # of this picture and class it is known already


def test_a_check_is_stopped(visitor, model, photo, drawing, monkeypatch):
    visitor.explain_best(model, drawing)
    begun, stopped = threading.Event(), threading.Event()

    def trust(self, target, methods, *, is_cancelled, on_progress, **options):
        begun.set()
        while not is_cancelled():
            stopped.wait(0.01)
        stopped.set()
        raise Cancelled("The check was cancelled")

    monkeypatch.setattr(Session, "trust", trust)
    visitor.part("trust", "[data-check=all]").click()
    assert begun.wait(PATIENCE_S)
    visitor.part("trust", "[data-stop]").click()
    assert stopped.wait(PATIENCE_S), "it still runs"
    visitor.wait()
    expect(visitor.part("trust", "[data-check=all]")).to_be_visible()
    assert_answers(visitor, model, drawing)
