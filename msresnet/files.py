"""Files that are whole or not there, and what they hold."""

import hashlib
import json
import os
import threading
from pathlib import Path

from .errors import MsresnetError
from .explanation import versions

_CHUNK_BYTES = 1 << 20


def make_folder(folder: Path) -> None:
    """The folder, made where it is missing.

    Raises:
        MsresnetError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MsresnetError(f"{folder} cannot be made a folder ({error.strerror}); choose another") from error


def write_whole(path: Path, content: bytes) -> None:
    """Write to a temporary file beside, then rename: whoever looks finds all of the old or all of the new.

    Raises:
        MsresnetError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        raise MsresnetError(f"{path} cannot be written ({error.strerror}); choose another place") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_numbers(numbers: dict, path: Path) -> None:
    """Numbers and the versions that made them, as JSON; folders are made where they are missing.

    Raises:
        MsresnetError: as :func:`make_folder` and :func:`write_whole`.
    """
    make_folder(path.parent)
    content = json.dumps({**numbers, "versions": versions()}, indent=2, ensure_ascii=False)
    write_whole(path, (content + "\n").encode())


def remove_leftovers(folder: Path) -> None:
    """Remove what :func:`write_whole` left in a folder when it was killed."""
    for path in folder.glob(".*.*.tmp"):
        path.unlink(missing_ok=True)


def file_sha256(path: Path) -> str | None:
    """SHA-256 of a file's content, in hex; ``None`` where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()
