"""One server and one browser for all tests of this folder.

Playwright is imported where it is needed: without it the tests here are skipped one file at a time, and a
``conftest.py`` cannot be. The browser is closed behind the last of them, because its event loop would be in
the way of other tests.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw
from serving import served
from tiny import tiny

from msresnet.checkpoint import load_model, save_checkpoint
from msresnet.classes import imagenet_classes
from msresnet.ui.page import Page
from msresnet.ui.words import ENGLISH, Words

NAME = "tiny"
SIDES = (48, 64, 96)


@pytest.fixture(scope="package")
def folder(tmp_path_factory) -> Iterator[Path]:
    """Uploads go here, and so do the pictures of these tests."""
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "uploads"))
        yield folder


@pytest.fixture(scope="package")
def model(folder):
    labels = tuple(imagenet_classes().values())[:20]
    save_checkpoint(tiny(sides=SIDES, base_side=64, width=16, classes=labels), folder / "model", name=NAME)
    return load_model(folder / "model", device="cpu")


@pytest.fixture(scope="package")
def server(model) -> Page:
    """The page's Python side."""
    return Page(model, NAME)


@pytest.fixture(scope="package")
def address(server) -> Iterator[str]:
    with served(server.build()) as address:
        yield address


@pytest.fixture(scope="package")
def browser(chromium_path, address):
    from visiting import FLAGS, PATIENCE_MS, expect, sync_api

    expect.set_options(timeout=PATIENCE_MS)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def visitor(browser, address):
    """The one who is at the page for most of these tests."""
    from visiting import Visitor

    context = browser.new_context(viewport={"width": 1280, "height": 900})
    visitor = Visitor(context.new_page(), address).open()
    yield visitor
    visitor.leave()
    context.close()


@pytest.fixture(autouse=True)
def without_problems(request) -> Iterator[None]:
    """No error in the console or on the page, no request to anyone else: in every test."""
    yield
    if "visitor" in request.fixturenames:
        visitor = request.getfixturevalue("visitor")
        problems, visitor.problems = visitor.problems, []
        assert problems == []


@pytest.fixture(scope="package")
def phone(browser, address):
    """Someone with a small, dark screen."""
    from visiting import Visitor

    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    phone = Visitor(context.new_page(), address).open()
    yield phone
    phone.leave()
    context.close()


@pytest.fixture(scope="package")
def unused() -> defaultdict[str, list]:
    """Browsers that nobody uses any more, by their options: they have the page's files, which take long to read."""
    return defaultdict(list)


@pytest.fixture
def arrive(browser, address, unused) -> Iterator[Callable]:
    """A new visitor with a browser that remembers nobody; afterwards none of them had a problem."""
    from visiting import Visitor

    came = []

    def arrive(words: Words = ENGLISH, **options) -> Visitor:
        usual = {"viewport": {"width": 1280, "height": 900}, "locale": words.tag, "reduced_motion": "reduce"}
        options = usual | options
        free = unused[json.dumps(options, sort_keys=True)]
        context = free.pop() if free else browser.new_context(**options)
        page = context.new_page()
        remembered = {"origin": address, "storageTypes": "cookies,indexeddb,local_storage"}
        context.new_cdp_session(page).send("Storage.clearDataForOrigin", remembered)
        came.append((free, Visitor(page, address, words)))
        return came[-1][1].open()

    yield arrive
    for free, visitor in came:
        visitor.leave()
        free.append(visitor.page.context)
    assert [problem for _, visitor in came for problem in visitor.problems] == []


@pytest.fixture(scope="package")
def photo() -> Path:
    """A photograph that a dependency ships."""
    return Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


@pytest.fixture(scope="package")
def drawing(folder) -> Path:
    """A picture that looks like nothing else here."""
    picture = Image.new("RGB", (160, 120), (240, 220, 40))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((10, 30, 70, 90), fill=(200, 20, 30))
    draw.rectangle((100, 10, 150, 110), fill=(20, 40, 200))
    path = folder / "drawing.png"
    picture.save(path)
    return path


@pytest.fixture(scope="package")
def dots(folder) -> Path:
    """Noise, which looks like neither."""
    path = folder / "dots.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)).save(path)
    return path
