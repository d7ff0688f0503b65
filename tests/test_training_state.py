"""A checkpoint of a run is whole or not there, whenever the process is killed."""

import subprocess
import sys
import textwrap

import pytest
import torch
from quick import RECIPE

from msresnet.training.state import load_state, save_state

WRITER = """
    import sys, torch
    from pathlib import Path
    from msresnet.training import save_state
    path, step = Path(sys.argv[1]), 0
    while True:
        step += 1
        save_state({"step": step, "tensor": torch.full((200_000,), float(step))}, path)
        print(step, flush=True)
"""


def test_a_killed_process_leaves_a_whole_checkpoint(tmp_path):
    path = tmp_path / "checkpoint.pt"
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(path)], stdout=subprocess.PIPE, text=True
    )
    for _ in range(5):
        assert process.stdout.readline().strip().isdigit()
    process.kill()
    process.wait()
    process.stdout.close()
    kept = torch.load(path, weights_only=True)
    assert kept["step"] >= 5
    assert (kept["tensor"] == kept["step"]).all()


def test_saving_replaces_only_when_whole(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    save_state({"step": 1}, path)

    def break_off(*_args):
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", break_off)
    with pytest.raises(OSError, match="disk full"):
        save_state({"step": 2}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}


KILLED = """
    import builtins, io, os, signal, sys
    from pathlib import Path
    import torch
    from msresnet.training import state
    folder, moments = Path(sys.argv[1]), int(sys.argv[2])

    class Mortal(io.FileIO):
        left = None
        def write(self, data):
            data = memoryview(data).cast("B")
            if Mortal.left is not None and len(data) >= Mortal.left:
                super().write(data[: Mortal.left])
                os.kill(os.getpid(), signal.SIGKILL)
            if Mortal.left is not None:
                Mortal.left -= len(data)
            return super().write(data)

    def save(step, path):
        state.save_state({"step": step, "tensor": torch.full((5_000,), float(step))}, path)

    Path.open = lambda self, mode="r", **_: Mortal(self, mode)
    size = None
    for moment in range(moments):
        path = folder / f"{moment}.pt"
        save(1, path)
        size = size or path.stat().st_size
        child = os.fork()
        if not child:
            if moment % 10 == 8:  # after the last byte
                os.fsync = lambda fd: os.kill(os.getpid(), signal.SIGKILL)
            elif moment % 10 == 9:  # when it is synced
                os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
            else:
                Mortal.left = 1 + size * moment // (moments + 1)
            save(2, path)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
"""


def test_a_hundred_kills_leave_a_hundred_whole_checkpoints(tmp_path):
    source = textwrap.dedent(KILLED)
    done = subprocess.run([sys.executable, "-c", source, str(tmp_path), "100"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for moment in range(100):
        kept = torch.load(tmp_path / f"{moment}.pt", weights_only=True)
        assert kept["step"] == 1
        assert (kept["tensor"] == 1).all()
    assert len(list(tmp_path.glob("*.tmp"))) == 100  # every one was killed before it replaced anything


def test_a_checkpoint_that_is_not_there_is_none(tmp_path):
    assert load_state(tmp_path / "checkpoint.pt", RECIPE) is None
