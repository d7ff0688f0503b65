"""What a checkpoint says of its model: ``config.json``, written and read."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from .config import ModelConfig
from .errors import CheckpointError, ConfigError
from .tensors import CONFIG_NAME, read_json

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Spec:
    """The content of ``config.json``.

    Attributes:
        name: of the model.
        config: everything that shapes it but its tensors.
        sha256: of its tensors, see :func:`msresnet.tensors.digest`.
        metrics, data, recipe: how good it is, what it saw, how it was trained; JSON objects.
        licence: terms of the weights.
        notes: what else a user should know, a sentence each.
    """

    name: str
    config: ModelConfig
    sha256: str
    metrics: dict = field(default_factory=dict)
    data: dict = field(default_factory=dict)
    recipe: dict = field(default_factory=dict)
    licence: str = ""
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict:
        """As JSON keeps it."""
        return {
            "format": "msresnet",
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "model": self.config.to_dict(),
            "metrics": self.metrics,
            "data": self.data,
            "recipe": self.recipe,
            "sha256": self.sha256,
            "licence": self.licence,
            "notes": list(self.notes),
        }


def read_spec(folder: str | os.PathLike) -> Spec:
    """The spec of a checkpoint's folder.

    Raises:
        CheckpointError: it is no checkpoint, or one that this version cannot read.
    """
    path = Path(folder) / CONFIG_NAME
    kept = read_json(path)
    version = kept.get("format_version")
    if kept.get("format") != "msresnet" or not isinstance(version, int):
        raise CheckpointError(f"{path} is not the spec of an msresnet checkpoint")
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format version {version}, and this msresnet reads {FORMAT_VERSION}; update msresnet"
        )
    types = {"name": str, "model": dict, "sha256": str, "metrics": dict, "data": dict, "recipe": dict}
    for key, kind in {**types, "licence": str, "notes": list}.items():
        if not isinstance(kept.get(key), kind):
            raise CheckpointError(f"{path} must hold {key!r} as a {kind.__name__}, got {kept.get(key)!r:.50}")
    try:
        config = ModelConfig.from_dict(kept["model"])
    except ConfigError as error:
        raise CheckpointError(f"{path} does not describe a model: {error}") from error
    rest = {key: kept[key] for key in ("name", "sha256", "metrics", "data", "recipe", "licence")}
    return Spec(config=config, notes=tuple(map(str, kept["notes"])), **rest)
