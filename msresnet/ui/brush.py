"""The brush: a part of the picture is covered, and the change per class and per scale stands beside it."""

import base64
import binascii
import io
from collections.abc import Callable, Iterator
from html import escape

import numpy as np
from PIL import Image

from ..ledger import Target
from ..probes import Fill, Mask
from ..session import Session
from .asking import ScriptPanel, unreadable
from .desk import Desk
from .occluded import occluded_html
from .words import Words
from .words import brush as said

MAX_MASK_SIDE_PX = 512  # the script paints on 224 px
MAX_MASK_CHARACTERS = 400_000
DEFAULT_SIZE = 12  # of the brush, in per cent of the picture


class BrushPanel(ScriptPanel):
    """Where the visitor paints, and what comes of it."""

    def __init__(self, page: Desk) -> None:
        super().__init__(page, "brush", stage_html)

    def answers(
        self, session: Session, target: Target, words: Words, asked: dict, *, is_cancelled: Callable[[], bool]
    ) -> Iterator[str]:
        """The answer for the covered picture beside that for the whole one."""
        try:
            fill, is_kept, seed = Fill.find(asked["fill"]), bool(asked["is_kept"]), int(asked["seed"])
        except (KeyError, TypeError, ValueError) as error:
            raise unreadable() from error
        mask = Mask.over_view(read_mask(asked.get("mask")), session.geometry)
        result = session.occluded(mask, fill=fill, is_kept=is_kept, seed=abs(seed), is_cancelled=is_cancelled)
        yield occluded_html(result, target, words, sides=session.model.sides)


def read_mask(address: object) -> np.ndarray:
    """What was painted: the opacity of a PNG as a data address, ``(side, side)`` in [0, 1].

    Raises:
        ConfigError: it is none, or larger than the script makes it.
    """
    prefix = "data:image/png;base64,"
    if not (isinstance(address, str) and address.startswith(prefix) and len(address) <= MAX_MASK_CHARACTERS):
        raise unreadable()
    try:
        content = base64.b64decode(address.removeprefix(prefix), validate=True)
        with Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
            if max(picture.size) > MAX_MASK_SIDE_PX:
                raise unreadable()
            alpha = picture.convert("RGBA").getchannel("A")
    except (binascii.Error, OSError, ValueError, SyntaxError) as error:
        raise unreadable() from error
    return np.asarray(alpha, dtype=np.float32) / 255


def stage_html(words: Words) -> str:
    """The canvas and its controls; the script remembers what was painted."""
    fills = "".join(
        radio_html("ms-brush-fill", fill.value, words(said.FILLS[fill.value]), is_checked=fill is Fill.BLUR)
        for fill in Fill
    )
    modes = radio_html("ms-brush-mode", "cover", words(said.COVER), is_checked=True) + radio_html(
        "ms-brush-mode", "keep", words(said.KEEP), is_checked=False
    )
    buttons = "".join(
        f'<button type="button" class="ms-reset" data-brush="{name}">{escape(words(phrase))}</button>'
        for name, phrase in (("undo", said.UNDO), ("clear", said.CLEAR), ("invert", said.INVERT))
    )
    state = {
        "nothing": words(said.NOTHING_YET),
        "share": words(said.STATE, share="{share}"),
        "place": words(said.PLACE, x="{x}", y="{y}"),
    }
    carried = " ".join(f'data-{name}="{escape(template)}"' for name, template in state.items())
    seed = '<input type="number" name="ms-brush-seed" min="0" max="9999" value="0">'
    size = f'<input type="range" name="ms-brush-size" min="2" max="40" value="{DEFAULT_SIZE}">'
    return (
        f'<details class="ms-fold"><summary><h2>{words(said.TITLE)}</h2></summary>'
        f'<p class="ms-note" id="brush-help">{words(said.INTRODUCTION)}</p>'
        f'<canvas class="ms-stage" width="448" height="448" tabindex="0" role="application" '
        f'aria-label="{words(said.CANVAS)}" aria-describedby="brush-help brush-keys"></canvas>'
        f'<p class="ms-note" data-brush-state role="status" aria-live="polite" {carried}>{state["nothing"]}</p>'
        f'<div class="ms-controls">{choice_html(words(said.MODE), modes)}'
        f'{choice_html(words(said.FILL), f"""{fills}<label class="ms-seed">{words(said.SEED)} {seed}</label>""")}'
        f'<label class="ms-choice"><span>{words(said.SIZE)}</span>{size}</label>'
        f'<div class="ms-choice">{buttons}</div></div>'
        f'<p class="ms-note" id="brush-keys">{words(said.KEYS)}</p></details>'
    )


def choice_html(name: str, choices: str) -> str:
    """A group of choices under its name."""
    label = escape(name)
    return f'<div class="ms-choice" role="radiogroup" aria-label="{label}"><span>{label}</span>{choices}</div>'


def radio_html(name: str, value: str, label: str, *, is_checked: bool) -> str:
    """One of a group of choices."""
    checked = " checked" if is_checked else ""
    return f'<label><input type="radio" name="{name}" value="{value}"{checked}>{escape(label)}</label>'
