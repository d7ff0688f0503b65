"""A file from the network: fetched once, whole or not at all, and checked by its hash every time it is used.

The hash is the one that torchvision writes into its file names: ``resnet50-0676ba61.pth``
begins its SHA-256 with ``0676ba61``. The full one is recorded beside the file.
"""

import glob
import hashlib
import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPResponse
from io import RawIOBase
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import torch

from .errors import CheckpointError, DownloadError

log = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]  # bytes that are here, bytes in all where the server says so

BLOCK_BYTES = 1 << 20
TIMEOUT_S = 30.0  # without a byte
STALE_S = 600.0  # a part that nobody wrote to for so long has lost its writer, which gives up after TIMEOUT_S


def cache_folder() -> Path:
    """Where fetched weights are kept: ``$MSRESNET_CACHE``, otherwise where torchvision keeps its own."""
    chosen = os.environ.get("MSRESNET_CACHE")
    return Path(chosen).expanduser() if chosen else Path(torch.hub.get_dir(), "checkpoints")


def cached_path(url: str, folder: Path) -> Path:
    """Where :func:`fetch` keeps the file of ``url``."""
    return folder / PurePosixPath(urlsplit(url).path).name


def fetch(
    url: str, folder: Path, *, on_progress: Progress = lambda done, total: None, timeout_s: float = TIMEOUT_S
) -> Path:
    """The file of ``url`` in ``folder``, downloaded where it is not there yet.

    It appears under its name only when it is whole and its hash is right, so a process
    that is killed leaves at most a hidden part, which a later call removes. Two
    processes at once download a part each, and the last one's file stays.

    Args:
        url: its file name carries the first hexadecimal digits of the SHA-256: ``name-0676ba61.pth``.
        folder: made where it is missing.
        on_progress: called after every block with the bytes that are here and the bytes in all;
            what it raises ends the download.
        timeout_s: how long to wait for a byte.

    Raises:
        DownloadError: no network, a refusal by the server, a connection that stalls or ends
            early, a full disk, or content with another hash.
        CheckpointError: the file was altered since it was fetched.
    """
    path, prefix = cached_path(url, folder), hash_prefix(url)
    remove_stale_parts(path)
    if path.is_file():
        check_cached(path, prefix)
    else:
        download(url, path, prefix, on_progress=on_progress, timeout_s=timeout_s)
    return path


def hash_prefix(url: str) -> str:
    """The digits of the SHA-256 that a file's name ends with."""
    found = re.search(r"-([0-9a-f]{8,64})\.\w+$", urlsplit(url).path)
    if found is None:
        raise ValueError(f"the name must end with digits of its hash, as in name-0676ba61.pth, got {url}")
    return found.group(1)


def check_cached(path: Path, prefix: str) -> None:
    """Compare a file with its name and with the hash that was recorded when it was fetched."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    record = record_path(path)
    content = record.read_text(encoding="utf-8", errors="replace") if record.is_file() else sha256
    if not sha256.startswith(prefix) or content.split()[:1] != [sha256]:
        raise CheckpointError(
            f"{path} was altered since it was fetched: its SHA-256 is {sha256[:12]}…; "
            f"delete it and {record.name}, and it is fetched again"
        )
    if not record.is_file():  # torchvision fetched it
        try:
            write_record(path, sha256)
        except OSError as error:
            log.warning("could not record the hash of %s: %s", path, error)


def download(url: str, path: Path, prefix: str, *, on_progress: Progress, timeout_s: float) -> None:
    """Fetch into a part beside ``path``, check it, sync it, rename it."""
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = part.open("xb", buffering=0)
    try:
        with file:
            sha256 = receive(url, file, path, on_progress=on_progress, timeout_s=timeout_s)
            with writing(path):
                os.fsync(file.fileno())
        if not sha256.startswith(prefix):
            raise DownloadError(
                f"{url} gave something else than {path.name}: its SHA-256 is {sha256[:12]}…, not {prefix}…; "
                "try again, and if it happens again look for a proxy that answers in the server's place"
            )
        with writing(path):
            write_record(path, sha256)
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def receive(url: str, file: RawIOBase, path: Path, *, on_progress: Progress, timeout_s: float) -> str:
    """Write what ``url`` gives to ``file``; returns its SHA-256."""
    digest, done = hashlib.sha256(), 0
    with talking(url, path, timeout_s):
        response: HTTPResponse = urlopen(Request(url, headers={"User-Agent": "msresnet"}), timeout=timeout_s)
    with response:
        total = response.length
        while block := next_block(response, url, path, timeout_s):
            with writing(path):
                write_all(file, block)
            digest.update(block)
            done += len(block)
            on_progress(done, total)
    if total is not None and done != total:
        raise DownloadError(f"The connection ended after {done} of the {total} bytes of {url}; try again")
    return digest.hexdigest()


def write_all(file: RawIOBase, block: bytes) -> None:
    """Write the whole block: a disk that fills up takes a part of it first, and that is no error yet."""
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]


def next_block(response: HTTPResponse, url: str, path: Path, timeout_s: float) -> bytes:
    """What has arrived; nothing at the end."""
    with talking(url, path, timeout_s):
        return response.read1(BLOCK_BYTES)


@contextmanager
def talking(url: str, path: Path, timeout_s: float) -> Iterator[None]:
    """Tells the network's errors as one sentence."""
    by_hand = f"or put {path.name} into the folder that MSRESNET_CACHE names"  # a visitor may read this: no path
    try:
        yield
    except HTTPError as error:
        with error:
            raise DownloadError(
                f"The server answered {error.code} ({error.reason}) for {url}; try again later, {by_hand}"
            ) from error
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, TimeoutError):
            host = urlsplit(url).netloc
            raise DownloadError(f"{host} sent nothing for {timeout_s:g} s; try again later, {by_hand}") from error
        raise DownloadError(
            f"Could not fetch {url} ({reason}); check the connection to the network, {by_hand}"
        ) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tells the disk's errors as one sentence."""
    try:
        yield
    except OSError as error:
        raise DownloadError(
            f"Could not write {path.name} to {path.parent} ({error.strerror}); "
            "make room, or set MSRESNET_CACHE to a folder with room"
        ) from error


def record_path(path: Path) -> Path:
    """The file beside ``path`` that keeps its hash, in the form that ``sha256sum -c`` reads."""
    return path.with_name(f"{path.name}.sha256")


def write_record(path: Path, sha256: str) -> None:
    """Record a hash, whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        part.write_text(f"{sha256}  {path.name}\n", encoding="utf-8")
        os.replace(part, record_path(path))
    finally:
        part.unlink(missing_ok=True)


def remove_stale_parts(path: Path) -> None:
    """Remove what killed processes left of ``path``."""
    for name in glob.glob(f".{glob.escape(path.name)}.*.part", root_dir=path.parent):
        part = path.with_name(name)
        with suppress(OSError):  # it is gone already, or another user's
            if time.time() - part.stat().st_mtime > STALE_S:
                part.unlink()
