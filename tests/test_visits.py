"""What the page remembers of its visitors, and what it opens for them."""

from types import SimpleNamespace

import pytest

from msresnet.errors import ImageError
from msresnet.ledger import Target
from msresnet.ui.targets import AVERAGE, chosen
from msresnet.ui.uploads import uploaded_file
from msresnet.ui.visits import MAX_VISITS, Question, Visits


def test_a_newer_request_makes_the_older_one_stale():
    visits = Visits()
    first = visits.renew("anna")
    assert not visits.is_stale("anna", first)
    second = visits.renew("anna")
    assert visits.is_stale("anna", first) and not visits.is_stale("anna", second)
    visits.renew("bert")
    assert not visits.is_stale("anna", second)


def test_a_question_that_was_asked_changes_nothing():
    visits = Visits()
    question = Question("a.png", "mine", "saliency", 3, AVERAGE)
    token = visits.renew("anna", question)
    assert visits.renew("anna", question) is None
    assert visits.renew("anna", Question(model="mine")) is None
    assert not visits.is_stale("anna", token)
    assert visits.renew("anna", question._replace(index=4)) == token + 1
    assert visits.renew("anna", question) == token + 2  # and back
    assert visits.renew("anna") == token + 3  # another picture: what it asks is not known yet
    assert visits.renew("anna", question) == token + 4
    visits.note("anna", token + 4, None)  # it failed
    assert visits.renew("anna", question) == token + 5


def test_an_old_request_does_not_say_what_was_asked_last():
    visits = Visits()
    old = visits.renew("anna", Question(index=1))
    visits.renew("anna", Question(index=2))
    visits.note("anna", old, Question(index=1))
    assert visits.renew("anna", Question(index=1)) is not None


def test_the_greeting_needs_no_second_answer():
    visits = Visits()
    visits.greeting = Question("lion.jpg", "mine", "grad-cam", 3, AVERAGE)
    assert visits.renew("anna", Question("lion.jpg", "mine", "grad-cam", 3, AVERAGE)) is None
    assert visits.renew("anna", Question("lion.jpg", "mine", "saliency", 3, AVERAGE)) == 1


def test_a_token_is_worked_on_once():
    visits = Visits()
    token = visits.renew("anna")
    assert visits.begin("anna", token)
    assert not visits.begin("anna", token)
    newer = visits.renew("anna")
    assert not visits.begin("anna", token)
    assert visits.begin("anna", newer)
    assert not visits.begin("nobody", 1)


def test_a_visitor_who_left_is_forgotten_for_good():
    visits = Visits()
    token = visits.renew("anna")
    visits.get("anna").session = "picture"
    visits.forget("anna")
    assert visits.is_stale("anna", token)
    late = visits.get("anna")  # work that was still running
    late.session = "picture"
    assert visits.get("anna").session is None
    visits.forget("nobody")


def test_visits_are_bounded_and_the_longest_away_goes_first():
    visits = Visits()
    tokens = {visitor: visits.renew(str(visitor)) for visitor in range(MAX_VISITS)}
    tokens[0] = visits.renew("0")
    for visitor in range(MAX_VISITS, MAX_VISITS + 5):
        visits.renew(str(visitor))
    kept = [visitor for visitor in tokens if not visits.is_stale(str(visitor), tokens[visitor])]
    assert kept == [0, *range(6, MAX_VISITS)]


def test_only_files_of_the_upload_folder_are_opened(tmp_path, monkeypatch):
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(uploads))
    inside, outside = uploads / "a.png", tmp_path / "secret.png"
    inside.touch()
    outside.touch()
    (uploads / "link.png").symlink_to(outside)
    assert uploaded_file(str(inside)) == inside.resolve()
    for path in (outside, uploads / ".." / "secret.png", uploads / "link.png", "/etc/hostname"):
        with pytest.raises(ImageError, match="Only uploaded pictures"):
            uploaded_file(str(path))


@pytest.fixture
def session():
    """What a choice is checked against: a model's classes, two of one label."""
    return SimpleNamespace(model=SimpleNamespace(classes=("tabby", "lion", "robin", "crane", "crane")))


def test_two_classes_of_one_label_stay_apart(session):
    assert chosen(session, 3, AVERAGE) == Target(3)
    assert chosen(session, 4, None) == Target(4)
    assert chosen(session, 4, 3) == Target(4, 3)


def test_a_class_compared_with_itself_is_compared_with_the_average(session):
    assert chosen(session, 2, 2) == Target(2)
