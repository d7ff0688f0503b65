"""What the page must show, computed in Python for the very file that it was given."""

import base64
import io
import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from visiting import Visitor, expect

from msresnet.attribution import METHODS
from msresnet.explain import Session
from msresnet.ledger import Target
from msresnet.ui.answer import sentence
from msresnet.ui.maps import attribution_html
from msresnet.ui.words import ENGLISH
from msresnet.ui.words import page as text

# The page's main parts, and the ideas that its tour explains.
PARTS = (
    "image-input", "model-picker", "top-k", "class-picker", "ledger",
    "evidence", "feature-maps", "method-picker", "attributions", "status",
)  # fmt: skip
IDEAS = ("scale", "level", "vote", "gate", "ledger", "evidence", "attribution")


def words(html: str) -> str:
    """The text of a piece of HTML, as the browser gives it."""
    return " ".join(unescape(re.sub(r"<[^>]*>", "", html)).split())


def assert_answers(visitor: Visitor, model, path: Path, target: Target | None = None) -> None:
    """The page comes to show the answer for this file and target, and no other."""
    visitor.see_answer(model, path, target)
    session = Session(model, path)
    target = target or session.target()
    answer, reading = session.answer(target), session.ledger.read(target)
    expect(visitor.part("answer", ".ms-sentence")).to_have_text(words(sentence(answer, target, ENGLISH)))
    expect(visitor.part("top-k", ".ms-class-name")).to_have_text([entry.label for entry in answer.top_k])
    assert visitor.numbers() == pytest.approx([*reading.contributions, reading.bias, reading.total], abs=0.0101)
    other = ENGLISH(text.AVERAGE_CLASS) if target.against is None else model.classes[target.against]
    expect(visitor.part("class-picker", "input")).to_have_value(model.classes[target.index])
    expect(visitor.part("against-picker", "input")).to_have_value(other)


def assert_attributes(visitor: Visitor, model, path: Path, method: str, target: Target | None = None) -> None:
    """The attributions are this method's, for this file and target: the same pictures, up to rounding."""
    session = Session(model, path)
    target = target or session.target()
    html = attribution_html(session.attribution(method, target), session.answer(target), session.pictures(), ENGLISH)
    visitor.settle()  # the maps of the target before make the same promise
    expect(visitor.part("attributions")).to_contain_text(METHODS[method].promise)
    expect(visitor.part("attributions", ".ms-frame[data-scale]")).to_have_count(len(model.sides))
    drawn = visitor.part("attributions", ".ms-over").evaluate_all("all => all.map(element => element.src)")
    expected = re.findall(r'class="ms-over" alt="" src="([^"]*)"', html)
    for one, other in zip(map(pixels, drawn), map(pixels, expected), strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other).mean() < 0.5  # of 255


def pixels(data_uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data_uri.split(",")[1]))), dtype=float)


def box_of(visitor: Visitor, name: str, inside: str) -> dict:
    """Where a part is on the screen, once it has been brought there."""
    part = visitor.part(name, inside).first
    part.scroll_into_view_if_needed()
    return part.bounding_box()
