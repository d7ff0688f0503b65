"""Scales that are switched off and louder, in a real Chromium."""

import pytest
from expecting import words
from visiting import expect

from msresnet.explain import Session
from msresnet.probes import Switches, switched
from msresnet.ui.recomputing import recomputed_html
from msresnet.ui.words import ENGLISH
from msresnet.ui.words import page as text

pytestmark = pytest.mark.browser


def test_a_scale_is_switched_off_and_on_again(visitor, model, photo):
    visitor.explain_best(model, photo)
    session = Session(model, photo)
    target = session.target()
    visitor.unfold("scale-switches")
    visitor.part("scale-switches", "[data-switch='1'] [type=checkbox]").uncheck()
    off = switched(session.ledger, Switches((True, False, True), (1, 1, 1))).read(target)
    visitor.see_numbers([*off.contributions, off.total])
    expect(visitor.part("answer", ".ms-sentence")).to_contain_text(ENGLISH(text.WHAT_IF_ON))
    visitor.part("scale-switches", "[data-switch='0'] [type=range]").fill("2")
    louder = switched(session.ledger, Switches((True, False, True), (2, 1, 1))).read(target)
    visitor.see_numbers([*louder.contributions, louder.total])
    visitor.part("scale-switches", "[data-reset]").click()
    visitor.see_answer(model, photo, target)
    visitor.unfold("scale-switches", is_open=False)


def test_the_last_scale_cannot_be_switched_off(visitor, model, photo):
    visitor.explain_best(model, photo)
    visitor.unfold("scale-switches")
    for scale in range(3):
        visitor.part("scale-switches", f"[data-switch='{scale}'] [type=checkbox]").uncheck()
    expect(visitor.part("status", ".ms-error")).to_contain_text("at least one scale must stay on")
    visitor.part("scale-switches", "[data-reset]").click()
    visitor.see_answer(model, photo)
    visitor.unfold("scale-switches", is_open=False)


def test_a_switched_off_scale_is_recomputed(visitor, model, photo):
    visitor.explain_best(model, photo)
    session = Session(model, photo)
    visitor.unfold("scale-switches")
    visitor.part("scale-switches", "[data-switch='1'] [type=checkbox]").uncheck()
    found = session.recomputed(Switches((True, False, True), (1, 1, 1)))
    html = recomputed_html(found, session.target(), model.classes, model.sides, ENGLISH, has_links=True)
    expect(visitor.part("recomputed", ".ms-note")).to_have_text(words(html))
    visitor.part("scale-switches", "[data-reset]").click()
    expect(visitor.part("recomputed", ".ms-note")).to_have_count(0)
    visitor.see_answer(model, photo)
    visitor.unfold("scale-switches", is_open=False)
