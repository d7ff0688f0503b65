"""Two pictures, one class, one range of colours, and the difference of their ledgers. Numbers in, HTML out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape

import gradio as gr
import numpy as np

from ..attribution import Attribution
from ..colour import Range, colour_bar, scale_colour, shared_range
from ..ledger import Target
from ..pictures import cells_on_level
from ..probes import Pair
from ..session import Session
from .answer import adding_up, bar_html, in_logits, label_html, zero_html
from .heading import how_to_read_html
from .maps import CELL_PERCENTILE, frame_html
from .maps import bar_html as colour_bar_html
from .panel import PagePanel, Say
from .streams import AT_ONCE
from .uploads import UploadImage, uploaded_file
from .visits import Asked
from .words import Phrase, Words, methods
from .words import maps as map_words
from .words import page as text
from .words import pair as said
from .words.answer import percent, scale_name

Maps = Sequence[np.ndarray]


class PairPanel(PagePanel):
    """A second picture, dropped or pinned; whether a method's maps are compared too; the comparison."""

    def __init__(self, page) -> None:
        super().__init__(page, "pair", said.WORKING)

    def layout(self) -> None:
        """The panel as a section of the page."""
        spoken = self.page.spoken
        with gr.Column(elem_classes=["ms-section", "ms-panel"]):
            self.page.heading(said.TITLE)
            with gr.Row(elem_classes="ms-pair-controls"):
                self.other = spoken(
                    UploadImage,
                    lambda words: {"label": words(said.OTHER), "placeholder": words(said.OTHER)},
                    type="filepath",
                    sources=["upload", "clipboard"],
                    elem_id="pair-image",
                    height=150,
                    min_width=200,
                    scale=0,
                    buttons=[],
                )
                with gr.Column(elem_classes="ms-pair-choices", min_width=220):
                    spoken(gr.HTML, lambda words: {"value": f'<p class="ms-note">{words(said.HINT)}</p>'})
                    self.pin = spoken(
                        gr.Button, lambda words: {"value": words(said.PIN)}, elem_id="pair-pin", size="md"
                    )
                    self.with_maps = spoken(
                        gr.Checkbox,
                        lambda words: {"label": words(said.WITH_MAPS)},
                        value=False,
                        elem_id="pair-with-maps",
                        container=False,
                    )
            self.result_layout()

    def connect(self) -> None:
        """A second picture asks, and so does a new answer to the first while there is a second."""
        inputs = (self.other, self.with_maps, self.page.method_picker)
        self.pin.click(lambda image: image, self.page.image, self.other, **AT_ONCE)
        self.listen(self.other.change, self.with_maps.input, inputs=inputs)
        for event in self.page.answered:
            again = event.then(self.ask_again, self.other, [self.ticket, self.status], **AT_ONCE)
            self.work_after(again, inputs)

    def ask_again(self, event: gr.EventData, request: gr.Request, other: str | None) -> tuple:
        """A new request, if there is a second picture."""
        return (gr.skip(), gr.skip()) if other is None else self.ask(event, request)

    def job(
        self, session: Session, target: Target, asked: Asked, stop: Callable, report: Callable, *values: object
    ) -> Say | None:
        """Both ledgers, and the maps of both where they are asked for."""
        path, has_maps, method = values
        if path is None:
            return None
        other = kept(
            asked,
            "session",
            (id(session.model), path),
            lambda: Session(session.model, uploaded_file(path), is_cancelled=stop),
        )
        found = session.compare(other, target)
        maps = None
        if has_maps:
            both = (session, other)
            maps = kept(
                asked,
                "maps",
                (*(one.image.sha256 for one in both), id(session.model), method, target),
                lambda: attributions(both, method, target, stop, report),
            )
        return lambda words: pair_html(found, (session, other), maps, words)


def kept(asked: Asked, name: str, key: object, make: Callable[[], object]) -> object:
    """What the panel made for this key last time, or made now."""
    if name not in asked.kept or asked.kept[name][0] != key:
        asked.kept[name] = key, make()
    return asked.kept[name][1]


def attributions(
    sessions: Sequence[Session],
    method: str,
    target: Target,
    stop: Callable[[], bool],
    report: Callable[[float], None],
) -> tuple[Attribution, ...]:
    """One method's maps of both pictures."""
    return tuple(
        session.attribution(
            method,
            target,
            is_cancelled=stop,
            on_progress=lambda share, done=done: report((done + share) / len(sessions)),
        )
        for done, session in enumerate(sessions)
    )


def pair_html(
    found: Pair, sessions: tuple[Session, Session], maps: tuple[Attribution, ...] | None, words: Words
) -> str:
    """Both pictures: in a sentence, on one range, and the difference of their ledgers."""
    parts = [
        f'<p class="ms-panel-finding">{pair_sentence(found, sessions[0], words)}</p>',
        difference_html(found, sessions[0], words),
        evidence_strips(found, sessions, words),
    ]
    if maps is not None:
        parts.append(map_strips(maps, found.target, sessions, words))
    return f'<div class="ms-pair">{"".join(parts)}</div>'


def pair_sentence(found: Pair, session: Session, words: Words) -> str:
    """Both probabilities, and which scale makes most of the difference."""
    classes, sides, target = session.model.classes, session.model.sides, found.target
    first, second = (escape(percent(words, share)) for share in found.probabilities)
    opening = words(said.OPENING, label=label_html(classes[target.index]), first=first, second=second)
    differences = np.array(found.difference.contributions)
    if not differences.any():
        return words.join(opening, words(said.ALIKE))
    most = int(np.abs(differences).argmax())
    other = None if target.against is None else label_html(classes[target.against])
    return words.join(
        opening,
        words(
            said.MOST,
            above=words(said.ABOVE_AVERAGE) if other is None else words(said.ABOVE_OTHER, other=other),
            total=in_logits(found.difference.total),
            name=scale_name(words, most, len(sides)),
            side=sides[most],
            amount=in_logits(differences[most]),
        ),
    )


def difference_html(found: Pair, session: Session, words: Words) -> str:
    """A bar per scale, both numbers beside it, and the total that the bars add up to."""
    sides, difference = session.model.sides, found.difference
    values = (*difference.contributions, difference.total)
    low, high = min(0.0, *values), max(0.0, *values)
    span = max(high - low, 1e-9)
    shown = adding_up(difference.contributions, difference.total)
    names = [words(text.PIXELS, side=side) for side in sides]
    rows = [
        row_html(
            f'<i class="ms-dot"></i>{name}',
            (found.first.contributions[s], found.second.contributions[s], difference.contributions[s]),
            amount,
            (low, span),
            f' data-scale="{s}" style="--scale:{scale_colour(s, len(sides))}"',
        )
        for s, (name, amount) in enumerate(zip(names, shown, strict=True))
    ]
    totals = (
        found.first.total - found.first.bias,
        found.second.total - found.second.bias,
        difference.total,
    )
    rows.append(row_html(words(said.TOTAL), totals, difference.total, (low, span), "", is_total=True))
    heads = (words(said.SCALE), words(said.THIS), words(said.THAT), "", words(said.DIFFERENCE))
    head = "".join(f'<span role="columnheader">{one}</span>' for one in heads)
    parts = " ".join(in_logits(value) for value in shown)
    return (
        f'<div class="ms-difference" role="table" aria-label="{words(said.LEDGERS)}">'
        f'<div class="ms-difference-row ms-difference-head" role="row">{head}</div>{"".join(rows)}</div>'
        f'<p class="ms-note">{words(said.SUM, parts=parts, total=in_logits(difference.total))}</p>'
        f"{how_to_read_html(words(said.NOTE), words)}"
    )


def row_html(
    name: str,
    values: tuple[float, float, float],
    shown: float,
    extent: tuple[float, float],
    attributes: str,
    *,
    is_total: bool = False,
) -> str:
    """A scale's contribution in both pictures, and the difference as a bar."""
    low, span = extent
    first, second, difference = values
    kind = " ms-total" if is_total else ""
    return (
        f'<div class="ms-difference-row{kind}" role="row"{attributes}><span role="rowheader">{name}</span>'
        f'<span role="cell" class="ms-soft" title="{first:.6f}">{in_logits(first)}</span>'
        f'<span role="cell" class="ms-soft" title="{second:.6f}">{in_logits(second)}</span>'
        f'<span class="ms-track" role="presentation">{zero_html(low, span)}'
        f"{bar_html(0.0, difference, low, span)}</span>"
        f'<span role="cell" class="ms-difference-number" title="{difference:.6f}">{in_logits(shown)}</span></div>'
    )


def evidence_strips(found: Pair, sessions: tuple[Session, Session], words: Words) -> str:
    """The evidence of both on one symmetric range in logits."""
    both = [session.ledger.evidence_for(found.target) for session in sessions]
    range_ = shared_range([values for maps in both for values in maps], percentile=CELL_PERCENTILE)
    numbers = [found.first.contributions, found.second.contributions]
    stride = sessions[0].model.trunk.cell_stride(3)
    strides = (stride,) * len(both[0])
    rows = strips(sessions, found.target, both, strides, range_, numbers, said.EVIDENCE_OF, words)
    bar = colour_bar_html(colour_bar(range_), words(map_words.LOGITS), words)
    return strips_html(words(said.EVIDENCE), rows, bar)


def map_strips(found: Sequence[Attribution], target: Target, sessions: tuple[Session, Session], words: Words) -> str:
    """One method's maps of both on one range."""
    sides = sessions[0].model.sides
    method = methods.title(words, found[0].method)
    is_cells = any(values.shape != (side, side) for values, side in zip(found[0].maps, sides, strict=True))
    range_ = shared_range(
        [values for result in found for values in result.maps],
        percentile=CELL_PERCENTILE if is_cells else 99.5,
        is_signed=found[0].is_signed,
    )
    numbers = [[float(values.item()) if values.size == 1 else None for values in result.maps] for result in found]
    maps = [result.maps for result in found]
    rows = strips(sessions, target, maps, found[0].strides, range_, numbers, said.MAPS_OF, words, method=escape(method))
    unit = words(map_words.UNITS.get(found[0].method, map_words.LOGITS))
    bar = colour_bar_html(colour_bar(range_), unit, words)
    return strips_html(words(said.MAPS, method=escape(method)), rows, bar)


def strips_html(title: str, rows: Iterable[str], bar: str) -> str:
    """Two strips side by side, or one above the other, over the colour bar of both."""
    return f"<h3>{title}</h3><div class='ms-pair-strips'>{''.join(rows)}</div>{bar}"


def strips(
    sessions: Sequence[Session],
    target: Target,
    maps: Sequence[Maps],
    strides: Sequence[int],
    range_: Range,
    numbers: Sequence[Sequence[float | None]],
    name: Phrase,
    words: Words,
    **values: str,
) -> Iterator[str]:
    """A strip of frames for each picture, named by which it is."""
    for session, own, amounts, picture in zip(sessions, maps, numbers, (said.THIS, said.THAT), strict=True):
        answer = session.answer(target, top_k=1)
        frames = "".join(
            frame_html(
                pixels,
                one if one.shape == (side, side) else cells_on_level(one, side=side, stride=stride),
                range_,
                scale=s,
                answer=answer,
                value=amount,
                words=words,
            )
            for s, (pixels, one, side, stride, amount) in enumerate(
                zip(session.pictures(), own, answer.sides, strides, amounts, strict=True)
            )
        )
        label = words(name, picture=words(picture), **values)
        yield (
            f'<div class="ms-pair-strip"><h4>{words(picture)}</h4>'
            f'<div class="ms-frames" tabindex="0" role="group" aria-label="{label}">{frames}</div></div>'
        )
