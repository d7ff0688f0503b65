"""The examples: there are some on any machine, and they are pictures."""

from pathlib import Path

import pytest
from PIL import Image

from msresnet.checkpoint import load_model
from msresnet.explain import Session
from msresnet.images import read_image
from msresnet.ui.examples import DIGITS, Example, Kind, examples, kind_of


def test_there_are_examples_without_any_file():
    drawn = [example for example in examples() if not isinstance(example.source, Path)]
    assert len(drawn) >= 3
    assert examples()[0] in drawn, "the greeting does not depend on what a dependency ships"


def test_every_example_is_a_picture_with_a_name_of_its_own(tmp_path):
    names = [example.name for example in examples()]
    assert len(set(names)) == len(names)
    for example in examples():
        picture = example.picture()
        assert picture.mode == "RGB"
        assert max(picture.size) <= 1024
        assert picture.convert("L").getextrema()[0] < picture.convert("L").getextrema()[1]
        assert read_image(example.save(tmp_path)).size == picture.size
        assert read_image(example.thumbnail()).size == (112, 112)


def test_drawing_twice_gives_the_same_picture():
    for example in examples():
        assert example.picture().tobytes() == example.picture().tobytes()


def test_nobody_finds_half_an_example(tmp_path, monkeypatch):
    (example, *_), save, was_there = examples(), Image.Image.save, []

    def encode(*arguments, **options):
        save(*arguments, **options)
        was_there.append((tmp_path / f"{example.name}.jpg").exists())

    monkeypatch.setattr(Image.Image, "save", encode)
    path = example.save(tmp_path)
    assert was_there == [False] and path.is_file()


def test_a_file_that_is_not_shipped_is_no_example():
    assert not Example("gone", Path("no-such-file.jpg")).is_there


def test_a_model_of_digits_knows_digits_and_no_other_does():
    assert kind_of(list(DIGITS)) is Kind.DIGITS
    assert kind_of(DIGITS[:9]) is kind_of(("cat", "dog")) is Kind.THINGS


@pytest.mark.parametrize("example", [one for one in examples() if one.kind is Kind.DIGITS], ids=lambda one: one.name)
def test_the_written_digits_are_read_as_what_they_are(example, tmp_path):
    session = Session(load_model("msresnet-mnist", device="cpu"), example.save(tmp_path))
    assert example.name.endswith(session.model.classes[session.target().index])
