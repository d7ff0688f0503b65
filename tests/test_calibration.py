"""A calibration: neutral, it changes nothing; it is additive, and fits the very weights it was measured on."""

from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from tiny import tiny

from msresnet.calibration import CALIBRATION_NAME, Calibration, calibrated, read_calibration, save_calibration
from msresnet.checkpoint import load_model, save_checkpoint
from msresnet.errors import CheckpointError, ConfigError
from msresnet.identity import identify
from msresnet.model import MultiscaleResNet
from msresnet.vote import GateMode, Temperature


def calibration_of(model: MultiscaleResNet, *, is_stirred: bool = False, temperature: float = 1.0) -> Calibration:
    """The model's own gate, or one that differs from it in every parameter."""
    gate = {key: value.clone() for key, value in model.head.gate.state_dict().items()}
    if is_stirred:
        gate = {key: value + 0.3 * torch.randn(value.shape) for key, value in gate.items()}
    known = identify(model)
    return Calibration(known.name, known.sha256, model.config.temperature, gate, temperature, {"pictures": 7})


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(3, 3, 64, 64)


@pytest.mark.parametrize("mode", Temperature)
def test_a_neutral_calibration_changes_nothing(mode, images):
    model = tiny(temperature=mode)
    same = calibrated(model, calibration_of(model))
    with torch.no_grad():
        assert torch.equal(same(images).logits, model(images).logits)
    assert identify(same).sha256 == identify(model).sha256


@pytest.mark.parametrize("mode", Temperature)
def test_a_temperature_divides_every_contribution_and_additivity_stays(mode, images):
    model = tiny(temperature=mode)
    torch.nn.init.normal_(model.head.fc.bias)
    with torch.no_grad():
        cool = calibrated(model, calibration_of(model, temperature=2.5))
        before, after = model(images), cool(images)
        assert torch.allclose(after.contributions, before.contributions / 2.5, atol=1e-5)
        assert torch.equal(after.bias, before.bias) and before.bias.any()
        assert torch.allclose(after.contributions.double().sum(1) + after.bias, after.logits.double(), atol=1e-5)
        cells = torch.stack([e.sum((1, 2)) for e in after.evidence(2)], dim=1)
        assert torch.allclose(cells, after.contributions[:, :, 2], atol=1e-5)


def test_another_gate_gives_another_model_and_leaves_the_first_alone(images):
    model = tiny()
    with torch.no_grad():
        before = model(images).logits
        other = calibrated(model, calibration_of(model, is_stirred=True))
        assert not torch.allclose(other(images).logits, before)
        assert torch.equal(model(images).logits, before)
    assert identify(other).sha256 != identify(model).sha256
    assert "calibrated on 7 pictures" not in " ".join(identify(other).notes)  # of which folder is not known
    assert "calibrated" in " ".join(identify(other).notes)


def test_a_file_keeps_all_of_it(tmp_path):
    kept = replace(
        calibration_of(tiny(), is_stirred=True, temperature=1.75),
        temperature_mode=Temperature.MATCHED,
        data={"folder": "träume", "pictures": 3},
        metrics={"nll": 0.5},
    )
    save_calibration(kept, tmp_path / "c.safetensors")
    found = read_calibration(tmp_path / "c.safetensors")
    assert all(torch.equal(found.gate[key], value) for key, value in kept.gate.items())
    assert replace(found, gate={}).__dict__ == replace(kept, gate={}).__dict__
    assert [path.name for path in tmp_path.iterdir()] == ["c.safetensors"]


def test_other_weights_are_refused_by_name():
    model = tiny()
    calibration = calibration_of(model)
    with torch.no_grad():
        model.head.fc.weight[0, 0] += 1
    with pytest.raises(CheckpointError, match=r"measured on unnamed with SHA-256 .* calibrate these weights"):
        calibrated(model, calibration)


def test_a_calibration_for_other_sides_is_refused():
    model = tiny()
    calibration = calibration_of(model)
    same = replace(calibration, data={"sides": list(model.sides)})
    assert identify(calibrated(model, same)).sha256 == identify(model).sha256
    with pytest.raises(CheckpointError, match=r"levels of 32, 48, 80 px, and this model's have 32, 48, 64; give"):
        calibrated(model, replace(calibration, data={"sides": [32, 48, 80]}))


def test_a_gate_of_other_scales_is_refused():
    model, other = tiny(), tiny(sides=(32, 48))
    with pytest.raises(CheckpointError, match="another architecture"):
        calibrated(model, replace(calibration_of(other), sha256=identify(model).sha256))


def test_a_model_without_a_gate_is_refused():
    with pytest.raises(ConfigError, match="'mean'"):
        calibrated(tiny(gate=GateMode.MEAN), calibration_of(tiny()))


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_that_is_none_is_refused(temperature):
    with pytest.raises(ConfigError, match="must be > 0"):
        calibration_of(tiny(), temperature=temperature)


def test_what_is_no_calibration_is_said_in_a_sentence(tmp_path):
    path = tmp_path / CALIBRATION_NAME
    with pytest.raises(CheckpointError, match="There is no calibration"):
        read_calibration(path)
    path.write_bytes(b"no")
    with pytest.raises(CheckpointError, match="damaged or not a calibration"):
        read_calibration(path)
    safetensors.torch.save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="damaged or not a calibration"):
        read_calibration(path)
    whole = tmp_path / "whole.safetensors"
    save_calibration(calibration_of(tiny()), whole)
    path.write_bytes(whole.read_bytes()[:-5])
    with pytest.raises(CheckpointError, match="damaged"):
        read_calibration(path)


def test_nan_is_not_saved(tmp_path):
    broken = calibration_of(tiny())
    broken.gate["norm_weight"][0] = float("nan")
    with pytest.raises(CheckpointError, match="NaN"):
        save_calibration(broken, tmp_path / "c.safetensors")
    assert not list(tmp_path.iterdir())


class TestInACheckpointsFolder:
    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        save_checkpoint(tiny(), tmp_path / "m", name="m")
        bare = load_model(tmp_path / "m", device="cpu")
        save_calibration(calibration_of(bare, temperature=2.0), tmp_path / "m" / CALIBRATION_NAME)
        return tmp_path / "m"

    def test_it_is_applied(self, folder, images):
        bare, cool = (load_model(folder, device="cpu", calibration=which) for which in (None, "auto"))
        with torch.no_grad():
            assert torch.allclose(cool(images).contributions, bare(images).contributions / 2, atol=1e-5)
        assert identify(cool).is_verified and identify(cool).name == "m"

    def test_it_is_not_applied_to_another_gate(self, folder):
        assert not any("calibrated" in note for note in identify(load_model(folder, device="cpu", gate="mean")).notes)

    def test_it_is_applied_by_name_and_refused_for_others(self, folder, tmp_path):
        named = load_model(folder, device="cpu", calibration=folder / CALIBRATION_NAME)
        assert identify(named).sha256 == identify(load_model(folder, device="cpu")).sha256
        save_checkpoint(tiny(width=4), tmp_path / "other", name="other")
        with pytest.raises(CheckpointError, match=r"measured on m .* and other has"):
            load_model(tmp_path / "other", device="cpu", calibration=folder / CALIBRATION_NAME)

    def test_new_weights_do_not_keep_it(self, folder):
        save_checkpoint(tiny(width=4), folder, name="m")
        assert not (folder / CALIBRATION_NAME).exists()
        load_model(folder, device="cpu")
