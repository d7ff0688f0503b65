"""Checkpoints: what is saved is loaded, what is damaged is refused with its cause, a name finds its model."""

import csv
import gc
import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import safetensors.torch
import torch
import torchvision
from torch import Tensor

import msresnet
from msresnet import identity, load_model, tensors
from msresnet.checkpoint import (
    IMAGENET_SIDES,
    MODELS,
    choose_device,
    is_available,
    load_checkpoint,
    read_spec,
    save_checkpoint,
    weights_folder,
)
from msresnet.classes import imagenet_classes
from msresnet.errors import CheckpointError, ConfigError, DownloadError, UnknownNameError
from msresnet.identity import Identity, identify
from msresnet.images import read_image
from msresnet.model import ModelConfig, MultiscaleResNet
from msresnet.pyramid import Preprocessing
from msresnet.resnet import Stem
from msresnet.vote import GateMode, Temperature

ROOT = Path(__file__).resolve().parents[1]
TINY = ModelConfig(
    architecture="resnet18",
    sides=(16, 24, 32),
    base_side=24,
    classes=("a", "b", "c"),
    stem=Stem.STRIDE_2,
    width=4,
    has_links=True,
    temperature=Temperature.LEARNED,
    preprocessing=Preprocessing(source_side=24),
)


def tiny_model(config: ModelConfig = TINY) -> MultiscaleResNet:
    """A model with random tensors, also those that start as zeros or ones."""
    model = MultiscaleResNet(config)
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.add_(0.1 * torch.rand_like(value))
            else:
                value.fill_(7)
    return model.eval()


@pytest.fixture
def model() -> MultiscaleResNet:
    return tiny_model()


@pytest.fixture
def folder(model, tmp_path) -> Path:
    """A checkpoint of several shards."""
    save_checkpoint(model, tmp_path / "checkpoint", name="tiny", max_shard_bytes=40_000)
    return tmp_path / "checkpoint"


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def run_python(program: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", program]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True)


# What is saved is what is loaded ---------------------------------------------------------------------


def test_what_is_loaded_is_what_was_saved(model, folder):
    loaded = load_checkpoint(folder)
    assert loaded.config == model.config
    assert not any(module.training for module in loaded.modules())
    kernels = 0
    for key, value in loaded.state_dict().items():
        original = model.state_dict()[key]
        if key.endswith("num_batches_tracked"):
            assert value == 0
        elif value.ndim > 1 and not key.startswith("head.gate."):
            kernels += 1
            assert value.dtype == torch.float32
            assert torch.equal(value, original.half().float())
        else:
            assert torch.equal(value, original), key
    assert kernels > 20


def test_the_loaded_model_answers_alike(model, folder):
    images = torch.rand(2, 3, 24, 24)
    with torch.no_grad():
        expected, got = model(images), load_checkpoint(folder)(images)
    assert torch.allclose(got.logits, expected.logits, rtol=0, atol=0.01 * expected.logits.abs().max())
    assert torch.allclose(got.gate.levels, expected.gate.levels, atol=0.01)


def test_loading_does_not_import_pytorchs_compiler(folder):
    """A second, and a hundred megabytes."""
    program = f"import sys, msresnet; msresnet.load_model({str(folder)!r}); print('torch._dynamo' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert answer.stdout.strip() == "False", answer.stderr


def test_the_spec_is_kept(model, tmp_path):
    given = {
        "metrics": {"top1": 0.5}, "data": {"name": "squares"}, "recipe": {"epochs": 2},
        "licence": "Apache-2.0", "notes": ("small: «α»",),
    }  # fmt: skip
    spec = save_checkpoint(model, tmp_path / "new" / "folder", name="named", **given)
    assert read_spec(tmp_path / "new" / "folder") == spec
    assert (spec.name, spec.config) == ("named", TINY)
    assert {key: getattr(spec, key) for key in given} == given
    known = identify(load_checkpoint(tmp_path / "new" / "folder"))
    assert known == Identity("named", spec.sha256, True, given["notes"], "Apache-2.0")


@pytest.mark.parametrize("gate", GateMode)
def test_every_gate_is_kept(gate, tmp_path):
    model = tiny_model(replace(TINY, gate=gate, has_links=False))
    save_checkpoint(model, tmp_path / "x", name="x")
    loaded = load_checkpoint(tmp_path / "x")
    assert loaded.config.gate is gate
    assert identify(loaded).sha256 == identify(model).sha256


def test_saving_what_was_loaded_changes_nothing(folder, tmp_path):
    first = read_spec(folder)
    second = save_checkpoint(load_checkpoint(folder), tmp_path / "again", name="tiny", max_shard_bytes=40_000)
    assert second == first
    for path in folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_the_hash_is_the_documented_one(folder):
    stored = {}
    for path in folder.glob("*.safetensors"):
        with safetensors.safe_open(path, framework="numpy") as file:
            stored |= {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - it is no dict
    sha256 = hashlib.sha256()
    for key in sorted(stored):
        shape = ", ".join(map(str, stored[key].shape))
        sha256.update(f'["{key}", "{stored[key].dtype}", [{shape}]]\n'.encode())
        sha256.update(stored[key].tobytes())
    assert read_spec(folder).sha256 == sha256.hexdigest()


def test_the_hash_sees_names_types_and_shapes():
    one = torch.tensor([[1.0, 2.0]])
    variants = [{"a": one}, {"b": one}, {"a": one.T}, {"a": one.int()}, {"a": one, "b": one[:0]}]
    variants.append({"a": one.view(torch.int32)})
    assert len({tensors.digest(variant) for variant in variants}) == len(variants)
    assert tensors.digest({"a": one, "b": 2 * one}) == tensors.digest({"b": 2 * one, "a": one})


def test_a_value_beyond_half_precision_keeps_its_own(model, tmp_path):
    with torch.no_grad():
        model.trunk.conv1.weight[0, 0, 0, 0] = 1e6
    save_checkpoint(model, tmp_path / "x", name="x")
    assert load_checkpoint(tmp_path / "x").trunk.conv1.weight[0, 0, 0, 0] == 1e6


def test_channels_last_is_stored_alike(model):
    expected = tensors.digest(tensors.pack(model.state_dict()))
    assert tensors.digest(tensors.pack(model.to(memory_format=torch.channels_last).state_dict())) == expected


def test_shards_stay_small_and_the_index_is_the_hubs(model, folder):
    shards = sorted(folder.glob("*.safetensors"))
    assert len(shards) > 3
    assert [shard.name for shard in shards] == [
        f"model-{number:05d}-of-{len(shards):05d}.safetensors" for number in range(1, len(shards) + 1)
    ]
    stored = [list(safetensors.torch.load_file(shard).values()) for shard in shards]
    sizes = [sum(value.nbytes for value in shard) for shard in stored]
    assert max(sizes) <= 40_000
    other = MultiscaleResNet(model.config)
    huggingface_hub.load_torch_model(other, folder, strict=False)  # the Hub's own reader
    kept = {key: value for key, value in model.state_dict().items() if not key.endswith("tracked")}
    assert all(torch.allclose(other.state_dict()[key], value, atol=1e-3) for key, value in kept.items())
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(sizes)


def test_by_default_no_file_is_over_10_mb(tmp_path):
    config = replace(TINY, width=64, classes=tuple(map(str, range(200))))
    save_checkpoint(MultiscaleResNet(config), tmp_path / "x", name="x")
    sizes = [path.stat().st_size for path in (tmp_path / "x").iterdir()]
    assert max(sizes) < 10_000_000
    assert 20_000_000 < sum(sizes) < 25_000_000


def test_a_tensor_larger_than_a_shard_is_told(model, tmp_path):
    with pytest.raises(ConfigError, match="max_shard_bytes must be"):
        save_checkpoint(model, tmp_path / "x", name="x", max_shard_bytes=1000)
    assert entries(tmp_path) == []


# All of it or nothing --------------------------------------------------------------------------------


def test_an_older_checkpoint_is_replaced_and_the_card_stays(model, folder, tmp_path):
    (folder / "README.md").write_text("the card")
    (folder / "pictures").mkdir()
    (folder / "pictures" / "one.png").write_text("a picture")
    spec = save_checkpoint(model, folder, name="new")
    assert entries(tmp_path) == ["checkpoint"]
    assert entries(folder) == [
        "README.md", "config.json", "model-00001-of-00001.safetensors", "model.safetensors.index.json", "pictures",
    ]  # fmt: skip
    assert (folder / "README.md").read_text() == "the card"
    assert (folder / "pictures" / "one.png").read_text() == "a picture"
    assert identify(load_checkpoint(folder)).sha256 == spec.sha256


def test_the_write_that_fails_leaves_the_older_one(model, folder, tmp_path, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write, calls = tensors.write_whole, Counter()

    def fail_at_the_third(path: Path, content: bytes) -> None:
        calls["write"] += 1
        if calls["write"] == 3:
            raise OSError("no space left on device")
        write(path, content)

    monkeypatch.setattr(tensors, "write_whole", fail_at_the_third)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(tiny_model(), folder, name="new", max_shard_bytes=40_000)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert entries(tmp_path) == ["checkpoint"]


def test_the_rename_that_fails_puts_the_older_one_back(model, folder, tmp_path, monkeypatch):
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name.endswith(".part"):
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="no"):
        save_checkpoint(tiny_model(), folder, name="new")
    assert entries(tmp_path) == ["checkpoint"]
    assert read_spec(folder).name == "tiny"


def test_a_folder_of_something_else_is_left_alone(model, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    for path in (tmp_path, tmp_path / "thesis.txt"):
        with pytest.raises(CheckpointError, match="not a checkpoint; name another folder"):
            save_checkpoint(model, path, name="x")
    assert entries(tmp_path) == ["thesis.txt"]


def test_a_model_that_diverged_is_not_saved(model, tmp_path):
    with torch.no_grad():
        model.head.fc.bias[1] = torch.nan
    with pytest.raises(CheckpointError, match=r"NaN or infinity, in head\.fc\.bias"):
        save_checkpoint(model, tmp_path / "x", name="x")
    assert entries(tmp_path) == []


# What is damaged is refused --------------------------------------------------------------------------


def first_shard(folder: Path) -> Path:
    return min(folder.glob("*.safetensors"))


def cut_a_shard(folder: Path) -> None:
    shard = first_shard(folder)
    shard.write_bytes(shard.read_bytes()[:-100])


def empty_a_shard(folder: Path) -> None:
    first_shard(folder).write_bytes(b"")


def put_a_page_in_a_shards_place(folder: Path) -> None:
    first_shard(folder).write_text("<html>please log in</html>" * 100)


def flip_a_bit(folder: Path) -> None:
    shard = first_shard(folder)
    content = bytearray(shard.read_bytes())
    content[-3] ^= 1
    shard.write_bytes(content)


def lose_a_shard(folder: Path) -> None:
    first_shard(folder).unlink()


def lose_the_index(folder: Path) -> None:
    (folder / "model.safetensors.index.json").unlink()


def lose_the_spec(folder: Path) -> None:
    (folder / "config.json").unlink()


def break_the_spec(folder: Path) -> None:
    (folder / "config.json").write_text('{"format": "msresnet", ')


def break_the_index(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_bytes(b"\xff\xfe{")


def nest_the_spec(folder: Path) -> None:
    (folder / "config.json").write_text("[" * 100_000)


def list_the_spec(folder: Path) -> None:
    (folder / "config.json").write_text("[]")


def put_another_models_spec(folder: Path) -> None:
    (folder / "config.json").write_text('{"architectures": ["BertModel"]}')


def change_spec(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        kept = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**kept, **changes}))

    return change


def change_model(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        kept = json.loads((folder / "config.json").read_text())
        change_spec(model={**kept["model"], **changes})(folder)

    return change


def change_index(change: Callable[[dict[str, str]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "model.safetensors.index.json"
        index = json.loads(path.read_text())
        change(index["weight_map"])
        path.write_text(json.dumps(index))

    return apply


def forge(change: Callable[[dict[str, Tensor]], object]) -> Callable[[Path], None]:
    """Other tensors with the right hash and index."""

    def apply(folder: Path) -> None:
        stored = tensors.read_shards(folder)
        change(stored)
        for shard in folder.glob("*.safetensors"):
            shard.unlink()
        tensors.write_shards(stored, folder, max_shard_bytes=10**9)
        change_spec(sha256=tensors.digest(stored))(folder)

    return apply


CONV1 = "trunk.conv1.weight"

DAMAGE = {
    "cut shard": (cut_a_shard, "truncated or not a safetensors file"),
    "empty shard": (empty_a_shard, "truncated or not a safetensors file"),
    "page as shard": (put_a_page_in_a_shards_place, "truncated or not a safetensors file"),
    "flipped bit": (flip_a_bit, "altered or is damaged: the SHA-256"),
    "other hash": (change_spec(sha256="0" * 64), "altered or is damaged: the SHA-256"),
    "lost shard": (lose_a_shard, "lacks the shard model-00001"),
    "lost index": (lose_the_index, "it has no model.safetensors.index.json"),
    "lost spec": (lose_the_spec, "not a checkpoint: it has no config.json"),
    "broken spec": (break_the_spec, "config.json is not JSON"),
    "broken index": (break_the_index, "index.json is not JSON"),
    "nested spec": (nest_the_spec, "config.json is not JSON"),
    "spec is a list": (list_the_spec, "must hold a JSON object, got a list"),
    "another library's": (put_another_models_spec, "not the spec of an msresnet checkpoint"),
    "newer": (change_spec(format_version=2), "format version 2, and this msresnet reads 1"),
    "name is a number": (change_spec(name=3), "must hold 'name' as a str, got 3"),
    "no model": (change_spec(model={}), "does not describe a model"),
    "unknown architecture": (change_model(architecture="vgg"), "does not describe a model: .*'vgg'"),
    "unknown gate": (change_model(gate="best"), "does not describe a model"),
    "deeper": (change_model(architecture="resnet34"), r"another architecture: missing are trunk\.layer\S+2\.bn1"),
    "shallower": (change_model(has_links=False), r"another architecture: .* unexpected are trunk\.link2"),
    "another scale": (change_model(sides=[16, 24]), r"unexpected are .*scales\.2"),
    "wider": (change_model(width=8), r"another architecture: head\.fc\.weight is \(3, 32\), not \(3, 64\)"),
    "gigantic": (change_model(width=10**8), "another architecture|not describe a model"),
    "impossible width": (change_model(width=-4), "does not describe a model"),
    "zero width": (change_model(width=0), "another architecture|does not describe a model"),
    "width is text": (change_model(width="4"), "does not describe a model"),
    "sides are text": (change_model(sides=["16", "24"]), "does not describe a model"),
    "mean is short": (
        change_model(preprocessing={**TINY.to_dict()["preprocessing"], "mean": [0.5]}),
        "does not describe a model",
    ),
    "another class": (change_model(classes=["a", "b", "c", "d"]), "another architecture: head.fc"),
    "a way out": (change_index(lambda m: m.update({CONV1: "../../" + m[CONV1]})), "must name shards"),
    "an absolute way out": (change_index(lambda m: m.update({CONV1: "/" + m[CONV1]})), "must name shards"),
    "shard is a number": (change_index(lambda m: m.update({CONV1: 1})), "must name shards"),
    "index is empty": (change_index(dict.clear), "must name shards"),
    "index forgets": (change_index(lambda m: m.pop(CONV1)), "do not agree on trunk.conv1.weight"),
    "index invents": (change_index(lambda m: m.update(x=m[CONV1])), "do not agree on x"),
    "tensor too few": (forge(lambda s: s.pop(CONV1)), "missing are trunk.conv1.weight; unexpected are none"),
    "tensor too many": (forge(lambda s: s.update(x=torch.zeros(1))), "missing are none; unexpected are x"),
    "NaN": (forge(lambda s: s[CONV1].view(-1)[0].fill_(torch.nan)), "NaN or infinity, in trunk.conv1.weight"),
    "infinity": (forge(lambda s: s["head.fc.bias"].fill_(torch.inf)), "NaN or infinity, in head.fc.bias"),
    "whole numbers": (forge(lambda s: s.update({CONV1: s[CONV1].int()})), "must be a float, got torch.int32"),
    "full precision": (forge(lambda s: s.update({CONV1: s[CONV1].float()})), "must be torch.float16"),
    "half a gate": (
        forge(lambda s: s.update({"head.gate.norm_weight": s["head.gate.norm_weight"].half()})),
        "norm_weight must be torch.float32",
    ),
}


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")  # of the zero width
@pytest.mark.parametrize(("damage", "cause"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_refused_with_its_cause(folder, damage, cause):
    load_checkpoint(folder)
    damage(folder)
    with pytest.raises(CheckpointError, match=cause) as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_what_is_forged_without_a_fault_is_loaded(folder):
    forge(lambda stored: stored["head.fc.bias"].fill_(3))(folder)
    assert (load_checkpoint(folder).head.fc.bias == 3).all()


# Which model it is -----------------------------------------------------------------------------------


def test_a_model_that_was_not_loaded_is_unnamed(model):
    known = identify(model)
    assert (known.name, known.is_verified, known.notes) == ("unnamed", False, ())
    assert known.sha256 == tensors.digest(tensors.pack(model.state_dict()))
    assert identify(tiny_model()).sha256 != known.sha256


def test_saving_and_loading_do_not_change_the_hash(model, folder):
    assert identify(load_checkpoint(folder)).sha256 == identify(model).sha256


def test_the_hash_is_computed_once(model, folder, monkeypatch):
    calls = Counter()

    def counted(packed: dict[str, Tensor]) -> str:
        calls["digest"] += 1
        return tensors.digest(packed)

    monkeypatch.setattr(identity, "digest", counted)
    identify(load_checkpoint(folder))
    assert calls["digest"] == 0
    with model.frozen():
        identify(model)
    model(torch.rand(1, 3, 24, 24)).logits.sum().backward()
    identify(model)
    assert calls["digest"] == 1


def test_an_altered_model_says_so_until_it_is_put_back(folder):
    loaded = load_checkpoint(folder)
    before = identify(loaded)
    kept = {key: value.clone() for key, value in loaded.state_dict().items()}
    with torch.no_grad():
        loaded.trunk.conv1.weight.normal_()
    altered = identify(loaded)
    assert (altered.name, altered.is_verified) == ("tiny", False)
    assert altered.sha256 != before.sha256
    assert "altered" in altered.notes[-1]
    loaded.load_state_dict(kept)
    assert identify(loaded) == before


def test_another_tensor_in_its_place_is_seen(folder):
    loaded = load_checkpoint(folder)
    norms = loaded.trunk.bn1.scales  # written to equally often, so only the objects tell
    norms[0], norms[1] = norms[1], norms[0]
    assert not identify(loaded).is_verified


def test_training_renews_the_hash_of_an_unnamed_model(model):
    before = identify(model)
    with torch.no_grad():
        model.head.fc.bias += 1
    after = identify(model)
    assert after.sha256 != before.sha256
    assert (after.name, after.notes) == ("unnamed", ())


def test_many_threads_hear_the_same(model):
    heard, ready = [], threading.Barrier(8)

    def ask() -> None:
        ready.wait(timeout=30)
        heard.append(identify(model))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(heard) == 8
    assert len(set(heard)) == 1


def test_it_is_forgotten_with_the_model(folder):
    loaded = load_checkpoint(folder)
    count = len(identity.remembered)
    del loaded
    gc.collect()
    assert len(identity.remembered) == count - 1


# A name finds its model ------------------------------------------------------------------------------


def test_the_list_of_models():
    assert [entry.name for entry in MODELS] == ["msresnet18-tiny", "msresnet50", "msresnet101"]
    for entry in MODELS[1:]:
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


def test_loading_leaves_the_generator_alone(folder, resnet_file):
    state = torch.get_rng_state()
    load_model(folder, "cpu", gate="mean")
    load_model(resnet_file, "cpu")
    assert torch.equal(torch.get_rng_state(), state)


# Bare torchvision weights ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def resnet() -> torch.nn.Module:
    torch.manual_seed(0)
    resnet = torchvision.models.resnet18(num_classes=5).eval()
    for module in resnet.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    return resnet


@pytest.fixture(scope="module")
def resnet_file(resnet, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("resnet") / "mine.pth"
    torch.save(resnet.state_dict(), path)
    return path


def test_a_bare_state_dict_is_lifted_and_marked(resnet_file, resnet, tmp_path):
    safetensors.torch.save_file(resnet.state_dict(), tmp_path / "mine.safetensors")
    model, other = load_model(resnet_file, "cpu"), load_model(tmp_path / "mine.safetensors", "cpu")
    assert model.sides == IMAGENET_SIDES
    assert model.config.base_side == 224
    assert model.config.gate is GateMode.GATED
    assert model.config.temperature is Temperature.MATCHED
    assert model.classes == tuple(f"class {i}" for i in range(5))
    assert not model.training
    known = identify(model)
    assert (known.name, known.is_verified) == ("mine", False)
    assert "nobody vouches" in known.notes[0]
    assert "label-free" in known.notes[1]
    assert identify(other) == known


def test_the_hash_of_lifted_weights_is_the_same_in_every_process(resnet_file):
    known = []
    for seed in (1, 2):
        torch.manual_seed(seed)  # the gate's perceptron is drawn
        known.append(identify(load_model(resnet_file, "cpu", sides=(32, 48))))
    assert known[0] == known[1]


def test_a_bare_state_dict_with_one_side_is_the_resnet(resnet_file, resnet):
    model = load_model(resnet_file, "cpu", sides=(64,), gate="single")
    images = torch.rand(2, 3, 64, 64)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        assert torch.allclose(model(images).logits, resnet((images - mean) / std), atol=1e-4)
    assert len(identify(model).notes) == 1


def test_a_thousand_classes_are_imagenets(tmp_path):
    torch.save(torchvision.models.resnet18().state_dict(), tmp_path / "x.pt")
    assert load_model(tmp_path / "x.pt", "cpu", sides=(32,)).classes == tuple(imagenet_classes().values())


def test_old_files_without_counters_are_taken(resnet, tmp_path):
    state = {key: value for key, value in resnet.state_dict().items() if not key.endswith("tracked")}
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert load_model(tmp_path / "old.pth", "cpu", sides=(32,)).sides == (32,)


class Malice:
    """Code in a file of weights."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("protocol", ["torch", "pickle"])
def test_code_in_a_file_is_not_run(tmp_path, protocol):
    path, trace = tmp_path / "evil.pth", tmp_path / "trace"
    if protocol == "torch":
        torch.save({"conv1.weight": Malice(trace)}, path)
    else:
        path.write_bytes(pickle.dumps(Malice(trace), protocol=2))
    with pytest.raises(CheckpointError, match="holds code and not tensors"):
        load_model(path)
    assert not trace.exists()


def other_state(**changes: Tensor | None) -> Callable[[Path, dict[str, Tensor]], None]:
    def write(path: Path, state: dict[str, Tensor]) -> None:
        state = {key: value for key, value in {**state, **changes}.items() if value is not None}
        torch.save(state, path)

    return write


STRANGE = {
    "text": (lambda path, state: path.write_text("hello" * 99), "is damaged|is truncated"),
    "empty": (lambda path, state: path.write_bytes(b""), "truncated or not a torch file"),
    "cut": (lambda path, state: path.write_bytes(path.read_bytes()[:-5000]), "truncated or not a torch file"),
    "whole model": (lambda path, state: torch.save(torch.nn.Linear(2, 2), path), "holds code"),
    "training state": (lambda path, state: torch.save({"model": state}, path), "not a state dict"),
    "a tensor": (lambda path, state: torch.save(torch.ones(3), path), "not a state dict"),
    "nothing": (lambda path, state: torch.save({}, path), "not a torchvision ResNet"),
    "another network": (
        lambda path, state: torch.save(torch.nn.Linear(2, 2).state_dict(), path),
        "not a torchvision ResNet: .* bias, weight",
    ),
    "odd stem": (other_state(**{"conv1.weight": torch.ones(3)}), "not a torchvision ResNet"),
    "odd key": (other_state(**{"layer1.x": torch.ones(3)}), "not a torchvision ResNet"),
    "odd short key": (other_state(**{"layer1.": torch.ones(3)}), "not a torchvision ResNet"),
    "another depth": (other_state(**{"layer4.2.conv1.weight": torch.ones(3)}), "not a torchvision ResNet"),
    "a key too few": (other_state(**{"layer1.0.bn1.bias": None}), r"missing are layer1\.0\.bn1\.bias"),
    "a key too many": (other_state(extra=torch.ones(3)), "unexpected are extra"),
    "a wider layer": (other_state(**{"layer1.0.bn1.bias": torch.ones(128)}), r"is \(128,\), not \(64,\)"),
    "whole numbers": (other_state(**{"bn1.bias": torch.ones(64, dtype=torch.int64)}), "must be a float"),
    "NaN": (other_state(**{"bn1.bias": torch.full((64,), torch.nan)}), r"NaN or infinity, in bn1\.bias"),
}


@pytest.mark.parametrize(("write", "cause"), STRANGE.values(), ids=STRANGE)
def test_a_strange_file_is_refused_with_its_cause(resnet, resnet_file, tmp_path, write, cause):
    path = tmp_path / "strange.pth"
    shutil.copy(resnet_file, path)
    write(path, resnet.state_dict())
    with pytest.raises(CheckpointError, match=cause) as caught:
        load_model(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_another_kind_of_file(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"onnx")
    with pytest.raises(CheckpointError, match="must be a folder"):
        load_model(tmp_path / "model.onnx")


# The Hub ---------------------------------------------------------------------------------------------


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


# The public surface ----------------------------------------------------------------------------------


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


@pytest.mark.parametrize("program", ORDERS)
def test_explain_is_the_function_in_whatever_order(program):
    program += "\nimport sys, types; module = sys.modules['msresnet.explain']"
    program += "\nassert isinstance(explain, types.FunctionType) and explain is module.explain"
    answer = run_python(program)
    assert answer.returncode == 0, answer.stderr


def test_explain_may_be_replaced_in_a_test(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(msresnet, "explain", len)
        assert msresnet.explain is len
    assert msresnet.explain.__name__ == "explain"


# Real weights ----------------------------------------------------------------------------------------


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
