"""The page's languages: every string in each of them, every error's sentence too."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from msresnet import errors
from msresnet.attribution import METHODS
from msresnet.attribution.baselines import Baseline
from msresnet.errors import ImageError, MsresnetError, UnknownNameError
from msresnet.listed import MODELS
from msresnet.ui import words as catalogue
from msresnet.ui.assets import SCRIPTS, static_file
from msresnet.ui.card import model_card, shipped_card
from msresnet.ui.examples import examples
from msresnet.ui.spoken import Speakers
from msresnet.ui.tools import tools_html
from msresnet.ui.words import CHINESE, ENGLISH, LANGUAGES, Phrase, Words, methods, negotiated
from msresnet.ui.words import maps as map_words
from msresnet.ui.words import page as text
from msresnet.ui.words.script import SCRIPT
from msresnet.ui.words.sentences import CHINESE as TABLE
from msresnet.ui.words.sentences import KINDS, error_sentence, is_known
from msresnet.ui.words.sentences import sentence as translated

ROOT = Path(__file__).resolve().parents[1]
HAN = re.compile(r"[\u4e00-\u9fff]")
# Names, units and symbols that Chinese writes as English does.
ALIKE = {"msresnet", "logits", "px", "Enter", "Esc", "Ctrl + Z"}


def phrases() -> Iterator[tuple[str, Phrase]]:
    """Every phrase of every module of the catalogue, also those in its tables."""
    for found in pkgutil.iter_modules(catalogue.__path__):
        module = importlib.import_module(f"{catalogue.__name__}.{found.name}")
        for name, value in vars(module).items():
            for phrase in phrases_in(value):
                yield f"{found.name}.{name}", phrase


def phrases_in(value: object) -> Iterator[Phrase]:
    if isinstance(value, Phrase):
        yield value
    elif isinstance(value, dict):
        for inner in (*value.keys(), *value.values()):
            yield from phrases_in(inner)
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from phrases_in(inner)


def is_translated(phrase: Phrase) -> bool:
    """Whether the Chinese is Chinese; a string without a word of English needs none."""
    bare = re.sub(r"\{\w+\}", "", phrase.en)
    return bool(HAN.search(phrase.zh)) or bare.strip() in ALIKE or not re.search("[A-Za-z]{2}", bare)


def test_every_string_is_said_in_chinese():
    assert len(list(phrases())) > 100
    assert [name for name, phrase in phrases() if not is_translated(phrase)] == []


def test_an_english_string_in_chinese_is_noticed():
    assert not is_translated(Phrase("Drop a picture", "Drop a picture"))
    assert is_translated(Phrase("Drop a picture", "拖入一张图片"))


@pytest.mark.parametrize(("en", "zh"), [("{a} of {b}", "{a}"), ("{a}", "{b}"), ("yes", ""), ("", "是")])
def test_a_phrase_with_a_gap_cannot_be_made(en, zh):
    with pytest.raises(ValueError, match=r"languages must name|needs every language"):
        Phrase(en, zh)


def test_a_phrase_needs_all_its_values():
    assert CHINESE(Phrase("{a} of {b}", "{b}的{a}"), a=1, b=2) == "2的1"
    with pytest.raises(KeyError):
        ENGLISH(Phrase("{a}", "{a}"))


def test_methods_models_baselines_and_examples_are_said_in_chinese():
    for name in METHODS:
        for say in (methods.title, methods.promise, methods.caution):
            assert say(ENGLISH, name) == getattr(METHODS[name], say.__name__)
        assert HAN.search(methods.promise(CHINESE, name)) and HAN.search(methods.caution(CHINESE, name))
    assert set(methods.CHINESE) == set(METHODS)
    assert set(map_words.BASELINES) == {baseline.value for baseline in Baseline}
    for model in MODELS:
        for english in (model.description, model.source, model.licence):
            assert HAN.search(translated(CHINESE, english)), english
    assert {example.name for example in examples()} <= set(text.EXAMPLE_TITLES)


def test_the_scripts_are_given_every_word_that_they_ask_for():
    scripts = "".join(static_file(name) for name in SCRIPTS)
    asked = set(re.findall(r"say\('([^']+)'", scripts))
    assert asked <= set(SCRIPT), asked - set(SCRIPT)
    ideas = re.findall(r"^    (\w+): '#|(?<=, )(\w+): '#", scripts, re.MULTILINE)
    assert len(ideas) == 7
    for idea in filter(None, (name for pair in ideas for name in pair)):
        assert {f"idea:{idea}", f"tour:{idea}"} <= set(SCRIPT)
    keys = re.search(r"const KEYS = \{(.*?)\n  \};", scripts, re.DOTALL)[1]
    for key in re.findall(r"^    '?([a-z?])'?:", keys, re.MULTILINE):
        assert f"key:{key}" in SCRIPT


# What the layers below say.

ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, MsresnetError)}


def raised(tree: ast.Module) -> Iterator[str]:
    """The sentences of the errors that a module makes, with ``{}`` for each value."""
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS):
            continue
        if node.func.id == "UnknownNameError":
            continue
        (said,) = node.args
        if isinstance(said, ast.Call):  # a function that words it
            yield from (skeleton(one.value) for one in ast.walk(functions[said.func.id]) if isinstance(one, ast.Return))
        else:
            yield skeleton(said)


def skeleton(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(said)):
            return said
        case ast.JoinedStr(values=parts):
            return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in parts)
    raise AssertionError(f"line {node.lineno}: an error's sentence must be written where it is made")


def all_raised() -> list[tuple[str, str]]:
    return [
        (path.relative_to(ROOT).as_posix(), said)
        for path in sorted((ROOT / "msresnet").rglob("*.py"))
        for said in raised(ast.parse(path.read_text(encoding="utf-8")))
        if re.search("[A-Za-z]{2}", said.replace("{}", ""))
    ]


def lacking(sentences: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The sentences that the table does not have word for word."""
    return [(where, said) for where, said in sentences if said not in TABLE]


def test_every_error_is_said_in_chinese():
    found = all_raised()
    assert len(found) > 80
    assert lacking(found) == []


def test_an_error_without_a_translation_is_noticed():
    tree = ast.parse("raise ImageError(f'{name} is too beautiful; {cure}')")
    assert lacking([("new.py", said) for said in raised(tree)]) == [("new.py", "{} is too beautiful; {}")]


@pytest.mark.parametrize("english", TABLE)
def test_every_sentence_of_the_table_keeps_its_values(english):
    values = [f"<{index}>" for index in range(english.count("{}"))]
    said = translated(CHINESE, english.format(*values))
    assert said == TABLE[english].format(*values)
    assert HAN.search(said) and all(value in said for value in values)
    assert translated(ENGLISH, english) == english


def test_what_is_said_beside_an_attribution_is_said_in_chinese():
    tree = ast.parse((ROOT / "msresnet/attribution/__init__.py").read_text(encoding="utf-8"))
    (note,) = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "note")
    said = [skeleton(node.value) for node in ast.walk(note) if isinstance(node, ast.Return)]
    assert [one for one in said if one and one not in TABLE] == []


def test_what_does_not_exist_is_said_in_chinese():
    error = UnknownNameError("method", "cam", METHODS)
    assert error_sentence(CHINESE, error).startswith("没有名为 'cam' 的方法；您是不是想找 'grad-cam'")
    assert error_sentence(ENGLISH, error) == str(error)
    kinds = {
        node.args[0].value
        for path in (ROOT / "msresnet").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "UnknownNameError"
        if isinstance(node.args[0], ast.Constant)
    }
    assert kinds <= set(KINDS)


def test_a_name_in_a_sentence_is_left_as_it_is():
    error = ImageError("'no or none.png' is empty (0 bytes); choose another file.")
    assert error_sentence(CHINESE, error) == "'no or none.png' 是空文件（0 字节）；请换一个文件。"
    assert error_sentence(CHINESE, ImageError("The picture is damaged or incomplete; export it again and retry.")) == (
        "这张图片 已损坏或不完整；请重新导出后再试。"
    )
    assert not is_known("a sentence that nobody says")


# A visitor's language.


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, ENGLISH),
        ("", ENGLISH),
        ("zh-CN,zh;q=0.9,en;q=0.8", CHINESE),
        ("en-GB,en;q=0.9,zh;q=0.8", ENGLISH),
        ("fr-FR,zh-TW;q=0.5,en;q=0.4", CHINESE),
        ("de", ENGLISH),
        ("en;q=0.1, ZH-hans ; q=0.2", CHINESE),
        ("zh;q=0", ENGLISH),
        ("zh;q=much,*", ENGLISH),
    ],
)
def test_the_browsers_language_is_followed(header, expected):
    assert negotiated(header) == expected


def request(visitor: str, header: str | None = None) -> SimpleNamespace:
    return SimpleNamespace(session_hash=visitor, headers={"accept-language": header} if header else {})


def test_two_visitors_each_get_their_language():
    speakers = Speakers()
    speakers.choose("anna", CHINESE)
    speakers.choose("bert", ENGLISH)
    assert speakers.words(request("anna", "en")) == CHINESE
    assert speakers.words(request("bert", "zh")) == ENGLISH
    assert speakers.words(request("carl", "zh")) == CHINESE
    speakers.forget("anna")
    assert speakers.words(request("anna", "en")) == ENGLISH


@pytest.mark.parametrize("words", LANGUAGES.values())
def test_the_spoken_language_is_pressed(words: Words):
    pressed = re.findall(r'data-language="(\w+)"[^>]*aria-pressed="true"', tools_html(words))
    assert pressed == [words.code]


def test_every_model_has_a_card_in_chinese():
    for name in (*(model.name for model in MODELS), "my-own"):
        assert HAN.search(model_card(name, CHINESE))
    assert not HAN.search(model_card("msresnet50", ENGLISH))


NUMBERS = re.compile(r"\d[\d,.]*\d|\d")


@pytest.mark.parametrize("english", [*ROOT.glob("weights/*/README.md"), ROOT / "README.md"])
def test_a_translated_page_tells_the_same_numbers(english):
    chinese = english.with_name("README.zh-CN.md")
    first, second = (path.read_text(encoding="utf-8").split("\n---\n")[-1] for path in (english, chinese))
    assert sorted(NUMBERS.findall(first)) == sorted(NUMBERS.findall(second))
    assert re.findall(r"^#+ ", first, re.MULTILINE) == re.findall(r"^#+ ", second, re.MULTILINE)


def test_a_card_of_other_weights_is_not_shown(tmp_path):
    (tmp_path / "README.md").write_text("# Model\n" + "a" * 64)
    (tmp_path / "README.zh-CN.md").write_text("# 模型\n" + "b" * 64)
    assert "a" * 64 in shipped_card(tmp_path, CHINESE) and "英文" in shipped_card(tmp_path, CHINESE)
    (tmp_path / "README.zh-CN.md").write_text("# 模型\n" + "a" * 64)
    assert shipped_card(tmp_path, CHINESE).startswith("# 模型")
    assert shipped_card(tmp_path, ENGLISH).startswith("# Model")
