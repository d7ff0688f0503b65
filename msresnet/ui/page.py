"""The page: components, layout, and which event asks for what."""

import base64
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from pathlib import Path

import gradio as gr

from ..attribution import METHODS
from ..checkpoint import identify
from ..errors import ConfigError, UnknownNameError
from ..explain import Session
from ..ledger import Target
from ..model import MultiscaleResNet
from . import text
from .card import model_card
from .endpoint import add_endpoint
from .examples import Example, examples
from .uploads import UploadImage, uploaded_file
from .visits import Models, Question, Visit, Visits
from .what_if import SEND_POSITIONS, read_switches
from .work import BLANK, Stale, View, fetched, guarded, model_caption, probed_view, status_html, views

# Explanations share one place: they share one model and two cores.
QUEUE = {"concurrency_id": "model", "concurrency_limit": 1}
DEFAULT_METHOD = "integrated-gradients"
FIRST_METHOD = "grad-cam"  # what the example that greets a visitor is explained with: it is instant

# The pickers' values are indices, because two classes may share a label; this one is the average class.
AVERAGE = -1

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
        self.greeted: Session | None = None

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
        session = self.greeted = Session(self.models.get(self.name), self.example_file(example))
        merged = {}
        for view in views(session, session.target(), FIRST_METHOD, is_cancelled=lambda: False):
            merged.update({key: value for key, value in vars(view).items() if value is not None})
        first = View(**merged)
        image = str(self.example_file(example))
        self.visits.greeting = Question(image, self.name, FIRST_METHOD, *values_of(first.target))
        return first, example

    def layout(self, first: View, example: Example | None) -> None:
        """Reading order is the order of the question: what, which scale, where, and what another method says."""
        model = self.models.get(self.name)
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
                        class_choices(model),
                        value=None if first.target is None else first.target.index,
                        label=text.CLASS,
                        elem_id="class-picker",
                        min_width=240,
                    )
                    self.against_picker = gr.Dropdown(
                        against_choices(model),
                        value=AVERAGE,
                        label=text.AGAINST,
                        elem_id="against-picker",
                        min_width=240,
                    )
                self.switches = gr.HTML(first.switches or "", elem_id="scale-switches", js_on_load=SEND_POSITIONS)
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
        with gr.Column(elem_classes=["ms-section", "ms-about"]):
            gr.HTML(heading(text.ABOUT))
            self.card = gr.Markdown(model_card(self.name), elem_id="model-card")
        self.token = gr.Number(0, visible=False, precision=0)

    def connect(self) -> None:
        """Every event first renews the visitor's token, outside the queue, so that older work stops at once.

        The token travels through the browser with the question that it was made for: of two that
        wait in the queue, the older one is then stale.
        """
        # Gradio drops a second event while the first is pending, unless it is told "multiple".
        private = {"show_progress": "hidden", "api_visibility": "private", "trigger_mode": "multiple"}
        renew = {"queue": False, **private}
        work = {**private, **QUEUE}
        token = [self.token, self.status]
        subject = [self.token, self.image, self.model_picker, self.method_picker]
        pickers = [self.class_picker, self.against_picker]
        shown = [
            self.status, self.sentence, self.top_k, self.ledger, self.evidence, self.features, self.attributions,
            self.switches, *pickers, self.model_caption, self.card,
        ]  # fmt: skip
        self.image.change(self.renew_image, [self.image, self.model_picker], token, **renew).then(
            self.on_image, subject, shown, **work
        )
        self.model_picker.input(self.renew_model, self.model_picker, token, **renew).then(
            self.on_image, subject, shown, **work
        )
        asked = [self.image, self.model_picker, self.method_picker, *pickers]
        for picker, answer in (
            (self.class_picker, self.on_target),
            (self.against_picker, self.on_target),
            (self.method_picker, self.on_method),
        ):
            picker.input(self.renew_picked, asked, [*pickers, *token], **renew).then(
                answer, subject + pickers, shown, **work
            )
        self.top_k.pick(self.on_pick, None, [self.class_picker, *token], **renew).then(
            self.on_target, subject + pickers, shown, **work
        )
        self.examples.pick(self.on_example, None, self.image, **renew)
        self.switches.probe(self.on_probe, pickers, shown[:5], **renew)

    def renew_image(self, image: str | None, name: str, request: gr.Request) -> tuple:
        """A new token for a new picture; whatever runs for this visitor is stale."""
        return self.asked(request, None if image is None else Question(image, name))

    def renew_model(self, name: str, request: gr.Request) -> tuple:
        """The same for another model."""
        return self.asked(request, Question(model=name))

    def renew_picked(self, image, name, method, index, against, request: gr.Request) -> tuple:
        """The same for another choice, which is given back: an answer on its way may have set the pickers back."""
        renewed = self.asked(request, Question(image, name, method, index, against))
        is_repeated = renewed[0] == gr.skip()
        return (*((gr.skip(), gr.skip()) if is_repeated else (index, against)), *renewed)

    def asked(self, request: gr.Request, question: Question | None = None) -> tuple:
        """A token and the status of a request that was just made.

        Gradio tells of one picture or choice twice, and of a picker that was merely left: a question
        that was asked already changes nothing.
        """
        token = self.visits.renew(request.session_hash, question)
        if token is None:
            return gr.skip(), gr.skip()
        return token, status_html(text.WORKING_ANSWER, stale=Stale.ALL)

    def on_pick(self, event: gr.EventData, request: gr.Request) -> tuple:
        """A class of the top-k was clicked."""
        return int(event._data["index"]), *self.asked(request)

    def on_example(self, event: gr.EventData) -> str:
        """An example was clicked."""
        name = event._data["name"]
        if name not in self.shown:
            raise UnknownNameError("example", str(name), self.shown)
        return str(self.example_file(self.shown[name]))

    def on_probe(self, index: int | None, against: int | None, event: gr.EventData, request: gr.Request) -> tuple:
        """A switch or a gain was moved: the cached votes answer, without the model."""
        session = self.visits.get(request.session_hash).session or self.greeted
        if session is None or index is None:
            return (gr.skip(),) * 5

        def stream() -> Iterator[View]:
            yield probed_view(session, chosen(session, index, against), read_switches(event._data))

        (view,) = guarded(stream(), keeps_answer=True)
        parts = (view.status, view.sentence, view.top_k, view.ledger, view.evidence)
        return tuple(gr.skip() if part is None else part for part in parts)

    def on_image(self, token, image, name, method, request: gr.Request) -> Iterator[tuple]:
        """A new picture, or another model: the most probable class is explained."""
        yield from self.stream(request.session_hash, token, image, name, method)

    def on_target(self, token, image, name, method, index, against, request: gr.Request) -> Iterator[tuple]:
        """Another class, or another class to compare with."""
        yield from self.stream(request.session_hash, token, image, name, method, index, against)

    def on_method(self, token, image, name, method, index, against, request: gr.Request) -> Iterator[tuple]:
        """Another attribution method for the same target."""
        yield from self.stream(request.session_hash, token, image, name, method, index, against, only_method=True)

    def stream(
        self, visitor, token, image, name, method, index=None, against=None, *, only_method: bool = False
    ) -> Iterator[tuple]:
        """Updates of all that is shown, until done or stale.

        Gradio sends the last update once more when a stream ends, and empties everything where there
        was none: so the last one of a stale stream changes nothing.
        """
        nothing = (gr.skip(),) * len(self.updates(View(), name, is_new=False))
        if not self.visits.begin(visitor, token):
            yield nothing
            return
        visit = self.visits.get(visitor)

        def is_stale() -> bool:
            return self.visits.is_stale(visitor, token)

        def offers_others() -> bool:
            return (visit.offers or self.name) != name

        def stream() -> Iterator[View]:
            yield from fetched(self.models, name, is_cancelled=is_stale)
            if image is None:
                visit.shown = None
                yield BLANK
                return
            session = self.session(visit, name, image)
            # A class that another model's list offered means nothing here.
            target = session.target() if index is None or offers_others() else chosen(session, index, against)
            shown = (name, image, target)
            self.visits.note(visitor, token, Question(image, name, method, *values_of(target)))
            is_shown = only_method and visit.shown == shown
            if not is_shown:
                visit.shown = None
            for view in guarded(
                views(session, target, method, is_cancelled=is_stale, only_method=is_shown), keeps_answer=is_shown
            ):
                yield view
                if view.features:
                    visit.shown = shown

        for view in guarded(stream()):
            if is_stale():
                break
            is_new = offers_others() and self.models.is_loaded(name)
            yield self.updates(view, name, is_new=is_new)
            if is_new:
                visit.offers = name
            if view.is_failure:
                self.visits.note(visitor, token, None)
        if is_stale():
            yield nothing

    def session(self, visit: Visit, name: str, image: str) -> Session:
        """The visitor's picture before the model; made once for all that is asked of it."""
        if visit.session is None or visit.source != (name, image):
            visit.session = Session(self.models.get(name), uploaded_file(image))
            visit.source = (name, image)
        return visit.session

    def updates(self, view: View, name: str, *, is_new: bool) -> tuple:
        """A view as Gradio's updates; of a new model also what the pickers offer."""
        parts = [view.status, view.sentence, view.top_k, view.ledger, view.evidence, view.features, view.attributions]
        parts.append(view.switches)
        updates = [gr.skip() if part is None else part for part in parts]
        target = view.target
        if not is_new:
            pickers = (gr.skip(), gr.skip()) if target is None else values_of(target)
            return (*updates, *pickers, gr.skip(), gr.skip())
        model = self.models.get(name)
        index, against = values_of(target)
        return (
            *updates,
            gr.update(choices=class_choices(model), value=index),
            gr.update(choices=against_choices(model), value=against),
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


def chosen(session: Session, index: int, against: int | None) -> Target:
    """The target that the pickers ask for; compared with itself a class is compared with the average one.

    Raises:
        ConfigError: the model has no such class.
    """
    count = len(session.model.classes)
    other = None if against in (None, AVERAGE, index) else against
    if not all(0 <= one < count for one in (index, other or 0)):
        raise ConfigError(f"a class must be 0 to {count - 1}, got {index} and {other}")
    return Target(index, other)


def values_of(target: Target | None) -> tuple[int | None, int]:
    """What the pickers of the class and of the one to compare with show."""
    if target is None:
        return None, AVERAGE
    return target.index, AVERAGE if target.against is None else target.against


def class_choices(model: MultiscaleResNet) -> list[tuple[str, int]]:
    """What the picker of the class offers."""
    return [(label, index) for index, label in enumerate(model.classes)]


def against_choices(model: MultiscaleResNet) -> list[tuple[str, int]]:
    """What the picker of the class to compare with offers."""
    return [(text.AVERAGE_CLASS, AVERAGE), *class_choices(model)]


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
