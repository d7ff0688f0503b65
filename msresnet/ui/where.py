"""Where it is: the mask and the box of the explained class over a picture. Numbers in, HTML out."""

from collections.abc import Sequence
from html import escape

from ..localisation import Location
from ..outline import border_path
from .words import Phrase, Words
from .words import where as said
from .words.answer import REGIONS


def box_html(location: Location) -> str:
    """The mask's edge and the box as lines over a square frame, dark under light; empty where there is no box.

    It is hidden until the switch of :func:`switch_html` is on.
    """
    if location.box is None:
        return ""
    side = len(location.mask)
    left, top, right, bottom = (side * edge for edge in location.box)
    box = f'x="{left:.3f}" y="{top:.3f}" width="{right - left:.3f}" height="{bottom - top:.3f}"'
    path = border_path(location.mask)
    lines = "".join(
        f'<path class="{kind}" d="{path}"/><rect class="{kind}" {box}/>' for kind in ("ms-dark", "ms-light")
    )
    return (
        f'<svg class="ms-box" viewBox="0 0 {side} {side}" preserveAspectRatio="none" aria-hidden="true">{lines}</svg>'
    )


def box_note(location: Location, classes: Sequence[str], words: Words) -> str:
    """What the box says, in a sentence, shown together with it."""
    target = location.target
    label = classes[target.index]
    if target.against is not None:
        label = words(said.RATHER, label=label, other=classes[target.against])
    if location.box is None:
        return note_html(said.NOWHERE, words, label=label)
    left, top, right, bottom = location.box
    return note_html(
        said.WHERE,
        words,
        label=label,
        region=words(region_of((left + right) / 2, (top + bottom) / 2)),
        width=round(100 * (right - left)),
        height=round(100 * (bottom - top)),
        inside=round(100 * location.energy),
    )


def note_html(phrase: Phrase, words: Words, **values: object) -> str:
    """A paragraph that comes and goes with the boxes."""
    return f'<p class="ms-note ms-box-note">{escape(words(phrase, **values))} {escape(words(said.CAUTION))}</p>'


def region_of(x: float, y: float) -> Phrase:
    """The ninth of the field of view in which a place lies; shares of it."""
    return REGIONS[min(int(3 * y), 2)][min(int(3 * x), 2)]


def switch_html(words: Words) -> str:
    """The switch that shows the boxes; the browser does it without a request."""
    return f'<label class="ms-switch-box"><input type="checkbox" data-box> {escape(words(said.SHOW))}</label>'
