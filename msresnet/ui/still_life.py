"""Pictures that the project renders itself: fruit on a table, a bus on a road."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE_PX = 448
TABLE = (235, 232, 226)
ORANGE = (250, 130, 15)


@dataclass(frozen=True)
class Fruit:
    """A shaded ball; places and radius as shares of the picture's side."""

    colour: tuple[int, int, int]
    x: float
    y: float
    radius: float


def fruit_bowl(fruits: Sequence[Fruit]) -> Image.Image:
    """Fruits on a light table, the hindmost first, lit from the upper left."""
    canvas = np.full((SIDE_PX, SIDE_PX, 3), TABLE, dtype=float)
    for seed, fruit in enumerate(fruits):
        canvas = with_fruit(canvas, fruit, skin=rough_skin(seed))
    return Image.fromarray(canvas.clip(0, 255).astype(np.uint8))


def with_fruit(canvas: np.ndarray, fruit: Fruit, *, skin: np.ndarray) -> np.ndarray:
    """The canvas with a fruit and its shadow on it."""
    y, x = (np.mgrid[0:SIDE_PX, 0:SIDE_PX] + 0.5) / SIDE_PX
    right, down = (x - fruit.x) / fruit.radius, (y - fruit.y) / fruit.radius
    distance = np.hypot(right, down)
    shadow = (1 - np.hypot((right - 0.15) / 1.15, (down - 0.95) / 0.3)).clip(0, 1)
    canvas = canvas * (1 - 0.45 * shadow[..., None])
    towards_viewer = np.sqrt((1 - distance**2).clip(0, 1))
    light = (-0.5 * right - 0.6 * down + 0.62 * towards_viewer).clip(0, 1)[..., None]
    body = np.array(fruit.colour) * (0.35 + 0.75 * light) + 0.3 * skin * towards_viewer[..., None] + 150 * light**18
    cover = ((1 - distance) * fruit.radius * SIDE_PX / 1.5).clip(0, 1)[..., None]  # a soft edge of 1.5 px
    return canvas * (1 - cover) + body * cover


def rough_skin(seed: int) -> np.ndarray:
    """Blurred noise about zero, ``(side, side, 1)``."""
    noise = np.random.default_rng(seed).integers(0, 256, (SIDE_PX, SIDE_PX), dtype=np.uint8)
    return np.asarray(Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2)), dtype=float)[..., None] - 128


def school_bus() -> Image.Image:
    """A yellow bus from the side, under a light sky."""
    picture = Image.new("RGB", (SIDE_PX, SIDE_PX), (170, 200, 230))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 300, SIDE_PX, SIDE_PX), fill=(110, 110, 112))
    draw.rounded_rectangle((40, 150, 410, 330), 18, fill=(245, 180, 20))
    draw.rounded_rectangle((370, 230, 440, 330), 10, fill=(245, 180, 20))
    draw.rectangle((40, 235, 410, 243), fill=(30, 30, 30))
    for left in range(62, 372, 62):
        draw.rectangle((left, 170, left + 50, 222), fill=(50, 70, 90))
    draw.rectangle((385, 175, 408, 225), fill=(60, 80, 100))
    for x in (115, 350):
        draw.ellipse((x - 34, 300, x + 34, 368), fill=(25, 25, 25))
        draw.ellipse((x - 14, 320, x + 14, 348), fill=(150, 150, 150))
    return picture


def two_oranges() -> Image.Image:
    """Two oranges, one before the other."""
    return fruit_bowl([Fruit(ORANGE, 0.66, 0.42, 0.26), Fruit(ORANGE, 0.36, 0.6, 0.22)])


def small_orange() -> Image.Image:
    """The same fruit, far away."""
    return fruit_bowl([Fruit(ORANGE, 0.5, 0.55, 0.12)])
