"""A checkpoint's folder: what is loaded is what was saved, all of it or nothing, and damage is refused."""

import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest
import safetensors.torch
import torch
from stored import ROOT, TINY, entries, tiny_model
from torch import Tensor

from msresnet import tensors
from msresnet.errors import CheckpointError, ConfigError
from msresnet.identity import Identity, identify
from msresnet.model import MultiscaleResNet
from msresnet.spec import read_spec
from msresnet.storage import load_checkpoint, save_checkpoint
from msresnet.vote import GateMode


@pytest.fixture
def model() -> MultiscaleResNet:
    return tiny_model()


@pytest.fixture
def folder(model, tmp_path) -> Path:
    """A checkpoint of several shards."""
    save_checkpoint(model, tmp_path / "checkpoint", name="tiny", max_shard_bytes=40_000)
    return tmp_path / "checkpoint"


# What is saved is what is loaded


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


# All of it or nothing


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


# What is damaged is refused


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
