"""What commands say on a terminal: a sentence, a table, how far the work is."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

CLEAR_LINE = "\r\033[K"  # back to the start, and erase to the end (ECMA-48)


def tell(*lines: str) -> None:
    """Lines on stdout, in one piece: the processes of a launcher write to the same pipe, without a buffer."""
    print("".join(f"{line}\n" for line in lines), end="", flush=True)


def complain(sentence: str) -> None:
    """One sentence on stderr, in one piece."""
    print(f"{sentence}\n", end="", file=sys.stderr, flush=True)


def table(rows: Sequence[Sequence[str]], *, numbers: Sequence[int] = ()) -> str:
    """Rows as aligned columns, those of ``numbers`` to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = [">" if column in numbers else "<" for column in range(len(widths))]
    lines = [
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)) for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


@contextmanager
def progress(
    label: str, *, started: float | None = None, span: tuple[float, float] = (0.0, 1.0)
) -> Iterator[Callable[[float], None]]:
    """Told a share in [0, 1], keeps a line on stderr, "evaluating: 40 %, 2 min left"; only on a terminal.

    Args:
        label: what is being done.
        started: when the whole began, by ``time.monotonic``; by default now.
        span: which part of the whole this is.
    """
    started = time.monotonic() if started is None else started
    is_seen = sys.stderr.isatty()

    def show(share: float) -> None:
        elapsed_s = time.monotonic() - started
        whole = span[0] + share * (span[1] - span[0])
        if whole > 0:
            line = f"{label}: {100 * whole:.0f} %, {time_left(elapsed_s, whole)}"
            print(f"{CLEAR_LINE}{line}", end="", file=sys.stderr, flush=True)

    try:
        if is_seen and span[0]:
            show(0.0)
        yield show if is_seen else lambda share: None
    finally:
        if is_seen:
            print(CLEAR_LINE, end="", file=sys.stderr, flush=True)


def time_left(elapsed_s: float, share: float) -> str:
    """How long the rest takes at the pace so far."""
    left_s = elapsed_s * (1 - share) / share
    return f"{left_s:.0f} s left" if left_s < 90 else f"{left_s / 60:.0f} min left"
