"""How a visitor arrives: in which language, with which method, by which link; and the language that is picked later."""

import json
from collections.abc import Iterator

import gradio as gr

from ..attribution import METHODS
from ..errors import UnknownNameError
from . import greeting
from .desk import QUEUE, Desk
from .links import Link
from .questions import Questions
from .replies import Replies
from .status import status_html
from .streams import UNSEEN
from .visits import Question
from .words import ENGLISH, LANGUAGES, words_of
from .words.sentences import error_sentence


class Arrival:
    """The events of an arrival, one after another."""

    def __init__(self, page: Desk, questions: Questions, replies: Replies) -> None:
        self.page, self.visits, self.words = page, page.visits, page.words
        self.questions, self.replies = questions, replies

    def connect(self, demo: gr.Blocks) -> None:
        """On arrival what was remembered, the browser or a link asks for; then the language that is picked."""
        page, replies = self.page, self.replies
        at_once, queued = {**UNSEEN, "queue": False}, {**UNSEEN, **QUEUE}
        components, shown, token = page.spoken.components, page.outputs, [page.token, page.status]
        subject = [page.image, page.model_picker, page.method_picker]
        remembered, method = (gr.Textbox(visible="hidden") for _ in range(2))
        arrived = demo.load(
            self.on_arrival,
            remembered,
            [method, *components, *shown],
            js="() => window.msresnet.arrival()",
            **at_once,
        )
        query = gr.Textbox(visible=False)
        arrived.then(self.on_link, query, [*subject, *token], js="() => location.search", **at_once).then(
            self.on_linked, [page.token, *subject], shown, **queued
        )
        asked = [page.token, *subject, page.class_picker, page.against_picker]
        event = page.language.pick(self.on_language, None, [*components, *token], **at_once)
        page.answered.append(event.then(replies.on_target, asked, shown, **page.work))
        method.change(self.on_remembered_method, method, [page.method_picker, *token], **at_once).then(
            replies.on_method, asked, shown, **queued
        )

    def on_arrival(self, remembered: str, request: gr.Request) -> tuple:
        """A visitor has opened the page, which greets in English until it is told otherwise."""
        settings = read_settings(remembered)
        words = words_of(settings.get("language")) or self.words(request)
        self.page.speakers.choose(request.session_hash, words)
        method = settings.get("method")
        method = method if method in METHODS and method != greeting.METHOD else gr.skip()
        if words == ENGLISH:
            return (method, *(gr.skip(),) * (len(self.page.spoken.components) + len(self.page.outputs)))
        self.visits.speaks(request.session_hash, words.code)
        greeted = self.replies.updates(self.page.greeting.view(words), self.page.name, words, is_new=True)
        return (method, *self.page.spoken.updates(words), *greeted)

    def on_remembered_method(self, method: str, request: gr.Request) -> tuple:
        """The method that a visitor chose last time explains the greeting too."""
        return method, *self.questions.asked(request)

    def on_link(self, query: str, request: gr.Request) -> tuple:
        """The page was opened by a link to a view of an example, or without one."""
        try:
            link = Link.read(query, examples=self.page.shown, models=self.page.models.names)
        except UnknownNameError as error:
            return *(gr.skip(),) * 4, status_html(error_sentence(self.words(request), error), is_error=True)
        if link is None:
            return (gr.skip(),) * 5
        image = str(self.page.shown[link.example].uploaded())
        name, method = link.model or self.page.name, link.method or greeting.METHOD
        token, status = self.questions.asked(request)
        self.visits.follow(request.session_hash, token, Question(image, name, method), link.target, link.against)
        return image, name, method, token, status

    def on_linked(self, token, image, name, method, request: gr.Request) -> Iterator[tuple]:
        """What a link asks for; without one nothing happens."""
        if self.visits.follows_link(request.session_hash, token):
            yield from self.replies.on_image(token, image, name, method, request)
        else:
            yield (gr.skip(),) * len(self.page.outputs)

    def on_language(self, event: gr.EventData, request: gr.Request) -> tuple:
        """Another language was picked: what runs is stale, and what is shown is said again."""
        code = event._data["language"]
        if code not in LANGUAGES:
            raise UnknownNameError("language", str(code), LANGUAGES)
        words = LANGUAGES[code]
        self.page.speakers.choose(request.session_hash, words)
        return (*self.page.spoken.updates(words), *self.questions.asked(request))


def read_settings(remembered: str) -> dict[str, str]:
    """What the browser remembers, as far as it can be read."""
    try:
        settings = json.loads(remembered)
    except (TypeError, ValueError):
        return {}
    return (
        {key: value for key, value in settings.items() if isinstance(value, str)} if isinstance(settings, dict) else {}
    )
