"""What the README and docs/ say is so: examples run, links lead somewhere, named tests exist."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from huggingface_hub import SpaceCard

from msresnet.__main__ import main
from msresnet.attribution import METHODS
from msresnet.checkpoint import is_available
from msresnet.ui import still_life

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md"))]
DEFAULT_MODEL = "msresnet18-tiny"
LONG_RUNNING = {"demo", "train"}  # a server; hours
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


@dataclass(frozen=True)
class Block:
    """A fenced block of the README."""

    language: str
    content: str


def blocks(text: str) -> list[Block]:
    """The fenced blocks of Markdown, in their order."""
    return [Block(*found.groups()) for found in FENCE.finditer(text)]


def python_blocks(text: str) -> list[str]:
    """The programs."""
    return [block.content for block in blocks(text) if block.language == "python"]


def commands(text: str) -> list[list[str]]:
    """The arguments of every ``python -m msresnet`` that ends by itself."""
    lines = [
        line.removeprefix("$ ")
        for block in blocks(text)
        if block.language in ("sh", "console")
        for line in block.content.replace("\\\n", " ").splitlines()
    ]
    split = [shlex.split(line, comments=True) for line in lines]
    ours = [words[3:] for words in split if words[:3] == ["python", "-m", "msresnet"]]
    return [words for words in ours if words[0] not in LONG_RUNNING]


def links(text: str) -> list[str]:
    """What Markdown and HTML link to and show, but for other sites and places on the page."""
    found = [first or second for first, second in LINK.findall(text)]
    return [link.partition("#")[0] for link in found if not link.startswith(("https://", "#"))]


TEXT = README.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the examples run: the pictures that they name, and nothing else."""
    if not is_available(DEFAULT_MODEL):
        pytest.skip(f"the weights of {DEFAULT_MODEL} are not in weights/, and MSRESNET_WEIGHTS names no folder of them")
    made = tmp_path_factory.mktemp("readme")
    bus, oranges = still_life.school_bus(), still_life.two_oranges()  # Integrated Gradients are soon exact for a lion
    pictures = {
        "photo.jpg": bus, "lion.jpg": oranges, "pictures/lion/one.jpg": bus, "pictures/goldfish/one.jpg": oranges,
    }  # fmt: skip
    for name, picture in pictures.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(made / name)
    return made


@pytest.fixture
def there(folder, monkeypatch) -> Path:
    """The folder as the working directory, on a machine whose only device is its CPU."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr("msresnet.checkpoint.choose_device", lambda name: torch.device("cpu"))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("program", python_blocks(TEXT), ids=range(1, 1 + len(python_blocks(TEXT))))
def test_a_python_example_runs(program, there):
    exec(compile(program, "README.md", "exec"), {"__name__": "__main__"})


@pytest.mark.slow
@pytest.mark.parametrize("words", commands(TEXT), ids=" ".join)
def test_a_command_runs(words, there, capsys):
    assert main(words) == 0
    assert capsys.readouterr().out


def test_there_are_examples_of_both_kinds():
    assert len(python_blocks(TEXT)) >= 2
    assert {words[0] for words in commands(TEXT)} == {
        *("models", "explain", "probe", "occlude", "point", "evaluate", "zoom"),
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document):
    targets = links(document.read_text(encoding="utf-8"))
    missing = [link for link in targets if not (document.parent / link).exists()]
    if not (ROOT / "weights" / DEFAULT_MODEL).is_dir():  # then nothing there can be linked to
        missing = [link for link in missing if not link.lstrip("./").startswith("weights/")]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_tests_exist(document):
    for file, name in NAMED_TEST.findall(document.read_text(encoding="utf-8")):
        source = (ROOT / file).read_text(encoding="utf-8")
        assert not name or re.search(rf"^def {name}\(", source, re.MULTILINE), f"{file}::{name}"


def test_the_table_of_methods_is_that_of_the_code():
    rows = [
        f"| {method.title} | {method.promise} | {method.caution} | {'yes ' if method.is_complete else ''}|"
        for method in METHODS.values()
    ]
    assert "\n".join(rows) in (ROOT / "docs" / "explanations.md").read_text(encoding="utf-8")


def test_every_module_is_in_the_architecture():
    package = ROOT / "msresnet"
    modules = {path.stem for path in (*package.glob("*.py"), *(file.parent for file in package.glob("*/__init__.py")))}
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert {name for name in modules if not name.startswith("_")} - set(re.findall(r"`(\w+)`", text)) == set()


def test_the_front_matter_is_that_of_a_space():
    card = SpaceCard(TEXT, ignore_metadata_errors=False).data.to_dict()
    assert card["sdk"] == "gradio"
    assert (ROOT / card["app_file"]).is_file()
    assert 0 < len(card["short_description"]) <= 60  # the Hub refuses more
    assert isinstance(card["python_version"], str)  # unquoted, 3.10 would be 3.1
    assert card["license"] == "apache-2.0"
    assert {"title", "emoji", "colorFrom", "colorTo", "sdk_version", "tags"} <= card.keys()


def test_blocks_commands_and_links_are_found():
    text = """
[a](docs/a.md#part) [b](https://example.org) [c](#here) <img src="i.png">
```python
print(1)
```
```sh
python -m msresnet models
python -m msresnet explain "a b.jpg" \\
    --out x  # a comment
python -m msresnet demo
ls
```
```text
python -m msresnet nothing
```
"""
    assert python_blocks(text) == ["print(1)\n"]
    assert commands(text) == [["models"], ["explain", "a b.jpg", "--out", "x"]]
    assert links(text) == ["docs/a.md", "i.png"]


def test_the_chinese_readme_leads_to_the_same_places_by_the_same_commands():
    chinese = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
    shown = {link for link in links(TEXT) if not link.startswith("docs/images/")}
    cards = {
        link: link.replace("README.md", "README.zh-CN.md") for link in shown if link.startswith("weights/msresnet")
    }
    assert len(cards) == 2
    expected = {cards.get(link, link) for link in shown} - {"README.zh-CN.md"} | {"README.md"}
    assert {link for link in links(chinese) if not link.startswith("docs/images/")} == expected
    assert commands(chinese) == commands(TEXT)
