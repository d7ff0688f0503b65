"""The command line: exit codes, help, and the commands that only list or open."""

import runpy
import sys
from types import ModuleType

import pytest

from msresnet import cli
from msresnet.__main__ import DEMO, main
from msresnet.command import Command, command_parser
from msresnet.errors import ConfigError
from msresnet.listed import MODELS

# Exit codes


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["explain", "--out", "x"],
        ["explain", "a.png"],
        ["explain", "a.png", "--out", "x", "--top-k", "0"],
        ["explain", "a.png", "--out", "x", "--top", "3"],  # abbreviations would bind us to today's options
        ["evaluate", "--data", "x", "--batch-size", "many"],
        ["evaluate", "--data", "x", "--workers", "-1"],
        ["evaluate", "--data", "x", "--part", "3/2"],
        ["evaluate", "--data", "x", "--part", "half"],
        ["zoom", "--data", "x", "--zooms", "1,0"],
        ["zoom", "--data", "x", "--zooms", "1/0"],
        ["zoom", "--data", "x", "--sides", "160,,224"],
        ["zoom", "--data", "x", "--canvas", "white"],
        ["train", "--recipe", "tiny-imagenet", "--data", "x"],
        ["demo", "--port", "70000"],
    ],
)
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: msresnet" in capsys.readouterr().err


def test_help_names_the_commands_that_there_are(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    words = capsys.readouterr().out.split()
    assert set(words) >= {"demo", "models", "explain", "evaluate", "zoom", "calibrate", "train", "ablate"}


@pytest.mark.parametrize("command", [DEMO, *cli.COMMANDS], ids=lambda command: command.name)
def test_every_option_has_a_help_text(command):
    parser = command_parser([command])
    own = parser._subparsers._group_actions[0].choices[command.name]
    assert all(action.help for action in own._actions)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [(ConfigError("Mend this"), 1, "Mend this\n"), (KeyboardInterrupt(), 130, "Stopped\n")],
)
def test_what_the_user_can_mend_is_one_sentence(error, code, said, capsys):
    assert cli.main(["fail"], more=[failing(error)]) == code
    assert capsys.readouterr().err == said


def test_a_bug_stays_a_traceback():
    with pytest.raises(ZeroDivisionError):
        cli.main(["fail"], more=[failing(ZeroDivisionError())])


def failing(error: BaseException) -> Command:
    def fail(options):
        raise error

    return Command("fail", "fail", lambda parser: None, fail)


def test_the_exit_code_reaches_the_shell(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["msresnet", "explain", "x.png", "--model", "no-such", "--out", "x"])
    monkeypatch.delitem(sys.modules, "msresnet.__main__")
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("msresnet", run_name="__main__")
    assert stop.value.code == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("There is no model called 'no-such'") and err.count("\n") == 1


# models


def test_models_says_what_is_here(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MSRESNET_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("MSRESNET_CACHE", str(tmp_path))
    assert main(["models"]) == 0
    before = capsys.readouterr().out.splitlines()
    (tmp_path / MODELS[0].name).mkdir()
    (tmp_path / MODELS[0].name / "config.json").write_text("{}")
    main(["models"])
    after = capsys.readouterr().out.splitlines()

    assert before[0].split() == ["name", "classes", "size", "weights", "here"]
    for line, one in zip(before[1:], MODELS, strict=True):
        assert line.startswith(one.name) and one.source in line and line.endswith("no")
        assert line.split()[1:3] == [str(one.class_count), str(one.size_mb)]
    assert after[1].endswith("yes") and after[2:] == before[2:]


# demo


def test_demo_hands_its_options_to_the_page(monkeypatch):
    calls = []
    page = ModuleType("msresnet.ui")
    page.launch = lambda **options: calls.append(options)
    monkeypatch.setitem(sys.modules, "msresnet.ui", page)
    assert main(["demo"]) == 0
    assert main(["demo", "--model", "x", "--host", "0.0.0.0", "--port", "7861", "--share", "--mcp"]) == 0
    assert calls == [
        {"model": None, "host": None, "port": None, "share": False, "has_tools": False},
        {"model": "x", "host": "0.0.0.0", "port": 7861, "share": True, "has_tools": True},
    ]
