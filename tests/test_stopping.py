"""Whoever cancels waits for one block of layers, one drawing or one layer of random weights, and never for more.

Work is counted, not timed: what passed between two looks at whether somebody has cancelled.
"""

import threading

import numpy as np
import pytest
from matplotlib.backends.backend_pdf import PdfPages
from PIL import Image
from tiny import tiny

from msresnet.attribution import METHODS
from msresnet.batch import look_through
from msresnet.errors import Cancelled
from msresnet.explain import Session
from msresnet.explanation import Explanation, versions
from msresnet.export import explanation_archive
from msresnet.faithfulness import randomisation, trial
from msresnet.probes import Mask, Switches
from msresnet.resnet import MultiscaleBasicBlock
from msresnet.sheet import Sheet


class Watch:
    """Counts work between two looks; says that somebody has cancelled at the look numbered ``stop``."""

    def __init__(self, stop: int | None = None) -> None:
        self.stop, self.looks, self.since, self.most = stop, 0, 0, 0

    def work(self, *_: object) -> None:
        self.since += 1
        self.most = max(self.most, self.since)

    def __call__(self) -> bool:
        self.looks, self.since = self.looks + 1, 0
        return self.looks == self.stop


def picture(seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (50, 60, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(tiny(), picture())


def covered(session: Session) -> Mask:
    return Mask.rectangle((0, 0, 20, 20), (60, 50))


WORKS = {
    **{
        name: lambda session, watch, name=name: session.attribution(name, session.target(), is_cancelled=watch)
        for name in METHODS
    },
    "grad-cam of stage 2": lambda session, watch: session.attribution(
        "grad-cam", session.target(), stage=1, is_cancelled=watch
    ),
    "trust": lambda session, watch: session.trust(session.target(), ("saliency",), is_cancelled=watch),
    "zoom response": lambda session, watch: session.zoom_response(session.target(), is_cancelled=watch),
    "first pass": lambda session, watch: Session(session.model, picture(), is_cancelled=watch),
    "feature maps": lambda session, watch: session.features(session.target(), is_cancelled=watch),
    "point": lambda session, watch: session.point(
        30, 25, session.target(), has_influence=True, is_cancelled=watch
    ),
    "recomputing": lambda session, watch: session.recomputed(
        Switches((True, False, True), (1, 1, 1)), is_cancelled=watch
    ),
    "occlusion of a part": lambda session, watch: session.occluded(covered(session), is_cancelled=watch),
    "batch": lambda session, watch: list(
        look_through(session.model, [("a", picture(1)), ("b", picture(2))], is_cancelled=watch)
    ),
}  # fmt: skip


@pytest.fixture
def counted(monkeypatch) -> Watch:
    """Counts every block of layers that is gone through, and every gradient that comes back out of one."""
    watch, forward = Watch(), MultiscaleBasicBlock.forward

    def counting(self, maps):
        watch.work()
        found = forward(self, maps)
        for one in found:
            if one is not None and one.requires_grad:
                one.register_hook(watch.work)
        return found

    monkeypatch.setattr(MultiscaleBasicBlock, "forward", counting)
    monkeypatch.setattr(trial, "NETWORKS", 1)
    return watch


@pytest.mark.parametrize("name", WORKS)
def test_one_block_of_layers_lies_between_two_looks(name, session, counted):
    WORKS[name](session, counted)
    assert counted.looks >= 8, "a ResNet-18 has eight blocks"
    assert counted.most == 1


@pytest.mark.parametrize("name", ["saliency", "deep-lift", "guided-grad-cam"])
def test_a_pass_that_was_stopped_leaves_nothing_behind(name, session):
    whole, target = Watch(), session.target()
    expected = session.attribution(name, target, is_cancelled=whole)
    before = [(len(one._forward_hooks), len(one._forward_pre_hooks)) for one in session.model.modules()]
    for stop in sorted({2, whole.looks // 3, whole.looks // 2, whole.looks}):
        watch = Watch(stop)
        with pytest.raises(Cancelled):
            session.attribution(name, target, is_cancelled=watch)
        assert watch.looks == stop, "nothing is asked after somebody has cancelled"
    assert [(len(one._forward_hooks), len(one._forward_pre_hooks)) for one in session.model.modules()] == before
    again = session.attribution(name, target)
    assert all(np.array_equal(one, other) for one, other in zip(again.maps, expected.maps, strict=True))


def test_who_waits_for_a_model_that_others_hold_can_stop_waiting(session):
    is_held, is_over = threading.Event(), threading.Event()

    def hold() -> None:
        with session.model.frozen():
            is_held.set()
            is_over.wait(60)

    other = threading.Thread(target=hold)
    other.start()
    try:
        assert is_held.wait(60)
        watch = Watch(stop=2)
        with pytest.raises(Cancelled):
            session.attribution("saliency", session.target(), is_cancelled=watch)
        assert other.is_alive() and watch.looks == 2
    finally:
        is_over.set()
        other.join()
    assert session.attribution("saliency", session.target()).maps


def test_one_layer_is_unlearned_between_two_looks(monkeypatch):
    watch, fill = Watch(), randomisation.fill
    monkeypatch.setattr(randomisation, "fill", lambda *given: watch.work() or fill(*given))
    steps = [layer for layer, _ in randomisation.cascade(tiny(), is_cancelled=watch)]
    assert steps == list(randomisation.LAYERS)
    assert watch.most == 2, "a linear layer has a weight and a bias"
    with pytest.raises(Cancelled):
        list(randomisation.cascade(tiny(), is_cancelled=Watch(stop=5)))


def test_one_drawing_lies_between_two_looks(session, monkeypatch):
    watch, target = Watch(), session.target()
    maps = {name: session.attribution(name, target) for name in ("saliency", "grad-cam")}
    explanation = Explanation(session.answer(target, top_k=3), None, maps, versions())
    for owner, name in ((Sheet, "render"), (PdfPages, "savefig")):
        plain = getattr(owner, name)
        monkeypatch.setattr(
            owner, name, lambda *given, plain=plain, **options: watch.work() or plain(*given, **options)
        )
    explanation_archive(explanation, session.view, is_cancelled=watch)
    assert watch.most == 1
    for stop in (1, watch.looks // 2, watch.looks):
        with pytest.raises(Cancelled):
            explanation_archive(explanation, session.view, is_cancelled=Watch(stop))
