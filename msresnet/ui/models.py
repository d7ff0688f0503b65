"""The models of a page: each loaded once, when it is first asked for, and for everybody who waits for it."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, wait

from ..checkpoint import load_model
from ..errors import Cancelled, UnknownNameError
from ..listed import MODELS, find_listed
from ..model import MultiscaleResNet
from .examples import DIGITS, Kind, kind_of
from .gpu import home_device
from .progress import TICK_S

# How long weights are still fetched when nobody waits for them any more: who turned to something else for a
# moment finds the download where it was.
GRACE_S = 10.0


class Models:
    """Models by name.

    Visitors choose among the listed names and the one that the server was started
    with: a path on the server is never theirs to open.
    """

    def __init__(self, name: str, model: MultiscaleResNet) -> None:
        self._loaded = {name: model}
        self._loading: dict[str, Loading] = {}
        self._lock = threading.Lock()
        self.names = tuple(dict.fromkeys([name, *(listed.name for listed in MODELS)]))

    def is_loaded(self, name: str) -> bool:
        """Whether asking for the model costs nothing."""
        return name in self._loaded

    def kind(self, name: str) -> Kind:
        """What a model knows; one that is not loaded yet is one of the list."""
        if self.is_loaded(name):
            return kind_of(self.get(name).classes)
        return Kind.DIGITS if find_listed(name).class_count == len(DIGITS) else Kind.THINGS

    def get(self, name: str) -> MultiscaleResNet:
        """The model of a name, as soon as it is there.

        Raises:
            UnknownNameError: visitors cannot choose it.
            MsresnetError: it cannot be loaded; the sentence says why.
        """
        for _ in self.arriving(name):
            pass
        return self._loaded[name]

    def arriving(self, name: str) -> Iterator[float]:
        """How much of a model's weights is here, in [0, 1], from time to time until the model is loaded.

        Whoever listens keeps it coming; it is not begun anew for another one.

        Raises:
            UnknownNameError, MsresnetError: as :meth:`get` does.
        """
        if name not in self.names:
            raise UnknownNameError("model", name, self.names)
        while name not in self._loaded:
            loading = self._begun(name)
            while not wait([loading.done], timeout=TICK_S).done:
                yield loading.share()
            error = loading.done.exception()
            if error is not None and not isinstance(error, Cancelled):  # given up just before somebody came
                raise error

    def _begun(self, name: str) -> "Loading":
        """The loading of a model that goes on, or a new one."""
        with self._lock:
            loading = self._loading.get(name)
            if loading is None or (loading.done.done() and name not in self._loaded):
                loading = self._loading[name] = Loading(name, self._loaded)
            loading.share()
            return loading


class Loading:
    """A model that is being loaded, beside all who wait for it.

    Args:
        name: of the model.
        loaded: where it is put.

    Attributes:
        done: is done when it is there, or has the error.
    """

    def __init__(self, name: str, loaded: dict[str, MultiscaleResNet]) -> None:
        self.done: Future[None] = Future()
        self._share, self._asked_s = 0.0, time.monotonic()
        threading.Thread(target=self._load, args=(name, loaded), daemon=True).start()

    def share(self) -> float:
        """How much is here, in [0, 1]; whoever asks keeps it going."""
        self._asked_s = time.monotonic()
        return self._share

    def _load(self, name: str, loaded: dict[str, MultiscaleResNet]) -> None:
        try:
            loaded[name] = load_model(name, device=home_device(), on_progress=self._note)
        except BaseException as error:  # of this thread, for those who wait
            self.done.set_exception(error)
        else:
            self.done.set_result(None)

    def _note(self, done: int, total: int | None) -> None:
        if time.monotonic() - self._asked_s > GRACE_S:
            raise Cancelled("The download was given up: nobody waits for it any more")
        self._share = done / total if total else 0.0
