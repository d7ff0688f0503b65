"""What the page remembers of its visitors: per visitor the picture at hand.

Nothing of one visitor reaches another; a visitor's newest request makes the older ones
stale, and a stale request stops at its next step.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ..attribution import Attribution
from ..faithfulness import Trust
from ..ledger import Target
from ..session import Session
from .options import Options

# Visitors whose picture is kept; the one who was away longest goes first. A visit at the
# default model holds below 1 MB, at msresnet101 with four levels about 12 MB.
MAX_VISITS = 64

# The image of a question that is asked without one: the page is emptied.
NO_PICTURE = ""


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
class Asked:
    """What a panel was asked last, and what it shows.

    Attributes:
        count: of its requests.
        begun: the newest one that was begun.
        token: the visitor's question at that time; a newer one makes the request stale.
        data: what the event brought.
        say: what was found, as a function from a language to HTML; ``None`` while it shows nothing.
        code: of the language that it is shown in.
        subject: what it was found for, whatever the method.
        kept: what the panel keeps for its next request, by names of its own.
    """

    count: int = 0
    begun: int = 0
    token: int = 0
    data: object = None
    say: Callable[..., str] | None = None
    code: str = "en"
    subject: Question | None = None
    kept: dict[str, object] = field(default_factory=dict)

    def show(self, say: Callable[..., str] | None, code: str, subject: Question | None) -> None:
        """This is what the panel shows from now on."""
        self.say, self.code, self.subject = say, code, subject


@dataclass
class Visit:
    """One visitor's newest request, and what the page before them holds.

    Attributes:
        token: of the newest request.
        begun: the newest token whose request was begun.
        question: what the newest request asks, once that is known.
        wanted: of a link that was followed its token, and the classes that it asks for.
        session: the picture at hand.
        source: model name and file of the session.
        shown: model name, file and target of the answer that the page shows in full.
        offers: the model whose classes the pickers offer; ``None`` is the one it began with.
        spoken: code of the language that they are in.
        panels: what each panel was asked last, by its name.
        options: how the visitor wants methods to be asked and drawn.
        kept: the session and the newest attribution of it.
        check: scope and baseline of the check that was asked for last.
        tried: model name, file and target of the newest check, and what came out.
    """

    token: int = 0
    begun: int = 0
    question: Question | None = None
    wanted: tuple[int, str | None, str | None] | None = None
    session: Session | None = None
    source: tuple[str, str] | None = None
    shown: tuple[str, str, Target] | None = None
    offers: str | None = None
    spoken: str = "en"
    panels: dict[str, Asked] = field(default_factory=dict)
    options: Options = field(default_factory=Options)
    kept: tuple[Session, Attribution] | None = None
    check: tuple[str, str] = ("all", "blur")
    tried: tuple[tuple[str, str, Target], Trust] | None = None

    def known(self) -> tuple[Attribution, ...]:
        """The attribution of the picture at hand that is there already, if there is one."""
        return (self.kept[1],) if self.kept is not None and self.kept[0] is self.session else ()


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
            self._bound()
            if question is not None and question.repeats(visit.question):
                return None
            visit.token += 1
            visit.question = question
            return visit.token

    def ask(self, visitor: str, panel: str, data: object = None) -> Asked:
        """A panel is asked: its older requests are stale from now on."""
        with self._lock:
            visit = self._visits.pop(visitor, None) or Visit(question=self.greeting)
            self._visits[visitor] = visit
            self._bound()
            asked = visit.panels.setdefault(panel, Asked())
            asked.count, asked.token, asked.data = asked.count + 1, visit.token, data
            return asked

    def begin_panel(self, visitor: str, panel: str, count: int) -> Asked | None:
        """The request of a panel, if it is to be worked on: it is the newest, and it was not begun before."""
        with self._lock:
            asked = self._asked(visitor, panel)
            if asked is None or asked.count != count or asked.begun == count:
                return None
            asked.begun = count
            return asked

    def is_newest(self, visitor: str, panel: str, count: int) -> bool:
        """Whether the panel was asked nothing newer."""
        with self._lock:
            asked = self._asked(visitor, panel)
            return asked is not None and asked.count == count

    def is_panel_stale(self, visitor: str, panel: str, count: int) -> bool:
        """Whether the panel was asked something newer, or the visitor was, or was forgotten."""
        with self._lock:
            asked = self._asked(visitor, panel)
            return asked is None or asked.count != count or asked.token != self._visits[visitor].token

    def _asked(self, visitor: str, panel: str) -> Asked | None:
        visit = self._visits.get(visitor)
        return None if visit is None else visit.panels.get(panel)

    def renew_beside(self, visitor: str) -> int:
        """A new token for what is asked beside the question: what runs is stale, and the question is as it was."""
        with self._lock:
            visit = self._visits.pop(visitor, None) or Visit(question=self.greeting)
            self._visits[visitor] = visit
            self._bound()
            visit.token += 1
            return visit.token

    def speaks(self, visitor: str, code: str) -> None:
        """The page before a visitor who has just come is in this language."""
        with self._lock:
            self._visits[visitor] = Visit(question=self.greeting, spoken=code)
            self._bound()

    def _bound(self) -> None:
        while len(self._visits) > MAX_VISITS:
            self._visits.popitem(last=False)

    def begin(self, visitor: str, token: int) -> bool:
        """Whether the request of this token is to be worked on: it is the newest, and it was not begun before."""
        with self._lock:
            visit = self._visits.get(visitor)
            if visit is None or visit.token != token or visit.begun == token:
                return False
            visit.begun = token
            return True

    def is_waiting(self, visitor: str, token: int) -> bool:
        """Whether the request of this token is the newest, and was not begun."""
        with self._lock:
            visit = self._visits.get(visitor)
            return visit is not None and visit.token == token != visit.begun

    def note(self, visitor: str, token: int, question: Question | None) -> None:
        """What the request of this token turned out to ask; ``None`` where it failed, so that it may be repeated."""
        with self._lock:
            visit = self._visits.get(visitor)
            if visit is not None and visit.token == token:
                visit.question = question

    def follow(self, visitor: str, token: int, question: Question, target: str | None, against: str | None) -> None:
        """The request of this token is a link's, which asks for these classes; whatever it sets asks nothing new."""
        self.note(visitor, token, question)
        with self._lock:
            visit = self._visits.get(visitor)
            if visit is not None:
                visit.wanted = (token, target, against)

    def follows_link(self, visitor: str, token: int) -> bool:
        """Whether the request of this token is a link's."""
        wanted = self.get(visitor).wanted
        return wanted is not None and wanted[0] == token

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
