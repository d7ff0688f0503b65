"""The card of a model: what it is, where its weights are from, what they may be used for."""

import re

from ..checkpoint import MODELS, weights_folder

RELATIVE_LINK = re.compile(r"\[([^\]]+)\]\((?!https?://)[^)]+\)")


def model_card(name: str) -> str:
    """Markdown: the card that ships beside the weights, or what the list of models says."""
    shipped = weights_folder() / name / "README.md"
    if shipped.is_file():
        text = shipped.read_text(encoding="utf-8")
        if text.startswith("---\n"):
            text = text.split("\n---\n", 1)[1]
        return RELATIVE_LINK.sub(r"\1", text).strip()  # the page is not served beside the file
    for listed in MODELS:
        if listed.name == name:
            return f"**{listed.name}**: {listed.description}. Weights: {listed.source}. Terms: {listed.licence}."
    return f"**{name}**: weights of your own; nothing is known about them here beyond what the file says."
