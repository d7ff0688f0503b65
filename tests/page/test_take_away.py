"""What can be taken along from the page in a real Chromium: an archive, a link."""

import json
import zipfile
from pathlib import Path
from urllib.parse import urlencode

import pytest
from expecting import assert_answers, assert_attributes
from visiting import PATIENCE_MS, Visitor, expect

from msresnet.attribution import METHODS
from msresnet.explain import Session
from msresnet.ledger import Target
from msresnet.ui.examples import Kind

pytestmark = pytest.mark.browser


def test_one_click_gives_an_archive_of_what_is_shown(visitor, model, drawing):
    visitor.explain_best(model, drawing)
    with visitor.page.expect_download(timeout=PATIENCE_MS) as waiting:
        visitor.part("export").click()
    visitor.wait()
    session = Session(model, drawing)
    target = session.target()
    with zipfile.ZipFile(waiting.value.path()) as archive:
        kept = {Path(name).name: archive.read(name) for name in archive.namelist()}
    explanation = json.loads(kept["explanation.json"])
    assert explanation["image"]["sha256"] == session.image.sha256
    assert explanation["target"] == {"index": target.index, "against": None}
    assert [METHODS[name].title for name in explanation["methods"]] == [visitor.chosen("method-picker")]
    assert {"explanation.pdf", "ledger.csv", "maps.npz", "evidence.png", "ledger.png"} < set(kept)
    best = explanation["top_k"][0]
    assert best["contributions"] == pytest.approx(session.ledger.contributions[:, target.index], abs=1e-5)


def test_without_a_picture_there_is_nothing_to_download(arrive):
    visitor = arrive()
    visitor.clear()
    expect(visitor.part("answer")).to_contain_text("Give it a picture")
    visitor.part("export").click(force=True)
    expect(visitor.part("status", ".ms-error")).to_contain_text("nothing to download yet")


def test_a_link_leads_back_to_the_view_of_an_example(arrive, server, model, address):
    visitor = arrive(permissions=["clipboard-read", "clipboard-write"])
    *_, example = (one for one in server.shown.values() if one.kind is Kind.THINGS)
    file = example.uploaded()
    visitor.page.locator(f"[data-example='{example.name}']").click()
    visitor.see_answer(model, file)
    target = Target(Session(model, file).ledger.top_k(3)[2].index)
    visitor.part("top-k", ".ms-class").nth(2).click()
    visitor.see_answer(model, file, target)
    visitor.choose_method("saliency")
    visitor.part("copy-link").click()
    expect(visitor.page.locator(".ms-copied")).to_have_text("Link copied")
    link = visitor.page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{address}/?example={example.name}&")
    other = Visitor(visitor.page.context.new_page(), address)  # in the same browser, which remembers the method
    other.go(link)
    assert_answers(other, model, file, target)
    expect(other.part("method-picker", "input")).to_have_value(METHODS["saliency"].title)
    assert_attributes(other, model, file, "saliency", target)
    other.leave()
    assert other.problems == []


def test_a_link_compares_classes_by_their_labels(arrive, server, model, address):
    example = next(iter(server.shown.values()))  # the one that is shown already
    file = example.uploaded()
    first, second = model.classes[3], model.classes[7]
    visitor = arrive()
    query = urlencode({"example": example.name, "class": first, "against": second})
    visitor.go(f"{address}/?{query}")
    assert_answers(visitor, model, file, Target(3, 7))


def test_a_link_to_what_is_not_there_is_told(arrive, address):
    visitor = arrive()
    visitor.go(f"{address}/?example=nobody")
    expect(visitor.part("status", ".ms-error")).to_contain_text("There is no example called 'nobody'")


def test_a_picture_of_ones_own_has_no_link(visitor, model, photo, server):
    visitor.explain(model, photo)
    visitor.page.locator("[data-example]").first.click()
    visitor.see_answer(model, next(iter(server.shown.values())).uploaded())
    expect(visitor.part("copy-link")).to_be_visible()
    visitor.showing = None
    visitor.explain(model, photo)
    expect(visitor.part("copy-link")).to_be_hidden()
