"""The strip of examples. Pictures in, HTML out."""

import base64
from collections.abc import Iterable
from html import escape

from .assets import send_pick
from .examples import Example
from .words import Words
from .words import page as text

PICK_EXAMPLE = send_pick("example", "name")


def examples_html(shown: Iterable[Example], words: Words) -> str:
    """The strip of examples."""

    def title(example: Example) -> str:
        return escape(words(text.EXAMPLE_TITLES[example.name]))

    buttons = "".join(
        f'<button type="button" class="ms-example" data-example="{example.name}" data-kind="{example.kind.value}" '
        f'aria-label="{title(example)}" title="{title(example)}"><img alt="" src="data:image/jpeg;base64,'
        f'{base64.b64encode(example.thumbnail()).decode()}"></button>'
        for example in shown
    )
    return f'<div class="ms-examples"><span>{words(text.EXAMPLES)}</span><div>{buttons}</div></div>'
