"""Panels without a browser: what they say is held against the numbers, and who is stale is told nothing."""

import re
from dataclasses import replace
from html import escape
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from tiny import tiny

from msresnet.errors import ConfigError
from msresnet.explain import Session
from msresnet.ledger import Target
from msresnet.probes import Switches
from msresnet.ui.asking import ScriptPanel
from msresnet.ui.game import game_html
from msresnet.ui.pair import attributions, difference_html, map_strips, pair_html
from msresnet.ui.panel import PagePanel
from msresnet.ui.recomputing import recomputed_html
from msresnet.ui.seen import about
from msresnet.ui.visits import Question, Visits
from msresnet.ui.words import CHINESE, ENGLISH, LANGUAGES
from msresnet.ui.words import page as text
from msresnet.ui.zoom import chart_labels, flips_sentence, shares_sentence, zoom_html

SIDES = (32, 48, 64)
TARGETS = [Target(1), Target(2, against=0)]
NOTHING = (gr.skip(), gr.skip())


@pytest.fixture(scope="module")
def model():
    return tiny(classes=("tabby", "<b>lion</b>", "crane", "bus", "bee"))


@pytest.fixture(scope="module")
def sessions(model):
    draw = np.random.default_rng(0)
    pictures = (draw.integers(0, top, (70, 90, 3), dtype=np.uint8) for top in (256, 90))
    return tuple(Session(model, Image.fromarray(picture)) for picture in pictures)


def numbers(html: str, kind: str) -> list[float]:
    return [float(value) for value in re.findall(rf'class="{kind}"[^>]* title="([-+.\d]+)', html)]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("words", LANGUAGES.values())
def test_shapley_values_stand_there_and_add_up(sessions, target, words):
    game = sessions[0].game(target)
    html = game_html(game, SIDES, words)
    shown = [float(one.replace("−", "-")) for one in re.findall(r'ms-game-number" role="cell"[^>]*>([^<]+)<', html)]
    assert shown == pytest.approx(game.shapley, abs=0.0101)
    assert sum(shown) == pytest.approx(round(game.everybody - game.nobody, 2), abs=1e-9)
    pairs = [float(one) for one in re.findall(r'<span class="ms-game-number" title="([-+.\d]+)"', html)]
    assert pairs == pytest.approx(list(game.interactions.values()), abs=1e-6)


def test_redundancy_is_said_in_words(sessions):
    game = sessions[0].game(Target(1))
    said = replace(game, interactions={(0, 1): -0.5, (0, 2): 0.5, (1, 2): 0.001})
    words = re.findall(r"<span>([a-z ]+)</span>", game_html(said, SIDES, ENGLISH))
    assert words == ["say the same", "need each other", "do not interact"]
    assert game_html(game, SIDES[:1], ENGLISH) == ""


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("words", LANGUAGES.values())
def test_recomputing_says_the_difference_and_where_it_is_from(sessions, model, target, words):
    found = sessions[0].recomputed(Switches((True, False, True), (1, 1, 1)))
    html = recomputed_html(found, target, model.classes, SIDES, words, has_links=True)
    parts = [found.difference(target), found.by_links(target), found.by_gate(target)]
    assert numbers(html, "ms-amount") == pytest.approx(parts, abs=1e-6)
    assert "48" in html and "<b>" not in html
    alone = sessions[0].recomputed(Switches((True, False, False), (1, 1, 1)))
    html = recomputed_html(alone, target, model.classes, SIDES, words, has_links=False)
    assert numbers(html, "ms-amount") == pytest.approx([alone.difference(target)], abs=1e-6)


@pytest.fixture(scope="module")
def response(sessions):
    return sessions[0].zoom_response(Target(1))


@pytest.mark.parametrize("words", LANGUAGES.values())
def test_the_zoom_response_has_words_a_chart_and_a_table(response, model, words):
    html = zoom_html(response, model.classes, SIDES, words)
    assert html.count("<svg") == 2, "a wide one and one for phones"
    assert html.count("<tr data-zoom") == len(response.points)
    assert html.count('class="ms-zoom-picture ms-flip"') == len(response.flips)
    assert html.count("<img alt=") == len(response.flips) + 2
    assert "<b>lion" not in html
    summary = chart_labels(response, model.classes, SIDES, words).summary
    assert "<em" not in summary and "<b>lion</b>" in summary, "the chart escapes it"


def test_flips_are_said_in_words(response, model):
    first, *_, last = response.points
    blank = np.zeros((2, 2, 3), np.uint8)
    low, high = replace(first, top=0), replace(last, top=2)
    flip = SimpleNamespace(below=low, above=high, zoom=0.5, picture=blank)
    none = replace(response, points=(low, replace(high, top=0)), flips=())
    assert flips_sentence(none, model.classes, ENGLISH).startswith("The answer is <em")
    one = replace(response, points=(low, high), flips=(flip,))
    assert "flips once, at ×½" in flips_sentence(one, model.classes, ENGLISH)
    two = replace(one, flips=(flip, flip))
    assert "flips 2 times" in flips_sentence(two, model.classes, ENGLISH)


def test_where_no_scale_speaks_for_the_class_it_is_said(response):
    against = replace(response.points[0].reading, contributions=(-1.0, -2.0, -3.0))
    low = replace(response.points[0], reading=against)
    said = shares_sentence(replace(response, points=(low, *response.points[1:])), SIDES, ENGLISH)
    assert said == "At ×¼ no scale speaks for it."
    assert shares_sentence(response, SIDES[:1], ENGLISH) == ""


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("words", LANGUAGES.values())
def test_two_pictures_share_one_range(sessions, target, words):
    found = sessions[0].compare(sessions[1], target)
    html = pair_html(found, sessions, None, words)
    assert html.count("<figure") == 6 and html.count('class="ms-gradient"') == 1
    bars = numbers(difference_html(found, sessions[0], words), "ms-difference-number")
    assert sum(bars[:-1]) == pytest.approx(bars[-1], abs=1e-4)
    shown = re.findall(r'ms-difference-number"[^>]*>([^<]+)<', html)
    *parts, total = (float(one.replace("−", "-")) for one in shown)
    assert sum(parts) == pytest.approx(total, abs=1e-9), "as it is shown"
    assert "<b>lion" not in html


def test_a_methods_maps_of_both_share_one_range(sessions):
    told = []
    maps = attributions(sessions, "saliency", Target(1), lambda: False, told.append)
    assert told == sorted(told)
    html = map_strips(maps, Target(1), sessions, ENGLISH)
    limit = max(np.abs(values).max() for result in maps for values in result.maps)
    assert html.count("<figure") == 6 and html.count('class="ms-gradient"') == 1
    top = float(re.findall(r'left:[\d.]+%">\+?([^<]+)</span></div><div class="ms-unit"', html)[0].split("×")[0])
    assert top <= limit


# Who may answer.


class Doubling(PagePanel):
    """Says twice what it is given."""

    def job(self, session, target, asked, stop, report, *values):
        (value,) = values
        if value == "impossible":
            raise ConfigError("a gain must be in [0, 2], got 3")
        if value == "broken":
            raise ZeroDivisionError
        self.during(value)
        return lambda words: f"{words.code} {value}{value}"


@pytest.fixture
def panel(sessions):
    visits = Visits()
    page = SimpleNamespace(visits=visits, words=lambda request: request.words, session=lambda *_: sessions[0])
    panel = Doubling(page, "doubling", text.WORKING_ANSWER)
    panel.during = lambda value: None
    return panel


def request(words=ENGLISH) -> SimpleNamespace:
    return SimpleNamespace(session_hash="anna", words=words)


def asked(panel: PagePanel, value: str = "a", **options) -> list[tuple]:
    count, _ = panel.ask(SimpleNamespace(_data=None), request(**options))
    return list(panel.answer(request(**options), count, "a.png", "mine", 1, -1, value))


def test_a_panel_answers(panel):
    assert asked(panel)[-1] == ("", "en aa")


def test_a_request_is_worked_on_once(panel):
    count, status = panel.ask(SimpleNamespace(_data=None), request())
    assert "ms-progress" in status
    assert list(panel.answer(request(), count, "a.png", "mine", 1, -1, "a"))[-1] == ("", "en aa")
    assert list(panel.answer(request(), count, "a.png", "mine", 1, -1, "a")) == [NOTHING]


def test_an_older_request_says_nothing(panel):
    older, _ = panel.ask(SimpleNamespace(_data=None), request())
    panel.ask(SimpleNamespace(_data=None), request())
    assert list(panel.answer(request(), older, "a.png", "mine", 1, -1, "a")) == [NOTHING]


def test_a_newer_request_of_the_panel_stops_the_work(panel):
    panel.during = lambda value: panel.page.visits.ask("anna", "doubling")
    assert asked(panel)[-1] == NOTHING


def test_a_newer_question_of_the_visitor_stops_the_work(panel):
    panel.during = lambda value: panel.page.visits.renew("anna", Question("b.png", "mine"))
    assert asked(panel)[-1] == ("", gr.skip())


def test_an_error_is_one_sentence_in_the_visitors_language(panel, caplog):
    status, content = asked(panel, "impossible", words=CHINESE)[-1]
    assert "增益应在 [0, 2] 之内" in status and content == ""
    status, content = asked(panel, "broken")[-1]
    assert escape(ENGLISH(text.BUG)) in status and content == "" and "ZeroDivisionError" in caplog.text


def test_without_a_picture_there_is_nothing(panel):
    count, _ = panel.ask(SimpleNamespace(_data=None), request())
    assert list(panel.answer(request(), count, None, "mine", 1, -1, "a")) == [("", "")]


def test_what_is_found_stays_for_its_picture_and_class(panel):
    visits = panel.page.visits
    token = visits.renew("anna", Question("a.png", "mine"))
    visits.note("anna", token, Question("a.png", "mine", "saliency", 1, -1))
    asked(panel)
    assert panel.follow(request()) == NOTHING
    assert panel.follow(request(CHINESE)) == ("", "zh aa")
    token = visits.renew("anna", Question("a.png", "mine", "grad-cam", 1, -1))
    visits.note("anna", token, Question("a.png", "mine", "grad-cam", 1, -1))
    assert panel.follow(request(CHINESE)) == NOTHING, "another method is of no concern"
    token = visits.renew("anna", Question("a.png", "mine", "grad-cam", 2, -1))
    visits.note("anna", token, Question("a.png", "mine", "grad-cam", 2, -1))
    assert panel.follow(request(CHINESE)) == ("", "")
    assert panel.follow(request(CHINESE)) == NOTHING


# Panels whose own script asks.


class Echo(ScriptPanel):
    """Says twice, one after the other, what it is asked."""

    def answers(self, session, target, words, asked, *, is_cancelled):
        if asked["said"] == "impossible":
            raise ConfigError("a gain must be in [0, 2], got 3")
        yield asked["said"]
        self.during()
        yield 2 * asked["said"]


@pytest.fixture
def echo(sessions):
    page = SimpleNamespace(visits=Visits(), words=lambda request: request.words)
    page.asked_about = lambda request, index, against: (sessions[0], Target(index), request.words)
    echo = Echo(page, "echo", lambda words: "")
    echo.during = lambda: None
    return echo


def noted(echo: Echo, session: Session, *, words=ENGLISH, **asked) -> int:
    data = {"asked": 7, "about": about(session, Target(1), words), **asked}
    count, _ = echo.on_ask(SimpleNamespace(_data=data), request(words))
    return count


def test_a_script_is_answered_better_and_better_and_once(echo, sessions):
    count = noted(echo, sessions[0], said="a")
    first, second = echo.on_work(count, 1, None, request())
    assert 'data-asked="7">a</div>' in first and 'data-asked="7">aa</div>' in second
    assert list(echo.on_work(count, 1, None, request())) == [gr.skip()]


def test_what_a_script_took_back_or_asked_about_another_class_is_not_answered(echo, sessions):
    count, answer = echo.on_ask(SimpleNamespace(_data={"is_cleared": True}), request())
    assert answer == "" and list(echo.on_work(count, 1, None, request())) == [gr.skip()]
    count = noted(echo, sessions[0], said="a")
    assert list(echo.on_work(count, 2, None, request())) == [gr.skip()]


def test_a_scripts_newer_question_ends_the_answer_to_the_older_one(echo, sessions):
    count = noted(echo, sessions[0], said="a")
    echo.during = lambda: noted(echo, sessions[0], said="b")
    first, last = echo.on_work(count, 1, None, request())
    assert ">a</div>" in first and last == gr.skip()


def test_a_script_is_told_an_error_in_the_visitors_language(echo, sessions):
    count = noted(echo, sessions[0], words=CHINESE, said="impossible")
    (answer,) = echo.on_work(count, 1, None, request(CHINESE))
    assert 'role="alert"' in answer and "增益应在 [0, 2] 之内" in answer
