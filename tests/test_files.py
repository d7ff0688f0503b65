"""Files are whole or as they were."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from msresnet import files
from msresnet.errors import MsresnetError


def test_a_file_is_whole_or_as_it_was(tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError(28, "No space left on device")

    path = tmp_path / "maps.npz"
    files.write_whole(path, b"old")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(MsresnetError, match="No space left on device"):
        files.write_whole(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_two_threads_write_the_same_file_without_a_word_of_each_other(tmp_path, monkeypatch):
    both, write = threading.Barrier(2, timeout=30), Path.write_bytes

    def together(path, content):
        write(path, content)
        both.wait()  # each has written before either renames

    monkeypatch.setattr(Path, "write_bytes", together)
    path = tmp_path / "x.bin"
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda content: files.write_whole(path, content), (b"one" * 1000, b"two" * 1000)))
    assert path.read_bytes() in (b"one" * 1000, b"two" * 1000)
    assert list(tmp_path.iterdir()) == [path]
