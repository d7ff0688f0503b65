"""What the page says and draws, without Gradio: every word and bar is held against the numbers."""

import re
from dataclasses import replace
from html import unescape
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import tiny

from msresnet.attribution import METHODS
from msresnet.explain import Session
from msresnet.ledger import Ledger, Target
from msresnet.ui.answer import adding_up, fraction, ledger_html, place_of, sentence, top_k_html
from msresnet.ui.features import features_html
from msresnet.ui.maps import attribution_html, described, evidence_html
from msresnet.ui.status import status_html
from msresnet.ui.words import CHINESE, ENGLISH
from msresnet.ui.words import maps as map_words
from msresnet.ui.words import page as text
from msresnet.ui.words.answer import percent

SCRIPT = "<script>alert(\"x\")</script> & 'son'"
SIDES = (32, 48, 64)
STRIDE = 16


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
    assert percent(ENGLISH, share) == expected


VALUES = {
    "a fifth": 0.2, "a quarter": 0.25, "a third": 1 / 3, "two fifths": 0.4, "half": 0.5, "three fifths": 0.6,
    "two thirds": 2 / 3, "three quarters": 0.75, "four fifths": 0.8, "nine tenths": 0.9,
}  # fmt: skip


def test_a_share_in_words_is_never_far_from_the_share():
    for share in np.linspace(0.2, 1, 1601):
        said = ENGLISH(fraction(share)).lower()
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
    said = words(sentence(sure, Target(0), ENGLISH))
    assert said.startswith("tabby, > 99 %. Half of the evidence for it comes from the small scale (32 px)")
    unsure = answer_of([[0.1, 0, 0], [0.1, 0, 0], [0.2, 0, 0]])
    said = words(sentence(unsure, Target(0), ENGLISH))
    assert said.startswith("Not sure: tabby is the best of 3 guesses, at 43 %.")
    assert "Half of the evidence for it comes from the large scale (64 px)" in said


def test_each_language_composes_its_own_sentence():
    answer = answer_of([[0, 0], [2, 0], [4, 0]])
    assert words(sentence(answer, Target(0), CHINESE)) == (
        "tabby，> 99%。支持它的证据三分之二来自大尺度（64 像素），分散在整张图片中。"
    )
    assert words(sentence(answer, Target(0, 1), CHINESE)).startswith("为什么是 tabby，而不是 lion？支持 tabby 的证据")


def test_a_class_that_does_not_win_is_not_said_to_win():
    answer = answer_of([[4, 1, 0], [2, 1, 0], [2, 1, 0]])
    said = words(sentence(answer, Target(1), ENGLISH))
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
    assert words(sentence(answer, target, ENGLISH)).startswith(opening)


def test_a_tie_is_not_called_a_preference():
    assert "does not prefer" in sentence(answer_of([[1, 1], [1, 1], [1, 1]]), Target(0, 1), ENGLISH)


@pytest.mark.parametrize("seed", range(30))
def test_the_named_scale_and_share_are_those_of_the_ledger(seed):
    random = np.random.default_rng(seed)
    answer = answer_of(random.normal(size=(3, 4)))
    for target in (Target(0), Target(1, 0), Target(3)):
        positive = np.clip(answer.ledger.read(target).contributions, 0, None)
        said = words(sentence(answer, target, ENGLISH))
        if positive.sum() == 0:
            assert "No scale speaks for" in said
            continue
        assert f"({SIDES[positive.argmax()]} px)" in said
        assert ENGLISH(fraction(positive.max() / positive.sum())) in said


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
    assert place_of(answer, Target(0), 2, ENGLISH) == place
    assert words(sentence(answer, Target(0), ENGLISH)).endswith(f"large scale (64 px), {place}.")


def test_the_place_is_that_of_the_named_scale():
    answer = with_cells((3, 3), amount=4.0)
    answer.ledger.evidence[0][0][0, 0] = 3.0
    answer.ledger.contributions[0, 0] = 3.0
    assert "large scale (64 px), mostly in the lower right" in sentence(answer, Target(0), ENGLISH)


def test_one_scale_needs_no_share():
    answer = answer_of([[2, 0]], sides=(48,))
    assert (
        words(sentence(answer, Target(0), ENGLISH)) == "tabby, 88 %. The evidence for it lies spread over the picture."
    )


# The ledger.


@pytest.mark.parametrize("seed", range(40))
def test_the_numbers_that_are_shown_add_up(seed):
    random = np.random.default_rng(seed)
    answer = answer_of(random.normal(scale=random.choice([0.01, 1, 30]), size=(3, 4)), random.normal(size=4))
    for target in (Target(0), Target(2), Target(1, 3)):
        html = ledger_html(answer, target, ENGLISH)
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
    bars = re.findall(r'class="ms-bar" style="left:([\d.]+)%;width:([\d.]+)%"', ledger_html(answer, Target(0), ENGLISH))
    edges = [(float(left), float(left) + float(width)) for left, width in bars]
    first, second, third, bias, total = edges
    zero = float(re.search(r'class="ms-zero" style="left:(-?[\d.]+)%"', ledger_html(answer, Target(0), ENGLISH))[1])
    assert first[0] == pytest.approx(zero, abs=0.02)
    assert second[1] == pytest.approx(first[1], abs=0.02)  # it goes back
    assert third[0] == pytest.approx(second[0], abs=0.02)
    assert bias[0] == pytest.approx(third[1], abs=0.02)
    assert total == pytest.approx((zero, bias[1]), abs=0.02)
    assert all(low >= -0.01 and high <= 100.01 for low, high in edges)


def test_what_is_left_over_is_that_of_the_target():
    answer = answer_of([[1, 0], [1, 0], [1, 0]])
    answer = SimpleNamespace(**{**vars(answer), "ledger": replace(answer.ledger, residuals=np.array([3e-5, 1e-5]))})
    assert "Left over: 2e-05" in ledger_html(answer, Target(0, 1), ENGLISH)
    assert "Left over: 1e-05" in ledger_html(answer, Target(0), ENGLISH)


def test_the_explained_class_is_marked_in_the_top_k():
    answer = answer_of([[1, 2, 0], [1, 0, 0], [1, 0, 0]])
    html = top_k_html(answer, Target(1), ENGLISH)
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
    before, after = (evidence_html(one, target, pictures, ENGLISH) for one in (answer, doubled))
    assert limit_of(after) == pytest.approx(2 * limit_of(before), rel=0.01)
    exact = np.array(answer.ledger.read(target).contributions)
    titles = r'class="ms-number" title="(-?[\d.]+)"'
    assert [float(value) for value in re.findall(titles, before)] == pytest.approx(exact.tolist(), abs=1e-5)
    assert [float(value) for value in re.findall(titles, after)] == pytest.approx((2 * exact).tolist(), abs=1e-5)
    assert overlays(before) == overlays(after)  # the same colours: they mean twice as much
    first, second = (numbers(ledger_html(one, target, ENGLISH))[:3] for one in (answer, doubled))
    assert second == pytest.approx([2 * value for value in first], abs=0.03)  # each is rounded
    assert second != first


def overlays(html: str) -> list[str]:
    return re.findall(r'class="ms-over" alt="" src="([^"]*)"', html)


def test_the_evidence_has_a_frame_per_scale_and_a_bar_in_logits(session):
    target = session.target()
    answer = session.answer(target)
    html = evidence_html(answer, target, session.pictures(), ENGLISH)
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
    html = attribution_html(result, session.answer(target), session.pictures(), ENGLISH)
    said = words(html)
    assert re.findall(r'class="ms-frame" data-scale="(\d)"', html) == ["0", "1", "2"]
    assert f'<div class="ms-unit">{ENGLISH(map_words.UNITS.get(method, map_words.LOGITS))}</div>' in html
    assert METHODS[method].caution in said and METHODS[method].promise in said
    assert ("left over" in said) == METHODS[method].is_complete
    if METHODS[method].is_complete:
        assert f"{100 * result.completeness_residual:.1f} % left over" in said


def test_a_slope_is_not_called_a_share():
    assert {name for name in METHODS if map_words.UNITS.get(name, map_words.LOGITS) == map_words.LOGITS} == {
        "integrated-gradients", "gradient-shap", "deep-lift", "input-x-gradient",
        "grad-cam", "occlusion", "feature-ablation",
    }  # fmt: skip


def test_flat_maps_say_no_evidence(session):
    answer = answer_of(np.zeros((3, 3)))
    html = evidence_html(answer, Target(0), session.pictures(), ENGLISH)
    assert ENGLISH(map_words.NO_EVIDENCE) in html
    assert len(re.findall(r'data-enlarge="[^"]*: no evidence"', html)) == 4
    assert overlays(html) == []
    assert "No scale speaks for" in sentence(answer, Target(0), ENGLISH)


def test_one_flat_map_among_others_says_so_in_its_frame(session):
    result = session.attribution("grad-cam", session.target())
    flat = replace(result, maps=(np.zeros_like(result.maps[0]), *(np.ones_like(maps) for maps in result.maps[1:])))
    html = attribution_html(flat, session.answer(session.target()), session.pictures(), ENGLISH)
    assert ENGLISH(map_words.NO_EVIDENCE) not in html
    assert html.count('<span class="ms-flat">no evidence</span>') == 1
    assert html.count('data-enlarge="32 px scale: no evidence"') == 1


def test_a_map_is_described_by_its_strongest_place():
    values = np.zeros((9, 9))
    values[0, 8] = -2.0
    values[8, 0] = 1.0
    range_ = SimpleNamespace(is_flat=False)
    assert described(values, range_, ENGLISH) == "strongest against the class in the upper right, -2"
    assert described(values, range_, CHINESE) == "对该类别反对最强处在右上方，-2"


def test_labels_cannot_bring_markup(session):
    target = Target(2, 0)
    answer = session.answer(target)
    features = session.features(target, count=2)
    pieces = [
        sentence(answer, target, ENGLISH),
        sentence(answer, Target(0, 2), ENGLISH),
        sentence(answer, Target(2), ENGLISH),
        top_k_html(answer, target, ENGLISH),
        ledger_html(answer, target, ENGLISH),
        ledger_html(answer, Target(0, 2), ENGLISH),
        evidence_html(answer, target, session.pictures(), ENGLISH),
        features_html(features, answer, ENGLISH, has_links=True),
        status_html(f"There is no class called {SCRIPT}", is_error=True),
    ]
    assert all("<script" not in piece for piece in pieces)
    assert sum(SCRIPT in words(piece) for piece in pieces) >= 7
    for title in re.findall(r'title="([^"]*)"', pieces[3]):
        assert ": probability" in title  # a quotation mark in a label ends no attribute


def test_feature_maps_have_every_stage_and_scale(session):
    target = session.target()
    html = features_html(session.features(target, count=3), session.answer(target), ENGLISH, has_links=True)
    panels = html.split('class="ms-stage-panel"')[1:]
    assert len(panels) == 4
    for panel in panels:
        assert re.findall(r'class="ms-tiles-row" data-scale="(\d)"', panel) == ["0", "1", "2"]
        assert panel.count('class="ms-tile"') == 9
        assert panel.count('aria-label="Enlarge ') == 9
    assert ENGLISH(text.LINKS_NOTE) in words(html)
