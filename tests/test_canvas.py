"""The zoomed canvas: where the picture lies on it, what lies around, and that 1 changes nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from msresnet.canvas import place, zoom_canvas, zoomed_levels
from msresnet.errors import ConfigError, UnknownNameError
from msresnet.geometry import IMAGENET_MEAN_RGB, Geometry, crop_to
from msresnet.pyramid import Preprocessing, upload_levels

SIDES = (32, 48, 64)


def noise(width: int, height: int) -> Image.Image:
    """A picture in which no two places look alike."""
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def array(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, dtype=float)


@pytest.mark.parametrize("canvas", ["grey", "mirror"])
@pytest.mark.parametrize("size", [(200, 100), (101, 64), (64, 64), (30, 47)])
def test_zoom_1_is_the_centre_square(size, canvas):
    picture = noise(*size)
    plain = crop_to(picture, Geometry.centre_crop(size), 80)
    assert np.array_equal(array(zoom_canvas(picture, 1, canvas=canvas, side=80)), array(plain))


def test_below_1_the_picture_shrinks_about_the_centre_and_the_rest_is_grey():
    picture = noise(200, 100)  # what is left and right of the centre square must not be seen
    shown = array(zoom_canvas(picture, 0.5, side=100))
    assert (shown[:24] == IMAGENET_MEAN_RGB).all() and (shown[:, :24] == IMAGENET_MEAN_RGB).all()
    assert (shown[76:] == IMAGENET_MEAN_RGB).all() and (shown[:, 76:] == IMAGENET_MEAN_RGB).all()
    alone = array(crop_to(picture, Geometry.centre_crop(picture.size), 50))
    assert np.abs(shown[26:74, 26:74] - alone[1:-1, 1:-1]).max() <= 1


def test_below_1_a_mirror_continues_the_picture():
    picture = noise(100, 100)
    shown = array(zoom_canvas(picture, 0.5, canvas="mirror", side=100))
    alone = array(picture.resize((50, 50), Image.Resampling.BILINEAR))
    assert np.abs(shown[26:74, 26:74] - alone[1:-1, 1:-1]).max() <= 1
    assert np.abs(shown[:, :25] - shown[:, 49:24:-1]).max() <= 1
    assert np.abs(shown[75:] - shown[74:49:-1]).max() <= 1


@pytest.mark.parametrize("canvas", ["grey", "mirror"])
def test_above_1_the_middle_of_the_picture_fills_the_canvas(canvas):
    picture = noise(120, 80)
    shown = array(zoom_canvas(picture, 2, canvas=canvas, side=60))
    middle = array(picture.crop((40, 20, 80, 60)).resize((60, 60), Image.Resampling.BILINEAR))
    assert np.abs(shown - middle)[1:-1, 1:-1].max() <= 1


@given(
    zoom=st.floats(1 / 64, 64),
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    canvas=st.sampled_from(["grey", "mirror"]),
    is_whole=st.booleans(),
)
def test_any_picture_fits_any_canvas(zoom, size, canvas, is_whole):
    geometry = Preprocessing(sees_whole_image=is_whole).geometry(size)
    assert place(noise(*size), geometry, zoom, canvas=canvas, side=40).size == (40, 40)


@pytest.mark.parametrize("canvas", ["grey", "mirror"])
def test_a_dot_stays_at_its_place(canvas):
    picture = Image.new("RGB", (640, 480))
    picture.paste((255, 255, 255), (400, 200, 420, 220))  # centre (410, 210); of the square (330, 210)
    for zoom in (0.25, 0.6, 1, 1.3):
        x, y = (150 + (v - 240) * zoom * 300 / 480 for v in (330, 210))
        rows, columns = np.mgrid[int(y) - 8 : int(y) + 9, int(x) - 8 : int(x) + 9]
        light = array(zoom_canvas(picture, zoom, canvas=canvas, side=300))[rows, columns, 0]
        light -= light.min()  # grey, where the dot is near the border
        light_x, light_y = ((light * (at + 0.5)).sum() / light.sum() for at in (columns, rows))
        assert abs(light_x - x) < 1 and abs(light_y - y) < 1


CONVENTIONS = [
    Preprocessing(),
    Preprocessing(crop_fraction=224 / 256),
    Preprocessing(source_side=40),
    Preprocessing(source_side=40, sees_whole_image=True),
    Preprocessing(source_side=40, is_denoised=True),
    Preprocessing(is_denoised=True, mean=(0.1, 0.2, 0.3), sees_whole_image=True),
]


@pytest.mark.parametrize("preprocessing", CONVENTIONS)
@pytest.mark.parametrize("canvas", ["grey", "mirror"])
@pytest.mark.parametrize("size", [(90, 61), (36, 36)])
def test_levels_at_zoom_1_are_the_plain_levels(preprocessing, canvas, size):
    picture = noise(*size)
    plain = upload_levels(picture, SIDES, preprocessing)
    for one, other in zip(zoomed_levels(picture, 1.0, SIDES, preprocessing, canvas=canvas), plain, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("preprocessing", CONVENTIONS)
def test_levels_show_the_canvas_uncropped(preprocessing):
    picture = noise(90, 61)
    for level, side in zip(zoomed_levels(picture, 0.25, SIDES, preprocessing), SIDES, strict=True):
        border = int(side * 3 / 8) - 4
        mean = torch.tensor(preprocessing.fill) / 255
        assert torch.allclose(level[0, :, :border, :border], mean[:, None, None], atol=1 / 255)
        assert level[0].std() > 0.03, "the picture is in the middle"


def test_zooming_in_shows_detail_that_the_plain_levels_lack():
    stripes = np.zeros((256, 256, 3), dtype=np.uint8)
    stripes[:, ::4] = stripes[:, 1::4] = 255
    limited = Preprocessing(source_side=64)
    plain, nearer = (zoomed_levels(Image.fromarray(stripes), zoom, (64,), limited)[0] for zoom in (1, 4))
    assert plain.std() < 0.05 and nearer.std() > 0.3


@pytest.mark.parametrize("zoom", [0, -1, float("nan"), float("inf"), 65])
def test_an_impossible_zoom_is_told(zoom):
    with pytest.raises(ConfigError, match="a zoom must be"):
        zoom_canvas(noise(9, 9), zoom)


def test_an_unknown_canvas_names_the_nearest():
    with pytest.raises(UnknownNameError, match="'mirror'"):
        zoom_canvas(noise(9, 9), 0.5, canvas="mirrors")
