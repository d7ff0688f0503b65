"""A part of the page that is asked for by itself.

Its request is worked on in the queue. A newer request of the same panel stops it, and where the page
asks for it (:class:`PagePanel`) a newer question of the visitor does, too; such a panel is emptied when
its picture or class is no longer the page's, and says again what it found when the language changes.
"""

from collections.abc import Callable, Iterator

import gradio as gr

from ..ledger import Target
from ..session import Session
from .desk import Desk
from .progress import with_progress
from .status import status_html
from .streams import AT_ONCE, told, until_stale
from .targets import chosen
from .visits import Asked, Question
from .words import Phrase, Words

Say = Callable[[Words], str]  # what was found, as HTML in a language


class Panel:
    """What every panel does: of each visitor only the newest request is worked on, and only once.

    Args:
        page: which it is a part of.
        name: of its element.
    """

    def __init__(self, page: Desk, name: str) -> None:
        self.page, self.name = page, name

    def note(self, request: gr.Request, data: object = None) -> Asked:
        """A new request: the older one is stale from now on."""
        return self.page.visits.ask(request.session_hash, self.name, data)

    def begin(self, request: gr.Request, count: int) -> Asked | None:
        """The request of this number, if it is to be worked on."""
        return self.page.visits.begin_panel(request.session_hash, self.name, count)

    def is_newest(self, request: gr.Request, count: int) -> bool:
        """Whether nothing newer was asked of this panel."""
        return self.page.visits.is_newest(request.session_hash, self.name, count)


class PagePanel(Panel):
    """A panel that components of the page ask; a subclass says what is worked on, in :meth:`job`.

    Args:
        page: which it is a part of.
        name: of its element.
        working: what the status says meanwhile.
    """

    def __init__(self, page: Desk, name: str, working: Phrase) -> None:
        super().__init__(page, name)
        self.working = working

    def result_layout(self) -> None:
        """The places of its status and of what it finds."""
        self.status = gr.HTML("", elem_id=f"{self.name}-status", elem_classes="ms-panel-status")
        self.content = gr.HTML("", elem_id=self.name, elem_classes="ms-panel-result")
        self.ticket = gr.Number(0, visible=False, precision=0)

    def listen(self, *triggers: Callable, inputs: tuple = ()) -> None:
        """Work when one of ``triggers`` fires, with the values of ``inputs``."""
        for trigger in triggers:
            self.work_after(trigger(self.ask, None, [self.ticket, self.status], **AT_ONCE), inputs)

    def work_after(self, event: gr.events.Dependency, inputs: tuple = ()) -> None:
        """Work once ``event`` has given the ticket."""
        event.then(
            self.answer, [self.ticket, *self.page.subject, *inputs], [self.status, self.content], **self.page.work
        )

    def follow_page(self) -> None:
        """Stay, change the language or become empty when the page has answered something."""
        for event in self.page.answered:
            event.then(self.follow, None, [self.status, self.content], **AT_ONCE)

    def job(
        self, session: Session, target: Target, asked: Asked, stop: Callable, report: Callable, *values: object
    ) -> Say | None:
        """Find it; ``None`` where there is nothing to say.

        Args:
            session: the visitor's picture before the model.
            target: what the page explains.
            asked: the request.
            stop: whether nobody wants it any more; to be asked every second at least.
            report: to be told the share that is done.
            values: of the inputs.
        """
        raise NotImplementedError

    def ask(self, event: gr.EventData, request: gr.Request) -> tuple:
        """The ticket of a new request, and the status meanwhile."""
        asked = self.note(request, event._data)
        return asked.count, status_html(self.page.words(request)(self.working), share=0.0)

    def answer(
        self, request: gr.Request, count: int, image: str, name: str, index: int | None, against: int, *values: object
    ) -> Iterator[tuple]:
        """Status and content, until done or stale."""
        nothing = (gr.skip(), gr.skip())
        visitor, words, visits = request.session_hash, self.page.words(request), self.page.visits
        asked = self.begin(request, count)
        if asked is None:
            yield nothing
            return
        if image is None or index is None:
            yield "", ""
            return

        def is_stale() -> bool:
            return visits.is_panel_stale(visitor, self.name, count)

        def work(stop: Callable[[], bool], report: Callable[[float], None]) -> tuple[Say | None]:
            session = self.page.session(visits.get(visitor), name, image)
            target = chosen(session, index, against)
            return (self.job(session, target, asked, stop, report, *values),)

        def updates() -> Iterator[tuple]:
            for share, done in with_progress(work, is_stale):
                if is_stale():
                    return
                if done is None:
                    yield status_html(words(self.working), share=share), gr.skip()
                    continue
                (say,) = done
                asked.show(say, words.code, Question(image, name, None, index, against))
                yield "", "" if say is None else say(words)

        def failed(sentence: str) -> tuple:
            return status_html(sentence, is_error=True), ""

        yield from until_stale(told(updates(), words, failed, what=f"the panel {self.name}"), is_stale, nothing)
        if is_stale() and self.is_newest(request, count):  # a newer request has a status of its own
            yield "", gr.skip()

    def follow(self, request: gr.Request) -> tuple:
        """The page has answered something: what is here stays, is said in another language, or is emptied."""
        visit, words = self.page.visits.get(request.session_hash), self.page.words(request)
        asked = visit.panels.get(self.name)
        if asked is None or asked.say is None:
            return gr.skip(), gr.skip()
        if visit.question is None or not asked.subject.repeats(visit.question):
            asked.show(None, words.code, None)
            return "", ""
        if asked.code == words.code:
            return gr.skip(), gr.skip()
        asked.code = words.code
        return "", asked.say(words)
