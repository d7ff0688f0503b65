"""How far a switch is from recomputing without the level, in words, after the quick answer of the cached votes."""

from collections.abc import Callable, Sequence
from html import escape

import gradio as gr

from ..colour import format_signed
from ..ledger import Target
from ..probes import Recomputed
from ..session import Session
from .answer import label_html
from .panel import PagePanel, Say
from .visits import Asked
from .what_if import read_switches
from .words import Words
from .words import page as text
from .words import recomputing as said
from .words.answer import percent


class RecomputingPanel(PagePanel):
    """A sentence below the switches."""

    def __init__(self, page) -> None:
        super().__init__(page, "recomputed", said.WORKING)

    def layout(self) -> None:
        """The place of the sentence."""
        self.result_layout()

    def connect(self) -> None:
        """Every movement of the switches asks."""
        self.listen(self.page.switches.probe)
        self.follow_page()

    def ask(self, event: gr.EventData, request: gr.Request) -> tuple:
        """Nothing is waited for where every scale is on."""
        count, status = super().ask(event, request)
        return count, status if False in event._data.get("is_on", ()) else ""

    def job(
        self, session: Session, target: Target, asked: Asked, stop: Callable, report: Callable, *values: object
    ) -> Say | None:
        """The sentence; nothing where every scale is on, because nothing is to be recomputed then."""
        switches = read_switches(asked.data)
        if all(switches.is_on):
            return None
        found = session.recomputed(switches, is_cancelled=stop)
        model, has_links = session.model, session.model.config.has_links
        return lambda words: recomputed_html(found, target, model.classes, model.sides, words, has_links=has_links)


def recomputed_html(
    found: Recomputed, target: Target, classes: Sequence[str], sides: Sequence[int], words: Words, *, has_links: bool
) -> str:
    """The difference to the cached votes, and what it comes from."""
    off = [words(text.PIXELS, side=side) for side, is_on in zip(sides, found.switches.is_on, strict=True) if not is_on]
    cached, anew = (escape(percent(words, share)) for share in found.probabilities(target.index))
    other = None if target.against is None else label_html(classes[target.against])
    opening = words(
        said.OPENING,
        scales=words(said.AND).join(off),
        label=label_html(classes[target.index]),
        recomputed=anew,
        cached=cached,
        difference=number(found.difference(target)),
        above=words(said.ABOVE_AVERAGE) if other is None else words(said.ABOVE_OTHER, other=other),
    )
    links = words(said.LINKS, amount=number(found.by_links(target))) if has_links else words(said.NO_LINKS)
    has_choice = sum(found.switches.is_on) > 1
    gate = words(said.GATE, amount=number(found.by_gate(target))) if has_choice else words(said.ALONE)
    return f'<p class="ms-note" role="status">{words.join(opening, links, gate)}</p>'


def number(value: float) -> str:
    """A difference in logits, with the exact one on hover."""
    return f'<span class="ms-amount" title="{value:+.6f}">{format_signed(value, decimals=2)}</span>'
