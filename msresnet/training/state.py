"""Checkpoints of a run: always whole, and of this recipe."""

import os
from pathlib import Path

import torch

from ..errors import ConfigError
from ..recipes import Recipe


def save_state(state: dict, path: Path) -> None:
    """Write to a temporary file, sync, rename: the file is always whole."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def load_state(path: Path, recipe: Recipe) -> dict | None:
    """What :func:`save_state` kept; ``None`` where there is nothing yet.

    Raises:
        ConfigError: it is the checkpoint of another recipe.
    """
    if not path.is_file():
        return None
    kept = torch.load(path, weights_only=True, map_location="cpu")
    wanted = recipe.to_dict()
    differing = [name for name in wanted if kept["recipe"].get(name) != wanted[name]]
    if differing:
        raise ConfigError(
            f"{path} was made by another recipe, which differs in {', '.join(differing)}; train to another folder"
        )
    return kept
