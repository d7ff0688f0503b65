"""Which model an object is, as long as it lives."""

import gc
import threading
from collections import Counter
from pathlib import Path

import pytest
import torch
from stored import tiny_model
from torch import Tensor

from msresnet import identity, tensors
from msresnet.identity import identify
from msresnet.model import MultiscaleResNet
from msresnet.storage import load_checkpoint, save_checkpoint


@pytest.fixture
def model() -> MultiscaleResNet:
    return tiny_model()


@pytest.fixture
def folder(model, tmp_path) -> Path:
    """A checkpoint of several shards."""
    save_checkpoint(model, tmp_path / "checkpoint", name="tiny", max_shard_bytes=40_000)
    return tmp_path / "checkpoint"


# Which model it is


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
