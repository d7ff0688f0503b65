"""Which model an object is: its name and the hash of its tensors, remembered as long as it lives."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import torch

from .model import MultiscaleResNet
from .tensors import digest, pack

ALTERED = "the tensors were altered after loading"


@dataclass(frozen=True)
class Identity:
    """Which model this is.

    Attributes:
        name: of the listed model, in the spec, or of the file; ``unnamed`` for a model that was not loaded.
        sha256: of its tensors as a checkpoint stores them: saving and loading does not change it.
        is_verified: the tensors are those that their spec, or torchvision's file name, promises.
        notes: what a user should know, a sentence each.
        licence: terms of the weights, where known.
    """

    name: str
    sha256: str
    is_verified: bool
    notes: tuple[str, ...] = ()
    licence: str = ""


@dataclass(frozen=True)
class Remembered:
    """What is known of a model object: as it was loaded, as it is now, and when that was seen."""

    loaded: Identity
    current: Identity
    versions: tuple[tuple[int, int], ...]


remembered: WeakKeyDictionary[MultiscaleResNet, Remembered] = WeakKeyDictionary()
remembered_lock = threading.Lock()
if hasattr(os, "register_at_fork"):  # not on Windows; a fork finds the lock free, whoever held it before
    os.register_at_fork(
        before=remembered_lock.acquire, after_in_parent=remembered_lock.release, after_in_child=remembered_lock.release
    )


def identify(model: MultiscaleResNet) -> Identity:
    """Which model this is; for one that was not loaded, ``unnamed`` and the hash of its tensors.

    The hash is computed once, and again when a tensor was written to since: a model that
    was altered after loading is no longer verified, and is again once it is put back.
    """
    known = recall(model)
    if known is not None and known.versions == tensor_versions(model):
        return known.current
    with model.lock:  # whoever alters a model for a while holds its lock meanwhile
        sha256 = digest(pack(model.state_dict()))
        loaded = Identity("unnamed", sha256, False) if known is None else known.loaded
        if sha256 == loaded.sha256:
            return remember(model, loaded)
        if loaded.name == "unnamed":
            return remember(model, replace(loaded, sha256=sha256))
        altered = replace(loaded, sha256=sha256, is_verified=False, notes=(*loaded.notes, ALTERED))
        return remember(model, loaded, altered)


def remember(model: MultiscaleResNet, loaded: Identity, current: Identity | None = None) -> Identity:
    """Keep what a model is as long as the object lives; returns what it is now."""
    kept = Remembered(loaded, current or loaded, tensor_versions(model))
    with remembered_lock:
        remembered[model] = kept
    return kept.current


def recall(model: MultiscaleResNet) -> Remembered | None:
    """What is known of a model object."""
    with remembered_lock:
        return remembered.get(model)


def known_model(sha256: str) -> MultiscaleResNet | None:
    """A model of this process, or of the one that it was forked from, by the hash of its tensors."""
    with remembered_lock:
        return next((model for model, kept in remembered.items() if kept.current.sha256 == sha256), None)


def tensor_versions(model: MultiscaleResNet) -> tuple[tuple[int, int], ...]:
    """Which tensors a model has and how often each was written to, as PyTorch counts it."""
    tensors = (*model.parameters(), *model.buffers())
    return tuple((id(value), 0 if value.is_inference() else value._version) for value in tensors)


@contextmanager
def same_start() -> Iterator[None]:
    """A model made inside draws the same numbers every time, and the caller's generator does not notice.

    Some drawn numbers stay: the label-free gate's perceptron, which ends in zeros. They
    must not make two hashes of one model.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        yield
