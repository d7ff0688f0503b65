"""The error tree: everything that a user can mend, told in one sentence.

::

    MsresnetError
    ├── ImageError         an upload that is not a picture we can read
    ├── UnknownNameError   a class, method, scale or model that does not exist; names the nearest
    ├── CheckpointError    weights that are damaged, altered or of another architecture
    ├── DownloadError      weights that could not be fetched
    ├── DataError          a data folder that cannot be trained or evaluated on
    ├── ConfigError        an impossible combination of options
    └── Cancelled          the work was asked to stop

A message follows one form: rule, value, cure. A bug is not in this tree: it
stays a traceback in the log and never reaches the page.
"""

import difflib
from collections.abc import Iterable


class MsresnetError(Exception):
    """Base of every error that a user can mend; ``str(error)`` is one plain sentence."""


class ImageError(MsresnetError):
    """The bytes are not a picture that can be explained."""


class UnknownNameError(MsresnetError):
    """A name that does not exist; the message lists the nearest ones that do."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name = kind, name
        self.nearest = nearest_names(name, known)
        hint = f"; did you mean {' or '.join(map(repr, self.nearest))}?" if self.nearest else ""
        super().__init__(f"There is no {kind} called {name!r}{hint}")

    def __reduce__(self) -> tuple:
        return type(self), (self.kind, self.name, self.nearest)


class CheckpointError(MsresnetError):
    """Weights that were refused, and why."""


class DownloadError(MsresnetError):
    """Weights that could not be fetched, and what to do about it."""


class DataError(MsresnetError):
    """A data folder that cannot be trained or evaluated on."""


class ConfigError(MsresnetError):
    """An impossible combination of options."""


class Cancelled(MsresnetError):
    """The work was asked to stop before it was done."""


def nearest_names(name: str, known: Iterable[str], *, count: int = 3) -> tuple[str, ...]:
    """The ``count`` known names nearest to ``name``, best first; case does not matter.

    A name that contains ``name`` (or is contained in it) counts as near, so that
    ``cat`` finds ``tabby, tabby cat``. Where nothing is near, the first few known
    names are returned, so that a message always shows what would work.
    """
    known = tuple(known)
    wanted = name.casefold()
    folded = {candidate.casefold(): candidate for candidate in known}
    inside = [full for fold, full in folded.items() if wanted and (wanted in fold or fold in wanted)]
    close = [folded[fold] for fold in difflib.get_close_matches(wanted, folded, n=count, cutoff=0.5)]
    ranked = tuple(dict.fromkeys(close + sorted(inside, key=len)))
    return (ranked or known)[:count]
