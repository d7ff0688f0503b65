"""The trust panel's place on the page, and what its buttons lead to."""

import time
from collections.abc import Iterator

import gradio as gr

from ..attribution import Baseline
from ..errors import ConfigError
from ..faithfulness import TRIED, Trust
from ..session import Session
from .desk import Desk
from .gpu import computed
from .questions import Questions
from .status import status_html
from .streams import until_stale
from .targets import chosen as picked
from .trust import SEND_CHECK, ask_html, idle_html, trust_html, working_html
from .visits import Visit
from .words import Words
from .words import page as text
from .words import trust as said
from .work import View, guarded, trust_step

SCOPES = ("all", "shown")
# The panel is drawn anew when so much more is done; the status says it more often.
REDRAWN = 0.02


class TrustPanel:
    """Checks the maps of the picture at hand when a visitor asks for it."""

    def __init__(self, page: Desk, questions: Questions) -> None:
        self.page, self.questions = page, questions

    def layout(self, first: View) -> None:
        """A section with what can be asked."""
        with gr.Column(elem_classes="ms-section"):
            self.page.heading(said.TITLE)
            self.shown = gr.HTML(first.trust or "", elem_id="trust", js_on_load=SEND_CHECK)

    def connect(self, subject: list, renew: dict, work: dict) -> None:
        """Its buttons; ``subject`` is the token, and what the page says is asked."""
        token = [self.page.token, self.page.status, self.shown]
        asked = self.shown.check(self.renew, None, token, **renew).then(
            self.check, subject, [self.page.status, self.shown], **work
        )
        asked.failure(self.questions.refused, self.page.token, self.page.status, **renew)
        self.shown.stop(self.stop, subject[1:], token, **renew)

    def renew(self, event: gr.EventData, request: gr.Request) -> tuple:
        """A check was asked for: what runs is stale; what the page shows stays."""
        scope, baseline = str(event._data["scope"]), str(event._data["baseline"])
        if scope not in SCOPES:
            raise ConfigError(f"the scope of a check must be one of {', '.join(SCOPES)}, got {scope!r}")
        token = self.page.visits.renew_beside(request.session_hash)
        self.page.visits.get(request.session_hash).check = (scope, Baseline.find(baseline).value)
        words = self.page.words(request)
        return token, status_html(words(said.WORKING), share=0.0), working_html(words)

    def stop(self, image, name, method, index, against, request: gr.Request) -> tuple:
        """Stop was pressed."""
        token = self.page.visits.renew_beside(request.session_hash)
        visit, words = self.page.visits.get(request.session_hash), self.page.words(request)
        shown = self.idle(visit, name, image, method, words) if image is not None else gr.skip()
        return token, status_html(words(text.READY)), shown

    def check(self, token, image, name, method, index, against, request: gr.Request) -> Iterator[tuple]:
        """The maps of the target that the page shows, until done or stale."""
        page, visitor, words = self.page, request.session_hash, self.page.words(request)
        nothing = (gr.skip(), gr.skip())
        if image is None or index is None or not page.visits.begin(visitor, token):
            yield nothing
            return
        visit = page.visits.get(visitor)

        def updates() -> Iterator[tuple]:
            for view in guarded(self.views(visit, token, visitor, image, name, method, index, against, words), words):
                shown = view.trust if not view.is_failure else self.idle(visit, name, image, method, words)
                yield view.status, gr.skip() if shown is None else shown

        yield from until_stale(updates(), lambda: page.visits.is_stale(visitor, token), nothing)

    def views(self, visit: Visit, token, visitor, image, name, method, index, against, words: Words) -> Iterator[View]:
        """How far it is, then the verdicts."""
        session = self.page.session(visit, name, image)
        target = picked(session, index, against)
        scope, baseline = visit.check
        chosen = TRIED if scope == "all" else (method,)
        started, drawn = time.monotonic(), 0.0
        step = trust_step(session, target, chosen, baseline=baseline, known=visit.known())
        for progress in computed(session, [step], is_cancelled=lambda: self.page.visits.is_stale(visitor, token)):
            share = progress.share
            if progress.is_done:
                visit.tried = ((name, image, target), progress.result)
                again = ask_html(session, method, words, known=visit.known())
                yield View(status=status_html(words(text.READY)), trust=trust_html(progress.result, words) + again)
                continue
            shown = None
            if share >= drawn + REDRAWN:
                drawn, elapsed = share, time.monotonic() - started
                shown = working_html(words, share=share, left=elapsed * (1 - share) / share)
            yield View(status=status_html(words(said.WORKING), share=share), trust=shown)

    def idle(self, visit: Visit, name: str, image: str, method: str, words: Words) -> str:
        """What can be asked of the picture at hand."""
        return idle_html(self.page.session(visit, name, image), method, words, known=visit.known())


def verdicts_html(
    tried: tuple[tuple, Trust] | None, shown: tuple, session: Session, method: str, words: Words
) -> str | None:
    """The verdicts once more, where they are of what is shown."""
    if tried is None or tried[0] != shown:
        return None
    return trust_html(tried[1], words) + ask_html(session, method, words)
