"""A panel that answers what its own script asks: the newest request wins, an error is a sentence."""

from collections.abc import Callable, Iterator
from html import escape

import gradio as gr

from ..errors import ConfigError
from ..ledger import Target
from ..session import Session
from .assets import static_file
from .desk import Desk
from .panel import Panel
from .seen import about
from .streams import AT_ONCE, told, until_stale
from .words import Words


class ScriptPanel(Panel):
    """Events of one panel. Its script triggers ``ask`` with

    - ``asked``: a number, which the answer carries, so that the script knows when it has come;
    - ``about``: of the picture that was asked about; an answer about another one is not given;
    - ``is_cleared``: there is nothing to ask any more;
    - and whatever ``answers`` reads.

    Args:
        page: which it is a part of.
        name: of its element, and of its script.
        stage_html: what the script works on, in a language.
    """

    def __init__(self, page: Desk, name: str, stage_html: Callable[[Words], str]) -> None:
        super().__init__(page, name)
        self.stage_html = stage_html

    def layout(self) -> None:
        """What the script works on, and the place of the answer."""
        with gr.Column(elem_classes=["ms-section", "ms-probe"]):
            self.stage = self.page.spoken(
                gr.HTML,
                lambda words: {"value": self.stage_html(words)},
                elem_id=self.name,
                js_on_load=static_file(f"{self.name}.js"),
            )
            self.place = gr.HTML("", elem_id=f"{self.name}-answer", elem_classes="ms-probe-place")

    def answers(
        self, session: Session, target: Target, words: Words, asked: dict, *, is_cancelled: Callable[[], bool]
    ) -> Iterator[str]:
        """The answer as HTML, better and better; raises ``MsresnetError`` for what the visitor can mend."""
        raise NotImplementedError

    def connect(self) -> None:
        """From the script's question to the answer: noted at once, worked on in the queue."""
        token = gr.Number(0, visible=False, precision=0)
        *_, index, against = self.page.subject
        self.stage.ask(self.on_ask, None, [token, self.place], **AT_ONCE).then(
            self.on_work, [token, index, against], self.place, **self.page.work
        )

    def on_ask(self, event: gr.EventData, request: gr.Request) -> tuple:
        """A question was asked, or taken back."""
        asked = dict(event._data)
        if asked.get("is_cleared"):
            return self.note(request).count, ""
        return self.note(request, asked).count, gr.skip()

    def on_work(self, token: int, index: int | None, against: int | None, request: gr.Request) -> Iterator:
        """The newest question is answered; the last update of a stale one changes nothing."""
        noted = self.begin(request, token)
        if noted is None or noted.data is None:
            yield gr.skip()
            return
        asked, noted.data = noted.data, None  # what was painted is large
        words = self.page.words(request)

        def is_stale() -> bool:
            return not self.is_newest(request, token)

        answers = self.about_the_same(asked, index, against, request, is_cancelled=is_stale)
        for_all = told(answers, words, failure_html, what=f"the panel {self.name}")
        yield from until_stale((answer_html(html, asked) for html in for_all), is_stale, gr.skip())

    def about_the_same(
        self, asked: dict, index: int | None, against: int | None, request: gr.Request, *, is_cancelled: Callable
    ) -> Iterator[str]:
        """The answers; none where the page shows another picture or target by now."""
        subject = self.page.asked_about(request, index, against)
        if subject is not None and asked.get("about") == about(*subject):
            session, target, words = subject
            yield from self.answers(session, target, words, asked, is_cancelled=is_cancelled)


def answer_html(html: str, asked: dict) -> str:
    """An answer that says which question it answers."""
    return f'<div class="ms-probe-answer" data-asked="{escape(str(asked.get("asked")))}">{html}</div>'


def failure_html(sentence: str) -> str:
    """What went wrong, in a sentence that screen readers announce."""
    return f'<div class="ms-status ms-error" role="alert"><span>{escape(sentence)}</span></div>'


def unreadable() -> ConfigError:
    """What the script sent is not what it sends."""
    return ConfigError("what the page sent could not be read; reload the page")
