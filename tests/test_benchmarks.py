"""The benchmarks run: on a model of a few thousand parameters, once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from msresnet.checkpoint import save_checkpoint
from msresnet.model import ModelConfig, MultiscaleResNet
from msresnet.resnet import Stem

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted(path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py"))  # as `make bench` has it
ABOUT_MAPS = {"peers"}  # not timings alone: tests of their own
SETTINGS = {
    "cancel": [
        "--model",
        "{model}",
        "--only",
        "saliency",
        "trust",
        "export",
        "two-pictures",
        "point",
        "brush",
        "switch",
    ],
    "default_model": ["--explanations", "1", "--model", "{model}"],
    "forward": ["--architectures", "resnet18", "--sides", "64"],
    "page": ["--warm-ups", "0", "--model", "{model}"],
    "training_step": ["--batch-size", "2"],
    "trust": ["--model", "{model}"],
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    config = ModelConfig("resnet18", (24, 32, 48), 32, tuple("abcdefg"), stem=Stem.STRIDE_2, width=8)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_checkpoint(MultiscaleResNet(config).eval(), folder, name="tiny")
    return folder


def test_every_benchmark_has_settings():
    assert sorted({*SETTINGS, *ABOUT_MAPS}) == SCRIPTS


@pytest.mark.slow
@pytest.mark.parametrize("script", SETTINGS)
def test_a_benchmark_runs_and_writes_what_it_prints(script, checkpoint, tmp_path):
    more = [one.format(model=checkpoint) for one in SETTINGS[script]]
    command = [sys.executable, f"benchmarks/{script}.py", "--runs", "1", "--threads", "1", *more]
    command += ["--json", str(tmp_path / "figures.json")]
    ended = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=240)
    assert ended.returncode == 0, ended.stderr
    written = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert written["machine"]["threads"] == 1
    assert all(figure["value"] > 0 for figure in written["figures"])
    assert all(f"| {figure['what']} |" in ended.stdout for figure in written["figures"])


def environment() -> dict[str, str]:
    """This one's, with the package found also where it is not installed."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}
