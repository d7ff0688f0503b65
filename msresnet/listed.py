"""The models that are known by their name: what each knows, where its weights come from, and whether they are here."""

import os
from dataclasses import dataclass
from pathlib import Path

from .download import cache_folder, cached_path
from .errors import UnknownNameError
from .tensors import CONFIG_NAME


@dataclass(frozen=True)
class ListedModel:
    """A model that is known by its name.

    Attributes:
        name: what :func:`load_model` takes.
        description: one line.
        class_count: how many things it knows.
        size_mb: of its weights' files, in 10⁶ bytes.
        source: where the weights come from.
        licence: terms of the weights.
        torchvision_name: the weights' name in torchvision, for those that are fetched from there.
    """

    name: str
    description: str
    class_count: int
    size_mb: int
    source: str
    licence: str
    torchvision_name: str | None = None

    @property
    def folder(self) -> Path:
        """Where a model that ships with the repository lies."""
        return weights_folder() / self.name

    @property
    def url(self) -> str:
        """Where torchvision's weights are fetched from, as torchvision itself says."""
        from torchvision.models import get_weight

        return get_weight(self.torchvision_name).url

    @property
    def is_here(self) -> bool:
        """Whether its weights are on this machine."""
        if self.torchvision_name is not None:
            return cached_path(self.url, cache_folder()).is_file()
        return (self.folder / CONFIG_NAME).is_file()


MODELS = (
    ListedModel(
        name="msresnet18-tiny",
        description="MS-ResNet-18 for the 200 things of Tiny-ImageNet; small, quick, needs no network",
        class_count=200,
        size_mb=23,
        source="trained here; in weights/",
        licence="ImageNet's terms, for non-commercial research and education (weights/LICENSE.md)",
    ),
    ListedModel(
        name="msresnet-mnist",
        description="MS-ResNet-10 for the ten digits of MNIST; the first example of the field",
        class_count=10,
        size_mb=3,
        source="trained here; in weights/",
        licence="CC BY-SA 3.0, as the digits (weights/LICENSE.md)",
    ),
    ListedModel(
        name="msresnet50",
        description="torchvision's ResNet-50 at four scales for the 1,000 things of ImageNet",
        class_count=1000,
        size_mb=103,
        source="torchvision, fetched on first use",
        licence="BSD-3-Clause (torchvision); ImageNet's pictures are for research, not for commerce",
        torchvision_name="ResNet50_Weights.IMAGENET1K_V1",  # V1: trained plainly, seen at 224 of 256
    ),
    ListedModel(
        name="msresnet101",
        description="torchvision's ResNet-101 at four scales for the 1,000 things of ImageNet",
        class_count=1000,
        size_mb=179,
        source="torchvision, fetched on first use",
        licence="BSD-3-Clause (torchvision); ImageNet's pictures are for research, not for commerce",
        torchvision_name="ResNet101_Weights.IMAGENET1K_V1",
    ),
)


def find_listed(name: str) -> ListedModel:
    """The listed model of a name.

    Raises:
        UnknownNameError: there is none; names the nearest.
    """
    for entry in MODELS:
        if entry.name == name:
            return entry
    raise UnknownNameError("model", name, [entry.name for entry in MODELS])


def is_available(name: str) -> bool:
    """Whether a listed model's weights are on this machine.

    Raises:
        UnknownNameError: no model of this name is listed.
    """
    return find_listed(name).is_here


def weights_folder() -> Path:
    """Where the weights that ship with the repository lie: ``$MSRESNET_WEIGHTS``, or beside the package."""
    chosen = os.environ.get("MSRESNET_WEIGHTS")
    return Path(chosen).expanduser() if chosen else Path(__file__).resolve().parents[1] / "weights"
