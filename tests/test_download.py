"""Fetching: whole or not at all, whatever the server, the disk or a signal does. The server is our own."""

import hashlib
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest
import torch
import torchvision

from msresnet import load_model
from msresnet.download import STALE_S, cache_folder, cached_path, fetch
from msresnet.errors import Cancelled, CheckpointError, ConfigError, DownloadError
from msresnet.identity import identify
from msresnet.listed import ListedModel, is_available

ROOT = Path(__file__).resolve().parents[1]
BODY = bytes(range(256)) * 2000  # half a megabyte
SHA256 = hashlib.sha256(BODY).hexdigest()
NAME = f"weights-{SHA256[:8]}.pth"


@dataclass
class Server:
    """What the server does with a request; changed by a test."""

    base: str = ""
    body: bytes = BODY
    status: int = 200
    length: int | None = len(BODY)  # what Content-Length says; None leaves it out
    pause_s: float = 0.0  # between blocks
    stalls_at: int | None = None  # sends so many bytes and then nothing, until the test is over
    meeting: threading.Barrier | None = None  # answers when all have come
    requests: list[str] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"{self.base}/{NAME}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append(handler.path)
        if self.meeting is not None:
            self.meeting.wait(timeout=60)
        handler.send_response(self.status)
        if self.length is not None:
            handler.send_header("Content-Length", str(self.length))
        handler.end_headers()
        for start in range(0, len(self.body), 8192):
            if self.stalls_at is not None and start >= self.stalls_at:
                self.is_over.wait(timeout=60)
                return
            handler.wfile.write(self.body[start : start + 8192])
            self.is_over.wait(self.pause_s)


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    """A server on this machine, with faults to order."""
    monkeypatch.setenv("no_proxy", "*")
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(ConnectionError):  # the client went away, as some tests want it to
                server.answer(self)
            self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        server.base = f"http://127.0.0.1:{httpd.server_port}"
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.is_over.set()
        httpd.shutdown()
        thread.join()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


WHOLE = [NAME, f"{NAME}.sha256"]


def test_a_file_is_fetched_once_and_its_hash_is_recorded(server, tmp_path):
    folder = tmp_path / "new" / "cache"
    path = fetch(server.url, folder)
    assert path == cached_path(server.url, folder)
    assert path.read_bytes() == BODY
    assert (folder / f"{NAME}.sha256").read_text() == f"{SHA256}  {NAME}\n"
    assert fetch(server.url, folder) == path
    assert server.requests == [f"/{NAME}"]
    assert files(folder) == WHOLE


def test_without_a_length_the_hash_decides(server, tmp_path):
    server.length = None
    assert fetch(server.url, tmp_path).read_bytes() == BODY


def test_others_may_read_what_was_fetched(server, tmp_path):
    umask = os.umask(0o022)
    try:
        assert fetch(server.url, tmp_path).stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(umask)


def test_progress_rises_to_the_length(server, tmp_path):
    seen = []
    fetch(server.url, tmp_path, on_progress=lambda done, total: seen.append((done, total)))
    done = [row[0] for row in seen]
    assert done == sorted(set(done))
    assert seen[-1] == (len(BODY), len(BODY))


def not_found(server: Server) -> None:
    server.status, server.body, server.length = 404, b"no", 2


def broken(server: Server) -> None:
    server.status, server.body, server.length = 500, b"", 0


def ends_early(server: Server) -> None:
    server.body = BODY[: len(BODY) // 2]


def other_content(server: Server) -> None:
    server.body = b"x" + BODY[1:]


def another_page(server: Server) -> None:
    server.body, server.length = b"<html>please log in</html>", None


def stalls(server: Server) -> None:
    server.stalls_at = 100_000


def stalls_at_once(server: Server) -> None:
    server.stalls_at = 0


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (not_found, "answered 404"),
        (broken, "answered 500"),
        (ends_early, f"after {len(BODY) // 2} of the {len(BODY)} bytes"),
        (other_content, "gave something else"),
        (another_page, "gave something else"),
        (stalls, r"sent nothing for 0\.5 s"),
        (stalls_at_once, r"sent nothing for 0\.5 s"),
    ],
)
def test_a_fault_is_told_and_leaves_nothing(server, tmp_path, fault, sentence):
    fault(server)
    with pytest.raises(DownloadError, match=sentence) as caught:
        fetch(server.url, tmp_path, timeout_s=0.5)
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == []


def test_after_a_fault_the_next_call_succeeds(server, tmp_path):
    ends_early(server)
    with pytest.raises(DownloadError):
        fetch(server.url, tmp_path)
    server.body = BODY
    assert fetch(server.url, tmp_path).read_bytes() == BODY


def test_a_server_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DownloadError, match=f"(?s)check the connection.*{NAME}"):
        fetch(f"http://127.0.0.1:{port}/{NAME}", tmp_path)
    assert files(tmp_path) == []


def test_a_name_that_nobody_resolves(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")

    def look_up(*args, **kwargs):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(DownloadError, match=r"name resolution.*check the connection"):
        fetch(f"http://nowhere.invalid/{NAME}", tmp_path)


def test_a_full_disk_is_told_and_leaves_nothing(server, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)  # of a file; beyond it a write is cut, then fails
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
    try:
        with pytest.raises(DownloadError, match="make room, or set MSRESNET_CACHE"):
            fetch(server.url, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert files(tmp_path) == []


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match="MSRESNET_CACHE"):
        fetch(server.url, tmp_path / "file" / "cache")
    assert server.requests == []


def test_whoever_watches_may_end_it(server, tmp_path):
    def stop(done: int, total: int | None) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        fetch(server.url, tmp_path, on_progress=stop)
    assert files(tmp_path) == []


def edit_the_file(path: Path) -> None:
    path.write_bytes(BODY[:-1] + b"x")


def cut_the_file(path: Path) -> None:
    path.write_bytes(BODY[:1000])


def edit_the_record(path: Path) -> None:
    path.with_name(f"{NAME}.sha256").write_text(SHA256[:8] + "0" * 56)


def empty_the_record(path: Path) -> None:
    path.with_name(f"{NAME}.sha256").write_text("")


@pytest.mark.parametrize("edit", [edit_the_file, cut_the_file, edit_the_record, empty_the_record])
def test_what_was_altered_in_the_cache_is_refused(server, tmp_path, edit):
    path = fetch(server.url, tmp_path)
    edit(path)
    with pytest.raises(CheckpointError, match=r"was altered since it was fetched.*delete it"):
        fetch(server.url, tmp_path)
    assert len(server.requests) == 1


def test_a_file_that_torchvision_fetched_is_taken_and_recorded(server, tmp_path):
    (tmp_path / NAME).write_bytes(BODY)
    fetch(server.url, tmp_path)
    assert server.requests == []
    assert files(tmp_path) == WHOLE


def test_a_name_without_a_hash_is_a_bug(tmp_path):
    with pytest.raises(ValueError, match="digits of its hash"):
        fetch("http://127.0.0.1/weights.pth", tmp_path)


def fetch_elsewhere(url: str, folder: Path) -> subprocess.Popen:
    """:func:`fetch` in a process of its own."""
    program = f"import pathlib, msresnet.download as d; d.fetch({url!r}, pathlib.Path({str(folder)!r}))"
    return subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.PIPE)


def wait_until(is_so: Callable[[], bool], *, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_a_killed_download_leaves_no_file_and_the_next_call_succeeds(server, tmp_path):
    server.pause_s = 0.1
    with fetch_elsewhere(server.url, tmp_path) as process:
        wait_until(lambda: any(path.stat().st_size > 20_000 for path in tmp_path.glob(".*.part")))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    left = files(tmp_path)
    assert len(left) == 1
    assert left[0].endswith(".part")

    server.pause_s = 0.0
    assert fetch(server.url, tmp_path).read_bytes() == BODY
    assert files(tmp_path) == sorted([*left, *WHOLE]), "a part that was just written may have a writer"

    long_ago = time.time() - STALE_S - 1
    os.utime(tmp_path / left[0], (long_ago, long_ago))
    fetch(server.url, tmp_path)
    assert files(tmp_path) == WHOLE


def test_two_processes_at_once_do_not_hurt_each_other(server, tmp_path):
    server.meeting = threading.Barrier(2)
    with fetch_elsewhere(server.url, tmp_path) as process:
        path = fetch(server.url, tmp_path, timeout_s=60)
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == 0, complaint
    assert len(server.requests) == 2
    assert path.read_bytes() == BODY
    assert files(tmp_path) == WHOLE


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("MSRESNET_CACHE", raising=False)
    assert cache_folder() == tmp_path / "torch" / "hub" / "checkpoints"
    monkeypatch.setenv("MSRESNET_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


@pytest.fixture
def published(server, monkeypatch, tmp_path) -> Server:
    """The server with a torchvision ResNet's weights, where ``msresnet50`` is fetched from."""
    stream = BytesIO()
    torch.save(torchvision.models.resnet18(num_classes=3).state_dict(), stream)
    server.body, server.length = stream.getvalue(), None
    name = f"resnet-{hashlib.sha256(server.body).hexdigest()[:8]}.pth"
    monkeypatch.setattr(ListedModel, "url", property(lambda entry: f"{server.base}/{name}"))
    monkeypatch.setenv("MSRESNET_CACHE", str(tmp_path))
    return server


def test_a_listed_model_is_fetched_on_first_use(published):
    assert not is_available("msresnet50")
    seen = []
    model = load_model("msresnet50", "cpu", sides=(32, 48), on_progress=lambda done, total: seen.append(done))
    assert seen[-1] == len(published.body)
    assert is_available("msresnet50")
    known = identify(model)
    assert (known.name, known.is_verified) == ("msresnet50", True)
    assert "label-free" in " ".join(known.notes)
    assert identify(load_model("msresnet50", "cpu", sides=(32, 48))) == known
    assert len(published.requests) == 1


def test_a_listed_model_that_was_altered_in_the_cache_is_refused(published, tmp_path):
    load_model("msresnet50", "cpu", sides=(32,))
    path = next(tmp_path.glob("*.pth"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match="was altered"):
        load_model("msresnet50", "cpu", sides=(32,))


def test_wrong_options_are_told_before_anything_is_fetched(published):
    for options in ({"gate": "best"}, {"sides": ()}, {"device": "cuda:99"}):
        with pytest.raises(ConfigError):
            load_model("msresnet50", **options)
    assert published.requests == []
