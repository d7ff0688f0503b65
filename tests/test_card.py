"""The card of a model."""

from msresnet.ui.card import model_card
from msresnet.ui.words import ENGLISH


def test_the_card_of_the_shipped_model_has_no_link_that_leads_nowhere():
    card = model_card("msresnet18-tiny", ENGLISH)
    assert "msresnet18-tiny" in card
    assert "](../" not in card
    assert "terms" in card


def test_every_model_has_a_card():
    for name in ("msresnet50", "a-model-of-my-own"):
        assert name in model_card(name, ENGLISH)
