"""Several questions at once in a real Chromium: the newest one wins, and what waits is told."""

import re
import threading
from collections.abc import Callable, Iterator
from unittest.mock import Mock

import pytest
from expecting import assert_answers, assert_attributes
from PIL import Image
from visiting import PATIENCE_S, expect, sync_api

from msresnet.attribution import METHODS
from msresnet.errors import Cancelled
from msresnet.explain import Session
from msresnet.ledger import Target
from msresnet.ui.kept import Kept

pytestmark = pytest.mark.browser


def test_only_the_second_photo_stays(visitor, model, photo, drawing, dots):
    visitor.explain(model, dots)
    visitor.choose("method-picker", METHODS["occlusion"].title)
    visitor.upload(photo)
    expect(visitor.part("image-input", "img")).to_have_attribute("src", re.compile(re.escape(photo.name)))
    visitor.upload(drawing)
    assert_answers(visitor, model, drawing)
    assert_attributes(visitor, model, drawing, "occlusion")
    visitor.choose_method("grad-cam")  # which is quick, for the tests after this


@pytest.fixture
def endless(monkeypatch) -> Iterator[Callable[[], threading.Event]]:
    """From its call on the next attribution goes on until it is cancelled; what it gives is set when that has begun.

    Whoever calls it must see to it that it is cancelled, or fails.
    """
    begun, cancelled, attribution = threading.Event(), threading.Event(), Session.attribution

    def go_on(self, name, target, *, is_cancelled=lambda: False, **options):
        if begun.is_set():
            return attribution(self, name, target, is_cancelled=is_cancelled, **options)
        begun.set()
        for _ in range(20 * PATIENCE_S):
            if is_cancelled():
                cancelled.set()
                raise Cancelled("cancelled")
            never.wait(0.05)
        raise AssertionError("nobody cancelled it")

    def begin() -> threading.Event:
        monkeypatch.setattr(Kept, "get", Mock(side_effect=KeyError))  # maps of an earlier test
        monkeypatch.setattr(Session, "attribution", go_on)
        return begun

    never = threading.Event()
    yield begin
    never.set()
    assert cancelled.is_set(), "nobody cancelled it"


def test_a_new_photo_cuts_off_what_is_computed(visitor, model, photo, drawing, dots, endless):
    visitor.explain(model, drawing)
    begun = endless()
    visitor.upload(photo)
    assert begun.wait(PATIENCE_S)
    visitor.upload(dots)
    assert_answers(visitor, model, dots)
    visitor.upload(photo)
    assert_answers(visitor, model, photo)


def test_a_new_method_cuts_off_what_is_computed(visitor, model, photo, drawing, endless):
    visitor.explain(model, photo)
    visitor.choose_method("grad-cam")
    begun = endless()
    visitor.upload(drawing)
    assert begun.wait(PATIENCE_S)
    assert visitor.page.evaluate("window.unanswered()"), "settling would wait for nothing"
    visitor.choose("method-picker", METHODS["saliency"].title)
    assert_answers(visitor, model, drawing)
    assert_attributes(visitor, model, drawing, "saliency")


def test_what_waited_too_long_is_passed_over(visitor, model, photo, drawing, monkeypatch):
    begun, release, attribution = threading.Event(), threading.Event(), Session.attribution
    asked = []

    def hold_first(self, *args, **options):
        asked.append((self.image.width, self.image.height))
        begun.set()
        assert release.wait(PATIENCE_S)
        return attribution(self, *args, **options)

    with Image.open(photo) as picture:
        size = picture.size
    visitor.explain(model, drawing)
    monkeypatch.setattr(Kept, "get", Mock(side_effect=KeyError))  # maps of an earlier test
    monkeypatch.setattr(Session, "attribution", hold_first)
    for path in (photo, drawing, photo):  # the first runs, the others wait
        with visitor.page.expect_response(lambda response, name=path.name: joins_for(response, name)):
            visitor.upload(path)
        assert begun.wait(PATIENCE_S)
    release.set()
    assert_answers(visitor, model, photo)
    assert asked == [size, size]


def joins_for(response: "sync_api.Response", name: str) -> bool:
    """Whether this says that the question for a file of this name is in the queue now."""
    return "queue/join" in response.url and name in (response.request.post_data or "")


def test_of_quick_classes_the_last_stays(visitor, model, drawing):
    visitor.explain(model, drawing)
    visitor.choose_method("grad-cam")
    ranked = Session(model, drawing).ledger.top_k(5)
    for place in (1, 3, 2, 4):
        visitor.part("top-k", ".ms-class").nth(place).click()
    assert_answers(visitor, model, drawing, Target(ranked[4].index))
    assert_attributes(visitor, model, drawing, "grad-cam", Target(ranked[4].index))


def test_a_question_is_worked_on_once_and_leaving_a_picker_is_none(visitor, model, photo, drawing, monkeypatch):
    visitor.explain_best(model, photo)
    worked_on, features = [], Session.features
    chosen = [session.ledger.top_k(2)[1].index for session in (Session(model, photo), Session(model, drawing))]

    def counted(*args, **options):
        worked_on.append(True)
        return features(*args, **options)

    monkeypatch.setattr(Session, "features", counted)
    for picker in ("class-picker", "against-picker", "method-picker", "model-picker"):
        visitor.part(picker, "input").focus()
        visitor.page.keyboard.press("Tab")
    visitor.choose("class-picker", model.classes[chosen[0]])
    assert_answers(visitor, model, photo, Target(chosen[0]))
    visitor.upload(drawing)
    assert_answers(visitor, model, drawing)
    visitor.choose("class-picker", model.classes[chosen[1]])
    assert_answers(visitor, model, drawing, Target(chosen[1]))
    assert len(worked_on) == 3


def test_of_a_class_and_a_method_at_once_both_are_heard(visitor, model, drawing):
    visitor.explain(model, drawing)
    visitor.choose("class-picker", model.classes[7])
    visitor.choose_method("saliency")
    assert_answers(visitor, model, drawing, Target(7))
    assert_attributes(visitor, model, drawing, "saliency", Target(7))


def test_a_full_queue_is_said_and_the_same_may_be_asked_again(visitor, model, photo, monkeypatch):
    visitor.explain_best(model, photo)
    second = Session(model, photo).ledger.top_k(2)[1].index
    with monkeypatch.context() as full:
        full.setattr("gradio.queueing.Queue.__len__", lambda queue: queue.max_size)
        visitor.part("top-k", ".ms-class").nth(1).click()
        retry = visitor.part("status", "[data-retry]")
        expect(retry).to_be_visible()
    expect(visitor.part("status", "[role=alert]")).to_contain_text("this question was not taken")
    expect(visitor.page.locator(".ms-right")).to_have_css("opacity", "1")
    retry.click()
    assert_answers(visitor, model, photo, Target(second))
    problems = [one for one in visitor.problems if "503" not in one]  # the browser's own word for a full queue
    visitor.problems[:] = problems
