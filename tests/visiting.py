"""Someone at the page in a real Chromium, for the tests that need one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from msresnet.attribution import METHODS
from msresnet.explain import Session
from msresnet.ledger import Target
from msresnet.ui.words import ENGLISH, Words
from msresnet.ui.words import page as text

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage")
PATIENCE_S = 60  # for a core that does something else
PATIENCE_MS = 1000 * PATIENCE_S
GRADIOS_OWN = "Method not implemented."
# What Gradio's client says of a stream that is still open when its page is left.
LEFT_A_STREAM = ("AbortError", "Connection errored out.")


# Whether the page is ready and its evidence and total are these numbers.
SHOWS = """(expected) => {
  const numbers = selector => [...document.querySelectorAll(selector)].map(element => Number(element.title));
  const shown = [...numbers('#evidence .ms-frame[data-scale] .ms-number'), ...numbers('#ledger .ms-total .ms-number')];
  const status = document.querySelector('#status .ms-status');
  return ['Ready', '就绪'].includes(status?.textContent) && shown.length === expected.length
    && shown.every((value, i) => Math.abs(value - expected[i]) < 1e-4);
}"""

# What may stay open without an end: Gradio's connection that tells it whether somebody is still there, and its
# stream of answers, which its server closes no more in a visit that once lost one in the middle of an answer.
OPEN_ENDED = ("/heartbeat/", "/queue/data")
# Counts from the start of a page what it has asked and has no answer to yet.
COUNT_UNANSWERED = """(() => {
  const fetched = window.fetch, asked = new Set(), answered = new Set();
  let asking = 0;
  window.unanswered = () => asking + [...asked].filter((event) => !answered.has(event)).length;

  async function listen(response) {
    let isClosed = false, rest = '';
    try {
      for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + piece).split('\\n');
        rest = lines.pop();
        for (const line of lines.filter((line) => line.startsWith('data:'))) {
          const {msg, event_id} = JSON.parse(line.slice(5));
          isClosed ||= msg === 'close_stream';
          if (msg === 'process_completed') answered.add(event_id);
        }
      }
    } catch (lost) {
      if (!isClosed) asked.clear();  // nobody will hear these answers
    }
  }

  window.fetch = async (...request) => {
    const address = request[0].url ?? String(request[0]), isQuestion = address.includes('/queue/join');
    asking += isQuestion;
    try {
      const response = await fetched(...request);
      if (isQuestion && response.ok) asked.add((await response.clone().json()).event_id);
      if (address.includes('/queue/data')) listen(response.clone());
      return response;
    } finally {
      asking -= isQuestion;
    }
  };
})()"""
# A few rounds of the page's own event loop, and what was or is unanswered.
ROUNDS = """() => new Promise((done) => {
  const before = window.unanswered();
  let left = 3;
  const round = () => (left-- ? requestAnimationFrame(() => setTimeout(round)) : done(before || window.unanswered()));
  round();
})"""


class Visitor:
    """Someone at the page: what they do, and what they see."""

    def __init__(self, page: "sync_api.Page", address: str, words: Words = ENGLISH) -> None:
        self.page, self.address, self.words = page, address, words
        self.showing: Path | None = None
        self.is_leaving = False
        self.problems: list[str] = []
        self.requests: list[str] = []
        self.awaited: set[sync_api.Request] = set()
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script(COUNT_UNANSWERED)
        page.on("console", self.hear)
        page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        page.on("request", self.see)
        for end in ("requestfinished", "requestfailed"):
            page.on(end, self.hear_end)
        page.on("websocket", lambda socket: self.problems.append(f"a socket to {socket.url}"))

    def hear(self, message: "sync_api.ConsoleMessage") -> None:
        if self.is_leaving and any(end in message.text for end in LEFT_A_STREAM):
            return
        if message.type in ("error", "warning") and message.text != GRADIOS_OWN:
            self.problems.append(f"console {message.type}: {message.text}")

    def see(self, request: "sync_api.Request") -> None:
        self.requests.append(request.url)
        if not any(path in request.url for path in OPEN_ENDED):
            self.awaited.add(request)
        if not request.url.startswith((f"{self.address}/", "data:", "blob:")):
            self.problems.append(f"a request to {request.url}")

    def hear_end(self, request: "sync_api.Request") -> None:
        self.awaited.discard(request)

    def open(self, link: str = "") -> "Visitor":
        """Come, or come again, and see all that stands there at first."""
        self.go(self.address + link)
        self.wait()
        return self

    def go(self, address: str) -> None:
        """To another page, in the middle of whatever this one does."""
        with self.leaving():
            self.page.goto(address)
        self.showing = None

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """Whatever is done here leads to another page, or to the same one anew."""
        self.is_leaving = True
        yield
        self.is_leaving = False

    def leave(self) -> None:
        if self.page.is_closed():
            return
        self.go("about:blank")
        self.page.close()

    def wait(self) -> None:
        """Until everything that was asked for stands there."""
        expect(self.part("status", ".ms-status")).to_have_text(self.words(text.READY))

    def settle(self) -> None:
        """Until the page waits for nobody's answer, and answers have led to no other request."""
        asked, unanswered, until = -1, 0, time.monotonic() + PATIENCE_S
        while self.awaited or unanswered or asked != len(self.requests):
            assert time.monotonic() < until, f"{unanswered} unanswered, {[request.url for request in self.awaited]}"
            asked = len(self.requests)
            unanswered = self.page.evaluate(ROUNDS)

    def part(self, name: str, inside: str = "") -> "sync_api.Locator":
        return self.page.locator(f"#{name} {inside}".strip())

    def said(self, name: str, inside: str = ".prose") -> str:
        return " ".join(self.part(name, inside).first.inner_text().split())

    def upload(self, path: Path) -> None:
        """Choose a file, whatever is there."""
        self.part("image-input", "input[type=file]").set_input_files(path)
        self.showing = path

    def see_answer(self, model, path: Path, target: Target | None = None) -> None:
        """Until the page shows all about this file and target."""
        self.see_numbers(evidence_and_total(model, path, target))

    def see_numbers(self, numbers: list[float]) -> None:
        """Until the page is ready, and its evidence and total are these."""
        self.page.wait_for_function(SHOWS, arg=numbers, polling=200)

    def explain(self, model, path: Path) -> None:
        """See to it that a picture is explained, whatever class of it."""
        self.page.bring_to_front()  # a page behind another one draws once a second
        if self.showing != path:
            self.upload(path)
            self.see_answer(model, path)

    def explain_best(self, model, path: Path) -> None:
        """See to it that the most probable class of a picture is explained.

        What is explained already is not asked again: its answer could not be told from the one that is there.
        """
        self.explain(model, path)
        numbers = evidence_and_total(model, path)
        if not self.page.evaluate(SHOWS, numbers):
            self.part("top-k", ".ms-class").first.click()
            self.see_numbers(numbers)

    def unfold(self, name: str, *, is_open: bool = True) -> None:
        """See to it that a fold is open, or closed."""
        if self.part(name, "details").first.evaluate("fold => fold.open") != is_open:
            self.part(name, "summary").first.click()

    def clear(self) -> None:
        self.part("image-input", ":is([aria-label='Remove Image'], [aria-label='移除图片'])").click()
        self.showing = None

    def choose(self, picker: str, option: str) -> None:
        """Pick an option of one of the drop-down lists."""
        self.part(picker, "input").click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def choose_method(self, method: str) -> None:
        """Pick a method and wait for its maps; what was asked before stands there first."""
        self.settle()
        self.choose("method-picker", METHODS[method].title)
        expect(self.part("attributions")).to_contain_text(METHODS[method].promise)
        self.settle()
        self.wait()

    def chosen(self, picker: str) -> str:
        return self.part(picker, "input").input_value()

    def numbers(self) -> list[float]:
        """Of the ledger: a number per scale, the bias, the total."""
        return [float(one.replace("−", "-")) for one in self.part("ledger", ".ms-number").all_inner_texts()]


def evidence_and_total(model, path: Path, target: Target | None = None) -> list[float]:
    """What each scale adds to a target, by default the most probable class, and the sum of it."""
    session = Session(model, path)
    reading = session.ledger.read(target or session.target())
    return [*reading.contributions, reading.total]
