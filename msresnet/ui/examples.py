"""Example pictures: photographs that a dependency ships, and what the project makes of them."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import matplotlib
from PIL import Image

from ..images import read_image

# ImageNet's mean colour: what lies around a picture that is shown smaller.
GREY = (124, 116, 104)
CANVAS_PX = 448


@dataclass(frozen=True)
class Example:
    """A picture to start with, and what to look for in it."""

    name: str
    title: str
    path: Path
    zoom: float = 1.0

    def picture(self) -> Image.Image:
        """The picture, upright RGB; with a zoom below 1 smaller on a grey canvas."""
        picture = read_image(self.path)
        if self.zoom == 1:
            picture.thumbnail((1024, 1024))
            return picture
        side = min(picture.size)
        left, top = (picture.width - side) / 2, (picture.height - side) / 2
        small = round(CANVAS_PX * self.zoom)
        box = (left, top, left + side, top + side)
        canvas = Image.new("RGB", (CANVAS_PX, CANVAS_PX), GREY)
        offset = (CANVAS_PX - small) // 2
        canvas.paste(picture.resize((small, small), Image.Resampling.BICUBIC, box=box), (offset, offset))
        return canvas

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
    """The examples whose files the installed dependencies really ship."""
    shipped = Path(str(files("gradio"))) / "media_assets" / "images"
    hopper = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    found = (
        Example("lion", "A lion", shipped / "lion.jpg"),
        Example("lion-far", "The same lion, far away", shipped / "lion.jpg", zoom=0.5),
        Example("runner", "A cheetah, running", shipped / "cheetah.jpg"),
        Example("hopper", "Rear Admiral Grace Hopper", hopper),
        Example("tower", "A tower", shipped / "tower.jpg"),
    )
    return tuple(example for example in found if example.path.is_file())
