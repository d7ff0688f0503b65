"""What the page replies, without a browser: a stream of views, the newest question first, errors as sentences."""

import re
import threading
import time
from dataclasses import replace
from html import unescape
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from tiny import tiny

from msresnet.errors import Cancelled, ImageError
from msresnet.explain import Session
from msresnet.ui.page import Page
from msresnet.ui.pickers import ClassPicker
from msresnet.ui.progress import with_progress
from msresnet.ui.status import Stale, status_html
from msresnet.ui.targets import AVERAGE
from msresnet.ui.visits import Question
from msresnet.ui.words import CHINESE, ENGLISH
from msresnet.ui.words import page as text
from msresnet.ui.work import View, blank, guarded, views

DEADLINE_S = 30


@pytest.fixture(scope="module")
def model():
    return tiny(classes=("tabby", "lion", "robin", "crane", "crane"))


@pytest.fixture(scope="module")
def picture():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def session(model, picture):
    return Session(model, picture)


def words(html: str) -> str:
    """The text of a piece of HTML."""
    return unescape(re.sub(r"<[^>]*>", "", html))


def test_the_answer_comes_before_what_takes_longer(session):
    shown = list(views(session, session.target(), "occlusion", ENGLISH, is_cancelled=lambda: False))
    first, last = shown[0], shown[-1]
    assert None not in (first.sentence, first.top_k, first.ledger, first.evidence, first.target)
    assert first.features is None and first.attributions is None
    (place,) = (place for place, view in enumerate(shown) if view.features is not None)
    # What is still the old one steps back; on a slow machine it is said more than once.
    assert all("ms-stale-features" in view.status for view in shown[:place])
    assert all("ms-stale-attributions" in view.status for view in shown[place + 1 : -1])
    assert last.attributions is not None and ENGLISH(text.READY) in last.status and "ms-stale" not in last.status


def test_another_method_leaves_the_answer(session):
    shown = list(views(session, session.target(), "saliency", ENGLISH, is_cancelled=lambda: False, only_method=True))
    assert all(view.sentence is None and view.features is None for view in shown)
    assert shown[-1].attributions is not None


def test_a_cancelled_stream_ends_without_a_word(session):
    cancelled = guarded(
        views(session, session.target(), "occlusion", ENGLISH, is_cancelled=lambda: True, only_method=True), ENGLISH
    )
    assert all(view.attributions is None for view in cancelled)


def test_closing_the_stream_stops_the_work():
    stopped = threading.Event()

    def work(stop, report):
        report(0.5)
        deadline = time.monotonic() + DEADLINE_S
        while not stop() and time.monotonic() < deadline:
            time.sleep(0.005)
        if stop():
            stopped.set()
            raise Cancelled("stopped")

    stream = with_progress(work, lambda: False)
    share, result = next(stream)
    assert share == 0.5 and result is None
    stream.close()
    assert stopped.is_set()


def test_progress_ends_with_the_result_and_passes_errors_on():
    assert list(with_progress(lambda stop, report: "done", lambda: False))[-1] == (1.0, "done")

    def fail(stop, report):
        raise ImageError("no picture")

    with pytest.raises(ImageError, match="no picture"):
        list(with_progress(fail, lambda: False))


def test_work_is_told_when_a_newer_request_has_come():
    with pytest.raises(Cancelled):
        list(with_progress(lambda stop, report: cancel_if(stop()), lambda: True))


def cancel_if(is_cancelled: bool) -> None:
    if is_cancelled:
        raise Cancelled("stopped")


def failing(*shown: View, error: Exception):
    yield from shown
    raise error


def test_an_error_is_one_sentence_and_empties_what_was_not_answered():
    (view,) = guarded(failing(error=ImageError("'<b>.png' is damaged")), ENGLISH)
    assert replace(view, status=blank(ENGLISH).status, is_failure=False) == blank(ENGLISH)
    assert view.is_failure
    assert 'role="alert"' in view.status and "&#x27;&lt;b&gt;.png&#x27; is damaged" in view.status


def test_a_bug_goes_to_the_log_and_not_to_the_page(caplog):
    (view,) = guarded(failing(error=ZeroDivisionError("secret path")), ENGLISH)
    assert words(view.status) == ENGLISH(text.BUG)
    assert "secret path" in caplog.text and "Traceback" in caplog.text


def test_an_error_after_the_answer_leaves_the_answer():
    answer = View(sentence="tabby")
    assert list(guarded(failing(answer, error=ImageError("x")), ENGLISH))[1].sentence is None
    assert list(guarded(failing(answer, error=ImageError("x")), ENGLISH))[1].features == ""
    features = View(features="maps")
    last = list(guarded(failing(answer, features, error=ImageError("x")), ENGLISH))[-1]
    assert last.features is None and last.attributions == ""
    (only,) = guarded(failing(error=ImageError("x")), ENGLISH, keeps_answer=True)
    assert only.sentence is None and only.attributions == "" and 'role="alert"' in only.status


def test_every_status_is_announced():
    for status in (
        status_html("a"),
        status_html("b", share=0.5),
        status_html("c", stale=Stale.ALL),
        blank(ENGLISH).status,
    ):
        assert 'role="status" aria-live="polite"' in status


# The page's own stream, without a browser: an update is a tuple, its first entries are the view's.

PARTS = ("status", "sentence", "top_k", "ledger", "evidence", "features", "attributions", "switches", "trust")
FIELDS = (*PARTS, "index", "against")


@pytest.fixture
def page(model, monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return Page(model, "mine")


@pytest.fixture
def upload(picture, tmp_path):
    path = tmp_path / "picture.png"
    picture.save(path)
    return str(path)


def stream_of(page, *asked, **options):
    """The page's stream for a visitor who reads English."""
    return page.replies.stream(*asked, words=ENGLISH, **options)


def shown_by(updates) -> dict:
    """What stays on the page after these updates."""
    page = {}
    for update in updates:
        fields = dict(zip(FIELDS, update, strict=False))
        page.update({key: value for key, value in fields.items() if not is_skip(value)})
    return page


def is_skip(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"__type__"}


def test_a_stale_stream_changes_nothing(page, upload):
    old = page.visits.renew("anna")
    page.visits.renew("anna")
    updates = list(stream_of(page, "anna", old, upload, "mine", "saliency"))
    assert len(updates) == 1 and all(map(is_skip, updates[0]))  # none at all would empty the page


def test_a_stream_that_becomes_stale_stops_and_its_last_update_changes_nothing(page, upload):
    token = page.visits.renew("anna")
    stream = stream_of(page, "anna", token, upload, "mine", "occlusion")
    assert shown_by([next(stream)])["sentence"]
    page.visits.renew("anna")
    rest = list(stream)
    assert len(rest) == 1 and all(map(is_skip, rest[0]))


def test_another_method_before_the_answer_gives_the_answer_too(page, upload):
    page.visits.renew("anna")
    token = page.visits.renew("anna")
    ask = {"only_method": True}
    shown = shown_by(stream_of(page, "anna", token, upload, "mine", "saliency", 0, AVERAGE, **ask))
    assert shown["sentence"] and shown["features"] and shown["attributions"]
    again = shown_by(stream_of(page, "anna", page.visits.renew("anna"), upload, "mine", "grad-cam", 0, AVERAGE, **ask))
    assert set(again) == {"status", "attributions", "trust"}


def test_what_failed_may_be_asked_again(page, tmp_path):
    broken = tmp_path / "broken.png"
    broken.touch()
    ask = Question(str(broken), "mine", "saliency", 0, AVERAGE)
    shown = shown_by(stream_of(page, "anna", page.visits.renew("anna", ask), *ask))
    assert "is empty (0 bytes)" in words(shown["status"])
    assert page.visits.renew("anna", ask) is not None


def test_a_picture_that_is_taken_away_twice_empties_the_page_once(page, upload):
    request = SimpleNamespace(session_hash="anna", headers={})
    token, status = page.questions.image(None, "mine", request)
    assert token == page.visits.get("anna").token and "ms-stale-all" in status
    assert page.questions.image(None, "mine", request) == (gr.skip(), gr.skip())
    token, _ = page.questions.image(upload, "mine", request)
    assert token == page.visits.get("anna").token


def test_what_was_refused_is_answered_in_the_visitors_language(page, upload):
    request = SimpleNamespace(session_hash="anna", headers={"accept-language": "zh-CN"})
    token = page.visits.renew("anna")
    shown = shown_by(page.replies.on_again(token, upload, "mine", "saliency", None, AVERAGE, request))
    assert words(shown["status"]) == CHINESE(text.READY)


def test_an_answer_is_known_as_the_question_that_it_answers(page, upload, session):
    list(stream_of(page, "anna", page.visits.renew("anna"), upload, "mine", "saliency"))
    best = session.target().index
    assert page.visits.renew("anna", Question(upload, "mine", "saliency", best, AVERAGE)) is None
    assert page.visits.renew("anna", Question(upload, "mine", "grad-cam", best, AVERAGE)) is not None


def test_no_picture_gives_the_empty_page(page):
    shown = shown_by(stream_of(page, "anna", page.visits.renew("anna"), None, "mine", "saliency"))
    assert ENGLISH(text.EMPTY) in shown["sentence"]
    assert shown["top_k"] == shown["ledger"] == shown["evidence"] == shown["features"] == shown["attributions"] == ""


def test_another_model_offers_its_own_classes(page, upload, monkeypatch):
    other = tiny(classes=("one", "two"))
    monkeypatch.setattr("msresnet.ui.models.load_model", lambda name, **options: other)
    for image in (None, upload):  # with and without a picture
        visitor = f"with {image}"
        shown = shown_by(stream_of(page, visitor, page.visits.renew(visitor), image, "msresnet50", "saliency"))
        assert shown["index"]["choices"] == [("one", 0), ("two", 1)]
        assert shown["against"]["value"] == AVERAGE
        assert page.visits.get(visitor).offers == "msresnet50"
    # A class that was picked from the old list, while the new model was on its way, means nothing.
    token = page.visits.renew("carl")
    shown = shown_by(stream_of(page, "carl", token, upload, "msresnet50", "saliency", 4, 3))
    assert shown["index"]["value"] in (0, 1)


def test_a_class_that_does_not_exist_is_refused_in_a_sentence(page, upload):
    shown = shown_by(stream_of(page, "anna", page.visits.renew("anna"), upload, "mine", "saliency", 99, AVERAGE))
    assert "a class must be 0 to 4, got 99" in words(shown["status"])


def test_the_page_forgets_who_leaves(page, upload):
    list(stream_of(page, "anna", page.visits.renew("anna"), upload, "mine", "saliency"))
    assert page.visits.get("anna").session is not None
    page.forget(SimpleNamespace(session_hash="anna"))
    assert page.visits.get("anna").session is None


def test_a_class_of_the_model_before_is_no_class_of_this_one():
    """The browser may send it once more, as another model's list is on its way."""
    picker = ClassPicker(choices=[("0", 0), ("1", 1)])
    assert [picker.preprocess(value) for value in (0, 1, 186, None)] == [0, 1, None, None]


def test_no_message_of_an_answer_makes_the_browser_copy_what_it_shows(page):
    """As Gradio does with all that may show how far an event is."""
    own = [event for event in page.build().config["dependencies"] if event["api_visibility"] == "private"]
    working = [event for event in own if event["backend_fn"] and event["outputs"]]
    assert len(working) > 50
    assert all(event["show_progress_on"] == [] for event in working)
