"""Bare torchvision weights: lifted, marked, and refused with the cause."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torchvision
from stored import tiny_model
from torch import Tensor

from msresnet import load_model
from msresnet.classes import imagenet_classes
from msresnet.errors import CheckpointError
from msresnet.identity import identify
from msresnet.lifting import IMAGENET_SIDES
from msresnet.model import MultiscaleResNet
from msresnet.storage import save_checkpoint
from msresnet.vote import GateMode, Temperature


@pytest.fixture
def model() -> MultiscaleResNet:
    return tiny_model()


@pytest.fixture
def folder(model, tmp_path) -> Path:
    """A checkpoint of several shards."""
    save_checkpoint(model, tmp_path / "checkpoint", name="tiny", max_shard_bytes=40_000)
    return tmp_path / "checkpoint"


# Bare torchvision weights


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


def test_loading_leaves_the_generator_alone(folder, resnet_file):
    state = torch.get_rng_state()
    load_model(folder, "cpu", gate="mean")
    load_model(resnet_file, "cpu")
    assert torch.equal(torch.get_rng_state(), state)
