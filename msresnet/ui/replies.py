"""What the page replies: streams of updates of all that is shown, until done or stale."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import gradio as gr

from ..attribution import Attribution
from ..errors import ConfigError
from ..ledger import Target
from ..session import Session
from .card import caption_html, model_card
from .desk import Desk
from .pickers import against_choices, class_choices
from .streams import until_stale
from .take_away import archive_views
from .targets import chosen, values_of
from .trial import verdicts_html
from .trust import idle_html
from .visits import Question, Visit
from .what_if import read_switches
from .words import Words
from .work import View, blank, fetched, guarded, probed_view, views


class Replies:
    """The events that explain: in the queue, but for a probe, which the cached votes answer."""

    def __init__(self, page: Desk) -> None:
        self.page, self.visits, self.words = page, page.visits, page.words

    def on_image(self, token, image, name, method, request: gr.Request) -> Iterator[tuple]:
        """A new picture, or another model: the most probable class is explained."""
        yield from self.stream(request.session_hash, token, image, name, method, words=self.words(request))

    def on_target(self, token, image, name, method, index, against, request: gr.Request) -> Iterator[tuple]:
        """Another class, or another class to compare with."""
        yield from self.stream(
            request.session_hash, token, image, name, method, index, against, words=self.words(request)
        )

    def on_again(self, token, image, name, method, index, against, request: gr.Request) -> Iterator[tuple]:
        """What was refused, once more: the class that was picked, but of a new picture the most probable one."""
        greeting = self.visits.greeting
        explained = self.visits.get(request.session_hash).source or (greeting and (greeting.model, greeting.image))
        picked = (index, against) if explained == (name, image) else ()
        yield from self.stream(request.session_hash, token, image, name, method, *picked, words=self.words(request))

    def on_method(self, token, image, name, method, index, against, request: gr.Request) -> Iterator[tuple]:
        """Another attribution method for the same target."""
        yield from self.stream(
            request.session_hash,
            token,
            image,
            name,
            method,
            index,
            against,
            words=self.words(request),
            only_method=True,
        )

    def stream(
        self, visitor, token, image, name, method, index=None, against=None, *, words: Words, only_method=False
    ) -> Iterator[tuple]:
        """Updates of all that is shown, until done or stale."""
        nothing = (gr.skip(),) * len(self.updates(View(), name, words, is_new=False))
        if not self.visits.begin(visitor, token):
            yield nothing
            return
        visit = self.visits.get(visitor)

        def is_stale() -> bool:
            return self.visits.is_stale(visitor, token)

        def updates() -> Iterator[tuple]:
            question = Question(image, name, method, index, against)
            explained = self.explained(visit, visitor, token, question, words, is_stale, only_method=only_method)
            for view in guarded(explained, words):
                if is_stale():
                    return
                is_new = self.is_new(visit, name, words) and self.page.models.is_loaded(name)
                yield self.updates(view, name, words, is_new=is_new)
                if is_new:
                    visit.offers, visit.spoken = name, words.code
                if view.is_failure:
                    self.visits.note(visitor, token, None)

        yield from until_stale(updates(), is_stale, nothing)

    def explained(
        self,
        visit: Visit,
        visitor: str,
        token: int,
        question: Question,
        words: Words,
        is_stale: Callable[[], bool],
        *,
        only_method: bool,
    ) -> Iterator[View]:
        """The views of what was asked, one after another; the model is loaded first where it is not there yet."""
        image, name, method, *_ = question
        yield from fetched(self.page.models, name, words, is_cancelled=is_stale)
        if image is None:
            visit.shown = None
            yield blank(words)
            return
        session = self.page.session(visit, name, image)
        target = self.target(visit, visitor, token, session, question)
        shown = (name, image, target)
        kept = self.page.kept.drawer(visitor, shown)
        if self.page.greeting.is_of(shown):
            kept.update(self.page.greeting.kept)
        self.visits.note(visitor, token, Question(image, name, method, *values_of(target)))
        is_shown = only_method and visit.shown == shown
        if not is_shown:
            visit.shown = None
        tried = verdicts_html(visit.tried, shown, session, method, words)

        def keep(result: Attribution) -> None:
            visit.kept = (session, result)

        of_target = views(
            session, target, method, words, is_cancelled=is_stale, only_method=is_shown,
            options=visit.options, kept=kept, on_result=keep,
        )  # fmt: skip
        for view in guarded(of_target, words, keeps_answer=is_shown):
            is_answer = view.trust is not None or view.attributions  # another method's map can be checked, too
            if is_answer and not view.is_failure:
                asks = idle_html(session, method, words, known=visit.known())
                view = replace(view, trust=tried or asks)
            yield view
            if view.features:
                visit.shown = shown

    def target(self, visit: Visit, visitor: str, token: int, session: Session, question: Question) -> Target:
        """The class that a link or the pickers ask for; the most probable one where nobody does."""
        if self.visits.follows_link(visitor, token):
            return session.target(*visit.wanted[1:])
        if question.index is None or self.offers_others(visit, question.model):
            return session.target()  # a class that another model's list offered means nothing here
        return chosen(session, question.index, question.against)

    def offers_others(self, visit: Visit, name: str) -> bool:
        """Whether the pickers offer the classes of another model than this."""
        return (visit.offers or self.page.name) != name

    def is_new(self, visit: Visit, name: str, words: Words) -> bool:
        """Whether the pickers are to offer something else than they do: another model's classes, or in other words."""
        return self.offers_others(visit, name) or visit.spoken != words.code

    def updates(self, view: View, name: str, words: Words, *, is_new: bool) -> tuple:
        """A view as Gradio's updates; of a new model or language also what the pickers offer."""
        parts = [view.status, view.sentence, view.top_k, view.ledger, view.evidence, view.features, view.attributions]
        parts += [view.switches, view.trust]
        updates = [gr.skip() if part is None else part for part in parts]
        target = view.target
        if not is_new:
            pickers = (gr.skip(), gr.skip()) if target is None else values_of(target)
            return (*updates, *pickers, gr.skip(), gr.skip())
        model = self.page.models.get(name)
        index, against = values_of(target)
        return (
            *updates,
            gr.update(choices=class_choices(model), value=index),
            gr.update(choices=against_choices(model, words), value=against),
            caption_html(model, words),
            model_card(name, words),
        )

    def on_probe(self, index: int | None, against: int | None, event: gr.EventData, request: gr.Request) -> tuple:
        """A switch or a gain was moved: the cached votes answer, without the model."""
        session = self.visits.get(request.session_hash).session or self.page.greeting.session
        if session is None or index is None:
            return (gr.skip(),) * 5

        words = self.words(request)

        def stream() -> Iterator[View]:
            yield probed_view(session, chosen(session, index, against), read_switches(event._data), words)

        (view,) = guarded(stream(), words, keeps_answer=True)
        parts = (view.status, view.sentence, view.top_k, view.ledger, view.evidence)
        return tuple(gr.skip() if part is None else part for part in parts)

    def on_export(self, image, name, method, index, against, request: gr.Request) -> Iterator[tuple]:
        """All that is shown, as an archive; whatever else the visitor asks for stops it."""
        visit, words = self.visits.get(request.session_hash), self.words(request)
        token = visit.token

        def is_stale() -> bool:
            return self.visits.get(request.session_hash).token != token

        def stream() -> Iterator[View]:
            if image is None or index is None:
                raise ConfigError("There is nothing to download yet; give it a picture first")
            session = self.page.session(visit, name, image)
            target = chosen(session, index, against)
            tried = visit.tried is not None and visit.tried[0] == (name, image, target)
            yield from archive_views(
                session,
                target,
                method,
                words,
                is_cancelled=is_stale,
                options=visit.options,
                trust=visit.tried[1] if tried else None,
            )

        for view in guarded(stream(), words, keeps_answer=True):
            if not is_stale():
                yield view.status, view.archive
        if is_stale():
            yield gr.skip(), None
