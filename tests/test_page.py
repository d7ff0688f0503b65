"""The page in a real Chromium: what a visitor does, and what then stands there.

Only final states are looked at. One server and one browser serve the whole module; the
page is watched throughout for errors and for requests that leave this machine.
"""

import base64
import io
import queue
import re
import threading
from collections.abc import Iterator
from html import unescape
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw
from serving import ignore_gradios_own, served
from tiny import tiny

from msresnet.attribution import METHODS
from msresnet.checkpoint import load_model, save_checkpoint
from msresnet.classes import imagenet_classes
from msresnet.errors import Cancelled
from msresnet.explain import Session
from msresnet.images import read_image
from msresnet.ledger import Target
from msresnet.probes import Switches, switched
from msresnet.ui import text
from msresnet.ui.answer import sentence
from msresnet.ui.maps import attribution_html
from msresnet.ui.page import Page

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect

pytestmark = [pytest.mark.browser, ignore_gradios_own]

NAME = "tiny"
SIDES = (48, 64, 96)
PARTS = (
    "image-input", "model-picker", "top-k", "class-picker", "ledger",
    "evidence", "feature-maps", "method-picker", "attributions", "status",
)  # fmt: skip
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage")
PATIENCE_S = 60  # for a core that does something else
PATIENCE_MS = 1000 * PATIENCE_S
GRADIOS_OWN = "Method not implemented."


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Iterator[Path]:
    """Uploads go here, and so do the pictures of these tests."""
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "uploads"))
        yield folder


@pytest.fixture(scope="module")
def model(folder):
    labels = tuple(imagenet_classes().values())[:20]
    save_checkpoint(tiny(sides=SIDES, base_side=64, width=16, classes=labels), folder / "model", name=NAME)
    return load_model(folder / "model", device="cpu")


@pytest.fixture(scope="module")
def server(model) -> Page:
    """The page's Python side."""
    return Page(model, NAME)


@pytest.fixture(scope="module")
def address(server) -> Iterator[str]:
    with served(server.build()) as address:
        yield address


@pytest.fixture(scope="module")
def browser(chromium_path, address) -> Iterator["sync_api.Browser"]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=list(FLAGS))
        yield browser
        browser.close()


# Whether the page is ready and its evidence and total are these numbers.
SHOWS = """(expected) => {
  const numbers = selector => [...document.querySelectorAll(selector)].map(element => Number(element.title));
  const shown = [...numbers('#evidence .ms-frame[data-scale] .ms-number'), ...numbers('#ledger .ms-total .ms-number')];
  const status = document.querySelector('#status .ms-status');
  return status?.textContent === 'Ready' && shown.length === expected.length
    && shown.every((value, i) => Math.abs(value - expected[i]) < 1e-4);
}"""


class Visitor:
    """Someone at the page: what they do, and what they see."""

    def __init__(self, page: "sync_api.Page", address: str) -> None:
        self.page, self.address = page, address
        self.showing: Path | None = None
        self.problems: list[str] = []
        self.requests: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self.hear)
        page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        page.on("request", self.see)
        page.on("websocket", lambda socket: self.problems.append(f"a socket to {socket.url}"))

    def hear(self, message: "sync_api.ConsoleMessage") -> None:
        if message.type in ("error", "warning") and message.text != GRADIOS_OWN:
            self.problems.append(f"console {message.type}: {message.text}")

    def see(self, request: "sync_api.Request") -> None:
        self.requests.append(request.url)
        if not request.url.startswith((f"{self.address}/", "data:", "blob:")):
            self.problems.append(f"a request to {request.url}")

    def open(self) -> "Visitor":
        self.page.goto(self.address)
        self.wait()
        return self

    def wait(self) -> None:
        """Until everything that was asked for stands there."""
        expect(self.part("status", ".ms-status")).to_have_text(text.READY)

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
        session = Session(model, path)
        reading = session.ledger.read(target or session.target())
        self.page.wait_for_function(SHOWS, arg=[*reading.contributions, reading.total], polling=200)

    def explain(self, model, path: Path) -> None:
        """See to it that a picture is explained, whatever class of it."""
        self.page.bring_to_front()  # a page behind another one draws once a second
        if self.showing != path:
            self.upload(path)
            self.see_answer(model, path)

    def explain_best(self, model, path: Path) -> None:
        """See to it that the most probable class of a picture is explained."""
        self.explain(model, path)
        self.part("top-k", ".ms-class").first.click()
        self.see_answer(model, path)

    def clear(self) -> None:
        self.part("image-input", "[aria-label='Remove Image']").click()
        self.showing = None

    def choose(self, picker: str, option: str) -> None:
        """Pick an option of one of the drop-down lists."""
        self.part(picker, "input").click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def choose_method(self, method: str) -> None:
        """Pick a method and wait for its maps."""
        self.choose("method-picker", METHODS[method].title)
        expect(self.part("attributions")).to_contain_text(METHODS[method].promise)
        self.wait()

    def chosen(self, picker: str) -> str:
        return self.part(picker, "input").input_value()

    def numbers(self) -> list[float]:
        """Of the ledger: a number per scale, the bias, the total."""
        return [float(one.replace("−", "-")) for one in self.part("ledger", ".ms-number").all_inner_texts()]


@pytest.fixture(scope="module")
def context(browser) -> Iterator["sync_api.BrowserContext"]:
    """One cache for all pages, so that the second one opens soon."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()


@pytest.fixture(scope="module")
def visitor(context, address) -> Visitor:
    """The one who is at the page for most of the module."""
    return Visitor(context.new_page(), address).open()


@pytest.fixture(autouse=True)
def without_problems(request) -> Iterator[None]:
    """No error in the console or on the page, no request to anyone else: in every test."""
    yield
    if "visitor" in request.fixturenames:
        visitor = request.getfixturevalue("visitor")
        problems, visitor.problems = visitor.problems, []
        assert problems == []


@pytest.fixture(scope="module")
def photo() -> Path:
    """A photograph that a dependency ships."""
    return Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


@pytest.fixture(scope="module")
def drawing(folder) -> Path:
    """A picture that looks like nothing else here."""
    picture = Image.new("RGB", (160, 120), (240, 220, 40))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((10, 30, 70, 90), fill=(200, 20, 30))
    draw.rectangle((100, 10, 150, 110), fill=(20, 40, 200))
    path = folder / "drawing.png"
    picture.save(path)
    return path


def words(html: str) -> str:
    """The text of a piece of HTML, as the browser gives it."""
    return " ".join(unescape(re.sub(r"<[^>]*>", "", html)).split())


# What is expected is computed here, in Python, for the very file that the page was given.


def assert_answers(visitor: Visitor, model, path: Path, target: Target | None = None) -> None:
    """The page comes to show the answer for this file and target, and no other."""
    visitor.see_answer(model, path, target)
    session = Session(model, path)
    target = target or session.target()
    answer, reading = session.answer(target), session.ledger.read(target)
    assert visitor.said("answer", ".ms-sentence") == words(sentence(answer, target))
    labels = visitor.part("top-k", ".ms-class-name").all_inner_texts()
    assert labels == [entry.label for entry in answer.top_k]
    assert visitor.numbers() == pytest.approx([*reading.contributions, reading.bias, reading.total], abs=0.0101)
    assert visitor.chosen("class-picker") == model.classes[target.index]
    other = text.AVERAGE_CLASS if target.against is None else model.classes[target.against]
    assert visitor.chosen("against-picker") == other


def assert_attributes(visitor: Visitor, model, path: Path, method: str, target: Target | None = None) -> None:
    """The attributions are this method's, for this file and target: the same pictures, up to rounding."""
    session = Session(model, path)
    target = target or session.target()
    html = attribution_html(session.attribution(method, target), session.answer(target), session.pictures())
    assert METHODS[method].promise in visitor.said("attributions")
    assert visitor.part("attributions", ".ms-frame[data-scale]").count() == len(SIDES)
    drawn = visitor.part("attributions", ".ms-over").evaluate_all("all => all.map(element => element.src)")
    expected = re.findall(r'class="ms-over" alt="" src="([^"]*)"', html)
    for one, other in zip(map(pixels, drawn), map(pixels, expected), strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other).mean() < 0.5  # of 255


def pixels(data_uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data_uri.split(",")[1]))), dtype=float)


# a. One picture, looked at from all sides.


def test_an_explained_example_greets(visitor, server, model):
    example = next(iter(server.shown.values()))
    assert_answers(visitor, model, server.example_file(example))
    for name in PARTS:
        expect(visitor.part(name)).to_have_count(1)
        expect(visitor.part(name)).to_be_visible()
    assert visitor.part("attributions", ".ms-frame[data-scale]").count() == len(SIDES)


def test_a_photo_is_explained(visitor, model, photo):
    visitor.explain(model, photo)
    assert_answers(visitor, model, photo)
    assert_attributes(visitor, model, photo, "grad-cam")
    *parts, total = visitor.numbers()
    assert sum(parts) == pytest.approx(total, abs=1e-9)  # as it is shown
    assert [words(name) for name in visitor.part("ledger", ".ms-entry-name").all_inner_texts()] == [
        *(f"{side} px" for side in SIDES), "bias", "= total",
    ]  # fmt: skip
    assert visitor.part("evidence", ".ms-frame[data-scale]").count() == len(SIDES)
    assert visitor.said("evidence", ".ms-unit") == "logits"
    ticks = visitor.part("evidence", ".ms-ticks span").all_inner_texts()
    assert "0" in ticks and len(ticks) >= 3


def test_every_stage_and_scale_has_its_feature_maps(visitor, model, photo):
    visitor.explain(model, photo)
    for stage in range(4):
        visitor.part("feature-maps", f"label[for=ms-stage-{stage}]").click()
        panel = f"[data-stage='{stage}']"
        expect(visitor.part("feature-maps", panel)).to_be_visible()
        assert visitor.part("feature-maps", ".ms-stage-panel:visible").count() == 1
        names = visitor.part("feature-maps", f"{panel} .ms-tiles-name").all_inner_texts()
        assert [name.split(" px")[0].strip() for name in names] == [str(side) for side in SIDES]
        rows = visitor.part("feature-maps", f"{panel} .ms-tiles")
        assert rows.evaluate_all("rows => rows.map(row => row.querySelectorAll('img').length)") == [10, 10, 10]


def test_a_feature_map_is_enlarged(visitor, model, photo):
    visitor.explain(model, photo)
    visitor.part("feature-maps", "label[for=ms-stage-3]").click()
    tile = visitor.part("feature-maps", "[data-stage='3'] .ms-tile").first
    tile.click()
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog).to_contain_text("stage 4, 48 px, channel")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    expect(tile).to_be_focused()


def test_a_click_in_the_top_k_changes_the_class(visitor, model, photo):
    visitor.explain(model, photo)
    third = Session(model, photo).ledger.top_k(3)[2]
    visitor.part("top-k", ".ms-class").nth(2).click()
    assert_answers(visitor, model, photo, Target(third.index))
    assert_attributes(visitor, model, photo, "grad-cam", Target(third.index))
    pressed = visitor.part("top-k", ".ms-class[aria-pressed=true] .ms-class-name").all_inner_texts()
    assert pressed == [third.label]


def test_the_pickers_change_the_class_and_what_it_is_compared_with(visitor, model, photo):
    visitor.explain(model, photo)
    last = len(model.classes) - 1
    visitor.choose("class-picker", model.classes[last])
    assert_answers(visitor, model, photo, Target(last))
    visitor.choose("against-picker", model.classes[0])
    assert_answers(visitor, model, photo, Target(last, 0))
    assert f"above {model.classes[0]}" in visitor.said("ledger", ".ms-note")
    visitor.choose("against-picker", text.AVERAGE_CLASS)
    assert_answers(visitor, model, photo, Target(last))


def test_integrated_gradients_show_what_is_left_over(visitor, model, photo):
    visitor.explain(model, photo)
    target = Target(model.classes.index(visitor.chosen("class-picker")))
    visitor.choose_method("integrated-gradients")
    assert_attributes(visitor, model, photo, "integrated-gradients", target)
    assert float(re.search(r"with ([\d.]+) % left over", visitor.said("attributions"))[1]) <= 2
    assert_answers(visitor, model, photo, target)


def test_opacity_needs_no_request(visitor):
    overlay = visitor.part("evidence", ".ms-over").first
    asked = len(visitor.requests)
    slider = visitor.page.get_by_label("Opacity of the overlays")
    for value in (10, 55, 80):
        slider.fill(str(value))
        assert overlay.evaluate("element => +getComputedStyle(element).opacity") == pytest.approx(value / 100)
    assert visitor.requests[asked:] == []


# b. The newest question wins.


def test_only_the_second_photo_stays(visitor, model, photo, drawing):
    visitor.choose("method-picker", METHODS["occlusion"].title)
    visitor.upload(photo)
    expect(visitor.part("image-input", "img")).to_have_attribute("src", re.compile(re.escape(photo.name)))
    visitor.upload(drawing)
    assert_answers(visitor, model, drawing)
    assert_attributes(visitor, model, drawing, "occlusion")


@pytest.fixture
def endless(monkeypatch) -> Iterator[threading.Event]:
    """The next attribution goes on until it is cancelled; set when it has begun."""
    begun, attribution = threading.Event(), Session.attribution

    def go_on(self, name, target, *, is_cancelled=lambda: False, **options):
        if begun.is_set():
            return attribution(self, name, target, is_cancelled=is_cancelled, **options)
        begun.set()
        for _ in range(20 * PATIENCE_S):
            if is_cancelled():
                raise Cancelled("cancelled")
            never.wait(0.05)
        raise AssertionError("nobody cancelled it")

    never = threading.Event()
    monkeypatch.setattr(Session, "attribution", go_on)
    yield begun
    never.set()


def test_a_new_photo_cuts_off_what_is_computed(visitor, model, photo, drawing, endless):
    visitor.choose("method-picker", METHODS["grad-cam"].title)
    visitor.upload(photo)
    assert endless.wait(PATIENCE_S)
    visitor.upload(drawing)
    assert_answers(visitor, model, drawing)
    visitor.upload(photo)
    assert_answers(visitor, model, photo)


def test_a_new_method_cuts_off_what_is_computed(visitor, model, drawing, endless):
    visitor.upload(drawing)
    assert endless.wait(PATIENCE_S)
    visitor.choose_method("saliency")
    assert_answers(visitor, model, drawing)
    assert_attributes(visitor, model, drawing, "saliency")


def test_what_waited_too_long_is_passed_over(visitor, model, photo, drawing, monkeypatch):
    begun, release, attribution = threading.Event(), threading.Event(), Session.attribution
    asked = []

    def hold_first(self, *args, **options):
        asked.append((self.image.width, self.image.height))
        begun.set()
        assert release.wait(PATIENCE_S)
        return attribution(self, *args, **options)

    with Image.open(photo) as picture:
        size = picture.size
    visitor.explain(model, drawing)
    monkeypatch.setattr(Session, "attribution", hold_first)
    for path in (photo, drawing, photo):  # the first runs, the others wait
        with visitor.page.expect_response(lambda response, name=path.name: joins_for(response, name)):
            visitor.upload(path)
        assert begun.wait(PATIENCE_S)
    release.set()
    assert_answers(visitor, model, photo)
    assert asked == [size, size]


def joins_for(response: "sync_api.Response", name: str) -> bool:
    """Whether this says that the question for a file of this name is in the queue now."""
    return "queue/join" in response.url and name in (response.request.post_data or "")


def test_of_quick_classes_the_last_stays(visitor, model, drawing):
    visitor.explain(model, drawing)
    visitor.choose_method("grad-cam")
    ranked = Session(model, drawing).ledger.top_k(5)
    for place in (1, 3, 2, 4):
        visitor.part("top-k", ".ms-class").nth(place).click()
    assert_answers(visitor, model, drawing, Target(ranked[4].index))
    assert_attributes(visitor, model, drawing, "grad-cam", Target(ranked[4].index))


def test_a_question_is_worked_on_once_and_leaving_a_picker_is_none(visitor, model, photo, drawing, monkeypatch):
    visitor.explain(model, photo)
    worked_on, features = [], Session.features

    def counted(*args, **options):
        worked_on.append(True)
        return features(*args, **options)

    monkeypatch.setattr(Session, "features", counted)
    for picker in ("class-picker", "against-picker", "method-picker", "model-picker"):
        visitor.part(picker, "input").focus()
        visitor.page.keyboard.press("Tab")
    visitor.choose("class-picker", model.classes[5])
    assert_answers(visitor, model, photo, Target(5))
    visitor.upload(drawing)
    assert_answers(visitor, model, drawing)
    visitor.choose("class-picker", model.classes[6])
    assert_answers(visitor, model, drawing, Target(6))
    assert len(worked_on) == 3


def test_of_a_class_and_a_method_at_once_both_are_heard(visitor, model, drawing):
    visitor.explain(model, drawing)
    visitor.choose("class-picker", model.classes[7])
    visitor.choose_method("saliency")
    assert_answers(visitor, model, drawing, Target(7))
    assert_attributes(visitor, model, drawing, "saliency", Target(7))


# d. Bad input, and unusual input.


def no_bytes(path: Path) -> None:
    path.touch()


def truncated(path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:3000])


def no_image(path: Path) -> None:
    path.write_text("Dear model, this is no picture.")


def huge(path: Path) -> None:
    Image.new("1", (8000, 6000)).save(path)


@pytest.mark.parametrize(
    ("write", "complaint"),
    [
        (no_bytes, "is empty (0 bytes); choose another file."),
        (truncated, "is damaged or incomplete; export it again and retry."),
        (no_image, "is not a picture that can be read; save it as"),
        (huge, "has 48 megapixels; the limit is 40. Make it smaller and try again."),
    ],
)
def test_what_is_no_picture_gets_one_sentence(visitor, folder, write, complaint):
    path = folder / f"{write.__name__}.png"
    write(path)
    visitor.upload(path)
    expect(visitor.part("status", "[role=alert]")).to_contain_text(complaint)
    for name in ("top-k", "ledger", "evidence", "feature-maps", "attributions"):
        expect(visitor.part(name, ".prose > *")).to_have_count(0)
    assert "Traceback" not in visitor.page.content() and str(folder) not in visitor.said("status")
    assert visitor.page.get_by_test_id("toast-body").count() == 0


def test_after_bad_pictures_a_good_one_is_explained(visitor, model, photo):
    visitor.upload(photo)
    assert_answers(visitor, model, photo)


def cmyk(picture: Image.Image, path: Path) -> None:
    picture.convert("CMYK").save(path, "JPEG")


def deep(picture: Image.Image, path: Path) -> None:
    grey = np.asarray(picture.convert("L"), dtype=np.uint16) * 257
    Image.fromarray(grey).save(path, "PNG")


def palette(picture: Image.Image, path: Path) -> None:
    picture.quantize(32).save(path, "PNG", transparency=3)


def alpha(picture: Image.Image, path: Path) -> None:
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    picture.save(path, "PNG")


def animated(picture: Image.Image, path: Path) -> None:
    picture.save(path, "GIF", save_all=True, append_images=[Image.new("RGB", picture.size)] * 2)


def turned(picture: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(path, "JPEG", exif=exif)


@pytest.mark.parametrize("save", [cmyk, deep, palette, alpha, animated, turned])
def test_unusual_pictures_are_explained(visitor, model, drawing, folder, save):
    path = folder / f"{save.__name__}.{'gif' if save is animated else 'jpg' if save in (cmyk, turned) else 'png'}"
    save(read_image(drawing), path)
    visitor.upload(path)
    assert_answers(visitor, model, path)


def test_without_a_picture_the_page_is_empty(visitor, model, photo):
    visitor.explain(model, photo)
    visitor.clear()
    expect(visitor.part("answer")).to_contain_text(text.EMPTY)
    for name in ("top-k", "ledger", "evidence", "feature-maps", "attributions"):
        expect(visitor.part(name, ".prose > *")).to_have_count(0)
    expect(visitor.part("status", ".ms-status")).to_have_text("")


def test_an_example_is_explained(visitor, model, server):
    example = list(server.shown.values())[1]
    visitor.part("examples", "button").nth(1).click()
    assert_answers(visitor, model, server.example_file(example))
    visitor.showing = server.example_file(example)


# e. Other screens.


@pytest.fixture(scope="module")
def phone(context, address) -> Iterator[Visitor]:
    """A small, dark screen."""
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    yield Visitor(page, address).open()
    page.close()


def test_a_phone_needs_no_scrolling_sideways(phone):
    width = phone.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    for name in PARTS:
        expect(phone.part(name)).to_be_visible()
        box = phone.part(name).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert phone.problems == []


def test_the_dark_theme_is_dark(phone):
    def brightness(what: str) -> float:
        colour = phone.page.evaluate(f"getComputedStyle({what}).backgroundColor")
        channels = [float(value) for value in re.findall(r"[\d.]+", colour)]
        assert len(channels) == 3, f"not opaque: {colour}"
        return sum(channels) / 3

    assert brightness("document.body") < 60
    ink = phone.page.evaluate("getComputedStyle(document.querySelector('#answer .ms-sentence')).color")
    assert min(float(value) for value in re.findall(r"[\d.]+", ink)[:3]) > 180


def test_the_light_theme_is_light(visitor):
    colour = visitor.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert min(float(value) for value in re.findall(r"[\d.]+", colour)[:3]) > 200


# f. For those who do not see the page, or have no mouse.

NAMELESS = """() => {
  const named = element => {
    const by = id => document.getElementById(id)?.textContent.trim();
    return element.getAttribute('aria-label')?.trim()
      || (element.getAttribute('aria-labelledby') ?? '').split(' ').map(by).join('')
      || [...(element.labels ?? [])].map(label => label.textContent.trim()).join('')
      || element.getAttribute('title')?.trim()
      || (element.tagName === 'BUTTON' && element.textContent.trim())
      || (element.tagName === 'IMG' && element.hasAttribute('alt'));
  };
  const all = document.querySelectorAll('button, img, input, select, textarea, [role=img], [role=button]');
  return [...all].filter(element => !named(element)).map(element => element.outerHTML.slice(0, 200));
}"""


def test_everything_that_can_be_used_has_a_name(visitor):
    assert visitor.page.evaluate(NAMELESS) == []


def test_the_check_for_names_sees_a_nameless_button(visitor):
    visitor.page.evaluate("document.body.append(document.createElement('button'))")
    assert visitor.page.evaluate(NAMELESS) == ["<button></button>"]
    visitor.page.evaluate("document.querySelector('body > button').remove()")


def test_the_status_is_announced(visitor):
    status = visitor.part("status", "[aria-live=polite]")
    expect(status).to_have_count(1)
    expect(status).to_have_attribute("role", "status")


def test_headings_lead_through_the_page(visitor):
    levels = visitor.page.locator("h1, h2, h3, h4").evaluate_all("all => all.map(e => +e.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_a_class_is_chosen_without_a_mouse(visitor, model, photo):
    visitor.explain(model, photo)
    second = visitor.part("top-k", ".ms-class").nth(1)
    second.focus()
    visitor.page.keyboard.press("Enter")
    assert_answers(visitor, model, photo, Target(Session(model, photo).ledger.top_k(2)[1].index))


# A visitor who leaves.


def test_who_leaves_is_forgotten(context, address, server, model, drawing, monkeypatch):
    forget, forgotten = server.visits.forget, queue.Queue()
    renew, came = server.visits.renew, []
    monkeypatch.setattr(server.visits, "forget", lambda visitor: (forget(visitor), forgotten.put(visitor)))

    def see_come(visitor, *asked):
        came.append(visitor)
        return renew(visitor, *asked)

    monkeypatch.setattr(server.visits, "renew", see_come)
    guest = Visitor(context.new_page(), address).open()
    guest.explain(model, drawing)
    (name,) = set(came)
    assert server.visits.get(name).session is not None
    guest.page.close()
    assert forgotten.get(timeout=PATIENCE_S) == name
    assert server.visits.get(name).session is None
    assert guest.problems == []


def test_a_scale_is_switched_off_and_on_again(visitor, model, photo):
    visitor.explain_best(model, photo)
    session = Session(model, photo)
    target = session.target()
    visitor.part("scale-switches", "summary").click()
    visitor.part("scale-switches", "[data-switch='1'] [type=checkbox]").uncheck()
    off = switched(session.ledger, Switches((True, False, True), (1, 1, 1))).read(target)
    visitor.page.wait_for_function(SHOWS, arg=[*off.contributions, off.total], polling=200)
    assert visitor.said("answer", ".ms-sentence").startswith(text.WHAT_IF_ON)
    visitor.part("scale-switches", "[data-switch='0'] [type=range]").fill("2")
    louder = switched(session.ledger, Switches((True, False, True), (2, 1, 1))).read(target)
    visitor.page.wait_for_function(SHOWS, arg=[*louder.contributions, louder.total], polling=200)
    visitor.part("scale-switches", "[data-reset]").click()
    visitor.see_answer(model, photo, target)
    visitor.part("scale-switches", "summary").click()


def test_the_last_scale_cannot_be_switched_off(visitor, model, photo):
    visitor.explain_best(model, photo)
    visitor.part("scale-switches", "summary").click()
    for scale in range(3):
        visitor.part("scale-switches", f"[data-switch='{scale}'] [type=checkbox]").uncheck()
    expect(visitor.part("status", ".ms-error")).to_contain_text("at least one scale must stay on")
    visitor.part("scale-switches", "[data-reset]").click()
    visitor.see_answer(model, photo)
    visitor.part("scale-switches", "summary").click()
