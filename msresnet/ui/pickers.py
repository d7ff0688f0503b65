"""What the pickers of the class, of the one to compare with, and of the method offer."""

import gradio as gr

from ..attribution import METHODS
from ..model import MultiscaleResNet
from .targets import AVERAGE
from .words import Words, methods
from .words import page as text


class ClassPicker(gr.Dropdown):
    """``gr.Dropdown`` of classes; a class of the model before, still on its way as another one came, is none.

    The constructor is Gradio's own: the page's front end is told its parameters by name.
    """

    def get_block_name(self) -> str:
        return "dropdown"

    def preprocess(self, payload: int | None) -> int | None:
        """The number of the class; ``None`` where this list does not offer it."""
        return payload if any(payload == value for _, value in self.choices) else None


def class_choices(model: MultiscaleResNet) -> list[tuple[str, int]]:
    """What the picker of the class offers."""
    return [(label, index) for index, label in enumerate(model.classes)]


def method_choices(words: Words) -> list[tuple[str, str]]:
    """What the picker of the method offers."""
    return [(methods.title(words, name), name) for name in METHODS]


def against_choices(model: MultiscaleResNet, words: Words) -> list[tuple[str, int]]:
    """What the picker of the class to compare with offers."""
    return [(words(text.AVERAGE_CLASS), AVERAGE), *class_choices(model)]
