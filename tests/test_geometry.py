"""Laws of the geometry from upload to level: there and back, and what a crop shows."""

import numpy as np
import pytest
from PIL import Image
from sketches import encode, noise, pixels, stored_as, with_dot

from msresnet.errors import ConfigError
from msresnet.geometry import IMAGENET_MEAN_RGB, Geometry, crop_to
from msresnet.images import read_image

# Geometry

GEOMETRIES = [
    Geometry.centre_crop((640, 427)),
    Geometry.centre_crop((427, 640), fraction=224 / 256),
    Geometry.centre_crop((64, 64)),
    Geometry.centre_crop((31, 20), fraction=2.0),
    Geometry.whole((640, 427)),
    Geometry.whole((5, 99)),
    Geometry((100, 80), (60.25, -12.5, 140.25, 67.5)),
]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("side", [1, 64, 224, 448])
def test_there_and_back_is_where_it_was(geometry, side):
    generator = np.random.default_rng(0)
    x, y = generator.uniform(-50, 700, (2, 200))
    back = geometry.to_upload(*geometry.to_level(x, y, side=side), side=side)
    np.testing.assert_allclose(back, (x, y), rtol=0, atol=1e-9)
    left, top, right, bottom = geometry.box
    assert geometry.to_level(left, top, side=side) == pytest.approx((0, 0))
    assert geometry.to_level(right, bottom, side=side) == pytest.approx((side, side))
    one, _ = geometry.to_upload(1.0, 0.0, side=side)
    assert one - left == pytest.approx(geometry.px_per_level_px(side))


def test_the_fields_of_view():
    assert Geometry.centre_crop((640, 427)).box == (106.5, 0, 533.5, 427)
    assert Geometry.centre_crop((256, 300), fraction=0.875).box == (16, 38, 240, 262)
    assert Geometry.whole((640, 427)).box == (0, -106.5, 640, 533.5)
    assert Geometry.whole((9, 9)) == Geometry.centre_crop((9, 9))


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((0, 5), (0, 0, 5, 5)),
        ((5.5, 5), (0, 0, 5, 5)),
        ((5, 5), (0, 0, 5, 4)),
        ((5, 5), (3, 0, 3, 0)),
        ((5, 5), (5, 0, 0, 5)),
        ((5, 5), (0, 0, float("inf"), float("inf"))),
        ((5, 5), (0, 0, float("nan"), 5)),
        ((5, 5), (5, 0, 10, 5)),
        ((5, 5), (0, -5, 5, 0)),
    ],
)
def test_an_impossible_geometry_fails_when_it_is_made(size, box):
    with pytest.raises(ConfigError):
        Geometry(size, box)


@pytest.mark.parametrize("fraction", [0, -1, float("nan"), float("inf")])
def test_an_impossible_fraction_fails(fraction):
    with pytest.raises(ConfigError, match="fraction"):
        Geometry.centre_crop((4, 4), fraction=fraction)


# Crop


def brightest(image: Image.Image, background: tuple[int, int, int] = (0, 0, 0)) -> tuple[float, float]:
    """The centroid of what differs from the background, in pixel-edge coordinates."""
    weight = np.abs(pixels(image) - background).sum(axis=2).astype(float)
    assert weight.sum() > 0
    ys, xs = np.indices(weight.shape) + 0.5
    return (xs * weight).sum() / weight.sum(), (ys * weight).sum() / weight.sum()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("side", [16, 29, 64])
@pytest.mark.parametrize("show", [Geometry.centre_crop, Geometry.whole])
@pytest.mark.parametrize("dot", [(15, 11), (25, 20), (33, 3)])
def test_a_dot_lands_where_to_level_says(orientation, side, show, dot):
    stored, exif = stored_as(with_dot(48, 32, *dot), orientation)
    image = read_image(encode(stored, exif=exif))
    geometry = show(image.size)
    level = crop_to(image, geometry, side, fill=(0, 0, 0))
    x, y = geometry.to_level(dot[0] + 0.5, dot[1] + 0.5, side=side)
    assert brightest(level) == (pytest.approx(x, abs=0.5), pytest.approx(y, abs=0.5))


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_a_square_lands_where_to_level_says(geometry):
    """The same with a square that is large enough for reductions and any padding."""
    width, height = geometry.upload_size
    image = Image.new("RGB", (width, height))
    half = max(1, min(width, height) // 8)
    x0, y0 = width // 2 + half, height // 2 - half
    x0 = min(x0, width - 2 * half)
    image.paste("white", (x0, y0, x0 + 2 * half, y0 + 2 * half))
    level = crop_to(image, geometry, 96, fill=(0, 0, 0))
    x, y = geometry.to_level(x0 + half, y0 + half, side=96)
    assert brightest(level) == (pytest.approx(x, abs=0.5), pytest.approx(y, abs=0.5))


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("side", [7, 64, 200])
def test_padding_is_as_if_the_picture_lay_on_a_large_canvas(geometry, side):
    """The rule a second way: a canvas that holds the whole box, with room for the filter."""
    width, height = geometry.upload_size
    image = noise(width, height)
    left, top, right, bottom = geometry.box
    room = 3 * max(int(geometry.px_per_level_px(side)), 1) + 3
    # Where the box ends at the picture's edge, the filter ends there too.
    before_x, before_y = (int(-edge) + room if edge < 0 else 0 for edge in (left, top))
    after_x = int(right - width) + room if right > width else 0
    after_y = int(bottom - height) + room if bottom > height else 0
    canvas = Image.new("RGB", (before_x + width + after_x, before_y + height + after_y), IMAGENET_MEAN_RGB)
    canvas.paste(image, (before_x, before_y))
    box = (left + before_x, top + before_y, right + before_x, bottom + before_y)
    expected = canvas.resize((side, side), Image.Resampling.BILINEAR, box=box)
    level = crop_to(image, geometry, side)
    assert level.size == (side, side) and level.mode == "RGB"
    assert np.abs(pixels(level) - pixels(expected)).max() <= 1


def test_a_whole_numbered_box_of_the_same_side_is_unchanged():
    image = noise(40, 30)
    inside = crop_to(image, Geometry.centre_crop(image.size), 30)
    assert np.array_equal(pixels(inside), pixels(image.crop((5, 0, 35, 30))))
    padded = crop_to(image, Geometry.whole(image.size), 40, fill=(1, 2, 3))
    assert np.array_equal(pixels(padded)[5:35], pixels(image))
    assert (np.concatenate([pixels(padded)[:5], pixels(padded)[35:]]) == [1, 2, 3]).all()


def test_a_box_on_the_edge_but_for_rounding_is_not_padded():
    image = Image.new("RGB", (30, 30), "white")
    level = crop_to(image, Geometry((30, 30), (-1e-9, 0, 30, 30 + 1e-9)), 15)
    assert (pixels(level) == 255).all()


def test_reduction_is_antialiased():
    stripes = Image.fromarray(np.tile(np.array([0, 255], np.uint8), (64, 32))).convert("RGB")
    level = pixels(crop_to(stripes, Geometry.centre_crop((64, 64)), 16))
    assert np.abs(level[:, 1:-1] - 127.5).max() < 3


@pytest.mark.parametrize("size", [(65_000, 2), (2, 65_000)])
def test_a_very_long_picture_fits_into_a_level(size, monkeypatch):
    made = []
    new = Image.new
    monkeypatch.setattr(Image, "new", lambda mode, size, *rest: made.append(size) or new(mode, size, *rest))
    level = crop_to(Image.new("RGB", size, "white"), Geometry.whole(size), 224)
    assert level.size == (224, 224)
    assert level.getpixel((0, 0)) == IMAGENET_MEAN_RGB
    assert max(width * height for width, height in made[1:]) < 10**6  # the whole square has 4 gigapixels


def test_a_far_larger_field_of_view_costs_nothing():
    """Padded in full, the box would have ten gigapixels."""
    far = Geometry((1000, 1000), (-49_500, -49_500, 50_500, 50_500))
    level = crop_to(Image.new("RGB", (1000, 1000), "white"), far, 101)
    assert brightest(level, IMAGENET_MEAN_RGB) == pytest.approx((50.5, 50.5))


def test_crop_to_refuses_what_does_not_fit():
    geometry = Geometry.centre_crop((8, 6))
    with pytest.raises(ConfigError, match=r"\(8, 6\)"):
        crop_to(Image.new("RGB", (6, 8)), geometry, 4)
    with pytest.raises(ConfigError, match="side"):
        crop_to(Image.new("RGB", (8, 6)), geometry, 0)
    with pytest.raises(ConfigError, match="RGB"):
        crop_to(Image.new("P", (8, 6)), geometry, 4)
