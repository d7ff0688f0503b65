"""A stand-in for somebody who might cancel: never does, and keeps how long they would have waited at the most."""

from collections.abc import Callable
from dataclasses import dataclass

from _report import CLOCKS


class Watch:
    """Called where the work asks whether somebody has cancelled; the time before the first question counts too."""

    def __init__(self, clock: str) -> None:
        self.now = CLOCKS[clock]
        self.asked_s, self.longest_s, self.questions = self.now(), 0.0, 0

    def __call__(self) -> bool:
        now_s = self.now()
        self.longest_s = max(self.longest_s, now_s - self.asked_s)
        self.asked_s, self.questions = now_s, self.questions + 1
        return False


@dataclass(frozen=True)
class Wait:
    """Of one piece of work, in seconds: the longest time without a question, and the whole."""

    longest_s: float
    whole_s: float


def watched(work: Callable[[Watch], object], *, clock: str) -> Wait:
    """Do ``work(is_cancelled)``; what comes after its last question counts too."""
    watch = Watch(clock)
    started_s = watch.asked_s
    work(watch)
    watch()
    return Wait(watch.longest_s, watch.asked_s - started_s)
