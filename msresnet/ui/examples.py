"""Example pictures: what the project draws itself, and photographs that a dependency ships."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import matplotlib
from gradio.utils import get_upload_folder
from PIL import Image

from ..files import write_whole
from ..images import read_image
from . import still_life
from .handwriting import Written

FOLDER = "msresnet-examples"  # within the folder of uploads; share.js knows it
DIGITS = tuple("0123456789")


class Kind(Enum):
    """What a picture shows, and what a model knows."""

    THINGS = "things"
    DIGITS = "digits"


def kind_of(classes: Sequence[str]) -> Kind:
    """What a model of these classes knows."""
    return Kind.DIGITS if tuple(classes) == DIGITS else Kind.THINGS


@dataclass(frozen=True)
class Example:
    """A picture to start with: a file, or a function that draws it."""

    name: str
    source: Path | Callable[[], Image.Image]
    kind: Kind = Kind.THINGS

    @property
    def is_there(self) -> bool:
        """Whether the picture can be had: an installed dependency may not ship its file."""
        return not isinstance(self.source, Path) or self.source.is_file()

    def picture(self) -> Image.Image:
        """The picture, upright RGB, at most 1024 px on its longer side."""
        picture = read_image(self.source) if isinstance(self.source, Path) else self.source()
        picture.thumbnail((1024, 1024))
        return picture

    def save(self, folder: Path) -> Path:
        """The picture as a file in ``folder``, which another visitor who asks for it meanwhile finds whole."""
        path = folder / f"{self.name}.jpg"
        if not path.is_file():
            buffer = BytesIO()
            self.picture().save(buffer, "JPEG", quality=92)
            write_whole(path, buffer.getvalue())
        return path

    def uploaded(self) -> Path:
        """The picture as a file that the upload folder may hold."""
        folder = Path(get_upload_folder()) / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        return self.save(folder)

    def thumbnail(self) -> bytes:
        """A small square JPEG for the strip of examples."""
        picture = self.picture()
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        tile = picture.crop((left, top, left + side, top + side)).resize((112, 112), Image.Resampling.LANCZOS)
        buffer = BytesIO()
        tile.save(buffer, "JPEG", quality=85)
        return buffer.getvalue()


@cache
def examples() -> tuple[Example, ...]:
    """The examples that can be had, of each kind the one that greets visitors first."""
    shipped = Path(str(files("gradio"))) / "media_assets" / "images"
    hopper = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    known = (
        Example("oranges", still_life.two_oranges),
        Example("small-orange", still_life.small_orange),
        Example("bus", still_life.school_bus),
        Example("lion", shipped / "lion.jpg"),
        Example("hopper", hopper),
        Example("tower", shipped / "tower.jpg"),
        Example("digit-2", Written(2).picture, Kind.DIGITS),
        Example("digit-small-2", Written(2, size=0.45).picture, Kind.DIGITS),
        Example("digit-5", Written(5).picture, Kind.DIGITS),
        Example("digit-small-5", Written(5, size=0.5, x=0.3, y=0.3).picture, Kind.DIGITS),
        Example("digit-8", Written(8).picture, Kind.DIGITS),
    )
    return tuple(example for example in known if example.is_there)


def first_example(shown: Iterable[Example], kind: Kind) -> Example | None:
    """The first example of a kind, if there is one."""
    return next((example for example in shown if example.kind == kind), None)


def example_of(image: str | None, shown: Mapping[str, Example]) -> Example | None:
    """The example that a picture's file is, if it is one."""
    path = Path(image or "")
    return shown.get(path.stem) if path.parent.name == FOLDER else None
