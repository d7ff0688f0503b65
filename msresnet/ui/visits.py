"""What the page remembers: loaded models, and per visitor the picture at hand.

Nothing of one visitor reaches another; a visitor's newest request makes the older ones
stale, and a stale request stops at its next step.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ..checkpoint import MODELS, load_model
from ..errors import UnknownNameError
from ..explain import Session
from ..ledger import Target
from ..model import MultiscaleResNet

# Visitors whose picture is kept; the one who was away longest goes first. A visit at the
# default model holds below 1 MB, at msresnet101 with four levels about 12 MB.
MAX_VISITS = 64


class Models:
    """Models by name, each loaded once, when it is first asked for.

    Visitors choose among the listed names and the one that the server was started
    with: a path on the server is never theirs to open.
    """

    def __init__(self, name: str, model: MultiscaleResNet) -> None:
        self._loaded = {name: model}
        self._lock = threading.Lock()
        self.names = tuple(dict.fromkeys([name, *(listed.name for listed in MODELS)]))

    def is_loaded(self, name: str) -> bool:
        """Whether asking for the model costs nothing."""
        return name in self._loaded

    def get(
        self, name: str, *, on_progress: Callable[[int, int | None], None] = lambda done, total: None
    ) -> MultiscaleResNet:
        """The model of a name; ``on_progress`` is told the bytes while its weights are fetched.

        Raises:
            UnknownNameError: visitors cannot choose it.
            MsresnetError: it cannot be loaded; the sentence says why.
        """
        if name not in self.names:
            raise UnknownNameError("model", name, self.names)
        if name not in self._loaded:
            with self._lock:  # nobody waits here for a model that is there
                if name not in self._loaded:
                    self._loaded[name] = load_model(name, on_progress=on_progress)
        return self._loaded[name]


class Question(NamedTuple):
    """What a visitor asks; ``None`` stands for whatever it is."""

    image: str | None = None
    model: str | None = None
    method: str | None = None
    index: int | None = None
    against: int | None = None

    def repeats(self, asked: "Question | None") -> bool:
        """Whether this was asked already."""
        return asked is not None and all(mine in (None, theirs) for mine, theirs in zip(self, asked, strict=True))


@dataclass
class Visit:
    """One visitor's newest request, and what the page before them holds.

    Attributes:
        token: of the newest request.
        begun: the newest token whose request was begun.
        question: what the newest request asks, once that is known.
        session: the picture at hand.
        source: model name and file of the session.
        shown: model name, file and target of the answer that the page shows in full.
        offers: the model whose classes the pickers offer; ``None`` is the one it began with.
    """

    token: int = 0
    begun: int = 0
    question: Question | None = None
    session: Session | None = None
    source: tuple[str, str] | None = None
    shown: tuple[str, str, Target] | None = None
    offers: str | None = None


class Visits:
    """The visits by Gradio's session hash, bounded.

    ``greeting`` is the question that the page answers to begin with.
    """

    def __init__(self) -> None:
        self.greeting: Question | None = None
        self._visits: OrderedDict[str, Visit] = OrderedDict()
        self._lock = threading.Lock()

    def renew(self, visitor: str, question: Question | None = None) -> int | None:
        """A new token for a visitor: every request with an older one is stale from now on.

        ``None``, and nothing is stale, where the question is the one that was asked last.
        """
        with self._lock:
            visit = self._visits.pop(visitor, None) or Visit(question=self.greeting)
            self._visits[visitor] = visit
            while len(self._visits) > MAX_VISITS:
                self._visits.popitem(last=False)
            if question is not None and question.repeats(visit.question):
                return None
            visit.token += 1
            visit.question = question
            return visit.token

    def begin(self, visitor: str, token: int) -> bool:
        """Whether the request of this token is to be worked on: it is the newest, and it was not begun before."""
        with self._lock:
            visit = self._visits.get(visitor)
            if visit is None or visit.token != token or visit.begun == token:
                return False
            visit.begun = token
            return True

    def note(self, visitor: str, token: int, question: Question | None) -> None:
        """What the request of this token turned out to ask; ``None`` where it failed, so that it may be repeated."""
        with self._lock:
            visit = self._visits.get(visitor)
            if visit is not None and visit.token == token:
                visit.question = question

    def get(self, visitor: str) -> Visit:
        """The visit of a visitor; one that is not kept where it was forgotten."""
        with self._lock:
            return self._visits.get(visitor) or Visit()

    def is_stale(self, visitor: str, token: int) -> bool:
        """Whether a newer request has come, or the visitor was forgotten."""
        with self._lock:
            visit = self._visits.get(visitor)
            return visit is None or visit.token != token

    def forget(self, visitor: str) -> None:
        """The visitor has left."""
        with self._lock:
            self._visits.pop(visitor, None)
