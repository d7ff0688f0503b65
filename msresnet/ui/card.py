"""The card of a model: what it is, where its weights are from, what they may be used for."""

from ..checkpoint import MODELS, weights_folder


def model_card(name: str) -> str:
    """Markdown: the card that ships beside the weights, or what the list of models says."""
    shipped = weights_folder() / name / "README.md"
    if shipped.is_file():
        text = shipped.read_text(encoding="utf-8")
        if text.startswith("---\n"):
            text = text.split("\n---\n", 1)[1]
        return text.strip()
    for listed in MODELS:
        if listed.name == name:
            return f"**{listed.name}**: {listed.description}. Weights: {listed.source}. Terms: {listed.licence}."
    return f"**{name}**: weights of your own; nothing is known about them here beyond what the file says."
