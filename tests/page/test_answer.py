"""One picture in a real Chromium, looked at from all sides."""

import re

import pytest
from expecting import PARTS, assert_answers, assert_attributes, words
from visiting import expect

from msresnet.explain import Session
from msresnet.ledger import Target
from msresnet.ui.words import ENGLISH
from msresnet.ui.words import page as text

pytestmark = pytest.mark.browser


def test_an_explained_example_greets(arrive, server, model):
    visitor = arrive()
    example = next(iter(server.shown.values()))
    assert_answers(visitor, model, example.uploaded())
    for name in PARTS:
        expect(visitor.part(name)).to_have_count(1)
        expect(visitor.part(name)).to_be_visible()
    assert visitor.part("attributions", ".ms-frame[data-scale]").count() == len(model.sides)


def test_a_photo_is_explained(visitor, model, photo):
    visitor.explain_best(model, photo)
    visitor.choose_method("grad-cam")
    assert_answers(visitor, model, photo)
    assert_attributes(visitor, model, photo, "grad-cam")
    *parts, total = visitor.numbers()
    assert sum(parts) == pytest.approx(total, abs=1e-9)  # as it is shown
    assert [words(name) for name in visitor.part("ledger", ".ms-entry-name").all_inner_texts()] == [
        *(f"{side} px" for side in model.sides), "bias", "= total",
    ]  # fmt: skip
    assert visitor.part("evidence", ".ms-frame[data-scale]").count() == len(model.sides)
    assert visitor.said("evidence", ".ms-unit") == "logits"
    ticks = visitor.part("evidence", ".ms-ticks span").all_inner_texts()
    assert "0" in ticks and len(ticks) >= 3


def test_every_stage_and_scale_has_its_feature_maps(visitor, model, photo):
    visitor.explain(model, photo)
    for stage in range(4):
        visitor.part("feature-maps", f"label[for=ms-stage-{stage}]").click()
        panel = f"[data-stage='{stage}']"
        expect(visitor.part("feature-maps", panel)).to_be_visible()
        assert visitor.part("feature-maps", ".ms-stage-panel:visible").count() == 1
        names = visitor.part("feature-maps", f"{panel} .ms-tiles-name").all_inner_texts()
        assert [name.split(" px")[0].strip() for name in names] == [str(side) for side in model.sides]
        rows = visitor.part("feature-maps", f"{panel} .ms-tiles")
        assert rows.evaluate_all("rows => rows.map(row => row.querySelectorAll('img').length)") == [10, 10, 10]


def test_a_feature_map_is_enlarged(visitor, model, photo):
    visitor.explain(model, photo)
    visitor.part("feature-maps", "label[for=ms-stage-3]").click()
    tile = visitor.part("feature-maps", "[data-stage='3'] .ms-tile").first
    tile.click()
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog).to_contain_text("stage 4, 48 px, channel")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    expect(tile).to_be_focused()


def test_a_click_in_the_top_k_changes_the_class(visitor, model, photo):
    visitor.explain_best(model, photo)
    visitor.choose_method("grad-cam")
    third = Session(model, photo).ledger.top_k(3)[2]
    visitor.part("top-k", ".ms-class").nth(2).click()
    assert_answers(visitor, model, photo, Target(third.index))
    assert_attributes(visitor, model, photo, "grad-cam", Target(third.index))
    expect(visitor.part("top-k", ".ms-class[aria-pressed=true] .ms-class-name")).to_have_text([third.label])


def test_the_pickers_change_the_class_and_what_it_is_compared_with(visitor, model, photo):
    visitor.explain(model, photo)
    last = len(model.classes) - 1
    visitor.choose("class-picker", model.classes[last])
    assert_answers(visitor, model, photo, Target(last))
    visitor.choose("against-picker", model.classes[0])
    assert_answers(visitor, model, photo, Target(last, 0))
    assert f"above {model.classes[0]}" in visitor.said("ledger", ".ms-note")
    visitor.choose("against-picker", ENGLISH(text.AVERAGE_CLASS))
    assert_answers(visitor, model, photo, Target(last))


def test_integrated_gradients_show_what_is_left_over(visitor, model, photo):
    visitor.explain(model, photo)
    target = Target(model.classes.index(visitor.chosen("class-picker")))
    visitor.choose_method("integrated-gradients")
    assert_attributes(visitor, model, photo, "integrated-gradients", target)
    assert float(re.search(r"with ([\d.]+) % left over", visitor.said("attributions"))[1]) <= 2
    assert_answers(visitor, model, photo, target)
    visitor.choose_method("grad-cam")  # which is quick, for the tests after this


def test_opacity_needs_no_request(visitor):
    overlay = visitor.part("evidence", ".ms-over").first
    visitor.settle()
    asked = len(visitor.requests)
    slider = visitor.page.get_by_label("Opacity of the overlays")
    for value in (10, 55, 80):
        slider.fill(str(value))
        assert overlay.evaluate("element => +getComputedStyle(element).opacity") == pytest.approx(value / 100)
    visitor.settle()
    assert visitor.requests[asked:] == []


def test_a_fold_stays_open_when_another_class_is_picked(arrive):
    visitor = arrive()
    fold = visitor.part("ledger", ".ms-game")
    expect(fold.get_by_role("table")).to_be_hidden()
    fold.locator("summary").click()
    expect(fold.get_by_role("table")).to_be_visible()
    before = visitor.said("ledger", ".ms-total")
    visitor.part("top-k", ".ms-class").nth(1).click()
    expect(visitor.part("ledger", ".ms-total")).not_to_have_text(before)
    visitor.wait()
    expect(fold.get_by_role("table")).to_be_visible()


def test_a_model_of_digits_is_shown_digits(arrive):
    visitor = arrive()
    shown = visitor.part("examples", ".ms-example").filter(visible=True)
    expect(visitor.part("examples", "[data-example=oranges]")).to_be_visible()
    things = shown.count()
    visitor.choose("model-picker", "msresnet-mnist")
    expect(visitor.part("answer", ".ms-sentence em").first).to_have_text("2")
    visitor.wait()
    expect(visitor.part("examples", "[data-example=oranges]")).to_be_hidden()
    visitor.part("examples", "[data-example=digit-small-5]").click()
    expect(visitor.part("answer", ".ms-sentence em").first).to_have_text("5")
    visitor.wait()
    visitor.choose("model-picker", "tiny")
    expect(visitor.part("model-caption")).to_contain_text("knows 20 things")
    expect(shown).to_have_count(things)
    visitor.wait()
