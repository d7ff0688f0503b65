"""Work beside a generator that tells how far it is, and that stops when the generator does."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

Result = TypeVar("Result")

# How often a long step reports how far it is.
TICK_S = 0.25


def with_progress(
    work: Callable[[Callable[[], bool], Callable[[float], None]], Result], is_cancelled: Callable[[], bool]
) -> Iterator[tuple[float, Result | None]]:
    """Run ``work(stop, report)`` beside this generator.

    Gives ``(share, None)`` while it runs and ``(1.0, result)`` at the end. Closing the
    generator (a visitor who left) stops the work too.
    """
    left = threading.Event()
    share = [0.0]

    def report(value: float) -> None:
        share[0] = value

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work, lambda: left.is_set() or is_cancelled(), report)
        try:
            while not wait([future], timeout=TICK_S).done:
                yield share[0], None
        finally:
            left.set()
    yield 1.0, future.result()
