"""What commands say on a terminal."""

import sys

from msresnet import terminal


def test_progress_is_one_line_on_a_terminal_and_nothing_elsewhere(monkeypatch, capsys):
    with terminal.progress("work") as on_progress:
        on_progress(0.5)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    clock = iter((0.0, 30.0, 100.0))
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(clock))
    with terminal.progress("work") as on_progress:
        on_progress(0.5)
        on_progress(0.25)
    lines = capsys.readouterr().err.split(terminal.CLEAR_LINE)
    assert lines == ["", "work: 50 %, 30 s left", "work: 25 %, 5 min left", ""]


def test_the_progress_of_a_part_is_that_of_the_whole(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    clock = iter((10.0, 15.0))
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(clock))
    with terminal.progress("2 of 4, b.png", started=0.0, span=(0.25, 0.5)) as on_progress:
        on_progress(0.5)
    lines = capsys.readouterr().err.split(terminal.CLEAR_LINE)
    assert lines == ["", "2 of 4, b.png: 25 %, 30 s left", "2 of 4, b.png: 38 %, 25 s left", ""]
