"""How long the page takes from the command to its first answer, warm, and its memory.

``python benchmarks/page.py``. Every start is a process of its own; the first one, which
fills the system's file cache, does not count. Before the last is stopped it explains a picture.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import matplotlib
from _report import Row, memory_rows, parser, peak_memory_mb, report, use_threads

READY_TARGET_S = 15
GIVE_UP_S = 300
PHOTO = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    options = parser(__doc__.partition("\n")[0], runs=3)
    options.add_argument("--warm-ups", type=int, default=1, help="starts that do not count (default: %(default)s)")
    options.add_argument("--model", metavar="NAME", help="default: the page's own choice")
    chosen = options.parse_args()
    use_threads(chosen.threads)
    more = [] if chosen.model is None else ["--model", chosen.model]
    times = []
    for run in range(-chosen.warm_ups, chosen.runs):
        started = time.perf_counter()
        with page(more, threads=chosen.threads) as url:
            if run >= 0:
                times.append(time.perf_counter() - started)
            if run == chosen.runs - 1:
                explain_a_picture(url)
    rows = [
        Row.of("command to a page that answers 200, warm", times, unit="s", target=READY_TARGET_S),
        *memory_rows("peak memory of the page's process", peak_memory_mb(of_children=True)),
    ]
    report(rows, json_path=chosen.json)


@contextmanager
def page(more: list[str], *, threads: int | None) -> Iterator[str]:
    """The address of a page that answers; it is stopped at the end."""
    port = free_port()
    command = [sys.executable, "-m", "msresnet", "demo", "--host", "127.0.0.1", "--port", str(port), *more]
    environment = os.environ if threads is None else {**os.environ, "OMP_NUM_THREADS": str(threads)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}/"
        wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_for(url: str, process: subprocess.Popen) -> None:
    """Until the page answers 200; exits where it will not."""
    give_up = time.monotonic() + GIVE_UP_S
    while time.monotonic() < give_up:
        if process.poll() is not None:
            sys.exit(f"the page ended with exit code {process.returncode}")
        try:
            with urlopen(url, timeout=GIVE_UP_S) as answer:
                if answer.status == 200:
                    return
        except (URLError, ConnectionError):
            time.sleep(0.05)
    sys.exit(f"the page did not answer within {GIVE_UP_S} s")


def explain_a_picture(url: str) -> None:
    """The default explanation of a photograph, over the API."""
    from gradio_client import Client, handle_file

    Client(url, verbose=False).predict(image=handle_file(str(PHOTO)), api_name="/explain")


if __name__ == "__main__":
    main()
