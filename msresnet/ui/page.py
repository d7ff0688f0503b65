"""The page: its components from top to bottom, and which event leads where."""

import gradio as gr

from ..model import MultiscaleResNet
from . import greeting, programs
from .answer import PICK_CLASS
from .arrival import Arrival
from .batch import BatchPanel
from .brush import BrushPanel
from .card import caption_html, model_card
from .desk import QUEUE, Desk
from .endpoint import add_endpoints
from .example_strip import PICK_EXAMPLE, examples_html
from .maps import PICK_METHOD
from .options import SEND_OPTIONS
from .pair import PairPanel
from .pickers import ClassPicker, against_choices, class_choices, method_choices
from .point import PointPanel
from .probe_endpoints import add_probe_endpoints
from .questions import Questions
from .recomputing import RecomputingPanel
from .replies import Replies
from .status import RETRY
from .streams import AT_ONCE
from .take_away import TakeAway
from .targets import AVERAGE
from .tools import PICK_LANGUAGE, offer_html, title_html, tools_html
from .trial import TrustPanel
from .uploads import UploadImage
from .what_if import SEND_POSITIONS
from .words import ENGLISH
from .words import page as text
from .work import View
from .zoom import ZoomPanel

DEFAULT_METHOD = "integrated-gradients"  # where nothing greets
KEEP_METHOD = "(name) => window.msresnet.set('method', name)"


def build_page(model: MultiscaleResNet, name: str) -> gr.Blocks:
    """The page for a loaded model, greeting with an explained example."""
    return Page(model, name).build()


class Page(Desk):
    """One server's page: its parts, from top to bottom, and the events of its own components."""

    def __init__(self, model: MultiscaleResNet, name: str) -> None:
        super().__init__(model, name)
        self.questions, self.replies = Questions(self), Replies(self)
        self.arrival = Arrival(self, self.questions, self.replies)
        self.take_away = TakeAway(self.spoken)
        self.batch = BatchPanel(self)
        self.recomputing, self.zoom, self.pair = RecomputingPanel(self), ZoomPanel(self), PairPanel(self)
        self.brush, self.point = BrushPanel(self), PointPanel(self)
        self.trust = TrustPanel(self, self.questions)

    def build(self) -> gr.Blocks:
        """Components, layout and events."""
        with gr.Blocks(
            title=ENGLISH(text.TITLE), analytics_enabled=False, delete_cache=(3600, 3600), fill_width=True
        ) as demo:
            self.layout(self.greeting.view(ENGLISH))
            self.connect()
            self.arrival.connect(demo)
            add_endpoints(self.models, self.name, **QUEUE)
            for panel in (self.recomputing, self.zoom, self.pair):
                panel.connect()
            add_probe_endpoints(self.models, self.name, **QUEUE)
            demo.unload(self.forget)
        return demo.queue(max_size=16, api_open=False)

    def layout(self, first: View) -> None:
        """Reading order is the order of the question: what, which scale, where, and what another method says."""
        self.layout_header()
        with gr.Row(elem_classes="ms-top"):
            with gr.Column(elem_classes="ms-left", min_width=280, scale=2):
                self.layout_picture(first)
                self.take_away.layout()
            with gr.Column(elem_classes="ms-right", min_width=320, scale=6):
                self.layout_answer(first)
                self.switches = gr.HTML(first.switches or "", elem_id="scale-switches", js_on_load=SEND_POSITIONS)
                self.recomputing.layout()
        with gr.Column(elem_classes="ms-section"):
            self.heading(text.EVIDENCE, has_sliders=True)
            self.evidence = gr.HTML(first.evidence, elem_id="evidence")
        with gr.Column(elem_classes="ms-section"):
            self.layout_attributions(first)
        self.trust.layout(first)
        self.zoom.layout()
        self.pair.layout()
        self.point.layout()
        self.brush.layout()
        with gr.Column(elem_classes="ms-section"):
            self.heading(text.FEATURES)
            self.features = gr.HTML(first.features, elem_id="feature-maps")
        self.batch.layout()
        programs.layout(self.name, self.spoken)
        with gr.Column(elem_classes=["ms-section", "ms-about"]):
            self.heading(text.ABOUT)
            self.card = gr.Markdown(model_card(self.name, ENGLISH), elem_id="model-card")
        self.token = gr.Number(0, visible=False, precision=0)

    def layout_header(self) -> None:
        """What this is, which model answers, and the page's tools."""
        spoken = self.spoken
        with gr.Row(elem_classes="ms-header"):
            spoken(gr.HTML, lambda words: {"value": title_html(words)}, elem_id="title")
            self.model_caption = gr.HTML(caption_html(self.model, ENGLISH), elem_id="model-caption")
            self.model_picker = spoken(
                gr.Dropdown,
                lambda words: {"label": words(text.MODEL)},
                choices=list(self.models.names),
                value=self.name,
                elem_id="model-picker",
                min_width=200,
            )
            self.language = spoken(
                gr.HTML, lambda words: {"value": tools_html(words)}, elem_id="language", js_on_load=PICK_LANGUAGE
            )
        spoken(gr.HTML, lambda words: {"value": offer_html(words)}, elem_id="offer")

    def layout_picture(self, first: View) -> None:
        """The picture, examples of pictures, and the status."""
        example = self.greeting.example
        self.image = self.spoken(
            UploadImage,
            lambda words: {"label": words(text.DROP), "placeholder": words(text.DROP)},
            value=None if example is None else example.uploaded(),
            type="filepath",
            sources=["upload", "webcam", "clipboard"],
            elem_id="image-input",
            height=236,
            buttons=["fullscreen"],
        )
        self.examples = self.spoken(
            gr.HTML,
            lambda words: {"value": examples_html(self.shown.values(), words)},
            elem_id="examples",
            js_on_load=PICK_EXAMPLE,
        )
        self.status = gr.HTML(first.status, elem_id="status", js_on_load=RETRY)

    def layout_answer(self, first: View) -> None:
        """The answer in a sentence, the classes, and what each scale adds."""
        self.sentence = gr.HTML(first.sentence, elem_id="answer")
        with gr.Row(elem_classes="ms-answer"):
            with gr.Column(min_width=300, scale=1):
                self.heading(text.ANSWER)
                self.top_k = gr.HTML(first.top_k, elem_id="top-k", js_on_load=PICK_CLASS)
                self.layout_target(first)
            with gr.Column(min_width=300, scale=1):
                self.heading(text.LEDGER)
                self.ledger = gr.HTML(first.ledger, elem_id="ledger")

    def layout_target(self, first: View) -> None:
        """The class that is explained, and the one that it is compared with."""
        with gr.Row(elem_classes="ms-target"):
            self.class_picker = self.spoken(
                ClassPicker,
                lambda words: {"label": words(text.CLASS)},
                choices=class_choices(self.model),
                value=None if first.target is None else first.target.index,
                elem_id="class-picker",
                min_width=150,
            )
            self.against_picker = self.spoken(
                ClassPicker,
                lambda words: {"label": words(text.AGAINST)},
                choices=against_choices(self.model, ENGLISH),
                value=AVERAGE,
                elem_id="against-picker",
                min_width=150,
            )

    def layout_attributions(self, first: View) -> None:
        """What another method says."""
        with gr.Row(elem_classes="ms-section-head"):
            self.heading(text.ATTRIBUTIONS)
            self.method_picker = self.spoken(
                gr.Dropdown,
                lambda words: {"label": words(text.METHOD), "choices": method_choices(words)},
                value=DEFAULT_METHOD if self.greeting.example is None else greeting.METHOD,
                elem_id="method-picker",
                min_width=260,
            )
        self.attributions = gr.HTML(first.attributions, elem_id="attributions", js_on_load=PICK_METHOD + SEND_OPTIONS)

    def connect(self) -> None:
        """Every event first renews the visitor's token, outside the queue, so that older work stops at once.

        The token travels through the browser with the question that it was made for: of two that
        wait in the queue, the older one is then stale.
        """
        renew, work, questions, replies = AT_ONCE, self.work, self.questions, self.replies
        token = [self.token, self.status]
        pickers = [self.class_picker, self.against_picker]
        asked = [self.image, self.model_picker, self.method_picker, *pickers]
        subject = [self.token, *asked[:3]]
        shown = self.outputs = [
            self.status, self.sentence, self.top_k, self.ledger, self.evidence, self.features, self.attributions,
            self.switches, self.trust.shown, *pickers, self.model_caption, self.card,
        ]  # fmt: skip
        image = [self.image, self.model_picker]
        renewed = [
            (self.image.change(questions.image, image, token, **renew), replies.on_image),
            (self.model_picker.input(questions.model, image, [self.image, *token], **renew), replies.on_image),
            (self.status.retry(questions.again, None, token, **renew), replies.on_again),
            (self.top_k.pick(questions.top_class, None, [self.class_picker, *token], **renew), replies.on_target),
            (self.attributions.choose(questions.options, None, token, **renew), replies.on_method),
        ]
        for picker, answer in (
            (self.class_picker, replies.on_target),
            (self.against_picker, replies.on_target),
            (self.method_picker, replies.on_method),
        ):
            renewed.append((picker.input(questions.picked, asked, [*pickers, *token], **renew), answer))
        kept = self.attributions.pick(questions.kept_method, asked, [self.method_picker, *token], **renew)
        renewed.append((kept, replies.on_method))
        for event, answer in renewed:
            inputs = subject if answer == replies.on_image else subject + pickers
            answered = event.then(answer, inputs, shown, **work)
            answered.failure(questions.refused, self.token, self.status, **renew)
            self.answered.append(answered)
        self.method_picker.input(None, self.method_picker, None, js=KEEP_METHOD)
        self.trust.connect(subject + pickers, renew, work)
        self.examples.pick(questions.example, None, self.image, **renew)
        self.switches.probe(replies.on_probe, pickers, shown[:5], **renew)
        self.take_away.connect(replies.on_export, self.status, asked, **QUEUE)
        self.batch.connect(self.image, self.model_picker)
        for panel in (self.brush, self.point):
            panel.connect()
