"""Screenshots of the real page, as ``docs/images/page*.png``.

``python docs/make_screenshots.py``. Serves the page with the default model, opens it in
Chromium at two widths, light and dark, and takes a picture of every state.
"""

import argparse
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from msresnet.ui import build, launch_options
from msresnet.ui.examples import Kind, examples

IMAGES = Path(__file__).resolve().parent / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SIZES = {"": (1440, 900), "-phone": (390, 844)}  # px of the page
PIXEL_RATIO = 2  # of the greeting, which the README shows; the other states are looked at, not shown
THEMES = {"": "light", "-dark": "dark"}
COLOURS = 256  # of a palette: a third of the bytes
FREQUENT = 64  # of them are kept as they are: paper, ink, frames
PATIENCE_MS = 120_000
IS_READY = """() => {
  const status = document.querySelector('#status .ms-status');
  return status && (['Ready', '就绪'].includes(status.innerText.trim()) || status.classList.contains('ms-error'));
}"""


def greeting(page: Page) -> None:
    """The explained example that meets a visitor."""


def another_class(page: Page) -> None:
    """The second of the top-k is explained."""
    page.locator("#top-k [data-class]").nth(1).click()
    page.wait_for_selector("#top-k [data-class]:nth-of-type(2)[aria-pressed=true]", timeout=PATIENCE_MS)
    settle(page)


def integrated_gradients(page: Page) -> None:
    """Another attribution method, scrolled to."""
    page.locator("#method-picker input").click()
    page.get_by_role("option", name="Integrated Gradients", exact=True).click()
    page.get_by_text("Its maps add up to").wait_for(timeout=PATIENCE_MS)
    settle(page)
    scroll_to(page, "#attributions")


def error(page: Page) -> None:
    """A file that is no picture."""
    page.locator("#image-input input[type=file]").first.set_input_files(
        {"name": "holiday.jpg", "mimeType": "image/jpeg", "buffer": b"This is a letter, not a photograph."}
    )
    page.wait_for_selector("#status .ms-error", timeout=PATIENCE_MS)
    settle(page)


def chinese(page: Page) -> None:
    """The greeting in the page's other language."""
    page.locator("[data-language=zh]").click()
    page.get_by_text("哪个尺度这样认为").wait_for(timeout=PATIENCE_MS)
    settle(page)


def tour(page: Page) -> None:
    """The tour, at the ledger."""
    page.keyboard.press("t")
    for _ in range(4):
        page.keyboard.press("ArrowRight")


def keyboard(page: Page) -> None:
    """The help on keys."""
    page.keyboard.press("?")


def enlarged(page: Page) -> None:
    """A map, enlarged, half covered."""
    page.locator("[data-slider=wipe]").fill("50")
    page.locator("#evidence [data-enlarge]").nth(1).click()


def empty(page: Page) -> None:
    """Without a picture."""
    page.locator("[aria-label='Remove Image']").click()
    page.wait_for_selector("#answer .ms-empty", timeout=PATIENCE_MS)


def digits(page: Page) -> None:
    """The model of digits, and a small one of them."""
    page.locator("#model-picker input").click()
    page.get_by_role("option", name="msresnet-mnist", exact=True).click()
    page.get_by_text("knows 10 things").wait_for(timeout=PATIENCE_MS)
    settle(page)
    page.locator("[data-example=digit-small-5]").click()
    page.locator("#answer .ms-sentence em", has_text="5").wait_for(timeout=PATIENCE_MS)
    settle(page)


def what_if(page: Page) -> None:
    """A scale switched off, and the game of the scales unfolded."""
    page.locator(".ms-game > summary").click()
    page.locator(".ms-what-if > summary").click()
    page.locator("[data-switch='2'] input[type=checkbox]").uncheck()
    page.locator("#answer strong").wait_for(timeout=PATIENCE_MS)
    page.locator("#recomputed .ms-amount").first.wait_for(timeout=PATIENCE_MS)
    settle(page)


def zoom(page: Page) -> None:
    """The answer from a quarter to twice the size."""
    page.locator("#zoom-ask").click()
    page.locator("#zoom-response .ms-panel-finding").wait_for(timeout=PATIENCE_MS)
    scroll_to(page, "#zoom-response")


def pair(page: Page) -> None:
    """Two examples side by side."""
    page.locator("#pair-pin").click()
    page.locator("#pair-image img").wait_for(timeout=PATIENCE_MS)
    page.locator("[data-example=small-orange]").click()
    page.locator("#pair .ms-pair-strips").wait_for(timeout=PATIENCE_MS)
    settle(page)
    scroll_to(page, "#pair")


def point(page: Page) -> None:
    """What the model sees at one point."""
    page.locator("#point summary").first.click()
    page.locator("#point .ms-stage").click(position={"x": 120, "y": 130})
    page.locator("#point-answer .ms-point-stages").wait_for(timeout=PATIENCE_MS)
    scroll_to(page, "#point")


def brush(page: Page) -> None:
    """A part of the picture covered."""
    page.locator("#brush summary").first.click()
    canvas = page.locator("#brush canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 80, box["y"] + 90)
    page.mouse.down()
    page.mouse.move(box["x"] + 190, box["y"] + 150, steps=8)
    page.mouse.up()
    page.locator("#brush-answer .ms-change").first.wait_for(timeout=PATIENCE_MS)
    scroll_to(page, "#brush")


def trust(page: Page) -> None:
    """The checks of one method."""
    page.locator("[data-check]").last.click()
    page.locator("#trust table.ms-trust").wait_for(timeout=PATIENCE_MS)
    settle(page)
    scroll_to(page, "#trust")


def batch(page: Page) -> None:
    """Six pictures at once."""
    page.locator("#batch > button").click()
    with TemporaryDirectory() as folder:
        files = [example.save(Path(folder)) for example in examples() if example.kind is Kind.THINGS]
        page.locator("#batch-input input[type=file]").set_input_files(files)
        page.locator("#batch-gallery .ms-finding").nth(len(files) - 1).wait_for(timeout=PATIENCE_MS)
    scroll_to(page, "#batch")


def programs(page: Page) -> None:
    """How programs ask."""
    page.locator("#programs > button").click()
    page.locator("#programs .ms-code").first.wait_for(timeout=PATIENCE_MS)
    scroll_to(page, "#programs")


STATES: dict[str, Callable[[Page], None]] = {
    "": greeting,
    "-class": another_class,
    "-integrated-gradients": integrated_gradients,
    "-error": error,
    "-zh": chinese,
    "-tour": tour,
    "-help": keyboard,
    "-map": enlarged,
    "-empty": empty,
    "-digits": digits,
    "-what-if": what_if,
    "-zoom": zoom,
    "-pair": pair,
    "-point": point,
    "-brush": brush,
    "-trust": trust,
    "-batch": batch,
    "-programs": programs,
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--model", metavar="NAME", help="default: the page's own choice")
    options.add_argument("--out", type=Path, default=IMAGES, help="a folder (default: docs/images)")
    options.add_argument("--state", choices=STATES, metavar="STATE", help="take this state alone, such as -tour")
    options.add_argument("--only", metavar="NAME", help="take this picture alone, such as page-phone-dark")
    chosen = options.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    with served(chosen.model) as url, sync_playwright() as playwright:
        found = next(filter(None, map(shutil.which, BROWSERS)), None)  # otherwise Playwright's own
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"] if is_root() else [])
        for state, act in STATES.items():
            for width, size in SIZES.items():
                for mode, theme in THEMES.items():
                    name = f"page{state}{width}{mode}"
                    if chosen.only in (None, name) and chosen.state in (None, state):
                        ratio = PIXEL_RATIO if act is greeting else 1
                        path = chosen.out / f"{name}.png"
                        take(browser, url, act, size=size, theme=theme, ratio=ratio, path=path)
        browser.close()


@contextmanager
def served(model: str | None) -> Iterator[str]:
    """The address of the page, as long as the context lasts."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]  # Gradio takes no port 0
    page = build(model)
    _, url, _ = page.launch(
        prevent_thread_lock=True, server_name="127.0.0.1", server_port=port, quiet=True, **launch_options()
    )
    try:
        yield url
    finally:
        page.close(verbose=False)


def is_root() -> bool:
    """Whether this is a container's root, whom Chromium gives no sandbox."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def take(
    browser: Browser,
    url: str,
    act: Callable[[Page], None],
    *,
    size: tuple[int, int],
    theme: str,
    ratio: int,
    path: Path,
) -> None:
    """One picture: open, act, wait until nothing changes, shoot."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,
        device_scale_factor=ratio,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(f"{url}?__theme={theme}")
    page.wait_for_selector("#ledger .ms-total", timeout=PATIENCE_MS)
    settle(page)
    act(page)
    page.wait_for_timeout(500)  # pictures that are still being decoded
    path.write_bytes(small_png(page.screenshot()))
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
    context.close()


def settle(page: Page) -> None:
    """Until the page says that it is done, or why it is not."""
    page.wait_for_timeout(400)
    page.wait_for_function(IS_READY, timeout=PATIENCE_MS)


def scroll_to(page: Page, part: str) -> None:
    """The part's section to the top."""
    page.evaluate("part => document.querySelector(part).closest('.ms-section').scrollIntoView()", part)


def small_png(png: bytes) -> bytes:
    """The same picture with a palette.

    The palette is that of the most frequent colours and of all others that differ, however
    rare they are: by area alone, the scales' colours would melt into one.
    """
    picture = Image.open(BytesIO(png)).convert("RGB")
    counted = sorted(picture.getcolors(picture.width * picture.height), reverse=True)
    frequent = [colour for _, colour in counted[:FREQUENT]]
    different = {tuple(value // 8 for value in colour): colour for _, colour in counted}
    row = Image.new("RGB", (len(different), 1))
    row.putdata(list(different.values()))
    rest = row.quantize(COLOURS - FREQUENT, kmeans=3).getpalette()
    palette = Image.new("P", (1, 1))
    palette.putpalette([value for colour in frequent for value in colour] + rest[: 3 * (COLOURS - FREQUENT)])
    stream = BytesIO()
    picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(stream, "PNG", optimize=True)
    return stream.getvalue()


if __name__ == "__main__":
    main()
