"""Laws of colours: zero is the middle, one range for all, weak looks weak."""

import matplotlib
import numpy as np
import pytest

from msresnet.colour import (
    SCALE_COLOURS,
    Range,
    colour_bar,
    format_signed,
    greyscale,
    overlay_rgba,
    paint,
    scale_colour,
    shared_range,
)
from msresnet.errors import ConfigError

MIDDLE = (247, 247, 247)  # ColorBrewer's RdBu at zero: #f7f7f7


@pytest.fixture
def maps():
    generator = np.random.default_rng(0)
    return [generator.normal(size=(side, side)) for side in (12, 16, 24)]


def unsigned(limit: float) -> Range:
    return Range(limit=limit, clipped_share=0.0, is_signed=False, is_flat=False)


def over(rgba: np.ndarray, background) -> np.ndarray:
    alpha = rgba[..., 3:] / 255
    return rgba[..., :3] * alpha + np.asarray(background) * (1 - alpha)


# Colours of scales


def test_scale_colours_do_not_depend_on_the_count():
    for count in range(1, len(SCALE_COLOURS) + 1):
        assert tuple(scale_colour(i, count) for i in range(count)) == SCALE_COLOURS[:count]


def test_too_many_scales_are_refused_with_a_cure():
    with pytest.raises(ConfigError, match="got 6; use fewer scales"):
        scale_colour(0, 6)
    with pytest.raises(IndexError):
        scale_colour(2, 2)
    with pytest.raises(IndexError):
        scale_colour(-1, 2)


# Ranges


@pytest.mark.parametrize("percentile", [50, 99.5, 100])
def test_at_most_the_rest_of_the_percentile_is_clipped(maps, percentile):
    range_ = shared_range(maps, percentile=percentile)
    magnitudes = np.sort(np.abs(np.concatenate([m.ravel() for m in maps])))
    allowed = int(len(magnitudes) * (100 - percentile) / 100)
    assert range_.limit == magnitudes[len(magnitudes) - 1 - allowed]
    assert range_.clipped_share == allowed / len(magnitudes)


def test_doubled_values_double_the_limit_and_leave_the_picture(maps):
    once, twice = shared_range(maps), shared_range([2 * m for m in maps])
    assert twice.limit == 2 * once.limit
    assert twice.clipped_share == once.clipped_share
    for m in maps:
        np.testing.assert_array_equal(paint(2 * m, twice), paint(m, once))
        np.testing.assert_array_equal(overlay_rgba(2 * m, twice), overlay_rgba(m, once))


def test_the_range_is_shared_so_that_a_weak_map_is_transparent(maps):
    weak = maps[0] * 1e-6
    range_ = shared_range([weak, *maps[1:]])
    assert overlay_rgba(weak, range_)[..., 3].max() == 0
    assert (paint(weak, range_) == MIDDLE).all()
    assert overlay_rgba(maps[1], range_)[..., 3].max() == 255


def test_one_hot_pixel_does_not_blank_the_rest(maps):
    calm = shared_range(maps)
    hot = [m.copy() for m in maps]
    hot[0][0, 0] = 1e9
    range_ = shared_range(hot)
    assert range_.limit == pytest.approx(calm.limit, rel=0.2)
    pixels = np.concatenate([m.ravel() for m in hot])
    assert range_.clipped_share == np.mean(np.abs(pixels) > range_.limit) > 0
    assert overlay_rgba(hot[0], range_)[0, 0, 3] == 255
    assert overlay_rgba(hot[1], range_)[..., 3].mean() > 50


def test_a_dot_on_nothing_is_seen():
    dot = np.zeros((64, 64))
    dot[3, 5] = -0.25
    range_ = shared_range([dot])
    assert range_ == Range(limit=0.25, clipped_share=0.0, is_signed=True, is_flat=False)
    assert np.argwhere(overlay_rgba(dot, range_)[..., 3]).tolist() == [[3, 5]]


def test_small_grids_are_not_clipped():
    cells = np.arange(49.0).reshape(7, 7)
    assert shared_range([cells]) == shared_range([cells], percentile=100)
    assert shared_range([cells]).clipped_share == 0


@pytest.mark.parametrize("is_signed", [True, False])
def test_flat_maps_have_no_evidence(is_signed):
    flat = np.zeros((4, 4))
    range_ = shared_range([flat, flat], is_signed=is_signed)
    assert range_ == Range(limit=0.0, clipped_share=0.0, is_signed=is_signed, is_flat=True)
    assert len(np.unique(paint(flat, range_).reshape(-1, 3), axis=0)) == 1
    assert overlay_rgba(flat, range_)[..., 3].max() == 0
    assert [tick.label for tick in colour_bar(range_).ticks] == ["0"]
    with pytest.raises(ValueError, match="flat range"):
        paint(flat + 1, range_)


def test_what_underflow_left_is_not_evidence():
    assert shared_range([np.full((4, 4), 1e-42)]).is_flat


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(bad, maps):
    maps[1][2, 3] = bad
    with pytest.raises(ValueError, match="1 of 256 values"):
        shared_range(maps)
    with pytest.raises(ValueError, match="1 of 256 values"):
        paint(maps[1], shared_range(maps[:1]))


def test_impossible_requests_are_refused(maps):
    for bad_maps in ([], [np.zeros((0, 3))]):
        with pytest.raises(ValueError, match="at least one map"):
            shared_range(bad_maps)
    for percentile in (0, 101):
        with pytest.raises(ValueError, match="percentile"):
            shared_range(maps, percentile=percentile)
    with pytest.raises(ValueError, match="negative"):
        shared_range(maps, is_signed=False)
    with pytest.raises(ValueError, match="negative"):
        overlay_rgba(maps[0], unsigned(1.0))


@pytest.mark.parametrize(
    "fields", [(-1.0, 0.0, False), (float("nan"), 0.0, False), (1.0, 2.0, False), (1.0, 0.0, True)]
)
def test_an_impossible_range_cannot_be_made(fields):
    limit, clipped_share, is_flat = fields
    with pytest.raises(ValueError):
        Range(limit=limit, clipped_share=clipped_share, is_signed=True, is_flat=is_flat)


# Pictures


@pytest.mark.parametrize("limit", [1e-6, 1.0, 3.7, 1e9])
def test_zero_is_exactly_the_middle_colour(limit):
    range_ = shared_range([np.array([[limit, -limit / 3]])])
    assert tuple(paint(np.zeros((1, 1)), range_)[0, 0]) == MIDDLE
    assert overlay_rgba(np.zeros((1, 1)), range_)[0, 0, 3] == 0


def test_for_is_warm_and_against_is_cool_and_equal_strength_looks_equal():
    range_ = shared_range([np.array([[1.0]])])
    strengths = np.linspace(0.1, 1, 10)[None]
    for draw in (paint, overlay_rgba):
        warm, cool = draw(strengths, range_).astype(int), draw(-strengths, range_).astype(int)
        assert (warm[..., 0] > warm[..., 2]).all()
        assert (cool[..., 2] > cool[..., 0]).all()
    np.testing.assert_array_equal(warm[..., 3], cool[..., 3])


def test_alpha_is_proportional_to_the_magnitude():
    values = np.array([[-2.0, -1.0, -0.5, 0.0, 0.25, 1.0, 5.0]])
    range_ = shared_range([np.array([[1.0]])])
    expected = np.rint(255 * np.minimum(np.abs(values), 1)).astype(int)
    np.testing.assert_array_equal(overlay_rgba(values, range_)[..., 3], expected)


def test_a_signed_overlay_over_the_colour_of_zero_is_the_paint():
    values = np.linspace(-1, 1, 201)[None]
    signed = shared_range([values])
    composed = over(overlay_rgba(values, signed), MIDDLE)
    # Colours beyond the gamut are cut, which shifts weak reds a little.
    assert np.abs(composed - paint(values, signed)).max() < 12


def test_magnitudes_are_magma():
    values = np.linspace(0, 1, 256)[None]
    expected = matplotlib.colormaps["magma"](values)[..., :3] * 255
    assert np.abs(paint(values, unsigned(1.0)) - expected).max() < 4
    np.testing.assert_array_equal(overlay_rgba(values, unsigned(1.0))[..., :3], paint(values, unsigned(1.0)))


def test_types_and_shapes(maps):
    range_ = shared_range(maps)
    assert paint(maps[0].astype(np.float16), range_).shape == (12, 12, 3)
    assert overlay_rgba(maps[0], range_).shape == (12, 12, 4)
    assert paint(maps[0], range_).dtype == overlay_rgba(maps[0], range_).dtype == np.uint8


# The colour bar


@pytest.mark.parametrize("is_signed", [True, False])
def test_a_gradient_through_the_stops_is_the_paint(is_signed):
    range_ = Range(limit=2.0, clipped_share=0.0, is_signed=is_signed, is_flat=False)
    stops = colour_bar(range_).stops
    fractions = [fraction for fraction, _ in stops]
    assert fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] == 1
    colours = np.array([[int(code[i : i + 2], 16) for i in (1, 3, 5)] for _, code in stops])
    places = np.linspace(0, 1, 257)
    gradient = np.stack([np.interp(places, fractions, channel) for channel in colours.T], axis=-1)
    values = (2 * places - 1 if is_signed else places) * range_.limit
    assert np.abs(gradient - paint(values[None], range_)[0]).max() < (2 if is_signed else 4)


@pytest.mark.parametrize("limit", [3.2e-6, 0.047, 0.33, 1.0, 2.9999, 3.0, 4.9, 5.0, 9.99, 15.1, 700.0, 4e7])
def test_ticks_are_round_symmetric_and_in_place(limit):
    ticks = colour_bar(Range(limit=limit, clipped_share=0.0, is_signed=True, is_flat=False)).ticks
    values = np.array([tick.value for tick in ticks])
    assert 3 <= len(ticks) <= 7
    np.testing.assert_array_equal(values, -values[::-1])
    np.testing.assert_allclose([tick.fraction for tick in ticks], (values / limit + 1) / 2)
    mantissa = np.diff(values)[0] / 10 ** np.floor(np.log10(np.diff(values)[0]) + 1e-9)
    assert round(mantissa, 6) in (1, 2, 5)
    for tick in ticks:
        assert tick.label[0] == ("−" if tick.value < 0 else "+" if tick.value > 0 else "0")
        assert "-" not in tick.label


def test_tick_labels():
    def labels(limit, is_signed):
        range_ = Range(limit=limit, clipped_share=0.0, is_signed=is_signed, is_flat=False)
        return [tick.label for tick in colour_bar(range_).ticks]

    assert labels(0.33, True) == ["−0.2", "0", "+0.2"]
    assert labels(3.0, False) == ["0", "1", "2", "3"]
    assert labels(4.5e-6, False) == ["0", "2×10⁻⁶", "4×10⁻⁶"]
    assert labels(700, True) == ["−500", "0", "+500"]
    with pytest.raises(ValueError, match="at least 3"):
        colour_bar(unsigned(4.9), ticks_per_side=1)


def test_numbers_have_a_real_minus_and_zero_has_no_sign():
    assert [format_signed(x) for x in (2.06, -0.2, 0.0, -0.04)] == ["+2.1", "−0.2", "0.0", "0.0"]
    assert format_signed(-12.345, decimals=2) == "−12.35"


# The base image


def test_greyscale_is_grey_keeps_grey_and_fades_to_white():
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    grey = greyscale(picture)
    assert grey.shape == picture.shape and grey.dtype == np.uint8
    assert (grey == grey[..., :1]).all()
    np.testing.assert_array_equal(greyscale(grey), grey)
    assert (greyscale(picture, fade=1.0) == 255).all()
    assert (greyscale(picture, fade=0.5) >= grey).all()
    with pytest.raises(ValueError, match="uint8"):
        greyscale(picture / 255)
