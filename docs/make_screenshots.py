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

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from msresnet.ui import build, launch_options

IMAGES = Path(__file__).resolve().parent / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SIZES = {"": (1440, 900), "-phone": (390, 844)}  # px of the page
PIXEL_RATIO = 2
THEMES = {"": "light", "-dark": "dark"}
COLOURS = 256  # of a palette: a third of the bytes
FREQUENT = 64  # of them are kept as they are: paper, ink, frames
PATIENCE_MS = 120_000
IS_READY = """() => {
  const status = document.querySelector('#status .ms-status');
  return status && (status.innerText.trim() === 'Ready' || status.classList.contains('ms-error'));
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
    page.evaluate("document.querySelector('#attributions').closest('.ms-section').scrollIntoView()")


def error(page: Page) -> None:
    """A file that is no picture."""
    page.locator("#image-input input[type=file]").first.set_input_files(
        {"name": "holiday.jpg", "mimeType": "image/jpeg", "buffer": b"This is a letter, not a photograph."}
    )
    page.wait_for_selector("#status .ms-error", timeout=PATIENCE_MS)
    settle(page)


STATES: dict[str, Callable[[Page], None]] = {
    "": greeting,
    "-class": another_class,
    "-integrated-gradients": integrated_gradients,
    "-error": error,
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--model", metavar="NAME", help="default: the page's own choice")
    options.add_argument("--out", type=Path, default=IMAGES, help="a folder (default: docs/images)")
    options.add_argument("--only", metavar="NAME", help="take this picture alone, such as page-phone-dark")
    chosen = options.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    with served(chosen.model) as url, sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, BROWSERS)), None)  # otherwise Playwright's own
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if is_root() else [])
        for state, act in STATES.items():
            for width, size in SIZES.items():
                for mode, theme in THEMES.items():
                    name = f"page{state}{width}{mode}"
                    if chosen.only in (None, name):
                        take(browser, url, act, size=size, theme=theme, path=chosen.out / f"{name}.png")
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
    browser: Browser, url: str, act: Callable[[Page], None], *, size: tuple[int, int], theme: str, path: Path
) -> None:
    """One picture: open, act, wait until nothing changes, shoot."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,
        device_scale_factor=PIXEL_RATIO,
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
