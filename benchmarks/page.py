"""How long the page takes from the command to its first answer, warm, and its memory.

``python benchmarks/page.py``. Every start is a process of its own; the first one, which
fills the system's file cache, does not count. Before the last is stopped a browser visits it,
every time with an empty cache, and it explains a picture. Without Playwright and a Chromium
the visits are left out.
"""

import os
import shutil
import socket
import statistics
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
PAINT_TARGET_S = 2  # of the explained example, once the server is up
INTERACTIVE_TARGET_S = 4
WEIGHT_TARGET_MB = 3
SWITCH_TARGET_S = 0.1
CLASS_TARGET_S = 2
GIVE_UP_S = 300
PHOTO = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# When the example was painted, and when the browser's thread had last been busy for more than 50 ms before it
# had been free for two seconds: then a click is answered at once.
WATCH = """
window.busyUntil = 0;
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.busyUntil = task.startTime + task.duration;
}).observe({type: 'longtask', buffered: true});
(function look() {
  const total = document.querySelector('#ledger .ms-total');
  if (total?.checkVisibility({opacityProperty: true, visibilityProperty: true}) && total.getBoundingClientRect().height)
    requestAnimationFrame(() => { window.paintedAt = performance.now(); });
  else requestAnimationFrame(look);
})();
"""
# Milliseconds from a click on a scale's switch to the frame that shows another total, off and on again.
SWITCH = """
async () => {
  const total = () => document.querySelector('#ledger .ms-total').textContent;
  const box = document.querySelector('#scale-switches [data-switch="1"] [type=checkbox]');
  const found = [];
  for (let i = 0; i < 6; i++) {
    const before = total(), started = performance.now();
    box.click();
    while (total() === before) await new Promise(requestAnimationFrame);
    found.push(performance.now() - started);
    await new Promise((done) => setTimeout(done, 500));
  }
  return found;
}
"""
# The same from a click on another class, the second and the first in turn, to a page that has all about it.
CLASS = """
async () => {
  const shows = (place) => document.querySelectorAll('#top-k .ms-class')[place].ariaPressed === 'true'
    && document.querySelector('#status .ms-status').textContent === 'Ready';
  const found = [];
  for (const place of [1, 0, 1, 0]) {
    const started = performance.now();
    document.querySelectorAll('#top-k .ms-class')[place].click();
    while (!shows(place)) await new Promise(requestAnimationFrame);
    found.push(performance.now() - started);
    await new Promise((done) => setTimeout(done, 500));
  }
  return found;
}
"""
IS_FREE = "() => window.paintedAt && performance.now() - Math.max(window.busyUntil, window.paintedAt) > 2000"
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
                seen = visits(url, chosen.runs)
                explain_a_picture(url)
    rows = [
        Row.of("command to a page that answers 200, warm", times, unit="s", target=READY_TARGET_S),
        *seen,
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


def visits(url: str, count: int) -> list[Row]:
    """What a browser with an empty cache sees; nothing where there is no browser."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        browser_path = None
    if browser_path is None:
        print("No Playwright or no Chromium: the visits are left out.", file=sys.stderr)
        return []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        seen = [visit(browser, url) for _ in range(count)]
        browser.close()
    painted, interactive, megabytes, requests, switched, chosen = zip(*seen, strict=True)
    return [
        Row.of("visit to the painted example, empty cache", painted, unit="s", target=PAINT_TARGET_S),
        Row.of("visit to a page that answers a click at once", interactive, unit="s", target=INTERACTIVE_TARGET_S),
        Row.of("page weight, as it travels", megabytes, unit="MB", target=WEIGHT_TARGET_MB),
        Row.of("requests of a visit", requests, target=250),
        Row.of("click on a scale's switch to the new ledger", switched, unit="s", target=SWITCH_TARGET_S),
        Row.of("click on another class to all about it", chosen, unit="s", target=CLASS_TARGET_S),
    ]


def visit(browser, url: str) -> tuple[float, float, float, int, float, float]:
    """Seconds to the painted example and to a free page, 10⁶ bytes that travelled, requests, seconds of two clicks."""
    context = browser.new_context()
    page = context.new_page()
    sizes: list[float] = []
    listener = context.new_cdp_session(page)
    listener.send("Network.enable")
    listener.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.add_init_script(WATCH)
    page.goto(url)
    page.wait_for_function(IS_FREE, timeout=1000 * GIVE_UP_S)
    painted, interactive = page.evaluate("[window.paintedAt, Math.max(window.paintedAt, window.busyUntil)]")
    weight, requests = sum(sizes) / 1e6, len(sizes)
    switched, chosen = (statistics.median(page.evaluate(script)) for script in (SWITCH, CLASS))
    context.close()
    return painted / 1000, interactive / 1000, weight, requests, switched / 1000, chosen / 1000


def explain_a_picture(url: str) -> None:
    """The default explanation of a photograph, over the API."""
    from gradio_client import Client, handle_file

    Client(url, verbose=False).predict(image=handle_file(str(PHOTO)), api_name="/explain")


if __name__ == "__main__":
    main()
