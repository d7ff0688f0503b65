"""``/explain`` over HTTP gives what :func:`msresnet.explain` gives, and opens nothing but uploads."""

import base64
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from serving import served
from tiny import tiny

from msresnet import explain
from msresnet.attribution import METHODS
from msresnet.batch import Order, look_through, ordered
from msresnet.checkpoint import load_model, save_checkpoint
from msresnet.explain import Session
from msresnet.ledger import Target
from msresnet.probes import Mask, Switches
from msresnet.ui.page import build_page
from msresnet.ui.programs import examples_of

NAME = "tiny"
TIMEOUT_S = 120
TRACES = ("Traceback", 'File "', "site-packages", ".py", "Exception")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Iterator[Path]:
    """Uploads go here, and so do the pictures of these tests."""
    folder = tmp_path_factory.mktemp("endpoint")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "uploads"))
        yield folder


@pytest.fixture(scope="module")
def model(folder):
    save_checkpoint(tiny(), folder / "model", name=NAME)
    return load_model(folder / "model", device="cpu")


@pytest.fixture(scope="module")
def address(model) -> Iterator[str]:
    with served(build_page(model, NAME)) as address:
        yield address


@pytest.fixture(scope="module")
def client(address, folder) -> Iterator[Client]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)  # its headers call home otherwise
        client = Client(address, verbose=False, analytics_enabled=False, download_files=str(folder / "downloads"))
    yield client
    client.close()


@pytest.fixture(scope="module")
def picture(folder) -> Path:
    """Not square, turned by EXIF, and different from what it would be if that were missed."""
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    path = folder / "picture.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(path, exif=exif)
    return path


def ask(client: Client, path: Path, *, model: str = NAME, method: str = "saliency", top_k: float = 3) -> dict:
    return client.predict(handle_file(str(path)), model, method, top_k, api_name="/explain")


def refusal(client: Client, path: Path, **options) -> str:
    """The sentence with which a call is refused; it holds no trace."""
    with pytest.raises(AppError) as caught:
        ask(client, path, **options)
    return plain(str(caught.value))


def plain(sentence: str) -> str:
    assert not any(trace in sentence for trace in TRACES), sentence
    assert "\n" not in sentence.strip()
    return sentence


def assert_same(found: object, expected: object, where: str = "") -> None:
    """Equal, numbers to 1e-5; what a clock measured may differ."""
    if isinstance(expected, dict):
        assert set(found) == set(expected), where
        for key in expected.keys() - {"seconds"}:
            assert_same(found[key], expected[key], f"{where}/{key}")
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected), where
        for index, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_same(one, other, f"{where}/{index}")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-5), where
    else:
        assert found == expected, where


@pytest.mark.parametrize(("method", "top_k"), [("integrated-gradients", 5), ("grad-cam", 1), ("scale-shapley", 99)])
def test_the_endpoint_gives_what_the_function_gives(client, model, picture, method, top_k):
    found = ask(client, picture, method=method, top_k=top_k)
    expected = explain(model, picture, methods=(method,), top_k=top_k).to_dict()
    assert found["image"]["width"] == 60  # upright
    assert found["model"] == {"name": NAME, "sha256": expected["model"]["sha256"]}
    assert list(found["methods"]) == [method]
    assert_same(found, expected)


def test_the_comparison_sees_a_difference():
    with pytest.raises(AssertionError):
        assert_same({"logit": 1.0}, {"logit": 1.0001})
    with pytest.raises(AssertionError):
        assert_same({"a": [1.0]}, {"a": [1.0, 2.0]})
    with pytest.raises(AssertionError):
        assert_same({}, {"seconds": 1.0})


def test_the_endpoints_and_their_arguments_have_the_agreed_names(client):
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert {name: [one["parameter_name"] for one in found["parameters"]] for name, found in endpoints.items()} == {
        "/explain": ["image", "model", "method", "top_k"],
        "/export": ["image", "model", "methods", "target", "against", "top_k"],
        "/batch": ["images", "model", "order"],
        "/occlude": ["image", "mask", "model", "fill", "keep", "seed", "target", "against", "top_k"],
        "/point": ["image", "x", "y", "model", "target", "against", "channels"],
        "/models": [],
        "/zoom_response": ["image", "model", "target", "against", "canvas"],
        "/switch": ["image", "model", "target", "against", "is_on", "gains"],
        "/compare": ["image", "model", "target", "against", "other"],
        "/trust": ["image", "model", "methods", "target", "against", "baseline"],
    }  # and nothing else is public


def test_eight_calls_at_once_each_get_their_own_answer(client, picture):
    methods = sorted(METHODS, key=lambda name: METHODS[name].cost(3))[:8]
    alone = [ask(client, picture, method=method) for method in methods]
    upload = handle_file(str(picture))
    jobs = [client.submit(upload, NAME, method, 3, api_name="/explain") for method in methods]
    together = [job.result(TIMEOUT_S) for job in jobs]
    for found, expected in zip(together, alone, strict=True):
        assert_same(found, expected)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"method": "integrated-gradient"}, "There is no method called 'integrated-gradient'; did you mean 'int"),
        ({"method": "cam"}, "'grad-cam'"),
        ({"method": ""}, "There is no method called ''"),
        ({"model": "msresnet5"}, "There is no model called 'msresnet5'; did you mean 'msresnet50'"),
        ({"model": "/etc"}, "There is no model called '/etc'"),
        ({"model": "owner/repository"}, "There is no model called 'owner/repository'"),
        ({"top_k": 0}, "1"),
        ({"top_k": -3}, "1"),
        ({"top_k": None}, "top_k must be"),
    ],
)
def test_what_does_not_exist_is_answered_in_a_sentence(client, picture, options, expected):
    assert expected in refusal(client, picture, **options)


def test_what_is_no_picture_is_answered_in_a_sentence(client, picture, folder):
    empty, cut, text = (folder / name for name in ("empty.png", "cut.png", "text.png"))
    empty.touch()
    cut.write_bytes(picture.read_bytes()[:2000])
    text.write_text("Dear model, this is no picture.")
    assert "is empty (0 bytes)" in refusal(client, empty)
    assert "is damaged or incomplete" in refusal(client, cut)
    assert "is not a picture that can be read" in refusal(client, text)
    assert ask(client, picture)["top_k"]


def post(address: str, image: object) -> tuple[str, str]:
    """The last event of a raw call, and what it says."""
    body = {"data": [image, NAME, "saliency", 3]}
    joined = httpx.post(f"{address}/gradio_api/call/explain", json=body, timeout=TIMEOUT_S)
    joined.raise_for_status()
    url = f"{address}/gradio_api/call/explain/{joined.json()['event_id']}"
    answer = httpx.get(url, timeout=TIMEOUT_S).text.strip()
    event, data = answer.split("\n\n")[-1].split("\n", 1)
    return event.removeprefix("event: "), data.removeprefix("data: ")


def data_url(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


META = {"_type": "gradio.FileData"}


def test_a_raw_call_with_an_upload_is_answered(address, picture):
    upload = httpx.post(
        f"{address}/gradio_api/upload", files={"files": picture.read_bytes()}, timeout=TIMEOUT_S
    ).json()[0]
    for image in ({"path": upload}, {"path": upload, "meta": META}):
        event, data = post(address, image)
        assert event == "complete" and json.loads(data)[0]["top_k"]


@pytest.mark.parametrize("is_marked", [False, True])
@pytest.mark.parametrize("way", ["file", "picture", "climb", "data", "url", "outside", "list", "none"])
def test_nothing_but_an_upload_is_opened(address, picture, folder, way, is_marked):
    image = {
        "file": {"path": "/etc/hostname"},
        "picture": {"path": str(picture)},
        "climb": {"path": f"{folder}/uploads/../picture.png"},
        "data": {"url": data_url(picture)},
        "url": {"path": f"{address}/gradio_api/file={picture}", "url": f"{address}/gradio_api/file={picture}"},
        "outside": {"path": "http://192.0.2.1/picture.png", "url": "http://192.0.2.1/picture.png"},
        "list": {"path": [str(picture)]},
        "none": {"path": None},
    }[way]
    event, data = post(address, image | ({"meta": META} if is_marked else {}))
    assert event == "error"
    plain(data)


def test_no_picture_is_asked_for(address):
    event, data = post(address, None)
    assert event == "error" and "Send a picture" in data


def test_the_queue_cannot_be_passed_by(address, picture):
    body = {"data": [{"path": str(picture)}, NAME, "saliency", 3]}
    assert httpx.post(f"{address}/gradio_api/run/explain", json=body, timeout=TIMEOUT_S).status_code in (401, 403, 404)


def test_an_enormous_picture_is_refused_by_its_header(client, folder):
    path = folder / "huge.png"
    buffer = io.BytesIO()
    Image.new("1", (8000, 6000)).save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())
    assert "has 48 megapixels; the limit is 40" in refusal(client, path)


# The siblings.


def test_the_archive_is_that_of_the_function(client, model, picture):
    path = client.predict(handle_file(str(picture)), NAME, "saliency, grad-cam", "c", "d", 2, api_name="/export")
    with zipfile.ZipFile(path) as archive:
        kept = {Path(name).name: archive.read(name) for name in archive.namelist()}
    found = json.loads(kept["explanation.json"])
    expected = explain(model, picture, methods=("saliency", "grad-cam"), target="c", against="d", top_k=2).to_dict()
    assert_same(found, expected)
    assert {"explanation.pdf", "ledger.csv", "maps.npz", "saliency.png", "grad-cam.png"} < set(kept)


def test_an_archive_of_what_is_wrong_is_told_in_a_sentence(client, picture):
    with pytest.raises(AppError) as caught:
        client.predict(handle_file(str(picture)), NAME, "", "no-class", "", 2, api_name="/export")
    assert "There is no class called 'no-class'" in plain(str(caught.value))


def test_a_batch_is_sorted_and_says_what_it_could_not_read(client, model, picture, folder):
    bad, other = folder / "bad.png", folder / "other.png"
    bad.write_text("Dear model, this is no picture.")
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (50, 50, 3), dtype=np.uint8)).save(other)
    files = [handle_file(str(path)) for path in (bad, picture, other)]
    found = client.predict(files, NAME, "least-sure", api_name="/batch")
    looked = look_through(model, [("picture.png", picture), ("other.png", other)])
    expected = [one.to_dict() for one in ordered(list(looked), Order.LEAST_SURE)]
    assert_same([{**one, "position": 0} for one in found["pictures"]], [{**one, "position": 0} for one in expected])
    assert found["sides"] == list(model.sides)
    assert [one["name"] for one in found["unreadable"]] == ["bad.png"]


def test_a_batch_that_cannot_be_is_told_in_a_sentence(client, picture):
    for files, order, said in (
        ([handle_file(str(picture))] * 51, "surest", "at most 50 pictures, got 51; leave out 1"),
        ([], "surest", "got none; add some"),
        ([handle_file(str(picture))], "size", "There is no order called 'size'"),
    ):
        with pytest.raises(AppError) as caught:
            client.predict(files, NAME, order, api_name="/batch")
        assert said in plain(str(caught.value))


def test_a_batch_opens_nothing_but_uploads(address, picture):
    for image in ({"path": str(picture)}, {"path": "http://192.0.2.1/picture.png"}, {"path": "/etc/hostname"}):
        event, data = post_to(address, "batch", [[image | {"meta": META}], NAME, "surest"])
        assert event == "error"
        plain(data)


def post_to(address: str, name: str, data: list) -> tuple[str, str]:
    """The last event of a raw call, and what it says."""
    url = f"{address}/gradio_api/call/{name}"
    joined = httpx.post(url, json={"data": data}, timeout=TIMEOUT_S)
    joined.raise_for_status()
    answer = httpx.get(f"{url}/{joined.json()['event_id']}", timeout=TIMEOUT_S).text.strip()
    event, said = answer.split("\n\n")[-1].split("\n", 1)
    return event.removeprefix("event: "), said.removeprefix("data: ")


def test_an_upload_may_be_named_by_its_address(address, picture):
    (path,) = httpx.post(
        f"{address}/gradio_api/upload", files={"files": picture.read_bytes()}, timeout=TIMEOUT_S
    ).json()
    event, data = post(address, {"path": f"{address}/gradio_api/file={path}", "meta": META})
    assert event == "complete" and json.loads(data)[0]["top_k"]


def test_what_there_is_can_be_asked(client):
    found = client.predict(api_name="/models")
    assert found["default"] == NAME and NAME in found["models"]
    assert set(found["methods"]) == set(METHODS)


# The examples as they are printed on the page.


@pytest.fixture
def printed(address, folder, picture, monkeypatch) -> dict[str, str]:
    """The examples, in a folder that holds the picture which they name."""
    Image.open(picture).convert("RGB").save(folder / "photo.jpg")
    monkeypatch.chdir(folder)
    return examples_of(NAME, address=address)


def test_the_python_example_works(printed, capsys, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)
    exec(compile(printed["Python"], "example", "exec"), {"__name__": "__main__"})
    best = capsys.readouterr().out.splitlines()[-1]
    assert best.split()[0] in "abcde" and best.count(",") == 2  # a label, and three contributions


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("sh") is None, reason="no curl or no shell here")
def test_the_curl_example_works(printed):
    answer = subprocess.run(["sh", "-c", printed["curl"]], capture_output=True, text=True, timeout=TIMEOUT_S)
    event, data = answer.stdout.strip().split("\n\n")[-1].split("\n")
    assert event == "event: complete"
    (explanation,) = json.loads(data.removeprefix("data: "))
    assert list(explanation["methods"]) == ["grad-cam"] and len(explanation["top_k"]) == 5


# The panels.


def test_the_zoom_response_is_what_python_says(client, picture, model):
    session = Session(model, picture)
    expected = session.zoom_response(session.target("b"), canvas="mirror").to_dict(model.classes)
    found = client.predict(handle_file(str(picture)), NAME, "b", "", "mirror", api_name="/zoom_response")
    assert found["flips"] == json.loads(json.dumps(expected["flips"]))
    assert [one["probability"] for one in found["points"]] == pytest.approx(
        [one["probability"] for one in expected["points"]], abs=1e-6
    )


def test_switches_are_what_python_says(client, picture, model):
    session, target = Session(model, picture), Target(1, against=0)
    switches = Switches((False, True, True), (1.0, 1.0, 0.5))
    found = client.predict(
        handle_file(str(picture)), NAME, "b", "a", [False, True, True], [1, 1, 0.5], api_name="/switch"
    )
    expected = session.recomputed(switches)
    assert found["recomputed"]["by_links"] == pytest.approx(expected.by_links(target), abs=1e-5)
    assert found["contributions"] == pytest.approx(
        session.answer(target, switches=switches).ledger.read(target).contributions, abs=1e-5
    )


def test_two_pictures_are_compared_as_in_python(client, picture, model):
    session = Session(model, picture)
    found = client.predict(handle_file(str(picture)), NAME, "b", "", handle_file(str(picture)), api_name="/compare")
    assert found == json.loads(json.dumps(session.compare(session, Target(1)).to_dict()))
    assert found["difference"]["total"] == 0


def test_what_a_panel_cannot_answer_is_one_sentence(client, picture):
    with pytest.raises(AppError, match="a gain must be in"):
        client.predict(handle_file(str(picture)), NAME, "", "", [True] * 3, [1, 1, 3], api_name="/switch")
    with pytest.raises(AppError, match="There is no canvas"):
        client.predict(handle_file(str(picture)), NAME, "", "", "white", api_name="/zoom_response")


def test_a_covered_part_is_what_the_session_says(client, model, picture, folder):
    session = Session(model, picture)
    size = (session.image.width, session.image.height)
    mask = Image.new("L", size)
    mask.paste(255, (2, 3, size[0] // 2, size[1] // 2))
    mask.save(folder / "mask.png")
    files = [handle_file(str(path)) for path in (picture, folder / "mask.png")]
    found = client.predict(*files, NAME, "noise", True, 4, "c", "d", 2, api_name="/occlude")
    target = session.target("c", "d")
    expected = session.occluded(Mask.of_picture(mask, size), fill="noise", is_kept=True, seed=4)
    assert_same(found, expected.to_dict(target, top_k=2))


def test_a_point_is_what_the_session_says(client, model, picture):
    session = Session(model, picture)
    x, y = session.image.width / 2, session.image.height / 2
    found = client.predict(handle_file(str(picture)), x, y, NAME, "b", "", 2, api_name="/point")
    expected = session.point(x, y, session.target("b"), count=2, has_influence=True).to_dict()
    assert_same(found, expected)
    with pytest.raises(AppError) as caught:
        client.predict(handle_file(str(picture)), -9, y, NAME, "b", "", 2, api_name="/point")
    assert "choose one inside" in plain(str(caught.value))


def test_the_check_of_maps_over_http_is_that_of_the_session(client, model, picture):
    found = client.predict(handle_file(str(picture)), NAME, "saliency, grad-cam", "c", "", "mean", api_name="/trust")
    session = Session(model, picture)
    expected = session.trust(session.target("c"), ("saliency", "grad-cam"), baseline="mean").to_dict()
    assert_same(found, expected)
    with pytest.raises(AppError, match="which scale, not where"):
        client.predict(handle_file(str(picture)), NAME, "scale-shapley", "", "", "mean", api_name="/trust")
