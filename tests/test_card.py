"""The card of a model."""

import pytest

from msresnet import load_model
from msresnet.identity import identify
from msresnet.listed import MODELS, weights_folder
from msresnet.ui.card import model_card
from msresnet.ui.words import CHINESE, ENGLISH

TRAINED_HERE = [entry.name for entry in MODELS if entry.torchvision_name is None]


def test_the_card_of_the_shipped_model_has_no_link_that_leads_nowhere():
    card = model_card("msresnet18-tiny", ENGLISH)
    assert "msresnet18-tiny" in card
    assert "](../" not in card
    assert "terms" in card


def test_every_model_has_a_card():
    for name in ("msresnet50", "a-model-of-my-own"):
        assert name in model_card(name, ENGLISH)


@pytest.mark.parametrize("name", TRAINED_HERE)
def test_a_card_tells_the_parameters_the_size_and_the_digest_of_its_files(name):
    model = load_model(name, device="cpu", calibration=None)
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    megabytes = sum(file.stat().st_size for file in (weights_folder() / name).glob("*.safetensors")) / 1e6
    for words, unit in ((ENGLISH, "million"), (CHINESE, "百万")):
        card = model_card(name, words)
        assert f"| {millions:.2f} {unit} |" in card
        assert f"| {megabytes:.1f} MB" in card
        assert identify(model).sha256 in card


def test_the_default_model_is_small():
    model = load_model("msresnet18-tiny", device="cpu")
    files = (weights_folder() / "msresnet18-tiny").glob("*.safetensors")
    assert sum(parameter.numel() for parameter in model.parameters()) <= 12e6
    assert sum(file.stat().st_size for file in files) <= 25e6
