"""Which model the page starts with, and whether a browser is opened."""

import importlib
import sys
import tomllib
from pathlib import Path

import pytest
import torch

from msresnet.errors import ConfigError, DownloadError

ROOT = Path(__file__).resolve().parents[1]
launching = importlib.import_module("msresnet.ui.launch")  # the package has a function of the same name


def loader(asked: list[str], *, is_offline: bool):
    """Stands for load_model: names instead of models."""

    def load(name: str, *, device: str) -> str:
        asked.append(name)
        if is_offline and name == launching.GPU_MODEL:
            raise DownloadError("no network")
        return name

    return load


@pytest.mark.parametrize(
    ("has_gpu", "is_offline", "expected"),
    [
        (False, False, ["msresnet18-tiny"]),
        (True, False, ["msresnet50"]),
        (True, True, ["msresnet50", "msresnet18-tiny"]),
    ],
)
def test_the_page_starts_with_the_best_model_that_can_be_had(monkeypatch, has_gpu, is_offline, expected):
    asked: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    monkeypatch.setattr(launching, "load_model", loader(asked, is_offline=is_offline))
    assert launching.load_default() == expected[-1]
    assert asked == expected


def test_a_browser_is_opened_for_a_person_at_a_screen_only(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert launching.has_screen()
    monkeypatch.setenv("SPACE_ID", "someone/space")
    assert not launching.has_screen()
    monkeypatch.delenv("SPACE_ID")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False, raising=False)
    assert not launching.has_screen()


def test_tools_without_their_package_are_told_before_the_work(monkeypatch):
    monkeypatch.setattr(launching, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"mcp, which is not installed; run: pip install 'msresnet\[mcp\]'"):
        launching.launch(has_tools=True)


def test_what_the_page_is_made_of_goes_into_the_package():
    """An installed page has its style, scripts and icon: what the package's data leave out is not installed."""
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    patterns = configuration["tool"]["setuptools"]["package-data"]["*"]
    needed = [Path(launching.launch_options()["favicon_path"]), *(ROOT / "msresnet/ui/static").iterdir()]
    for path in needed:
        assert path.is_file() and any(path.match(pattern.removeprefix("**/")) for pattern in patterns), path
