"""The page: components, layout, and which event asks for what."""

import base64
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from pathlib import Path

import gradio as gr

from ..attribution import METHODS
from ..checkpoint import identify
from ..errors import UnknownNameError
from ..explain import Session
from ..ledger import Target
from ..model import MultiscaleResNet
from . import text
from .card import model_card
from .endpoint import add_endpoint
from .examples import Example, examples
from .uploads import UploadImage, uploaded_file
from .visits import Models, Visits
from .work import BLANK, View, fetched, guarded, model_caption, status_html, views

# Explanations share one place: they share one model and two cores.
QUEUE = {"concurrency_id": "model", "concurrency_limit": 1}
DEFAULT_METHOD = "integrated-gradients"
FIRST_METHOD = "grad-cam"  # what the example that greets a visitor is explained with: it is instant

PICK_CLASS = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-class]');
  if (button) trigger('pick', {index: Number(button.dataset.class)});
});
"""
PICK_EXAMPLE = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-example]');
  if (button) trigger('pick', {name: button.dataset.example});
});
"""


def build_page(model: MultiscaleResNet, name: str) -> gr.Blocks:
    """The page for a loaded model, greeting with an explained example."""
    return Page(model, name).build()


class Page:
    """One server's page: its models, its visitors, and the components that events lead to."""

    def __init__(self, model: MultiscaleResNet, name: str) -> None:
        self.models = Models(name, model)
        self.name = name
        self.visits = Visits()
        self.shown = {example.name: example for example in examples()}

    def build(self) -> gr.Blocks:
        """Components, layout and events."""
        with gr.Blocks(title=text.TITLE, analytics_enabled=False, delete_cache=(3600, 3600), fill_width=True) as demo:
            first, example = self.greeting()
            self.layout(first, example)
            self.connect()
            add_endpoint(self.models, self.name, **QUEUE)
            demo.unload(self.forget)
        return demo.queue(max_size=16, api_open=False)

    def greeting(self) -> tuple[View, Example | None]:
        """The explained example that an empty page shows."""
        if not self.shown:
            return BLANK, None
        example = next(iter(self.shown.values()))
        session = Session(self.models.get(self.name), example.picture())
        merged = {}
        for view in views(session, session.target(), FIRST_METHOD, is_cancelled=lambda: False):
            merged.update({key: value for key, value in vars(view).items() if value is not None})
        return View(**merged), example

    def layout(self, first: View, example: Example | None) -> None:
        """Reading order is the order of the question: what, which scale, where, and what another method says."""
        model = self.models.get(self.name)
        labels = list(model.classes)
        with gr.Row(elem_classes="ms-header"):
            gr.HTML(f'<div class="ms-title"><h1>{text.TITLE}</h1><p>{text.QUESTION}</p></div>', elem_id="title")
            self.model_caption = gr.HTML(self.caption(model), elem_id="model-caption")
            self.model_picker = gr.Dropdown(
                list(self.models.names), value=self.name, label=text.MODEL, elem_id="model-picker", min_width=200
            )
        with gr.Row(elem_classes="ms-top"):
            with gr.Column(elem_classes="ms-left", min_width=280, scale=2):
                self.image = UploadImage(
                    value=None if example is None else self.example_file(example),
                    type="filepath",
                    label=text.DROP,
                    sources=["upload", "webcam", "clipboard"],
                    elem_id="image-input",
                    height=270,
                    buttons=["fullscreen"],
                )
                self.examples = gr.HTML(
                    examples_html(list(self.shown.values())), elem_id="examples", js_on_load=PICK_EXAMPLE
                )
                self.status = gr.HTML(first.status or status_html(text.READY), elem_id="status")
            with gr.Column(elem_classes="ms-right", min_width=320, scale=6):
                self.sentence = gr.HTML(first.sentence, elem_id="answer")
                with gr.Row(elem_classes="ms-answer"):
                    with gr.Column(min_width=300, scale=1):
                        gr.HTML(heading(text.ANSWER))
                        self.top_k = gr.HTML(first.top_k, elem_id="top-k", js_on_load=PICK_CLASS)
                    with gr.Column(min_width=300, scale=1):
                        gr.HTML(heading(text.LEDGER))
                        self.ledger = gr.HTML(first.ledger, elem_id="ledger")
                with gr.Row(elem_classes="ms-target"):
                    self.class_picker = gr.Dropdown(
                        labels,
                        value=label_of(labels, first.target),
                        label=text.CLASS,
                        elem_id="class-picker",
                        min_width=240,
                    )
                    self.against_picker = gr.Dropdown(
                        [text.AVERAGE_CLASS, *labels],
                        value=text.AVERAGE_CLASS,
                        label=text.AGAINST,
                        elem_id="against-picker",
                        min_width=240,
                    )
        with gr.Column(elem_classes="ms-section"):
            gr.HTML(heading(text.EVIDENCE, slider=True))
            self.evidence = gr.HTML(first.evidence, elem_id="evidence")
        with gr.Column(elem_classes="ms-section"):
            with gr.Row(elem_classes="ms-section-head"):
                gr.HTML(heading(text.ATTRIBUTIONS))
                self.method_picker = gr.Dropdown(
                    [(method.title, method.name) for method in METHODS.values()],
                    value=DEFAULT_METHOD if example is None else FIRST_METHOD,
                    label=text.METHOD,
                    elem_id="method-picker",
                    min_width=260,
                )
            self.attributions = gr.HTML(first.attributions, elem_id="attributions")
        with gr.Column(elem_classes="ms-section"):
            gr.HTML(heading(text.FEATURES))
            self.features = gr.HTML(first.features, elem_id="feature-maps")
        with gr.Column(elem_classes="ms-section"):
            gr.HTML(heading(text.ABOUT))
            self.card = gr.Markdown(model_card(self.name), elem_id="model-card")
        self.token = gr.State(0)

    def connect(self) -> None:
        """Every event first renews the visitor's token, outside the queue, so that older work stops at once."""
        renew = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        work = {"show_progress": "hidden", "api_visibility": "private", **QUEUE}
        question = [
            self.token,
            self.image,
            self.model_picker,
            self.class_picker,
            self.against_picker,
            self.method_picker,
        ]
        shown = [
            self.status, self.sentence, self.top_k, self.ledger, self.evidence, self.features, self.attributions,
            self.class_picker, self.against_picker, self.model_caption, self.card,
        ]  # fmt: skip
        self.image.change(self.renew, outputs=[self.token, self.status], **renew).then(
            self.on_image, question, shown, **work
        )
        self.model_picker.input(self.renew, outputs=[self.token, self.status], **renew).then(
            self.on_image, question, shown, **work
        )
        for picker in (self.class_picker, self.against_picker):
            picker.input(self.renew, outputs=[self.token, self.status], **renew).then(
                self.on_target, question, shown, **work
            )
        self.method_picker.input(self.renew, outputs=[self.token, self.status], **renew).then(
            self.on_method, question, shown, **work
        )
        self.top_k.pick(self.on_pick, self.model_picker, [self.class_picker, self.token, self.status], **renew).then(
            self.on_target, question, shown, **work
        )
        self.examples.pick(self.on_example, outputs=self.image, **renew)

    def renew(self, request: gr.Request) -> tuple[int, str]:
        """A new token; whatever runs for this visitor is stale."""
        return self.visits.renew(request.session_hash), status_html(text.WORKING_ANSWER, is_stale=True)

    def on_pick(self, name: str, event: gr.EventData, request: gr.Request) -> tuple[str, int, str]:
        """A class of the top-k was clicked."""
        return self.models.get(name).classes[int(event._data["index"])], *self.renew(request)

    def on_example(self, event: gr.EventData) -> str:
        """An example was clicked."""
        name = event._data["name"]
        if name not in self.shown:
            raise UnknownNameError("example", str(name), self.shown)
        return str(self.example_file(self.shown[name]))

    def on_image(self, token, image, name, label, against, method, request: gr.Request) -> Iterator[tuple]:
        """A new picture, or another model: the most probable class is explained."""
        yield from self.stream(token, image, name, None, None, method, request.session_hash)

    def on_target(self, token, image, name, label, against, method, request: gr.Request) -> Iterator[tuple]:
        """Another class, or another class to compare with."""
        yield from self.stream(token, image, name, label, against, method, request.session_hash)

    def on_method(self, token, image, name, label, against, method, request: gr.Request) -> Iterator[tuple]:
        """Another attribution method for the same target."""
        yield from self.stream(token, image, name, label, against, method, request.session_hash, only_method=True)

    def stream(
        self, token, image, name, label, against, method, visitor, *, only_method: bool = False
    ) -> Iterator[tuple]:
        """Updates of all that is shown, until done or stale."""
        if image is None:
            yield self.updates(BLANK)
            return

        def is_stale() -> bool:
            return self.visits.is_stale(visitor, token)

        def stream() -> Iterator[View]:
            yield from fetched(self.models, name, is_cancelled=is_stale)
            session = self.session(visitor, name, image)
            other = None if against in (None, text.AVERAGE_CLASS) else against
            target = session.target(label, other)
            yield from views(session, target, method, is_cancelled=is_stale, only_method=only_method)

        for view in guarded(stream()):
            if is_stale():
                return
            is_new = label is None and view.target is not None
            yield self.updates(view, model=self.models.get(name) if is_new else None, name=name)

    def session(self, visitor: str, name: str, image: str) -> Session:
        """The visitor's picture before the model; made once for all that is asked of it."""
        visit = self.visits.get(visitor)
        if visit.session is None or visit.source != (name, image):
            visit.session = Session(self.models.get(name), uploaded_file(image))
            visit.source = (name, image)
        return visit.session

    def updates(self, view: View, *, model: MultiscaleResNet | None = None, name: str = "") -> tuple:
        """A view as Gradio's updates; with a model also what the pickers offer."""
        parts = [view.status, view.sentence, view.top_k, view.ledger, view.evidence, view.features, view.attributions]
        updates = [gr.skip() if part is None else part for part in parts]
        if model is None:
            return (*updates, gr.skip(), gr.skip(), gr.skip(), gr.skip())
        labels = list(model.classes)
        return (
            *updates,
            gr.update(choices=labels, value=label_of(labels, view.target)),
            gr.update(choices=[text.AVERAGE_CLASS, *labels], value=text.AVERAGE_CLASS),
            self.caption(model),
            model_card(name),
        )

    def caption(self, model: MultiscaleResNet) -> str:
        """One line on the model."""
        return f'<p class="ms-caption">{escape(model_caption(model, is_verified=identify(model).is_verified))}</p>'

    def example_file(self, example: Example) -> Path:
        """The example as a file that the upload folder may hold."""
        folder = Path(gr.utils.get_upload_folder()) / "msresnet-examples"
        folder.mkdir(parents=True, exist_ok=True)
        return example.save(folder)

    def forget(self, request: gr.Request) -> None:
        """A visitor has left."""
        self.visits.forget(request.session_hash)


def label_of(labels: list[str], target: Target | None) -> str | None:
    """The label that a picker shows."""
    return None if target is None else labels[target.index]


def heading(title: str, *, slider: bool = False) -> str:
    """A section's title, with the overlay's slider where asked."""
    control = (
        f'<label class="ms-slider">{text.OPACITY}<input type="range" min="0" max="100" value="80" data-opacity '
        f'aria-label="Opacity of the overlays"></label>'
        if slider
        else ""
    )
    return f'<div class="ms-heading"><h2>{title}</h2>{control}</div>'


def examples_html(shown: list[Example]) -> str:
    """The strip of examples."""
    buttons = "".join(
        f'<button type="button" class="ms-example" data-example="{example.name}" aria-label="{escape(example.title)}" '
        f'title="{escape(example.title)}"><img alt="" src="data:image/jpeg;base64,'
        f'{base64.b64encode(example.thumbnail()).decode()}"></button>'
        for example in shown
    )
    return f'<div class="ms-examples"><span>{text.EXAMPLES}</span><div>{buttons}</div></div>'


def static_file(name: str) -> str:
    """A style sheet or script of the page."""
    return files(__package__).joinpath("static", name).read_text(encoding="utf-8")
