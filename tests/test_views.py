"""What the page says and draws, without Gradio: every word and bar is held against the numbers."""

import re
import threading
import time
from dataclasses import replace
from html import unescape
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import tiny

from msresnet.attribution import METHODS
from msresnet.errors import Cancelled, ImageError, UnknownNameError
from msresnet.explain import Session
from msresnet.ledger import Ledger, Target
from msresnet.ui import text
from msresnet.ui.answer import adding_up, fraction, ledger_html, place_of, sentence, top_k_html
from msresnet.ui.card import model_card
from msresnet.ui.features import features_html
from msresnet.ui.maps import attribution_html, described, evidence_html
from msresnet.ui.page import AVERAGE, Page, chosen
from msresnet.ui.uploads import uploaded_file
from msresnet.ui.visits import MAX_VISITS, Models, Question, Visits
from msresnet.ui.work import BLANK, Stale, View, guarded, status_html, views, with_progress

SCRIPT = '<script>alert("x")</script> & \'son\''
SIDES = (32, 48, 64)
STRIDE = 16
DEADLINE_S = 30


@pytest.fixture(scope="module")
def model():
    return tiny(classes=("tabby", "lion", SCRIPT, "crane", "crane"))


@pytest.fixture(scope="module")
def picture():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def session(model, picture):
    return Session(model, picture)


def answer_of(contributions, bias=None, *, evidence=None, sides=SIDES):
    """An answer whose ledger holds these ``(scale, class)`` contributions; evidence evenly over the cells."""
    contributions = np.asarray(contributions, dtype=np.float64)
    scales, count = contributions.shape
    bias = np.zeros(count) if bias is None else np.asarray(bias, dtype=np.float64)
    if evidence is None:
        grids = [(side // STRIDE, side // STRIDE) for side in sides]
        evidence = [
            np.broadcast_to(row[:, None, None] / np.prod(grid), (count, *grid)).astype(np.float32)
            for row, grid in zip(contributions, grids, strict=True)
        ]
    ledger = Ledger(
        classes=("tabby", "lion", SCRIPT, "robin")[:count],
        logits=contributions.sum(axis=0) + bias,
        contributions=contributions,
        bias=bias,
        residuals=np.zeros(count),
        evidence=tuple(evidence),
        level_weights=np.full(scales, 1 / scales),
        cell_weights=(),
        temperatures=np.ones(scales),
    )
    return SimpleNamespace(
        ledger=ledger, sides=sides, scales=tuple(s / sides[0] for s in sides), stride=STRIDE, top_k=ledger.top_k(3)
    )


def words(html: str) -> str:
    """The text of a piece of HTML."""
    return unescape(re.sub(r"<[^>]*>", "", html))


def number(shown: str) -> float:
    return float(shown.replace("−", "-"))


def numbers(html: str) -> list[float]:
    """What stands in the ``ms-number`` cells."""
    return [number(words(cell)) for cell in re.findall(r'class="ms-number"[^>]*>([^<]*)<', html)]


# The sentence.


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.0, "0 %"),
        (1e-9, "< 1 %"),
        (0.0099, "< 1 %"),
        (0.01, "1 %"),
        (0.494, "49 %"),
        (0.5, "50 %"),
        (0.989, "99 %"),
        (0.995, "> 99 %"),
        (0.999999, "> 99 %"),
        (1.0, "100 %"),
    ],
)
def test_a_probability_is_honest_at_both_ends(share, expected):
    assert text.percent(share) == expected


VALUES = {
    "a fifth": 0.2, "a quarter": 0.25, "a third": 1 / 3, "two fifths": 0.4, "half": 0.5, "three fifths": 0.6,
    "two thirds": 2 / 3, "three quarters": 0.75, "four fifths": 0.8, "nine tenths": 0.9,
}  # fmt: skip


def test_a_share_in_words_is_never_far_from_the_share():
    for share in np.linspace(0.2, 1, 1601):
        said = fraction(share).lower()
        if said == "all":
            assert share > 0.999
        elif said == "nearly all":
            assert share > 0.95
        elif said.startswith("about "):
            assert abs(VALUES[said.removeprefix("about ")] - share) <= 0.05 + 1e-9
        else:
            assert abs(VALUES[said] - share) < 0.015


def test_a_sure_answer_is_said_plainly_and_an_unsure_one_as_unsure():
    sure = answer_of([[4, 0, 0], [2, 0, 0], [2, 0, 0]])
    said = words(sentence(sure, Target(0)))
    assert said.startswith("tabby, > 99 %. Half of the evidence for it comes from the small scale (32 px)")
    unsure = answer_of([[0.1, 0, 0], [0.1, 0, 0], [0.2, 0, 0]])
    said = words(sentence(unsure, Target(0)))
    assert said.startswith("Not sure: tabby is the best of 3 guesses, at 43 %.")
    assert "Half of the evidence for it comes from the large scale (64 px)" in said


def test_a_class_that_does_not_win_is_not_said_to_win():
    answer = answer_of([[4, 1, 0], [2, 1, 0], [2, 1, 0]])
    said = words(sentence(answer, Target(1)))
    assert said.startswith("lion gets < 1 %; the model would rather say tabby. No scale speaks for lion.")
    assert "evidence for it" not in said


@pytest.mark.parametrize(
    ("target", "opening"),
    [
        (Target(0, 1), "Why tabby rather than lion? All of the evidence for tabby comes from the small scale"),
        (Target(1, 0), "The model does not prefer lion to tabby. All of the evidence for lion comes from the large"),
    ],
)
def test_a_comparison_says_which_class_is_ahead(target, opening):
    answer = answer_of([[4, 1, 0], [2, 2, 0], [1, 2, 0]])
    assert words(sentence(answer, target)).startswith(opening)


def test_a_tie_is_not_called_a_preference():
    assert "does not prefer" in sentence(answer_of([[1, 1], [1, 1], [1, 1]]), Target(0, 1))


@pytest.mark.parametrize("seed", range(30))
def test_the_named_scale_and_share_are_those_of_the_ledger(seed):
    random = np.random.default_rng(seed)
    answer = answer_of(random.normal(size=(3, 4)))
    for target in (Target(0), Target(1, 0), Target(3)):
        positive = np.clip(answer.ledger.read(target).contributions, 0, None)
        said = words(sentence(answer, target))
        if positive.sum() == 0:
            assert "No scale speaks for" in said
            continue
        assert f"({SIDES[positive.argmax()]} px)" in said
        assert fraction(positive.max() / positive.sum()) in said


def with_cells(*cells: tuple[int, int], amount: float = 1.0):
    """An answer whose largest scale says it all, evenly at these ``(row, column)`` cells of 4 × 4."""
    grids = [np.zeros((2, side // STRIDE, side // STRIDE), dtype=np.float32) for side in SIDES]
    for cell in cells:
        grids[2][0][cell] = amount / len(cells)
    contributions = [[0, 0], [0, 0], [amount, 0]]
    return answer_of(contributions, evidence=grids)


@pytest.mark.parametrize(
    ("cells", "place"),
    [
        ([(0, 0)], "mostly in the upper left"),
        ([(3, 3)], "mostly in the lower right"),
        ([(2, 0)], "mostly at the left"),
        ([(3, 2)], "mostly at the bottom"),
        ([(2, 2)], "mostly in the centre"),
        ([(0, 0), (0, 3)], "strongest in the upper left"),  # one half is not most
        ([(0, 0), (0, 3), (3, 0), (3, 3)], "spread over the picture"),
    ],
)
def test_a_place_is_named_only_where_the_evidence_is(cells, place):
    answer = with_cells(*cells)
    assert place_of(answer, Target(0), 2) == place
    assert words(sentence(answer, Target(0))).endswith(f"large scale (64 px), {place}.")


def test_the_place_is_that_of_the_named_scale():
    answer = with_cells((3, 3), amount=4.0)
    answer.ledger.evidence[0][0][0, 0] = 3.0
    answer.ledger.contributions[0, 0] = 3.0
    assert "large scale (64 px), mostly in the lower right" in sentence(answer, Target(0))


def test_one_scale_needs_no_share():
    answer = answer_of([[2, 0]], sides=(48,))
    assert words(sentence(answer, Target(0))) == "tabby, 88 %. The evidence for it lies spread over the picture."


# The ledger.


@pytest.mark.parametrize("seed", range(40))
def test_the_numbers_that_are_shown_add_up(seed):
    random = np.random.default_rng(seed)
    answer = answer_of(random.normal(scale=random.choice([0.01, 1, 30]), size=(3, 4)), random.normal(size=4))
    for target in (Target(0), Target(2), Target(1, 3)):
        html = ledger_html(answer, target)
        *parts, total = numbers(html)
        reading = answer.ledger.read(target)
        assert len(parts) == 4
        assert sum(parts) == pytest.approx(total, abs=1e-9)
        assert total == pytest.approx(reading.total, abs=0.005 + 1e-9)
        for shown, exact in zip(parts, (*reading.contributions, reading.bias), strict=True):
            assert abs(shown - exact) < 0.01
        said = re.search(r'<p class="ms-note">(.*?) = (.*?) logits', html)
        assert [number(part) for part in said[1].split()] == parts
        assert number(said[2]) == total


def test_rounding_moves_no_part_that_fits():
    assert adding_up((1.0, -2.0, 0.5), -0.5) == (1.0, -2.0, 0.5)
    assert adding_up((0.004, 0.004, 0.004), 0.012) == (0.01, 0.0, 0.0)
    assert adding_up((-0.004, -0.004, -0.004), -0.012) == (0.0, 0.0, -0.01)


def test_the_bars_stand_end_to_end_and_reach_the_total():
    answer = answer_of([[3, 0, 0], [-1, 0, 0], [2, 0, 0]], [1, 0, 0])
    bars = re.findall(r'class="ms-bar" style="left:([\d.]+)%;width:([\d.]+)%"', ledger_html(answer, Target(0)))
    edges = [(float(left), float(left) + float(width)) for left, width in bars]
    first, second, third, bias, total = edges
    zero = float(re.search(r'class="ms-zero" style="left:(-?[\d.]+)%"', ledger_html(answer, Target(0)))[1])
    assert first[0] == pytest.approx(zero, abs=0.02)
    assert second[1] == pytest.approx(first[1], abs=0.02)  # it goes back
    assert third[0] == pytest.approx(second[0], abs=0.02)
    assert bias[0] == pytest.approx(third[1], abs=0.02)
    assert total == pytest.approx((zero, bias[1]), abs=0.02)
    assert all(low >= -0.01 and high <= 100.01 for low, high in edges)


def test_what_is_left_over_is_that_of_the_target():
    answer = answer_of([[1, 0], [1, 0], [1, 0]])
    answer = SimpleNamespace(**{**vars(answer), "ledger": replace(answer.ledger, residuals=np.array([3e-5, 1e-5]))})
    assert "Left over: 2e-05" in ledger_html(answer, Target(0, 1))
    assert "Left over: 1e-05" in ledger_html(answer, Target(0))


def test_the_explained_class_is_marked_in_the_top_k():
    answer = answer_of([[1, 2, 0], [1, 0, 0], [1, 0, 0]])
    html = top_k_html(answer, Target(1))
    assert re.findall(r'data-class="(\d)" aria-pressed="true"', html) == ["1"]
    assert re.findall(r'data-class="(\d)"', html) == ["0", "1", "2"]
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%", html)]
    assert sum(widths) == pytest.approx(100, abs=0.05)


# The maps.


def limit_of(html: str) -> float:
    """The value at the high end of a colour bar, from its ticks: a tick's place is its value over the limit."""
    place, value = re.findall(r'<span style="left:([\d.]+)%">([^<]*)</span>', html)[-1]
    return number(value) / (2 * float(place) / 100 - 1)


def test_doubled_votes_double_ledger_evidence_and_colour_bar(picture):
    model = tiny(classes=("tabby", "lion", "robin"))
    once = Session(model, picture)
    with torch.no_grad():
        model.head.fc.weight.mul_(2)
    with model.frozen(), torch.no_grad():
        ledger = Ledger.of(model.vote(once.levels, gate=once.gate), model.classes)
    target = Target(0)
    answer = once.answer(target)
    doubled = replace(answer, ledger=ledger)
    pictures = once.pictures()
    before, after = (evidence_html(one, target, pictures) for one in (answer, doubled))
    assert limit_of(after) == pytest.approx(2 * limit_of(before), rel=0.01)
    exact = np.array(answer.ledger.read(target).contributions)
    titles = r'class="ms-number" title="(-?[\d.]+)"'
    assert [float(value) for value in re.findall(titles, before)] == pytest.approx(exact.tolist(), abs=1e-5)
    assert [float(value) for value in re.findall(titles, after)] == pytest.approx((2 * exact).tolist(), abs=1e-5)
    assert overlays(before) == overlays(after)  # the same colours: they mean twice as much
    first, second = (numbers(ledger_html(one, target))[:3] for one in (answer, doubled))
    assert second == pytest.approx([2 * value for value in first], abs=0.03)  # each is rounded
    assert second != first


def overlays(html: str) -> list[str]:
    return re.findall(r'class="ms-over" alt="" src="([^"]*)"', html)


def test_the_evidence_has_a_frame_per_scale_and_a_bar_in_logits(session):
    target = session.target()
    answer = session.answer(target)
    html = evidence_html(answer, target, session.pictures())
    assert re.findall(r'class="ms-frame" data-scale="(\d)"', html) == ["0", "1", "2"]
    assert html.count("ms-frame-all") == 1
    assert '<div class="ms-unit">logits</div>' in html
    assert len(set(overlays(html))) == 4
    peak = max(np.abs(maps).max() for maps in answer.ledger.evidence_for(target))
    assert limit_of(html) == pytest.approx(peak, rel=0.01)
    ticks = [number(value) for value in re.findall(r'%">([^<]*)</span>', html)]
    assert ticks == sorted(ticks) and ticks[0] == -ticks[-1] and 0 in ticks


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_drawn_with_its_own_unit_and_caution(session, method):
    target = session.target(against=1 if session.target().index != 1 else 0)
    result = session.attribution(method, target)
    html = attribution_html(result, session.answer(target), session.pictures())
    said = words(html)
    assert re.findall(r'class="ms-frame" data-scale="(\d)"', html) == ["0", "1", "2"]
    assert f'<div class="ms-unit">{text.UNITS.get(method, "logits")}</div>' in html
    assert METHODS[method].caution in said and METHODS[method].promise in said
    assert ("left over" in said) == METHODS[method].is_complete
    if METHODS[method].is_complete:
        assert f"{100 * result.completeness_residual:.1f} % left over" in said


def test_a_slope_is_not_called_a_share():
    assert {name for name in METHODS if text.UNITS.get(name, "logits") == "logits"} == {
        "integrated-gradients", "gradient-shap", "deep-lift", "input-x-gradient",
        "grad-cam", "occlusion", "feature-ablation",
    }  # fmt: skip


def test_flat_maps_say_no_evidence(session):
    answer = answer_of(np.zeros((3, 3)))
    html = evidence_html(answer, Target(0), session.pictures())
    assert text.NO_EVIDENCE in html
    assert html.count(": no evidence") == 4
    assert overlays(html) == []
    assert "No scale speaks for" in sentence(answer, Target(0))


def test_one_flat_map_among_others_says_so_in_its_frame(session):
    result = session.attribution("grad-cam", session.target())
    flat = replace(result, maps=(np.zeros_like(result.maps[0]), *(np.ones_like(maps) for maps in result.maps[1:])))
    html = attribution_html(flat, session.answer(session.target()), session.pictures())
    assert text.NO_EVIDENCE not in html
    assert html.count('<span class="ms-flat">no evidence</span>') == 1
    assert html.count("32 px scale: no evidence") == 1


def test_a_map_is_described_by_its_strongest_place():
    values = np.zeros((9, 9))
    values[0, 8] = -2.0
    values[8, 0] = 1.0
    range_ = SimpleNamespace(is_flat=False)
    assert described(values, range_) == "strongest against the class at the top right, -2"


def test_labels_cannot_bring_markup(session):
    target = Target(2, 0)
    answer = session.answer(target)
    features = session.features(target, count=2)
    pieces = [
        sentence(answer, target),
        sentence(answer, Target(0, 2)),
        sentence(answer, Target(2)),
        top_k_html(answer, target),
        ledger_html(answer, target),
        ledger_html(answer, Target(0, 2)),
        evidence_html(answer, target, session.pictures()),
        features_html(features, answer, has_links=True),
        status_html(f"There is no class called {SCRIPT}", is_error=True),
    ]
    assert all("<script" not in piece for piece in pieces)
    assert sum(SCRIPT in words(piece) for piece in pieces) >= 7
    for title in re.findall(r'title="([^"]*)"', pieces[3]):
        assert ": probability" in title  # a quotation mark in a label ends no attribute


def test_feature_maps_have_every_stage_and_scale(session):
    target = session.target()
    html = features_html(session.features(target, count=3), session.answer(target), has_links=True)
    panels = html.split('class="ms-stage-panel"')[1:]
    assert len(panels) == 4
    for panel in panels:
        assert re.findall(r'class="ms-tiles-row" data-scale="(\d)"', panel) == ["0", "1", "2"]
        assert panel.count('class="ms-tile"') == 9
        assert panel.count("aria-label=\"Enlarge ") == 9
    assert text.LINKS_NOTE in words(html)


# The stream of views.


def test_the_answer_comes_before_what_takes_longer(session):
    shown = list(views(session, session.target(), "occlusion", is_cancelled=lambda: False))
    first, second, last = shown[0], shown[1], shown[-1]
    assert None not in (first.sentence, first.top_k, first.ledger, first.evidence, first.target)
    assert first.features is None and first.attributions is None
    assert "ms-stale-features" in first.status  # what is still the old one steps back
    assert second.features is not None
    assert all("ms-stale-attributions" in view.status for view in shown[2:-1])
    assert last.attributions is not None and text.READY in last.status and "ms-stale" not in last.status


def test_another_method_leaves_the_answer(session):
    shown = list(views(session, session.target(), "saliency", is_cancelled=lambda: False, only_method=True))
    assert all(view.sentence is None and view.features is None for view in shown)
    assert shown[-1].attributions is not None


def test_a_cancelled_stream_ends_without_a_word(session):
    cancelled = guarded(views(session, session.target(), "occlusion", is_cancelled=lambda: True, only_method=True))
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
    (view,) = guarded(failing(error=ImageError("'<b>.png' is damaged")))
    assert replace(view, status=BLANK.status, is_failure=False) == BLANK
    assert view.is_failure
    assert 'role="alert"' in view.status and "&#x27;&lt;b&gt;.png&#x27; is damaged" in view.status


def test_a_bug_goes_to_the_log_and_not_to_the_page(caplog):
    (view,) = guarded(failing(error=ZeroDivisionError("secret path")))
    assert words(view.status) == text.BUG
    assert "secret path" in caplog.text and "Traceback" in caplog.text


def test_an_error_after_the_answer_leaves_the_answer():
    answer = View(sentence="tabby")
    assert list(guarded(failing(answer, error=ImageError("x"))))[1].sentence is None
    assert list(guarded(failing(answer, error=ImageError("x"))))[1].features == ""
    features = View(features="maps")
    last = list(guarded(failing(answer, features, error=ImageError("x"))))[-1]
    assert last.features is None and last.attributions == ""
    (only,) = guarded(failing(error=ImageError("x")), keeps_answer=True)
    assert only.sentence is None and only.attributions == "" and 'role="alert"' in only.status


def test_every_status_is_announced():
    for status in (status_html("a"), status_html("b", share=0.5), status_html("c", stale=Stale.ALL), BLANK.status):
        assert 'role="status" aria-live="polite"' in status


# Visitors.


def test_a_newer_request_makes_the_older_one_stale():
    visits = Visits()
    first = visits.renew("anna")
    assert not visits.is_stale("anna", first)
    second = visits.renew("anna")
    assert visits.is_stale("anna", first) and not visits.is_stale("anna", second)
    visits.renew("bert")
    assert not visits.is_stale("anna", second)


def test_a_question_that_was_asked_changes_nothing():
    visits = Visits()
    question = Question("a.png", "mine", "saliency", 3, AVERAGE)
    token = visits.renew("anna", question)
    assert visits.renew("anna", question) is None
    assert visits.renew("anna", Question(model="mine")) is None
    assert not visits.is_stale("anna", token)
    assert visits.renew("anna", question._replace(index=4)) == token + 1
    assert visits.renew("anna", question) == token + 2  # and back
    assert visits.renew("anna") == token + 3  # another picture: what it asks is not known yet
    assert visits.renew("anna", question) == token + 4
    visits.note("anna", token + 4, None)  # it failed
    assert visits.renew("anna", question) == token + 5


def test_an_old_request_does_not_say_what_was_asked_last():
    visits = Visits()
    old = visits.renew("anna", Question(index=1))
    visits.renew("anna", Question(index=2))
    visits.note("anna", old, Question(index=1))
    assert visits.renew("anna", Question(index=1)) is not None


def test_the_greeting_needs_no_second_answer():
    visits = Visits()
    visits.greeting = Question("lion.jpg", "mine", "grad-cam", 3, AVERAGE)
    assert visits.renew("anna", Question("lion.jpg", "mine", "grad-cam", 3, AVERAGE)) is None
    assert visits.renew("anna", Question("lion.jpg", "mine", "saliency", 3, AVERAGE)) == 1


def test_a_token_is_worked_on_once():
    visits = Visits()
    token = visits.renew("anna")
    assert visits.begin("anna", token)
    assert not visits.begin("anna", token)
    newer = visits.renew("anna")
    assert not visits.begin("anna", token)
    assert visits.begin("anna", newer)
    assert not visits.begin("nobody", 1)


def test_a_visitor_who_left_is_forgotten_for_good():
    visits = Visits()
    token = visits.renew("anna")
    visits.get("anna").session = "picture"
    visits.forget("anna")
    assert visits.is_stale("anna", token)
    late = visits.get("anna")  # work that was still running
    late.session = "picture"
    assert visits.get("anna").session is None
    visits.forget("nobody")


def test_visits_are_bounded_and_the_longest_away_goes_first():
    visits = Visits()
    tokens = {visitor: visits.renew(str(visitor)) for visitor in range(MAX_VISITS)}
    tokens[0] = visits.renew("0")
    for visitor in range(MAX_VISITS, MAX_VISITS + 5):
        visits.renew(str(visitor))
    kept = [visitor for visitor in tokens if not visits.is_stale(str(visitor), tokens[visitor])]
    assert kept == [0, *range(6, MAX_VISITS)]


def test_only_listed_models_are_opened(model, monkeypatch):
    opened = []
    monkeypatch.setattr("msresnet.ui.visits.load_model", lambda name, **options: opened.append(name) or model)
    models = Models("mine", model)
    for name in ("/etc/hostname", "../weights", "owner/repository", "", "msresnet5"):
        with pytest.raises(UnknownNameError, match="There is no model called"):
            models.get(name)
    assert opened == []
    with pytest.raises(UnknownNameError, match="did you mean 'msresnet50'"):
        models.get("msresnet5")
    assert models.get("mine") is model
    models.get("msresnet50"), models.get("msresnet50")
    assert opened == ["msresnet50"]


def test_nobody_waits_for_a_model_that_somebody_else_fetches(model, monkeypatch):
    fetching, release = threading.Event(), threading.Event()

    def fetch(name, **options):
        fetching.set()
        release.wait(DEADLINE_S)
        return model

    monkeypatch.setattr("msresnet.ui.visits.load_model", fetch)
    models = Models("mine", model)
    other = threading.Thread(target=models.get, args=("msresnet50",))
    other.start()
    try:
        assert fetching.wait(DEADLINE_S)
        found = []
        mine = threading.Thread(target=lambda: found.append(models.get("mine")))
        mine.start()
        mine.join(DEADLINE_S / 2)
        assert found == [model]
    finally:
        release.set()
        other.join(DEADLINE_S)


def test_only_files_of_the_upload_folder_are_opened(tmp_path, monkeypatch):
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(uploads))
    inside, outside = uploads / "a.png", tmp_path / "secret.png"
    inside.touch()
    outside.touch()
    (uploads / "link.png").symlink_to(outside)
    assert uploaded_file(str(inside)) == inside.resolve()
    for path in (outside, uploads / ".." / "secret.png", uploads / "link.png", "/etc/hostname"):
        with pytest.raises(ImageError, match="Only uploaded pictures"):
            uploaded_file(str(path))


def test_two_classes_of_one_label_stay_apart(session):
    assert chosen(session, 3, AVERAGE) == Target(3)
    assert chosen(session, 4, None) == Target(4)
    assert chosen(session, 4, 3) == Target(4, 3)


def test_a_class_compared_with_itself_is_compared_with_the_average(session):
    assert chosen(session, 2, 2) == Target(2)


# The page's own stream, without a browser: an update is a tuple, its first entries are the view's.

PARTS = ("status", "sentence", "top_k", "ledger", "evidence", "features", "attributions", "switches")
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
    updates = list(page.stream("anna", old, upload, "mine", "saliency"))
    assert len(updates) == 1 and all(map(is_skip, updates[0]))  # none at all would empty the page


def test_a_stream_that_becomes_stale_stops_and_its_last_update_changes_nothing(page, upload):
    token = page.visits.renew("anna")
    stream = page.stream("anna", token, upload, "mine", "occlusion")
    assert shown_by([next(stream)])["sentence"]
    page.visits.renew("anna")
    rest = list(stream)
    assert len(rest) == 1 and all(map(is_skip, rest[0]))


def test_another_method_before_the_answer_gives_the_answer_too(page, upload):
    page.visits.renew("anna")
    token = page.visits.renew("anna")
    ask = {"only_method": True}
    shown = shown_by(page.stream("anna", token, upload, "mine", "saliency", 0, AVERAGE, **ask))
    assert shown["sentence"] and shown["features"] and shown["attributions"]
    again = shown_by(page.stream("anna", page.visits.renew("anna"), upload, "mine", "grad-cam", 0, AVERAGE, **ask))
    assert set(again) == {"status", "attributions"}


def test_what_failed_may_be_asked_again(page, tmp_path):
    broken = tmp_path / "broken.png"
    broken.touch()
    ask = Question(str(broken), "mine", "saliency", 0, AVERAGE)
    shown = shown_by(page.stream("anna", page.visits.renew("anna", ask), *ask))
    assert "is empty (0 bytes)" in words(shown["status"])
    assert page.visits.renew("anna", ask) is not None


def test_an_answer_is_known_as_the_question_that_it_answers(page, upload, session):
    list(page.stream("anna", page.visits.renew("anna"), upload, "mine", "saliency"))
    best = session.target().index
    assert page.visits.renew("anna", Question(upload, "mine", "saliency", best, AVERAGE)) is None
    assert page.visits.renew("anna", Question(upload, "mine", "grad-cam", best, AVERAGE)) is not None


def test_no_picture_gives_the_empty_page(page):
    shown = shown_by(page.stream("anna", page.visits.renew("anna"), None, "mine", "saliency"))
    assert text.EMPTY in shown["sentence"]
    assert shown["top_k"] == shown["ledger"] == shown["evidence"] == shown["features"] == shown["attributions"] == ""


def test_another_model_offers_its_own_classes(page, upload, monkeypatch):
    other = tiny(classes=("one", "two"))
    monkeypatch.setattr("msresnet.ui.visits.load_model", lambda name, **options: other)
    for image in (None, upload):  # with and without a picture
        visitor = f"with {image}"
        shown = shown_by(page.stream(visitor, page.visits.renew(visitor), image, "msresnet50", "saliency"))
        assert shown["index"]["choices"] == [("one", 0), ("two", 1)]
        assert shown["against"]["value"] == AVERAGE
        assert page.visits.get(visitor).offers == "msresnet50"
    # A class that was picked from the old list, while the new model was on its way, means nothing.
    token = page.visits.renew("carl")
    shown = shown_by(page.stream("carl", token, upload, "msresnet50", "saliency", 4, 3))
    assert shown["index"]["value"] in (0, 1)


def test_a_class_that_does_not_exist_is_refused_in_a_sentence(page, upload):
    shown = shown_by(page.stream("anna", page.visits.renew("anna"), upload, "mine", "saliency", 99, AVERAGE))
    assert "a class must be 0 to 4, got 99" in words(shown["status"])


def test_the_page_forgets_who_leaves(page, upload):
    list(page.stream("anna", page.visits.renew("anna"), upload, "mine", "saliency"))
    assert page.visits.get("anna").session is not None
    page.forget(SimpleNamespace(session_hash="anna"))
    assert page.visits.get("anna").session is None


def test_the_card_of_the_shipped_model_has_no_link_that_leads_nowhere():
    card = model_card("msresnet18-tiny")
    assert "msresnet18-tiny" in card
    assert "](../" not in card
    assert "terms" in card


def test_every_model_has_a_card():
    for name in ("msresnet50", "a-model-of-my-own"):
        assert name in model_card(name)
