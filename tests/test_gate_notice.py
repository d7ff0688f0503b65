"""The page says where the gate between the scales was calibrated by nobody."""

import pytest
from tiny import tiny

from msresnet.listed import MODELS
from msresnet.ui.card import model_caption, model_card
from msresnet.ui.words import CHINESE, ENGLISH


@pytest.mark.parametrize(("words", "said"), [(ENGLISH, "gate not calibrated"), (CHINESE, "门控未经校准")])
def test_the_line_on_the_model_says_it(words, said):
    model = tiny()
    assert said in model_caption(model, words, is_verified=True, is_label_free=True)
    assert said not in model_caption(model, words, is_verified=True, is_label_free=False)


@pytest.mark.parametrize(("words", "said"), [(ENGLISH, "nobody calibrated it"), (CHINESE, "没有人在这些权重上校准过")])
def test_the_card_of_torchvisions_weights_says_it(words, said):
    lifted = [one.name for one in MODELS if one.torchvision_name is not None]
    assert lifted and all(said in model_card(name, words) for name in lifted)
