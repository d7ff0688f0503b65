"""The card of a model: what it is, where its weights are from, what they may be used for; and in one line."""

import re
from html import escape
from pathlib import Path

from ..calibration import LABEL_FREE
from ..identity import identify
from ..listed import MODELS, weights_folder
from ..model import MultiscaleResNet
from .examples import kind_of
from .words import CHINESE, Words
from .words import card as said
from .words import page as text
from .words.sentences import sentence

CHECKSUM = re.compile(r"\b[0-9a-f]{64}\b")
RELATIVE_LINK = re.compile(r"\[([^\]]+)\]\((?!https?://)[^)]+\)")


def model_card(name: str, words: Words) -> str:
    """Markdown: the card that ships beside the weights, or what the list of models says."""
    folder = weights_folder() / name
    if (folder / "README.md").is_file():
        return shipped_card(folder, words)
    for listed in MODELS:
        if listed.name == name:
            description, source, licence = (
                sentence(words, english) for english in (listed.description, listed.source, listed.licence)
            )
            return words(said.LISTED, name=name, description=description, source=source, licence=licence)
    return words(said.YOUR_OWN, name=name)


def shipped_card(folder: Path, words: Words) -> str:
    """The card in the visitor's language; the English one, with a word on that, where it was not translated.

    A translation that does not name the checksum of the English card is of other weights.
    """
    card = plain(folder / "README.md")
    translated = folder / "README.zh-CN.md"
    if words == CHINESE and translated.is_file():
        translation = plain(translated)
        if CHECKSUM.findall(translation) == CHECKSUM.findall(card):
            return translation
    return card if words.is_english else f"{words(said.ENGLISH_ONLY)}\n\n{card}"


def plain(path: Path) -> str:
    """The text without front matter and without links into a folder that the page does not serve."""
    content = path.read_text(encoding="utf-8")
    if content.startswith("---\n"):
        content = content.split("\n---\n", 1)[1]
    return RELATIVE_LINK.sub(r"\1", content).strip()


def caption_html(model: MultiscaleResNet, words: Words) -> str:
    """One line on the model."""
    known = identify(model)
    caption = model_caption(model, words, is_verified=known.is_verified, is_label_free=LABEL_FREE in known.notes)
    return f'<p class="ms-caption" data-kind="{kind_of(model.classes).value}">{escape(caption)}</p>'


def model_caption(model: MultiscaleResNet, words: Words, *, is_verified: bool, is_label_free: bool = False) -> str:
    """What the model knows, what it looks at, and where it runs, in one line."""
    *sides, last = (str(side) for side in model.sides)
    looks = words(text.LOOKS_AT, sides=words(text.COMMA).join(sides), last=last) if sides else ""
    device = model.device.type
    parts = [
        words(text.KNOWS, count=f"{len(model.classes):,}"),
        looks or words(text.LOOKS_AT_ONE, last=last),
        words(text.ON_GPU) if device == "cuda" else words(text.ON_DEVICE, device=device.upper()),
    ]
    if is_label_free:
        parts.append(words(text.GATE_NOT_CALIBRATED))
    if not is_verified:
        parts.append(words(text.NOT_VERIFIED))
    return " · ".join(parts)
