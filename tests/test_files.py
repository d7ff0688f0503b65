"""Files are whole or as they were."""

import os

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
