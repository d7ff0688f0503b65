"""What axe-core finds in every state of the page, and what a page at 200 percent looks like."""

import pytest
from expecting import IDEAS
from visiting import Visitor, expect

from msresnet.ui.words import CHINESE, ENGLISH
from msresnet.ui.words.script import SCRIPT

pytestmark = pytest.mark.browser

axe = pytest.importorskip("axe_playwright_python.sync_playwright")


def violations(visitor: Visitor) -> list[str]:
    """What axe-core calls serious or critical."""
    found = axe.Axe().run(visitor.page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{one['id']}: {node['target']} {node['html'][:160]} {node['failureSummary'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("words", "width"), [(ENGLISH, 1280), (CHINESE, 390)])
def test_axe_finds_nothing_serious_in_any_state(arrive, tmp_path, words, width, scheme):
    visitor = arrive(words, viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = visitor.page
    found = {"answered": violations(visitor)}
    for details in page.locator("details > summary").all():
        details.click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    found["help, all open"] = violations(visitor)
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    expect(page.get_by_role("dialog")).to_be_visible()
    found["tour"] = violations(visitor)
    page.keyboard.press("Escape")
    visitor.part("evidence", "[data-enlarge]").first.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    found["enlarged"] = violations(visitor)
    page.keyboard.press("Escape")
    broken = tmp_path / "broken.png"
    broken.touch()
    visitor.upload(broken)
    expect(visitor.part("status", "[role=alert]")).to_be_visible()
    found["error"] = violations(visitor)
    visitor.clear()
    for passing in ("[role=alert]", "[class*=ms-stale]"):  # the error, then that something is worked on
        expect(visitor.part("status", passing)).to_have_count(0)
    expect(visitor.part("answer", ".ms-empty")).to_be_visible()
    found["empty"] = violations(visitor)
    assert {state: what for state, what in found.items() if what} == {}


def test_axe_would_find_something(arrive):
    visitor = arrive(ENGLISH)
    visitor.page.evaluate("document.body.append(document.createElement('button'))")
    assert any(one.startswith("button-name") for one in violations(visitor))


IS_ON_SCREEN = """() => {
  const { left, top, right, bottom } = document.querySelector('[role=dialog]').getBoundingClientRect();
  return left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight;
}"""


def test_at_200_percent_nothing_is_cut_off_and_nothing_moves_who_does_not_want_it(arrive):
    visitor = arrive(ENGLISH, viewport={"width": 640, "height": 450}, device_scale_factor=2)
    page = visitor.page
    assert page.evaluate("document.documentElement.scrollWidth") <= 640
    page.keyboard.press("t")
    card = page.get_by_role("dialog")
    for idea in IDEAS:
        expect(card.get_by_role("heading")).to_have_text(ENGLISH(SCRIPT[f"idea:{idea}"]))
        page.wait_for_function(IS_ON_SCREEN)
        expect(card).to_have_css("transition-duration", "0s")
        card.press("ArrowRight")
    expect(card).to_have_count(0)
