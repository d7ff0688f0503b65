"""Example pictures: what the project draws itself, and photographs that a dependency ships."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import matplotlib
from PIL import Image

from ..images import read_image
from . import still_life


@dataclass(frozen=True)
class Example:
    """A picture to start with: a file, or a function that draws it."""

    name: str
    title: str
    source: Path | Callable[[], Image.Image]

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
        """The picture as a file in ``folder``."""
        path = folder / f"{self.name}.jpg"
        if not path.is_file():
            self.picture().save(path, quality=92)
        return path

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
    """The examples that can be had, the one that greets visitors first."""
    shipped = Path(str(files("gradio"))) / "media_assets" / "images"
    hopper = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    known = (
        Example("oranges", "Two oranges, drawn", still_life.two_oranges),
        Example("small-orange", "A small orange, drawn", still_life.small_orange),
        Example("bus", "A school bus, drawn", still_life.school_bus),
        Example("lion", "A lion", shipped / "lion.jpg"),
        Example("hopper", "Rear Admiral Grace Hopper", hopper),
        Example("tower", "A tower", shipped / "tower.jpg"),
    )
    return tuple(example for example in known if example.is_there)
