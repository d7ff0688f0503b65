"""What all parts of the page share: its models, its visitors, and the components that are asked about."""

import gradio as gr

from ..ledger import Target
from ..model import MultiscaleResNet
from ..session import Session
from .examples import examples
from .greeting import Greeting
from .heading import heading_html
from .kept import Kept
from .models import Models
from .spoken import Speakers, Spoken
from .streams import PRIVATE
from .targets import chosen
from .uploads import uploaded_file
from .visits import Visit, Visits
from .words import Phrase, Words

# Explanations share one place: they share one model and two cores.
QUEUE = {"concurrency_id": "model", "concurrency_limit": 1}


class Desk:
    """One server's models and visitors, which every part of its page may ask for.

    The components are laid out by the page; a part that is connected after that finds them here.

    Attributes:
        token: the number of the visitor's question.
        outputs: what an explanation changes, in the order of its updates.
        answered: the events that explain a picture; parts listen to them.
    """

    token: gr.Number
    status: gr.HTML
    image: gr.Image
    model_picker: gr.Dropdown
    method_picker: gr.Dropdown
    class_picker: gr.Dropdown
    against_picker: gr.Dropdown
    switches: gr.HTML
    language: gr.HTML
    outputs: list

    def __init__(self, model: MultiscaleResNet, name: str) -> None:
        self.models = Models(name, model)
        self.name = name
        self.visits = Visits()
        self.shown = {example.name: example for example in examples()}
        self.greeting = Greeting(self.models, name, self.shown, self.visits)
        self.kept = Kept()
        self.spoken, self.speakers = Spoken(), Speakers()
        self.answered: list = []

    @property
    def model(self) -> MultiscaleResNet:
        """The model that the page begins with."""
        return self.models.get(self.name)

    @property
    def subject(self) -> list:
        """What a panel is asked about: the picture, the model, the class, and the one to compare with."""
        return [self.image, self.model_picker, self.class_picker, self.against_picker]

    @property
    def work(self) -> dict:
        """How an event is worked on in the queue."""
        return {**PRIVATE, **QUEUE}

    def heading(self, phrase: Phrase, *, has_sliders: bool = False) -> None:
        """A section's title."""
        self.spoken(gr.HTML, lambda words: {"value": heading_html(phrase, words, has_sliders=has_sliders)})

    def words(self, request: gr.Request) -> Words:
        """The language of the visitor who asks."""
        return self.speakers.words(request)

    def session(self, visit: Visit, name: str, image: str) -> Session:
        """The visitor's picture before the model; made once for all that is asked of it."""
        if visit.session is None or visit.source != (name, image):
            visit.session = Session(self.models.get(name), uploaded_file(image))
            visit.source = (name, image)
        return visit.session

    def asked_about(
        self, request: gr.Request, index: int | None, against: int | None
    ) -> tuple[Session, Target, Words] | None:
        """What a panel's script asks about: the visitor's picture and target, as the pickers have it, and the language.

        ``None`` without a picture.
        """
        session = self.visits.get(request.session_hash).session or self.greeting.session
        if session is None or index is None:
            return None
        return session, chosen(session, index, against), self.words(request)

    def forget(self, request: gr.Request) -> None:
        """A visitor has left."""
        for part in (self.visits, self.speakers, self.kept):
            part.forget(request.session_hash)
