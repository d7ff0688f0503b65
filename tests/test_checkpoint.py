"""A name finds its model: listed, by path, from the Hub; and the public surface."""

import csv
import tarfile
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
import torchvision
from stored import ROOT, TINY, entries, run_python, tiny_model

import msresnet
from msresnet import load_model
from msresnet.classes import imagenet_classes
from msresnet.device import choose_device
from msresnet.errors import CheckpointError, ConfigError, DownloadError, UnknownNameError
from msresnet.identity import identify
from msresnet.images import read_image
from msresnet.listed import MODELS, is_available, weights_folder
from msresnet.model import MultiscaleResNet
from msresnet.storage import load_checkpoint, save_checkpoint
from msresnet.vote import GateMode, Temperature


@pytest.fixture
def model() -> MultiscaleResNet:
    return tiny_model()


@pytest.fixture
def folder(model, tmp_path) -> Path:
    """A checkpoint of several shards."""
    save_checkpoint(model, tmp_path / "checkpoint", name="tiny", max_shard_bytes=40_000)
    return tmp_path / "checkpoint"


# A name finds its model


def test_the_list_of_models():
    assert [entry.name for entry in MODELS] == ["msresnet18-tiny", "msresnet-mnist", "msresnet50", "msresnet101"]
    for entry in MODELS[:2]:
        shards = sum(path.stat().st_size for path in entry.folder.glob("*.safetensors"))
        assert entry.size_mb == round(shards / 1e6)
        assert entry.class_count == len(load_model(entry.name, "cpu").classes)
    for entry in MODELS[2:]:
        weights = torchvision.models.get_weight(entry.torchvision_name)
        assert entry.url == weights.url
        assert entry.class_count == len(weights.meta["categories"])
        assert entry.size_mb == round(weights.meta["_file_size"] * 1.048576)
        assert weights.transforms().crop_size == [224]
    assert list(imagenet_classes().values()) == weights.meta["categories"]


def test_a_shipped_model_is_found_where_the_environment_says(model, tmp_path, monkeypatch):
    monkeypatch.setenv("MSRESNET_WEIGHTS", str(tmp_path))
    assert not is_available("msresnet18-tiny")
    with pytest.raises(CheckpointError, match="set MSRESNET_WEIGHTS"):
        load_model("msresnet18-tiny")
    save_checkpoint(model, tmp_path / "msresnet18-tiny", name="msresnet18-tiny")
    assert is_available("msresnet18-tiny")
    assert identify(load_model("msresnet18-tiny", "cpu")).name == "msresnet18-tiny"
    assert MODELS[0].folder == weights_folder() / "msresnet18-tiny"


def test_by_default_it_is_beside_the_package(monkeypatch):
    monkeypatch.delenv("MSRESNET_WEIGHTS", raising=False)
    assert weights_folder() == ROOT / "weights"


def test_a_name_that_nobody_knows():
    with pytest.raises(UnknownNameError, match="msresnet50") as caught:
        load_model("msresnet5")
    assert caught.value.kind == "model"
    for name in ("", "owner/name/more", "c\0d", "x" * 5000):
        with pytest.raises(UnknownNameError):
            load_model(name)
    with pytest.raises(UnknownNameError):
        is_available("msresnet5")


@pytest.mark.parametrize("path", ["./nothing", "/nothing/at/all", "~/nothing-here", "model.pth", Path("some/where")])
def test_a_path_that_is_not_there(path):
    with pytest.raises(CheckpointError, match="no file or folder"):
        load_model(path)


@pytest.mark.parametrize("name", ["cuda:99", "tpu", "cpu:1", "meta", ""])
def test_a_device_that_is_not_here(name, folder):
    with pytest.raises(ConfigError, match=r"auto or one of .*cpu here"):
        load_model(folder, name)


def test_the_first_device_that_is_here(folder):
    kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert choose_device("auto").type == kind
    assert load_model(folder).device.type == kind
    assert choose_device(torch.device("cpu")) == torch.device("cpu")


def test_a_checkpoint_by_its_path(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    for path in (folder, str(folder), "checkpoint"):
        assert identify(load_model(path, "cpu")) == identify(load_checkpoint(folder))


def test_a_checkpoints_sides_are_its_own(folder):
    assert load_model(folder, "cpu", sides=(32, 16, 24)).sides == TINY.sides
    with pytest.raises(ConfigError, match="sides must be the checkpoint's"):
        load_model(folder, "cpu", sides=(16, 24))


@pytest.mark.parametrize("gate", ["single", "mean"])
def test_another_gate_for_a_checkpoint(folder, gate):
    images = torch.rand(1, 3, 24, 24)
    own, other = load_model(folder, "cpu"), load_model(folder, "cpu", gate=gate)
    levels = {"single": (0, 1, 0), "mean": (1 / 3, 1 / 3, 1 / 3)}[gate]
    with torch.no_grad():
        assert torch.allclose(other(images).gate.levels[0], torch.tensor(levels, dtype=torch.float32))
        assert torch.equal(other(images).stages[-1][0], own(images).stages[-1][0])
    assert not other.training
    assert "by request" in identify(other).notes[-1]
    assert load_model(folder, "cpu", gate="gated").head.gate is not None


def test_a_gate_for_a_checkpoint_without_one(tmp_path):
    save_checkpoint(tiny_model(replace(TINY, gate=GateMode.MEAN)), tmp_path / "x", name="x")
    model = load_model(tmp_path / "x", "cpu", gate="gated")
    assert model.config.temperature is Temperature.MATCHED
    assert identify(model) == identify(load_model(tmp_path / "x", "cpu", gate="gated"))
    with pytest.raises(ConfigError, match="gate must be one of"):
        load_model(tmp_path / "x", gate="best")


# The Hub


def test_a_repository_of_the_hub(folder, monkeypatch):
    asked = []

    def snapshot(name: str, *, allow_patterns: list[str]) -> str:
        asked.append(name)
        kept = {path.name for pattern in allow_patterns for path in folder.glob(pattern)}
        assert kept == set(entries(folder)), "everything that is needed is fetched"
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    assert identify(load_model("owner/name", "cpu")).name == "tiny"
    assert asked == ["owner/name"]


def test_the_hub_that_is_not_there(tmp_path):
    program = (
        "from msresnet import load_model\nfrom msresnet.errors import DownloadError\n"
        "try: load_model('owner/name')\nexcept DownloadError as error: print(error)"
    )
    # Read at import. Nothing listens at port 9 of this machine.
    settings = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "NO_PROXY": "*"}
    answer = run_python(program, **settings)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("\n") == 1
    assert answer.stdout.startswith("There is no folder owner/name here, and it could not be fetched")
    assert "check the name and the connection" in answer.stdout


def test_a_name_that_the_hub_refuses():
    with pytest.raises(DownloadError, match="check the name"):
        load_model("owner/-name--x-")


# The public surface


def test_the_public_names():
    assert msresnet.__all__ == ["load_model", "explain", "MultiscaleResNet"]
    assert msresnet.MultiscaleResNet is MultiscaleResNet
    with pytest.raises(AttributeError, match="no attribute 'unknown'"):
        _ = msresnet.unknown


ORDERS = [
    "from msresnet import explain",
    "from msresnet.explain import Request; from msresnet import explain",
    "from msresnet import explain; from msresnet.explain import Request; import msresnet; explain = msresnet.explain",
    "import msresnet.explain; from msresnet import explain",
    "import msresnet, importlib; importlib.import_module('msresnet.explain'); explain = msresnet.explain",
    "from msresnet import *",
]
# PyTorch is imported once, the package for each of them anew.
IN_EVERY_ORDER = f"""
import sys, types
for program in {ORDERS}:
    for name in [name for name in sys.modules if name.partition('.')[0] == 'msresnet']:
        del sys.modules[name]
    names = {{}}
    exec(program, names)
    explain = names['explain']
    assert isinstance(explain, types.FunctionType) and explain is sys.modules['msresnet.explain'].explain, program
"""


def test_explain_is_the_function_in_whatever_order():
    answer = run_python(IN_EVERY_ORDER)
    assert answer.returncode == 0, answer.stderr


def test_explain_may_be_replaced_in_a_test(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(msresnet, "explain", len)
        assert msresnet.explain is len
    assert msresnet.explain.__name__ == "explain"


# Real weights


@pytest.mark.data
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_real_weights_load_and_keep_their_hash(shared_data, name, tmp_path):
    path = shared_data / "imagenet-weights" / f"{name}_fp16.safetensors"
    model = load_model(path, "cpu")
    assert model.config.architecture == name
    assert model.classes[1] == "goldfish"
    assert not identify(model).is_verified
    spec = save_checkpoint(model, tmp_path / "x", name="x")
    assert spec.sha256 == identify(model).sha256
    assert identify(load_checkpoint(tmp_path / "x")).is_verified


@pytest.mark.data
def test_a_real_resnet_50_knows_what_it_sees(shared_data):
    model = load_model(
        shared_data / "imagenet-weights" / "resnet50_fp16.safetensors", "cpu", sides=(224,), gate="single"
    )
    with (shared_data / "imagenet-samples" / "classes.tsv").open(newline="") as table:
        index = {wnid: int(number) for number, wnid, _ in csv.reader(table, delimiter="\t")}
    assert list(index) == list(imagenet_classes())
    with tarfile.open(shared_data / "imagenet-samples" / "imagenet-samples-500.tar") as tar:
        members = sorted((member for member in tar if member.name.endswith(".jpg")), key=lambda m: m.name)[::25]
        pictures = [(read_image(tar.extractfile(member).read()), Path(member.name).parent.name) for member in members]
    assert len(pictures) == 20
    with torch.no_grad():
        levels = torch.cat([model.pyramid(picture)[0] for picture, _ in pictures])
        answers = model.forward_levels(levels).argmax(dim=1).numpy()
    right = np.mean(answers == [index[wnid] for _, wnid in pictures])
    assert right >= 0.6
