"""What every stream of updates to the page has in common: the newest request wins, and an error is a sentence."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from ..errors import Cancelled, MsresnetError
from .words import Words
from .words import page as text
from .words.sentences import error_sentence

log = logging.getLogger(__name__)

# Gradio's own progress is neither shown nor told to any component: with every message of an answer the browser
# would copy all that each of them holds, a megabyte of pictures and more.
UNSEEN = {"show_progress": "hidden", "show_progress_on": [], "api_visibility": "private"}
# Gradio drops a second event while the first is pending, unless it is told "multiple".
PRIVATE = {**UNSEEN, "trigger_mode": "multiple"}
AT_ONCE = {"queue": False, **PRIVATE}

Update = TypeVar("Update")


def told(updates: Iterable[Update], words: Words, failed: Callable[[str], Update], *, what: str) -> Iterator[Update]:
    """The updates; what the visitor can mend is told in a sentence, a bug is a traceback in the log.

    Args:
        updates: which end where they are cancelled.
        words: the visitor's language.
        failed: a sentence as an update.
        what: this is, for the log.
    """
    try:
        yield from updates
    except Cancelled:
        return
    except MsresnetError as error:
        yield failed(error_sentence(words, error))
    except Exception:
        log.exception("%s failed", what)
        yield failed(words(text.BUG))


def until_stale(updates: Iterable[tuple], is_stale: Callable[[], bool], nothing: tuple) -> Iterator[tuple]:
    """The updates, until there is something newer.

    Gradio sends the last update once more when a stream ends, and empties everything where there was none:
    so a stream that is stale or empty ends with ``nothing``, which changes nothing.
    """
    is_empty = True
    for update in updates:
        if is_stale():
            break
        is_empty = False
        yield update
    if is_empty or is_stale():
        yield nothing
