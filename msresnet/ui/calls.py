"""What every endpoint does with what a program sends: errors as sentences, the picture, the target, whole numbers."""

from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path

import gradio as gr

from ..errors import ConfigError, MsresnetError
from ..ledger import Target
from ..session import Session
from .models import Models
from .uploads import uploaded_file


def told(function: Callable) -> Callable:
    """The function, whose errors that a caller can mend arrive as a sentence."""

    @wraps(function)
    def call(*arguments: object) -> object:
        try:
            return function(*arguments)
        except MsresnetError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return call


def told_streaming(function: Callable) -> Callable:
    """The same for a generator."""

    @wraps(function)
    def call(*arguments: object) -> Iterator:
        try:
            yield from function(*arguments)
        except MsresnetError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return call


def sent(image: str | None) -> Path:
    """The uploaded picture.

    Raises:
        ImageError: it is no upload.
        ConfigError: there is none.
    """
    if image is None:
        raise ConfigError("Send a picture; there was none.")
    return uploaded_file(image)


def asked(models: Models, image: str | None, model: str, target: str, against: str) -> tuple[Session, Target]:
    """The picture before a model, and the target; the most probable class where none is named.

    Raises:
        MsresnetError: there is no such picture, model or class.
    """
    session = Session(models.get(model), sent(image))
    return session, session.target(target or None, against or None)


def whole(value: int | None, name: str, *, at_least: int = 1) -> int:
    """A whole number.

    Raises:
        ConfigError: there is none, or it is too small.
    """
    if value is None:
        raise ConfigError(f"{name} must be a whole number of at least {at_least}; there was none.")
    if value < at_least:
        raise ConfigError(f"{name} must be a whole number of at least {at_least}, got {value}")
    return value
