"""What a visitor asks, noted at once: from then on what runs for them is stale."""

import gradio as gr

from ..attribution import find_method
from ..errors import UnknownNameError
from .desk import Desk
from .examples import example_of, first_example
from .status import Stale, status_html
from .visits import NO_PICTURE, Question
from .words import page as text


class Questions:
    """The events outside the queue: each gives the token of a question, and the status meanwhile."""

    def __init__(self, page: Desk) -> None:
        self.page, self.visits, self.words = page, page.visits, page.words

    def asked(self, request: gr.Request, question: Question | None = None) -> tuple:
        """A token and the status of a request that was just made.

        Gradio tells of one picture or choice twice, and of a picker that was merely left: a question
        that was asked already changes nothing.
        """
        token = self.visits.renew(request.session_hash, question)
        if token is None:
            return gr.skip(), gr.skip()
        return token, status_html(self.words(request)(text.WORKING_ANSWER), stale=Stale.ALL)

    def image(self, image: str | None, name: str, request: gr.Request) -> tuple:
        """A new token for a new picture; whatever runs for this visitor is stale."""
        return self.asked(request, Question(image or NO_PICTURE, name))

    def model(self, image: str | None, name: str, request: gr.Request) -> tuple:
        """The same for another model; an example that means nothing to it makes room for one that does.

        The new picture then asks for itself, as any other one.
        """
        example, kind = example_of(image, self.page.shown), self.page.models.kind(name)
        if example is not None and example.kind != kind:
            other = first_example(self.page.shown.values(), kind)
            if other is not None:
                return str(other.uploaded()), gr.skip(), gr.skip()
        return gr.skip(), *self.asked(request, Question(model=name))

    def again(self, request: gr.Request) -> tuple:
        """The same for what was refused."""
        return self.asked(request)

    def picked(self, image, name, method, index, against, request: gr.Request) -> tuple:
        """The same for another choice, which is given back: an answer on its way may have set the pickers back."""
        renewed = self.asked(request, Question(image, name, method, index, against))
        is_repeated = renewed[0] == gr.skip()
        return (*((gr.skip(), gr.skip()) if is_repeated else (index, against)), *renewed)

    def top_class(self, event: gr.EventData, request: gr.Request) -> tuple:
        """A class of the top-k was clicked."""
        return int(event._data["index"]), *self.asked(request)

    def kept_method(self, image, name, method, index, against, event: gr.EventData, request: gr.Request) -> tuple:
        """A method was picked whose maps are there already."""
        method = find_method(str(event._data["name"])).name
        return method, *self.asked(request, Question(image, name, method, index, against))

    def options(self, event: gr.EventData, request: gr.Request) -> tuple:
        """How methods are asked or drawn was changed; the question is the same."""
        token = self.visits.renew_beside(request.session_hash)
        visit = self.visits.get(request.session_hash)
        visit.options = visit.options.chosen(event._data)
        return token, status_html(self.words(request)(text.READY), stale=Stale.ATTRIBUTIONS)

    def refused(self, token: int, request: gr.Request) -> object:
        """The queue was full: the page says so, and the same may be asked again."""
        if not self.visits.is_waiting(request.session_hash, token):
            return gr.skip()
        self.visits.note(request.session_hash, token, None)
        words = self.words(request)
        return status_html(words(text.BUSY), is_error=True, retry=words(text.RETRY))

    def example(self, event: gr.EventData) -> str:
        """An example was clicked."""
        name = event._data["name"]
        if name not in self.page.shown:
            raise UnknownNameError("example", str(name), self.page.shown)
        return str(self.page.shown[name].uploaded())
