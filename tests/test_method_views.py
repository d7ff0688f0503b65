"""How methods are asked and drawn, and the trust panel, without a browser: every word is held against the numbers."""

import re
from html import escape

import numpy as np
import pytest
from PIL import Image
from tiny import tiny

from msresnet.attribution import METHODS
from msresnet.colour import format_signed, overlay_rgba, shared_range
from msresnet.errors import MsresnetError
from msresnet.explain import Session
from msresnet.faithfulness import Direction
from msresnet.ledger import Target
from msresnet.ui.maps import attribution_html, methods_html, png
from msresnet.ui.options import Options
from msresnet.ui.trial import verdicts_html
from msresnet.ui.trust import idle_html, trust_html, working_html
from msresnet.ui.words import ENGLISH, LANGUAGES
from msresnet.ui.words import trust as trust_words
from msresnet.ui.work import views


@pytest.fixture(scope="module")
def session():
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8))
    return Session(tiny(), picture)


# How methods are asked and drawn.


def frames_of(html: str) -> list[str]:
    """The overlays, in their order."""
    return re.findall(r'class="ms-over" alt="" src="([^"]+)"', html)


def drawn(session, method, words=ENGLISH, **chosen):
    target = session.target()
    options = Options(**chosen)
    result = session.attribution(method, target, **options.of(method))
    return result, attribution_html(result, session.answer(target), session.pictures(), words, options=options)


def test_a_range_of_its_own_is_said_and_changes_the_colours(session):
    _, shared = drawn(session, "saliency")
    result, local = drawn(session, "saliency", is_local=True)
    assert frames_of(shared) != frames_of(local)
    assert "cannot be compared" in local and "cannot be compared" not in shared
    assert 'class="ms-gradient"' in shared and 'class="ms-gradient"' not in local
    limits = [shared_range([one]).limit for one in result.maps]
    assert all(f"{limit:.2g} at {side} px" in local for limit, side in zip(limits, session.model.sides, strict=True))


def test_magnitudes_are_drawn_where_asked(session):
    result, html = drawn(session, "input-x-gradient", is_magnitude=True)
    range_ = shared_range(result.magnitudes, is_signed=False)
    assert frames_of(html)[0] == png(overlay_rgba(result.magnitudes[0], range_))
    assert frames_of(drawn(session, "input-x-gradient")[1])[0] != frames_of(html)[0]


def test_cells_are_squares_unless_asked_otherwise(session):
    (_, squares), (_, smooth) = drawn(session, "grad-cam"), drawn(session, "grad-cam", is_smooth=True)
    assert frames_of(squares) != frames_of(smooth)
    assert 'data-option="cells"' in squares and 'data-option="cells"' not in drawn(session, "saliency")[1]


@pytest.mark.parametrize(
    ("method", "offered"),
    [
        ("saliency", ["range", "values"]),
        ("occlusion", ["baseline", "range", "values"]),
        ("grad-cam", ["stage", "range", "cells"]),
        ("guided-grad-cam", ["stage", "range", "values"]),
        ("scale-shapley", []),
    ],
)
def test_a_method_offers_what_it_takes(session, method, offered):
    assert re.findall(r'data-option="(\w+)"', drawn(session, method)[1]) == offered


def test_the_baseline_is_shown_with_its_score(session):
    target = session.target()
    result = session.attribution("occlusion", target, baseline="black")
    (view,) = views(
        session, target, "occlusion", ENGLISH, is_cancelled=lambda: False, only_method=True,
        options=Options(baseline="black"), kept={"occlusion": result},
    )  # fmt: skip
    assert png(session.baseline_pictures("black")[-1]) in view.attributions
    assert format_signed(result.f_baseline, decimals=2) in view.attributions
    assert 'value="black" selected' in view.attributions


def test_what_is_there_is_not_computed_again_and_what_is_not_is_said_beforehand(session, monkeypatch):
    target, kept, told = session.target(), {}, []
    ask = {"is_cancelled": lambda: False, "only_method": True}
    monkeypatch.setattr("msresnet.ui.progress.TICK_S", 0.0)
    monkeypatch.setattr(session, "forward_seconds", 10.0)
    first, *_ = views(session, target, "grad-cam", ENGLISH, kept=kept, on_result=told.append, **ask)
    assert "about 10 s" in first.status
    assert told == [kept["grad-cam"]]
    monkeypatch.setattr(Session, "attribution", None)
    (again,) = views(session, target, "grad-cam", ENGLISH, kept=kept, **ask)
    assert again.attributions
    with pytest.raises(TypeError):  # another stage is another map
        list(views(session, target, "grad-cam", ENGLISH, kept=kept, options=Options(stage=1), **ask))


def test_the_table_of_methods_says_what_each_will_take(session):
    html = methods_html(dict.fromkeys(METHODS, 12.0), ENGLISH)
    for method in METHODS.values():
        assert escape(method.title) in html and escape(method.promise) in html
    assert html.count("<td>12 s</td>") == len(METHODS)


def test_what_the_browser_sends_becomes_options():
    sent = {"baseline": "blur", "stage": "1", "range": "local", "values": "magnitude", "cells": "smooth"}
    everything = Options().chosen(sent)
    assert everything == Options("blur", 1, True, True, True)
    assert everything.chosen({"range": "shared"}) == Options("blur", 1, False, True, True), "the rest stays"
    assert Options("blur").chosen({"baseline": "own"}).baseline is None
    for sent in ({"stage": "7"}, {"stage": []}, {"baseline": "x"}):
        with pytest.raises(MsresnetError):
            Options().chosen(sent)


# The trust panel.


@pytest.fixture(scope="module")
def trust(session):
    return session.trust(session.target(), ("saliency", "grad-cam"))


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=LANGUAGES)
def test_every_map_has_its_row_and_what_fails_is_marked_in_words(trust, words):
    html = trust_html(trust, words)
    assert re.findall(r'data-map="([\w-]+)"', html) == ["evidence", "saliency", "grad-cam"]
    for verdict in trust.verdicts:
        row = html[html.index(f'data-map="{verdict.name}"') :].partition("</tr>")[0]
        assert ('data-verdict="fails"' in row) == bool(verdict.marks)
        for mark, phrase in trust_words.MARKS.items():
            assert (words(phrase) in row) == (mark in verdict.marks)
        assert (words(trust_words.PASSES) in row) == (not verdict.marks)
        for way in Direction:
            assert f"{verdict.curves[way].area:.3f}" in row
    assert html.count("<svg") == 3 * len(trust.verdicts) == html.count('role="img"')


def test_what_is_asked_says_how_long_it_takes(session, monkeypatch):
    monkeypatch.setattr(session, "forward_seconds", 1.0)
    html = idle_html(session, "saliency", ENGLISH)
    expected = session.estimate_trust_seconds(("saliency",))
    assert f"Check only Saliency, about {round(expected, -1 if expected >= 100 else 0):.0f} s" in html
    assert 'data-check="shown"' not in idle_html(session, "scale-shapley", ENGLISH)


def test_the_verdicts_come_back_with_what_they_are_of(session, trust):
    of, beside = ("mine", "a.png", Target(1)), (session, "saliency", ENGLISH)
    again = verdicts_html((of, trust), of, *beside)
    assert again.startswith(trust_html(trust, ENGLISH)) and 'data-check="all"' in again
    assert verdicts_html((of, trust), ("mine", "b.png", Target(1)), *beside) is None
    assert verdicts_html(None, of, *beside) is None


def test_a_check_that_runs_says_how_far_it_is_and_how_to_stop_it():
    html = working_html(ENGLISH, share=0.25, left=30.4)
    assert "width:25%" in html and "About 30 s left." in html and "data-stop" in html
    assert "left" not in working_html(ENGLISH)
