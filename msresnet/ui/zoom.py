"""Zoom response: the answer as the picture comes nearer. Numbers in, HTML out; and the panel that asks for it."""

from collections.abc import Callable, Sequence
from html import escape

import gradio as gr
import numpy as np

from ..canvas import Canvas
from ..colour import format_signed
from ..ledger import Target
from ..pictures import data_uri, to_png_bytes
from ..probes import ZoomResponse
from ..session import Session
from ..zoom_chart import Labels, zoom_chart, zoom_text
from .answer import label_html
from .heading import how_to_read_html
from .panel import PagePanel, Say
from .visits import Asked
from .words import Words
from .words import page as text
from .words import zoom as said
from .words.answer import percent, scale_name

WIDTHS_PX = {"wide": 720, "narrow": 340}  # the narrow one fits a phone


class ZoomPanel(PagePanel):
    """A button, what lies around the picture, the response."""

    def __init__(self, page) -> None:
        super().__init__(page, "zoom-response", said.WORKING)

    def layout(self) -> None:
        """The panel as a section of the page."""
        spoken = self.page.spoken
        with gr.Column(elem_classes=["ms-section", "ms-panel"]):
            with gr.Row(elem_classes="ms-section-head"):
                self.page.heading(said.TITLE)
                with gr.Row(elem_classes="ms-panel-controls"):
                    self.canvas = spoken(
                        gr.Dropdown,
                        lambda words: {
                            "label": words(said.CANVAS),
                            "choices": [
                                (words(said.GREY), Canvas.GREY.value),
                                (words(said.MIRROR), Canvas.MIRROR.value),
                            ],
                        },
                        value=Canvas.GREY.value,
                        elem_id="zoom-canvas",
                        filterable=False,
                        min_width=260,
                    )
                    self.button = spoken(
                        gr.Button,
                        lambda words: {"value": words(said.ASK)},
                        elem_id="zoom-ask",
                        size="md",
                        min_width=160,
                    )
            self.result_layout()

    def connect(self) -> None:
        """The button asks."""
        self.listen(self.button.click, inputs=(self.canvas,))
        self.follow_page()

    def job(
        self, session: Session, target: Target, asked: Asked, stop: Callable, report: Callable, *values: object
    ) -> Say:
        """The response, and how it is said."""
        (canvas,) = values
        response = session.zoom_response(target, canvas=canvas, is_cancelled=stop, on_progress=report)
        classes, sides = session.model.classes, session.model.sides
        return lambda words: zoom_html(response, classes, sides, words)


def zoom_html(response: ZoomResponse, classes: Sequence[str], sides: Sequence[int], words: Words) -> str:
    """The response in words, as a chart, as pictures and as a table."""
    summary = zoom_sentence(response, classes, sides, words)
    labels = chart_labels(response, classes, sides, words)
    charts = {kind: zoom_chart(response, classes=classes, labels=labels, width=px) for kind, px in WIDTHS_PX.items()}
    shown = "".join(f'<div class="ms-chart ms-chart-{kind}">{chart}</div>' for kind, chart in charts.items())
    return (
        f'<p class="ms-panel-finding">{summary}</p><div class="ms-zoom"><div>{shown}</div>'
        f"{pictures_html(response, classes, words)}</div>"
        f"{how_to_read_html(words(said.NOTE), words)}"
        f'<details class="ms-details"><summary>{words(said.TABLE)}</summary>'
        f"{table_html(response, classes, sides, words)}</details>"
    )


def chart_labels(response: ZoomResponse, classes: Sequence[str], sides: Sequence[int], words: Words) -> Labels:
    """What is written in the chart."""
    target = response.target
    values = {"label": classes[target.index]}
    if target.against is not None:
        values["other"] = classes[target.against]
    return Labels(
        answer=words(said.ANSWER),
        probability=words(said.PROBABILITY if target.against is None else said.PROBABILITY_AGAINST, **values),
        shares=words(said.SHARES),
        summary=plain(zoom_sentence(response, classes, sides, words)),
        percent=lambda share: percent(words, share),
        scales=tuple(words(text.PIXELS, side=side) for side in sides),
    )


def zoom_sentence(response: ZoomResponse, classes: Sequence[str], sides: Sequence[int], words: Words) -> str:
    """The response in plain words: where the class is most probable, where the answer flips, which share moves."""
    label = label_html(classes[response.target.index])
    low = min(response.points, key=lambda point: point.probability)
    high = max(response.points, key=lambda point: point.probability)
    spread = words(
        said.RANGE,
        label=label,
        low_zoom=zoom_text(low.zoom),
        low=escape(percent(words, low.probability)),
        high_zoom=zoom_text(high.zoom),
        high=escape(percent(words, high.probability)),
    )
    return words.join(spread, flips_sentence(response, classes, words), shares_sentence(response, sides, words))


def flips_sentence(response: ZoomResponse, classes: Sequence[str], words: Words) -> str:
    """Where the answer flips."""
    first, last = response.points[0], response.points[-1]
    match response.flips:
        case ():
            return words(said.NO_FLIP, label=label_html(classes[first.top]))
        case (flip,):
            below, above = label_html(classes[flip.below.top]), label_html(classes[flip.above.top])
            return words(said.ONE_FLIP, zoom=zoom_text(flip.zoom), below=below, above=above)
    return words(
        said.FLIPS,
        count=len(response.flips),
        first=label_html(classes[first.top]),
        from_zoom=zoom_text(first.zoom),
        last=label_html(classes[last.top]),
        to_zoom=zoom_text(last.zoom),
    )


def shares_sentence(response: ZoomResponse, sides: Sequence[int], words: Words) -> str:
    """The scale whose share moves most from the first zoom to the last."""
    first, last = response.points[0], response.points[-1]
    if len(sides) == 1:
        return ""
    for point in (first, last):
        if not sum(point.shares):
            return words(said.NO_SHARES, zoom=zoom_text(point.zoom))
    most = int(np.abs(np.subtract(last.shares, first.shares)).argmax())
    return words(
        said.SHARE_MOVES,
        from_zoom=zoom_text(first.zoom),
        to_zoom=zoom_text(last.zoom),
        name=scale_name(words, most, len(sides)),
        side=sides[most],
        before=escape(percent(words, first.shares[most])),
        after=escape(percent(words, last.shares[most])),
    )


def pictures_html(response: ZoomResponse, classes: Sequence[str], words: Words) -> str:
    """The canvas at both ends and at each flip, from far to near."""
    first, last = response.points[0], response.points[-1]
    figures = [end_html(response.ends[0], first.zoom, classes[first.top], words)]
    for flip in response.flips:
        below, above = classes[flip.below.top], classes[flip.above.top]
        name = words(said.FLIP_NAME, zoom=zoom_text(flip.zoom), below=below, above=above)
        caption = words(
            said.FLIP, below=f'<span lang="en">{escape(below)}</span>', above=f'<span lang="en">{escape(above)}</span>'
        )
        figures.append(figure_html(flip.picture, flip.zoom, name, caption, is_flip=True))
    figures.append(end_html(response.ends[1], last.zoom, classes[last.top], words))
    return (
        f'<div class="ms-zoom-pictures" tabindex="0" role="group" aria-label="{words(said.PICTURES)}">'
        f"{''.join(figures)}</div>"
    )


def end_html(picture: np.ndarray, zoom: float, label: str, words: Words) -> str:
    """The canvas at the first or the last zoom."""
    name = words(said.END_NAME, zoom=zoom_text(zoom), label=label)
    return figure_html(picture, zoom, name, f'<span lang="en">{escape(label)}</span>', is_flip=False)


def figure_html(picture: np.ndarray, zoom: float, name: str, caption: str, *, is_flip: bool) -> str:
    """A canvas, its zoom and what the model says of it."""
    kind = " ms-flip" if is_flip else ""
    return (
        f'<figure class="ms-zoom-picture{kind}"><img alt="{escape(name)}" src="{data_uri(to_png_bytes(picture))}">'
        f"<figcaption><strong>{zoom_text(zoom)}</strong> {caption}</figcaption></figure>"
    )


def table_html(response: ZoomResponse, classes: Sequence[str], sides: Sequence[int], words: Words) -> str:
    """Every point in numbers: what the chart shows, for those who do not see it."""
    heads = [words(said.ZOOM), words(said.ANSWER), escape(classes[response.target.index])]
    heads += [words(said.OF_SCALE, side=side) for side in sides]
    rows = []
    for point in response.points:
        shares = (
            words(
                said.IN_LOGITS,
                share=escape(percent(words, share)),
                amount=format_signed(amount, decimals=2),
            )
            for share, amount in zip(point.shares, point.reading.contributions, strict=True)
        )
        cells = [
            f'<span lang="en">{escape(classes[point.top])}</span> {escape(percent(words, point.top_probability))}',
            escape(percent(words, point.probability)),
            *shares,
        ]
        rows.append(
            f'<tr data-zoom="{point.zoom:.4f}"><th scope="row">{zoom_text(point.zoom)}</th>'
            + "".join(f"<td>{cell}</td>" for cell in cells)
            + "</tr>"
        )
    head = "".join(f'<th scope="col">{one}</th>' for one in heads)
    return (
        f'<div class="ms-table" tabindex="0" role="region" aria-label="{words(said.TABLE)}"><table><thead><tr>{head}'
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def plain(html: str) -> str:
    """A sentence without its emphasis."""
    return html.replace('<em lang="en">', "").replace("</em>", "").replace("&lt;", "<").replace("&gt;", ">")
