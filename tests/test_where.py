"""Where it is, as the page and the command line show it."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tiny import tiny

from msresnet.checkpoint import save_checkpoint
from msresnet.cli import main
from msresnet.explain import Session
from msresnet.ledger import Target
from msresnet.localisation import Location, Rule, located
from msresnet.ui.maps import evidence_html
from msresnet.ui.where import box_html, box_note, switch_html
from msresnet.ui.words import CHINESE, ENGLISH

TARGET = Target(1)


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    generator = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("photos") / "photo.png"
    Image.fromarray(generator.integers(0, 255, (80, 120, 3)).astype(np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def session(picture) -> Session:
    return Session(tiny(), picture)


def block() -> Location:
    """A thing at the top right, from 3/4 to 7/8 and from 1/8 to 1/4."""
    density = np.zeros((16, 16))
    density[2:4, 12:14] = 1
    return located(density, TARGET, rule=Rule(0.5))


def test_the_box_is_drawn_where_it_is():
    html = box_html(block())
    assert 'viewBox="0 0 16 16"' in html
    assert html.count('<rect class="ms-dark" x="12.000" y="2.000" width="2.000" height="2.000"/>') == 1
    assert html.index("ms-dark") < html.index("ms-light"), "the light line lies on the dark one"
    assert re.search(r'd="M12 2H14', html)


@pytest.mark.parametrize(
    ("words", "expected"), [(ENGLISH, "12 % × 12 %"), (CHINESE, "12% × 12%")], ids=["english", "chinese"]
)
def test_the_note_says_where_how_large_and_how_much(words, expected):
    note = box_note(block(), ("a", "<b>"), words)
    assert expected in note and "100" in note
    assert "&lt;b&gt;" in note and "<b>" not in note
    versus = box_note(replace(block(), target=Target(1, 0)), ("zebra", "lion"), words)
    assert versus.index("lion") < versus.index("zebra")


def test_without_evidence_there_is_no_box_and_that_is_said():
    nothing = located(np.full((4, 4), -1.0), TARGET, rule=Rule(0.5))
    assert box_html(nothing) == ""
    assert "speaks for b" in box_note(nothing, ("a", "b"), ENGLISH)


def test_every_frame_of_the_evidence_holds_the_same_box(session):
    target = session.target()
    answer = session.answer(target)
    html = evidence_html(answer, target, session.pictures(), ENGLISH)
    drawn = box_html(answer.locate())
    assert drawn and html.count(drawn) == len(answer.sides) + 1
    assert html.count("ms-box-note") == 1
    other = session.target((target.index + 1) % 5)
    assert box_html(replace(answer, target=other).locate()) in evidence_html(answer, other, session.pictures(), ENGLISH)


def test_the_switch_has_a_name_in_both_languages():
    for words in (ENGLISH, CHINESE):
        assert re.search(r'<label[^>]*><input type="checkbox" data-box> [^<]+</label>', switch_html(words))


def test_the_command_writes_the_box_that_python_gives(picture, tmp_path):
    model = tiny()
    save_checkpoint(model, tmp_path / "model", name="tiny")
    arguments = ["explain", str(picture), "--model", str(tmp_path / "model"), "--device", "cpu"]
    assert main([*arguments, "--box", "--out", str(tmp_path / "with")]) == 0
    written = json.loads((tmp_path / "with" / "location.json").read_text(encoding="utf-8"))
    session = Session(model, picture)
    location = session.answer(session.target()).locate()
    assert written["target"] == {"index": location.target.index, "against": None}
    assert written["box_px"] == pytest.approx(location.box_px, abs=0.5), "the checkpoint holds half precision"
    assert 0 <= written["box_px"][0] < written["box_px"][2] <= 120
    assert 0 < written["evidence_inside"] <= 1
    with Image.open(tmp_path / "with" / "location.png") as drawn:
        assert drawn.size == session.view.shape[:2]
    assert main([*arguments, "--out", str(tmp_path / "without")]) == 0
    assert not list((tmp_path / "without").glob("location*"))
    content = json.loads((tmp_path / "with" / "explanation.json").read_text(encoding="utf-8"))
    assert "location" not in content, "its keys are fixed"
