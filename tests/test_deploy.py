"""What docs/deploy.md says: the Space's front matter, the image, the settings, a proxy under a sub-path."""

import ast
import fnmatch
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import gradio
import matplotlib
import pytest
from gradio_client import Client, handle_file
from huggingface_hub import SpaceCard
from packaging.requirements import Requirement
from serving import served
from tiny import tiny

from msresnet.explain import Session
from msresnet.ui.page import build_page

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
PHOTO = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
PREFIX = "/msresnet"
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}  # that the Hub takes


# The Space.


def front_matter() -> dict:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return SpaceCard(text, ignore_metadata_errors=False).data.to_dict()


def requirements() -> dict[str, Requirement]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {one.name: one for one in found}


def test_the_space_has_the_gradio_and_the_python_that_the_project_asks_for():
    card = front_matter()
    (lower,) = requirements()["gradio"].specifier
    assert lower.operator == ">=" and card["sdk_version"].startswith(f"{lower.version}.")
    assert card["python_version"] == "3.12"  # one that ZeroGPU has
    assert card["sdk"] == "gradio" and card["app_file"] == "app.py"
    assert {card["colorFrom"], card["colorTo"]} <= COLOURS


def test_requirements_leave_to_a_space_what_it_brings():
    for name, requirement in requirements().items():
        assert requirement.url is None and requirement.marker is None, name
        assert [one.operator for one in requirement.specifier] == [">="], name
    assert requirements()["torch"].specifier.contains("2.8.0")  # the oldest that ZeroGPU and the project share
    assert not requirements()["torch"].specifier.contains("2.7.1")
    assert "spaces" not in requirements()  # ZeroGPU brings its own
    assert not (ROOT / "packages.txt").exists()


def test_the_script_starts_where_there_is_no_package_spaces():
    program = "import runpy, sys; sys.modules['spaces'] = None; runpy.run_path('app.py', run_name='a module')"
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert ended.returncode == 0, ended.stderr


# The image.


def instructions() -> list[tuple[str, str]]:
    """The lines of the Dockerfile, continued ones joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets a file through: its last matching line decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        if not line or line.startswith("#"):
            continue
        parents = ["/".join(path.split("/")[:count]) for count in range(1, len(path.split("/")) + 1)]
        forms = (pattern, pattern.removeprefix("**/"))
        if any(fnmatch.fnmatchcase(one, form) for one in (*parents, path.split("/")[-1]) for form in forms):
            sent = line.startswith("!")
    return sent


def test_the_image_is_made_of_files_that_are_there_and_sent():
    copied = [shlex.split(rest) for word, rest in instructions() if word == "COPY"]
    sources = [source for words in copied if not words[0].startswith("--") for source in words[:-1]]
    assert {"app.py", "requirements.txt", "msresnet", "weights"} == set(sources)
    for source in sources:
        assert (ROOT / source).exists() and is_sent(source), source
    for path in ("tests/test_deploy.py", ".git/config", "msresnet/__pycache__/cli.cpython-312.pyc", "README.md"):
        assert not is_sent(path), path


def test_the_image_runs_without_rights():
    words = instructions()
    *_, user = (rest for word, rest in words if word == "USER")
    assert int(user) >= 1000  # a number: an orchestrator can tell that it is not root
    after = words[[rest for _, rest in words].index(user) :]
    assert not any(word in ("RUN", "COPY", "ADD") for word, _ in after)
    assert [rest for word, rest in words if word == "CMD"] == ['["python", "app.py"]']
    ((_, version),) = [rest.split("=") for word, rest in words if word == "ARG" and rest.startswith("PYTHON=")]
    assert version == front_matter()["python_version"]
    assert not any(word == "FROM" and ":latest" in rest for word, rest in words)


# The settings.


def read_variables() -> set[str]:
    """The environment variables that the code names, beside ``os.environ``."""
    found = set()
    for path in (*(ROOT / "msresnet").rglob("*.py"), ROOT / "app.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "os.environ" in line or "getenv" in line:
                found |= {one.value for one in strings(line)} & set(re.findall(r"[A-Z][A-Z0-9_]{3,}", line))
    return found


def strings(line: str) -> Iterator[ast.Constant]:
    code = line.strip()
    for text in (code, f"{code} pass", f"{code}\n    pass"):
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
        return
    raise AssertionError(f"the settings of this line cannot be read: {code}")


def tables() -> list[set[str]]:
    """The variables of each of the document's two tables of settings."""
    rows = DOCUMENT.partition("## Settings")[2].partition("## Not measured")[0]
    first, second = rows.split("Of the libraries")
    cells = [[line.split("|")[1] for line in part.splitlines() if line.startswith("| `")] for part in (first, second)]
    return [set(re.findall(r"`(\w+)`", " ".join(part))) for part in cells]


def test_the_table_of_settings_is_that_of_the_code():
    ours, _ = tables()
    assert read_variables() == ours


def test_the_libraries_know_the_settings_that_are_theirs():
    _, theirs = tables()
    source = "".join(path.read_text(encoding="utf-8") for path in Path(gradio.__file__).parent.glob("*.py"))
    assert {name for name in theirs if name.startswith("GRADIO_")} == {name for name in theirs if f'"{name}"' in source}
    assert {name for name in theirs if not name.startswith("GRADIO_")} == {"TORCH_HOME", "OMP_NUM_THREADS"}


# A proxy.


class Proxy(BaseHTTPRequestHandler):
    """What nginx does with docs/deploy.md's lines: takes the prefix off, and passes on what comes as it comes."""

    upstream = ""

    def pass_on(self) -> None:
        if not self.path.startswith(f"{PREFIX}/"):
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        host = self.headers["Host"]
        headers = {**self.headers, "Host": host, "X-Forwarded-Host": host, "X-Forwarded-Proto": "http"}
        upstream = HTTPConnection(urlsplit(self.upstream).netloc, timeout=120)
        try:
            upstream.request(self.command, self.path.removeprefix(PREFIX), body, headers)
            answer = upstream.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            self.end_headers()
            while part := answer.read1(65_536):
                self.wfile.write(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the browser has left
        finally:
            upstream.close()

    do_GET = do_POST = do_HEAD = pass_on

    def log_message(self, *arguments) -> None:
        pass


@contextmanager
def proxied(address: str) -> Iterator[str]:
    """The page's address behind the proxy."""
    handler = type("Handler", (Proxy,), {"upstream": address})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}{PREFIX}"
        server.shutdown()


@pytest.mark.browser
def test_the_page_works_under_a_sub_path(tmp_path, chromium_path, monkeypatch):
    sync_api = pytest.importorskip("playwright.sync_api")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setenv("GRADIO_ROOT_PATH", PREFIX)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)
    model, asked = tiny(), []
    label = Session(model, PHOTO).ledger.top_k(1)[0].label
    with served(build_page(model, "tiny")) as address, proxied(address) as outside:
        client = Client(f"{outside}/", verbose=False, analytics_enabled=False, download_files=str(tmp_path / "got"))
        assert client.predict(handle_file(str(PHOTO)), "tiny", "saliency", 1, api_name="/explain")["top_k"]
        client.close()
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page()
            page.set_default_timeout(60_000)
            page.on("request", lambda request: asked.append(request.url))
            page.goto(f"{outside}/")
            page.locator("#ledger .ms-total").wait_for()
            page.locator("#image-input input[type=file]").set_input_files(PHOTO)
            page.locator("#image-input img[src*='grace_hopper']").wait_for()
            sync_api.expect(page.locator("#top-k .ms-class-name").first).to_have_text(label, timeout=60_000)
            assert page.locator("#image-input img").evaluate("image => image.naturalWidth") > 0
            browser.close()
    strangers = [url for url in asked if not url.startswith((f"{outside}/", "data:", "blob:"))]
    assert strangers == []
