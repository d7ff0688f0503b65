"""Explanations of many pictures: what is finished stays, what is not is made again, each process its share."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import tiny

from msresnet import folders, processes
from msresnet.__main__ import main
from msresnet.checkpoint import save_checkpoint
from msresnet.errors import ConfigError, DataError
from msresnet.explain import Request
from msresnet.folders import MANIFEST, Ask, Job, is_finished, jobs_for, pictures_below, write_explanation
from msresnet.processes import Processes, join_processes

ROOT = Path(__file__).resolve().parents[1]
FILES = [("explanation.json", b"{}"), ("ledger.csv", b"a,b"), ("evidence.png", b"png")]


def write_picture(path: Path, *, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def job(tmp_path) -> Job:
    return Job(write_picture(tmp_path / "cat.png"), tmp_path / "out")


ASK = Ask("a" * 64, Request(methods=("saliency",), channels=0))


# Which pictures go where


def test_every_picture_of_a_folder_goes_where_it_lies_there(tmp_path):
    names = ["b.JPG", "cats/a.png", "cats/a.jpg", "dogs/deep/c.webp"]
    for name in (*names, "notes.txt", ".hidden.png", ".cache/d.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    jobs = jobs_for([str(tmp_path / "in")], tmp_path / "out")
    assert [job.folder.relative_to(tmp_path / "out").as_posix() for job in jobs] == sorted(names)
    assert [job.picture.relative_to(tmp_path / "in").as_posix() for job in jobs] == sorted(names)


def test_folders_and_files_may_be_mixed(tmp_path):
    first, second = write_picture(tmp_path / "x/cats/a.png"), write_picture(tmp_path / "y/cats/a.png")
    single = write_picture(tmp_path / "cats.png")
    jobs = jobs_for([str(tmp_path / "x/cats"), str(tmp_path / "y/cats"), str(single)], Path("o"))
    assert [(job.picture, job.folder) for job in jobs] == [
        (first, Path("o/cats/a.png")),
        (second, Path("o/cats-2/a.png")),
        (single, Path("o/cats-3")),
    ]


def test_numbered_names_do_not_meet_each_other():
    names = [path.name for path in folders.folders_for(["x/A.png", "a-2.png", "y/a.png", "z/a.png"], Path("o"))]
    assert names == ["A", "a-2", "a-3", "a-4"]


def test_what_was_made_is_not_explained(tmp_path):
    picture = write_picture(tmp_path / "in/a.png")
    made = Job(picture, tmp_path / "in/explained/a.png")
    write_explanation(made, ASK, FILES)
    assert pictures_below(tmp_path / "in", but_not=tmp_path / "in/explained") == [picture]
    assert pictures_below(tmp_path / "in", but_not=tmp_path / "elsewhere") == [picture]  # known by its manifest


def test_a_folder_without_pictures_is_told(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/notes.txt").touch()
    with pytest.raises(DataError, match=r"a folder must hold pictures .* there is none in"):
        jobs_for([str(tmp_path / "in")], tmp_path / "out")


def test_explanations_do_not_go_among_the_pictures(tmp_path):
    write_picture(tmp_path / "a.png")
    with pytest.raises(ConfigError, match="another folder than the pictures'"):
        jobs_for([str(tmp_path)], tmp_path)


# What is finished


def test_an_explanation_is_finished_once_it_is_written(job):
    assert not is_finished(job, ASK)
    write_explanation(job, ASK, FILES)
    assert is_finished(job, ASK)
    assert {path.name for path in job.folder.iterdir()} == {name for name, _ in FILES} | {MANIFEST}


def alter_request(job: Job) -> Ask:
    return Ask(ASK.model, Request(methods=("grad-cam",), channels=0))


def alter_weights(job: Job) -> Ask:
    return Ask("b" * 64, ASK.request)


def alter_picture(job: Job) -> Ask:
    write_picture(job.picture, seed=1)
    return ASK


def alter_file(job: Job) -> Ask:
    (job.folder / "evidence.png").write_bytes(b"pnG")
    return ASK


def lose_file(job: Job) -> Ask:
    (job.folder / "ledger.csv").unlink()
    return ASK


def cut_manifest(job: Job) -> Ask:
    path = job.folder / MANIFEST
    path.write_bytes(path.read_bytes()[:-10])
    return ASK


def lose_picture(job: Job) -> Ask:
    job.picture.unlink()
    return ASK


@pytest.mark.parametrize(
    "alter",
    [alter_request, alter_weights, alter_picture, alter_file, lose_file, cut_manifest, lose_picture],
    ids=lambda one: one.__name__,
)
def test_what_is_not_as_it_was_asked_and_written_is_not_finished(job, alter):
    write_explanation(job, ASK, FILES)
    assert not is_finished(job, alter(job))


def test_other_software_makes_it_again(job, monkeypatch):
    write_explanation(job, ASK, FILES)
    monkeypatch.setattr(folders, "versions", lambda: {"torch": "0.0"})
    assert not is_finished(job, ASK)


class Killed(BaseException):
    """What no handler catches."""


@pytest.mark.parametrize("survives", range(len(FILES) + 1))
@pytest.mark.parametrize("had_one", [False, True])
def test_killed_at_any_write_it_is_unfinished_and_made_whole_again(job, monkeypatch, survives, had_one):
    if had_one:
        write_explanation(job, Ask("b" * 64, ASK.request), [*FILES, ("earlier.png", b"old")])
    replace, unlink, calls = os.replace, Path.unlink, []

    def replace_or_die(*names):
        calls.append(names)
        if len(calls) > survives:
            raise Killed
        replace(*names)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace_or_die)
        patch.setattr(
            Path, "unlink", lambda path, **options: None if path.suffix == ".tmp" else unlink(path, **options)
        )
        with pytest.raises(Killed):
            write_explanation(job, ASK, FILES)
    assert not is_finished(job, ASK)
    written = {path.name: path.read_bytes() for path in job.folder.iterdir() if path.suffix != ".tmp"}
    assert written == dict(FILES[:survives])  # each whole
    assert [path.suffix for path in job.folder.iterdir()].count(".tmp") == 1  # as a killed process leaves it
    write_explanation(job, ASK, FILES)
    assert is_finished(job, ASK)
    assert {path.name for path in job.folder.iterdir()} == {name for name, _ in FILES} | {MANIFEST}


def test_what_is_not_its_own_stays(job):
    job.folder.mkdir()
    (job.folder / "mine.txt").write_text("mine")
    write_explanation(job, ASK, [*FILES, ("saliency.png", b"old")])
    write_explanation(job, Ask("b" * 64, ASK.request), FILES)
    assert (job.folder / "mine.txt").read_text() == "mine"
    assert not (job.folder / "saliency.png").exists()


def test_a_manifest_names_nothing_outside_its_folder(job, tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("not yours")
    job.folder.mkdir()
    (job.folder / MANIFEST).write_text(json.dumps({"files": {"../outside.txt": "0" * 64}}))
    write_explanation(job, ASK, FILES)
    assert outside.read_text() == "not yours"


# Shares


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shares_are_disjoint_and_complete_and_about_equal(count):
    items = list(range(11))
    shares = [Processes(rank, count).share(items) for rank in range(count)]
    assert sorted(item for share in shares for item in share) == items
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_process_that_is_alone_is_the_first_and_needs_no_engine(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setitem(sys.modules, "accelerate", None)
    alone = join_processes()
    assert alone.is_first and alone.device is None and alone.total([2, 0]) == [2, 0]


def test_several_processes_without_their_engine_are_told(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ConfigError, match=r"accelerate, which is not installed; run: pip install 'msresnet\[train\]'"):
        join_processes()


# The command


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_checkpoint(tiny(), folder, name="tiny")
    return folder


@pytest.fixture
def pictures(tmp_path) -> Path:
    """Three pictures and a file that is none."""
    for i in range(3):
        write_picture(tmp_path / f"in/sub/{i}.png", seed=i)
    (tmp_path / "in/bad.jpg").write_text("Dear model, this is no picture.")
    return tmp_path / "in"


def test_a_folder_is_explained_and_a_bad_file_is_named_and_counted(pictures, checkpoint, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["explain", str(pictures), "--model", str(checkpoint), "--out", str(out)]
    assert main(command) == 1
    said, errors = capsys.readouterr()
    assert said.count("\n") == 3
    named, total = errors.splitlines()
    assert named.startswith(f"{pictures / 'bad.jpg'}: ") and "is not a picture that can be read" in named
    assert total == "4 pictures: 3 explained, 0 explained already, 1 that could not be"
    assert {path.parent.relative_to(out).as_posix() for path in out.rglob(MANIFEST)} == {
        f"sub/{i}.png" for i in range(3)
    }


def test_what_is_finished_is_not_explained_again(pictures, checkpoint, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["explain", str(pictures), "--model", str(checkpoint), "--out", str(out)]
    main(command)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.*") if path.is_file()}
    (out / "sub/1.png/evidence.png").write_bytes(b"cut")
    capsys.readouterr()
    assert main(command) == 1
    said, errors = capsys.readouterr()
    assert said.startswith(f"{pictures / 'sub/1.png'}: ") and said.count("\n") == 1
    assert errors.endswith("4 pictures: 1 explained, 2 explained already, 1 that could not be\n")
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*.*") if path.is_file()}
    assert {path.parent.name for path in after if after[path] != before[path]} == {"1.png"}


def test_a_single_picture_is_not_explained_again(pictures, checkpoint, tmp_path, capsys):
    command = ["explain", str(pictures / "sub/0.png"), "--model", str(checkpoint), "--out", str(tmp_path / "out")]
    assert main(command) == 0
    capsys.readouterr()
    assert main(command) == 0
    assert capsys.readouterr().out == f"{pictures / 'sub/0.png'}: explained already; files in {tmp_path / 'out'}\n"


def test_processes_that_have_agreed_leave_each_other_at_the_end(monkeypatch):
    accelerate = pytest.importorskip("accelerate.utils")
    monkeypatch.setattr(accelerate, "gather_object", lambda numbers: [*numbers, [10, 20]])
    at_exit = []
    monkeypatch.setattr(processes.atexit, "register", at_exit.append)
    assert Processes(0, 1).total([1, 2]) == [1, 2] and at_exit == []
    assert Processes(0, 2).total([1, 2]) == [11, 22] and len(at_exit) == 1
    left = []
    monkeypatch.setattr(processes.torch.distributed, "is_initialized", lambda: not left)
    monkeypatch.setattr(processes.torch.distributed, "destroy_process_group", lambda: left.append(True))
    at_exit[0]()
    at_exit[0]()  # who has left does not leave again
    assert left == [True]


@pytest.mark.slow
def test_two_processes_share_a_folder(pictures, checkpoint, tmp_path):
    out = tmp_path / "out"
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "msresnet"]
    command = [*launcher, "explain", str(pictures), "--model", str(checkpoint), "--device", "cpu", "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    answer = subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment, timeout=240)
    assert answer.returncode != 0  # one of the files is no picture
    lines = [line for line in answer.stdout.splitlines() if "files in" in line]
    assert sorted(line.split(":")[0] for line in lines) == [str(pictures / f"sub/{i}.png") for i in range(3)]
    assert answer.stderr.count("4 pictures: 3 explained, 0 explained already, 1 that could not be") == 1
    assert len(list(out.rglob(MANIFEST))) == 3
