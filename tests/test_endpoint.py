"""``/explain`` over HTTP gives what :func:`msresnet.explain` gives, and opens nothing but uploads."""

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from serving import ignore_gradios_own, served
from tiny import tiny

from msresnet import explain
from msresnet.attribution import METHODS
from msresnet.checkpoint import load_model, save_checkpoint
from msresnet.ui.page import build_page

pytestmark = ignore_gradios_own

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


def test_the_arguments_have_the_agreed_names(client):
    (name, endpoint), = client.view_api(return_format="dict", print_info=False)["named_endpoints"].items()
    assert name == "/explain"  # and nothing else is public
    assert [argument["parameter_name"] for argument in endpoint["parameters"]] == ["image", "model", "method", "top_k"]


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
