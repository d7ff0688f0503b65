"""The models of a page: loaded once, for everybody who waits; a download is neither begun twice nor left to itself."""

import threading

import pytest

from msresnet.errors import Cancelled, DownloadError, UnknownNameError
from msresnet.ui import models as waiting
from msresnet.ui.models import Models
from msresnet.ui.words import ENGLISH
from msresnet.ui.work import fetched

DEADLINE_S = 30


def test_only_listed_models_are_opened(monkeypatch):
    model = object()
    opened = []
    monkeypatch.setattr("msresnet.ui.models.load_model", lambda name, **options: opened.append(name) or model)
    models = Models("mine", model)
    for name in ("/etc/hostname", "../weights", "owner/repository", "", "msresnet5"):
        with pytest.raises(UnknownNameError, match="There is no model called"):
            models.get(name)
    assert opened == []
    with pytest.raises(UnknownNameError, match="did you mean 'msresnet50'"):
        models.get("msresnet5")
    assert models.get("mine") is model
    models.get("msresnet50"), models.get("msresnet50")
    assert opened == ["msresnet50"]


def test_nobody_waits_for_a_model_that_somebody_else_fetches(monkeypatch):
    model = object()
    fetching, release = threading.Event(), threading.Event()

    def fetch(name, **options):
        fetching.set()
        release.wait(DEADLINE_S)
        return model

    monkeypatch.setattr("msresnet.ui.models.load_model", fetch)
    models = Models("mine", model)
    other = threading.Thread(target=models.get, args=("msresnet50",))
    other.start()
    try:
        assert fetching.wait(DEADLINE_S)
        found = []
        mine = threading.Thread(target=lambda: found.append(models.get("mine")))
        mine.start()
        mine.join(DEADLINE_S / 2)
        assert found == [model]
    finally:
        release.set()
        other.join(DEADLINE_S)


class Download:
    """Stands for load_model: it goes on until it is released, and counts how often it was begun."""

    def __init__(self) -> None:
        self.count, self.is_released, self.ended = 0, threading.Event(), threading.Event()

    def __call__(self, name, *, device, on_progress):
        self.count += 1
        try:
            while not self.is_released.wait(0.01):
                on_progress(1, 4)
        finally:
            self.ended.set()
        return name


@pytest.fixture
def download(monkeypatch) -> Download:
    made = Download()
    monkeypatch.setattr(waiting, "load_model", made)
    monkeypatch.setattr(waiting, "TICK_S", 0.01)
    yield made
    made.is_released.set()


def test_who_comes_back_finds_the_download_where_it_was(download):
    models = Models("mine", object())
    first = models.arriving("msresnet50")
    while next(first) != 0.25:
        pass
    with pytest.raises(Cancelled):
        list(fetched(models, "msresnet50", ENGLISH, is_cancelled=lambda: True))
    first.close()
    again = fetched(models, "msresnet50", ENGLISH, is_cancelled=lambda: False)
    assert "width:25%" in next(again).status
    download.is_released.set()
    list(again)
    assert models.get("msresnet50") == "msresnet50"
    assert download.count == 1


def test_a_download_that_nobody_waits_for_is_given_up(download, monkeypatch):
    monkeypatch.setattr(waiting, "GRACE_S", 0.1)
    models = Models("mine", object())
    stream = models.arriving("msresnet50")
    next(stream)
    stream.close()
    assert download.ended.wait(DEADLINE_S) and not download.is_released.is_set()
    download.is_released.set()
    assert models.get("msresnet50") == "msresnet50"
    assert download.count == 2


def test_who_waits_is_told_why_it_failed_and_may_try_again(monkeypatch):
    answers = iter([DownloadError("no network"), "the model"])

    def load(name, **options):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(waiting, "load_model", load)
    models = Models("mine", object())
    with pytest.raises(DownloadError, match="no network"):
        models.get("msresnet50")
    assert models.get("msresnet50") == "the model"
