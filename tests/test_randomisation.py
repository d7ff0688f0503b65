"""Weights unlearned layer by layer, from the top."""

import pytest
import torch
from tiny import tiny
from trusting import everything, noise_session

from msresnet.faithfulness import LAYERS, Mark, randomisation, trial
from msresnet.faithfulness.randomisation import cascade


@pytest.fixture(scope="module")
def model():
    return tiny()


def test_layers_are_unlearned_from_the_top_and_the_model_is_not(model):
    before = everything(model)
    changed: set[str] = set()
    for layer, unlearned in cascade(model):
        assert unlearned is not model and unlearned.lock is not model.lock
        after = everything(unlearned)
        now = {name for name in after if not torch.equal(after[name], before[name])}
        assert changed < now, f"{layer} changed nothing"
        changed = now
        prefix = "head." if layer == "vote" else f"trunk.layer{layer[-1]}."
        assert any(name.startswith(prefix) for name in now)
        lower = [f"trunk.layer{number}." for number in range(1, 4 if layer == "vote" else int(layer[-1]))]
        assert not any(name.startswith(tuple(lower)) for name in now if lower)
    kernels = {name for name in before if name.endswith("weight") and before[name].ndim == 4}
    assert kernels <= changed | {name for name in kernels if "link" in name}
    assert all(torch.equal(value, before[name]) for name, value in everything(model).items())


def test_a_seed_makes_one_network_and_nobody_elses_numbers_change(model):
    state = torch.get_rng_state()
    *_, (_, one) = cascade(model, seed=3)
    *_, (_, again) = cascade(model, seed=3)
    *_, (_, other) = cascade(model, seed=4)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.trunk.conv1.weight, again.trunk.conv1.weight)
    assert not torch.equal(one.trunk.conv1.weight, other.trunk.conv1.weight)
    assert torch.isfinite(one(torch.rand(1, 3, 48, 48)).logits).all()


def test_randomising_nothing_leaves_every_map_as_it_is(model, monkeypatch):
    monkeypatch.setattr(randomisation, "randomise", lambda module, generator, **options: None)
    monkeypatch.setattr(trial, "NETWORKS", 1)
    session = noise_session(model)
    result = session.trust(session.target(), ("saliency", "grad-cam", "occlusion"))
    for verdict in result.verdicts:
        assert [one.layer for one in verdict.likenesses] == list(LAYERS)
        for one in verdict.likenesses:
            assert one.rank_correlation == pytest.approx(1) and one.structure == pytest.approx(1)
        assert Mark.RANDOMISATION in verdict.marks, "a map that never changes is marked"
