"""Who speaks which language, and the components whose words follow it."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

import gradio as gr

from .words import ENGLISH, Words, negotiated, words_of

# Visitors whose language is remembered, a few bytes each; who is forgotten gets what the browser asks for.
MAX_SPEAKERS = 10_000

SomeComponent = TypeVar("SomeComponent")


class Spoken:
    """Makes components in English, and says what changes in another language.

    ``spoken(gr.Dropdown, lambda words: {"label": words(METHOD)}, choices=…)`` is the component;
    what the function gives are arguments of the component and of ``gr.update`` alike.
    """

    def __init__(self) -> None:
        self.components: list = []
        self._properties: list[Callable[[Words], dict]] = []

    def __call__(
        self, component: type[SomeComponent], properties: Callable[[Words], dict], **options: object
    ) -> SomeComponent:
        made = component(**options, **properties(ENGLISH))
        self.components.append(made)
        self._properties.append(properties)
        return made

    def updates(self, words: Words) -> list[dict]:
        """One update for each of ``components``."""
        return [gr.update(**properties(words)) for properties in self._properties]


class Speakers:
    """The language of each visitor, by Gradio's session hash, bounded."""

    def __init__(self) -> None:
        self._codes: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def choose(self, visitor: str, words: Words) -> None:
        """The visitor speaks this language from now on."""
        with self._lock:
            self._codes.pop(visitor, None)
            self._codes[visitor] = words.code
            while len(self._codes) > MAX_SPEAKERS:
                self._codes.popitem(last=False)

    def words(self, request: gr.Request) -> Words:
        """What the visitor chose, or what the browser asks for."""
        return words_of(self._codes.get(request.session_hash)) or negotiated(request.headers.get("accept-language"))

    def forget(self, visitor: str) -> None:
        """The visitor has left."""
        with self._lock:
            self._codes.pop(visitor, None)
