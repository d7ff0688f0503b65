"""What all benchmarks share: the options, the machine, a median with its interval, the table."""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

try:
    import resource
except ImportError:  # Windows
    resource = None

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        what: in words.
        value: the median of the runs.
        low, high: its 95 % interval; equal to it for a single run.
        unit: empty for a ratio.
        target: the largest value that is good enough.
        runs: how many were measured.
    """

    what: str
    value: float
    low: float
    high: float
    unit: str
    target: float
    runs: int

    @classmethod
    def of(cls, what: str, values: Sequence[float], *, unit: str = "", target: float) -> "Row":
        """The median of ``values``, and the interval of the median by 2,000 bootstrap samples."""
        samples = np.random.default_rng(0).choice(values, (2000, len(values)))
        low, high = np.percentile(np.median(samples, axis=1), [2.5, 97.5])
        return cls(what, float(np.median(values)), float(low), float(high), unit, target, len(values))


def parser(description: str, *, runs: int) -> argparse.ArgumentParser:
    """The options that every benchmark takes."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--runs", type=int, default=runs, help="measured runs (default: %(default)s)")
    made.add_argument("--threads", type=int, help="threads of torch (default: torch's own choice)")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return made


def add_clock(options: argparse.ArgumentParser) -> None:
    """The option of what time is."""
    options.add_argument(
        "--clock", choices=CLOCKS, default="wall", help="cpu counts processor time: for a machine with other work"
    )


def use_threads(count: int | None) -> None:
    """Let torch use ``count`` threads."""
    if count is not None:
        torch.set_num_threads(count)


def seconds(work: Callable[[], object], *, clock: str = "wall") -> float:
    """How long ``work`` takes by a clock of ``CLOCKS``."""
    now = CLOCKS[clock]
    started = now()
    work()
    return now() - started


def peak_memory_mb(*, of_children: bool = False) -> float | None:
    """Largest resident memory so far, of this process or of its largest finished child, in 10⁶ bytes."""
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_CHILDREN if of_children else resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def memory_rows(what: str, peak_mb: float | None) -> list[Row]:
    """The row of a peak of memory; none where this system does not tell."""
    return [] if peak_mb is None else [Row.of(what, [peak_mb], unit="MB", target=1500)]


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cpus": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def report(rows: Sequence[Row], *, json_path: Path | None) -> None:
    """Print the figures as a Markdown table under a line on the machine, and write them where asked."""
    here = machine()
    print(", ".join(f"{key} {value}" for key, value in here.items()))
    print("\n| what | median | 95 % interval | target | runs |\n|---|---:|---|---:|---:|")
    for row in rows:
        unit = f" {row.unit}" if row.unit else ""
        interval = f"{number(row.low)} to {number(row.high)}" if row.runs > 1 else "one run"
        target = f"≤ {number(row.target)}{unit}"
        print(f"| {row.what} | {number(row.value)}{unit} | {interval} | {target} | {row.runs} |")
    if json_path is not None:
        content = {"machine": here, "figures": [asdict(row) for row in rows]}
        json_path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def number(value: float) -> str:
    """Three digits or so: 0.123, 1.07, 12.3, 298."""
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{decimals}f}"
