"""Tour, keys and settings in a real Chromium; each visitor has a browser context of their own, which remembers."""

import re

import pytest
from expecting import IDEAS
from visiting import expect

from msresnet.explain import Session
from msresnet.probes import Switches, switched
from msresnet.ui.words import ENGLISH
from msresnet.ui.words import page as text
from msresnet.ui.words.script import SCRIPT

pytestmark = pytest.mark.browser


def test_the_tour_explains_seven_ideas_beside_their_parts_and_is_offered_once(arrive):
    visitor = arrive(ENGLISH)
    page = visitor.page
    page.get_by_role("button", name=ENGLISH(text.OFFER_START)).click()
    card = page.get_by_role("dialog")
    expect(page.locator(".ms-offer")).to_be_hidden()
    total = visitor.part("ledger", ".ms-total .ms-number").inner_text()
    for idea in IDEAS:
        expect(card.get_by_role("heading")).to_have_text(ENGLISH(SCRIPT[f"idea:{idea}"]))
        expect(card).to_be_focused()
        expect(page.locator(".ms-toured")).to_have_count(1)
        expect(page.locator(".ms-toured")).to_be_in_viewport()
        said = card.locator(".ms-idea").inner_text()
        assert "{" not in said and "  " not in said
        if idea == "ledger":
            assert total in said
        card.press("ArrowRight")
    expect(card).to_have_count(0)
    expect(page.locator(".ms-toured")).to_have_count(0)
    visitor.open()
    expect(page.locator(".ms-offer")).to_be_hidden()
    visitor.part("language", "[data-tour=start]").click()  # asked for, it comes again
    page.get_by_role("button", name=ENGLISH(SCRIPT["skip"])).click()
    expect(card).to_have_count(0)
    expect(visitor.part("language", "[data-tour=start]")).to_be_focused()


# Keys, maps, settings.


def test_arrows_go_through_classes_scales_and_methods(arrive, monkeypatch):
    visitor = arrive(ENGLISH)
    page = visitor.page
    page.keyboard.press("c")
    page.keyboard.press("ArrowDown")
    second = visitor.part("top-k", ".ms-class").nth(1)
    expect(second).to_have_attribute("aria-pressed", "true")
    visitor.wait()
    expect(second).to_be_focused()  # also after the list was replaced
    page.keyboard.press("l")
    page.keyboard.press("ArrowDown")
    expect(page.locator("body")).to_have_attribute("data-scale", "1")
    dimmed = visitor.part("evidence", ".ms-frame[data-scale='0']")
    expect(dimmed).to_have_css("opacity", "0.35")
    expect(visitor.part("evidence", ".ms-frame[data-scale='1']")).to_have_css("opacity", "1")
    visitor.choose_method("saliency")
    computed = []
    monkeypatch.setattr(Session, "attribution", lambda *args, **options: computed.append(args))
    page.keyboard.press("Escape")
    visitor.part("attributions", "[data-method=saliency]").focus()
    page.keyboard.press("ArrowLeft")
    expect(visitor.part("attributions", "[data-method=grad-cam]")).to_have_attribute("aria-pressed", "true")
    expect(visitor.part("attributions", "[data-method=grad-cam]")).to_be_focused()
    expect(visitor.part("method-picker", "input")).to_have_value("Grad-CAM")
    visitor.settle()
    assert computed == []


def test_maps_are_enlarged_and_covered_without_a_request(arrive):
    visitor = arrive(ENGLISH)
    page = visitor.page
    visitor.settle()
    asked = len(visitor.requests)
    first = visitor.part("evidence", "[data-enlarge]").first
    first.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("48 px scale: strongest")
    page.keyboard.press("ArrowRight")
    expect(dialog).to_contain_text("64 px scale: strongest")
    expect(dialog.locator(".ms-over")).to_be_visible()
    page.keyboard.press("Escape")
    expect(visitor.part("evidence", "[data-enlarge]").nth(1)).to_be_focused()
    page.get_by_label(ENGLISH(text.WIPE_NAME)).fill("40")
    expect(visitor.part("evidence", ".ms-over").first).to_have_css("clip-path", re.compile("60%"))
    visitor.settle()
    assert visitor.requests[asked:] == []


def test_settings_are_remembered_until_they_are_reset(arrive):
    visitor = arrive(ENGLISH)
    page = visitor.page
    page.get_by_label(ENGLISH(text.OPACITY_NAME)).fill("30")
    visitor.part("language", "[data-theme-toggle]").click()
    visitor.choose_method("saliency")
    visitor.open()
    expect(visitor.part("attributions", ".ms-aside")).to_contain_text("How fast the score rises")
    visitor.wait()
    expect(visitor.part("method-picker", "input")).to_have_value("Saliency")
    expect(page.locator("body")).to_have_class(re.compile("dark"))
    expect(page.get_by_label(ENGLISH(text.OPACITY_NAME))).to_have_value("30")
    page.keyboard.press("?")
    with visitor.leaving(), page.expect_navigation():
        page.get_by_role("button", name=ENGLISH(SCRIPT["forget"])).click()
    visitor.wait()
    expect(page.get_by_label(ENGLISH(text.OPACITY_NAME))).to_have_value("80")
    expect(page.locator("body")).not_to_have_class(re.compile("dark"))


def test_the_last_probe_is_undone(arrive, server):
    visitor = arrive(ENGLISH)
    page = visitor.page
    session, target = server.greeting.session, server.greeting.session.target()

    def shows(switches: Switches) -> None:
        reading = switched(session.ledger, switches).read(target)
        visitor.see_numbers([*reading.contributions, reading.total])

    undo = visitor.part("scale-switches", "[data-undo]")
    visitor.part("scale-switches", "summary").click()
    expect(undo).to_be_disabled()
    for scale in (0, 1):
        visitor.part("scale-switches", f"[data-switch='{scale}'] [type=checkbox]").uncheck()
        shows(Switches((False, scale == 0, True), (1, 1, 1)))
    undo.click()
    shows(Switches((False, True, True), (1, 1, 1)))
    page.keyboard.press("Control+z")
    shows(Switches((True, True, True), (1, 1, 1)))
    expect(undo).to_be_disabled()
    expect(visitor.part("scale-switches", "[data-switch='0'] [type=checkbox]")).to_be_checked()
