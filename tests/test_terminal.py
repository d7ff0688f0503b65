"""What commands say on a terminal."""

import sys

from msresnet import terminal


class Pipe:
    """A stream without a buffer: what is written is there at once."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    def write(self, piece: str) -> None:
        self.pieces.append(piece)

    def flush(self) -> None:
        """Nothing waits."""


def test_lines_are_written_in_one_piece(monkeypatch):
    told, complained = Pipe(), Pipe()
    monkeypatch.setattr(sys, "stdout", told)
    monkeypatch.setattr(sys, "stderr", complained)
    terminal.tell("a.png: lion", "  saliency: fails")
    terminal.complain("b.png: no picture")
    assert [piece for piece in told.pieces if piece] == ["a.png: lion\n  saliency: fails\n"]
    assert [piece for piece in complained.pieces if piece] == ["b.png: no picture\n"]


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
