"""Maps that were computed already, so that methods can be flipped between without computing again."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator, MutableMapping

from ..attribution import Attribution

# For all visitors together: at the default model some 500 maps, at msresnet101 some 80.
MAX_BYTES = 256 * 2**20


class Kept:
    """Attributions by visitor and question, bounded in bytes; the one not looked at for longest goes first."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.max_bytes = max_bytes
        self._maps: OrderedDict[tuple[str, Hashable, str], Attribution] = OrderedDict()
        self._lock = threading.Lock()

    def drawer(self, visitor: str, question: Hashable) -> "Drawer":
        """What is kept for a visitor's question: picture, model and target."""
        return Drawer(self, visitor, question)

    def get(self, key: tuple) -> Attribution:
        """What is kept; raises ``KeyError``."""
        with self._lock:
            self._maps.move_to_end(key)
            return self._maps[key]

    def put(self, key: tuple, result: Attribution) -> None:
        """Keep it, at the expense of what was not looked at for longest."""
        with self._lock:
            self._maps[key] = result
            self._maps.move_to_end(key)
            total = sum(map(size, self._maps.values()))
            while total > self.max_bytes:
                _, dropped = self._maps.popitem(last=False)
                total -= size(dropped)

    def methods(self, visitor: str, question: Hashable) -> list[str]:
        """The methods that are kept for a question."""
        with self._lock:
            return [method for one, asked, method in self._maps if (one, asked) == (visitor, question)]

    def forget(self, visitor: str) -> None:
        """The visitor has left."""
        with self._lock:
            for key in [key for key in self._maps if key[0] == visitor]:
                del self._maps[key]


class Drawer(MutableMapping):
    """The attributions that are kept for one question, by method."""

    def __init__(self, kept: Kept, visitor: str, question: Hashable) -> None:
        self._kept, self._visitor, self._question = kept, visitor, question

    def __getitem__(self, method: str) -> Attribution:
        return self._kept.get((self._visitor, self._question, method))

    def __setitem__(self, method: str, result: Attribution) -> None:
        self._kept.put((self._visitor, self._question, method), result)

    def __delitem__(self, method: str) -> None:
        raise TypeError("what is kept goes by itself")

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept.methods(self._visitor, self._question))

    def __len__(self) -> int:
        return len(self._kept.methods(self._visitor, self._question))


def size(result: Attribution) -> int:
    """Bytes of its maps."""
    return sum(one.nbytes for one in (*result.maps, *result.magnitudes))
