"""Laws of pictures: everything is drawn where it is, and bars add up."""

import ast
import base64
import inspect
import io
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from msresnet import colour, figures, pictures, sheet
from msresnet import waterfall as waterfalls
from msresnet.colour import SCALE_COLOURS, shared_range
from msresnet.errors import ConfigError
from msresnet.figures import evidence_figure, ledger_figure
from msresnet.pictures import cells_on_grid, channel_tile, data_uri, to_png_bytes
from msresnet.waterfall import LedgerRow, waterfall

DPI = 60  # enough to measure, and quick


def resnet_centres(count: int, stride: int = 32) -> np.ndarray:
    return stride * np.arange(count) + 0.5


def rgb(code: str) -> tuple[int, ...]:
    return tuple(int(code[i : i + 2], 16) for i in (1, 3, 5))


# Cells


@pytest.mark.parametrize(
    ("centres_y", "centres_x", "side"),
    [
        (resnet_centres(7), resnet_centres(7), 224),
        ([3.2, 9.1, 40.0], [-5.0, 20.5], 48),
        ([10.0], [70.0, 90.0], 32),
    ],
)
def test_every_pixel_has_the_value_of_the_nearest_centre(centres_y, centres_x, side):
    values = np.random.default_rng(0).normal(size=(len(centres_y), len(centres_x)))
    drawn = cells_on_grid(values, centres_y, centres_x, side)
    pixels = np.arange(side) + 0.5
    rows = np.abs(pixels[:, None] - np.asarray(centres_y)).argmin(axis=1)  # the rule a second way
    columns = np.abs(pixels[:, None] - np.asarray(centres_x)).argmin(axis=1)
    np.testing.assert_array_equal(drawn, values[rows][:, columns])


def test_a_resnet_cell_is_centred_on_its_receptive_field_and_the_outer_ones_reach_the_edge():
    values = np.zeros((7, 7))
    values[0, 2] = values[6, 6] = 1
    drawn = cells_on_grid(values, resnet_centres(7), resnet_centres(7), 224)
    assert np.flatnonzero(drawn[0]).tolist() == list(range(49, 81))  # 64.5 ± 16, not 64..95
    assert np.flatnonzero(drawn[:, 64]).tolist() == list(range(17))  # the first is cut by the edge
    assert np.flatnonzero(drawn[:, 223]).tolist() == list(range(177, 224))  # the last reaches it


def test_smooth_cells_are_exact_at_centres_linear_between_and_constant_beyond():
    values = np.array([[0.0, 4.0], [8.0, 12.0]])
    drawn = cells_on_grid(values, [4.5, 12.5], [4.5, 12.5], 17, is_smooth=True)
    assert drawn[4, 4] == 0 and drawn[4, 12] == 4 and drawn[12, 4] == 8 and drawn[12, 12] == 12
    np.testing.assert_allclose(drawn[4, 4:13], np.linspace(0, 4, 9))
    np.testing.assert_allclose(drawn[8, 8], 6)
    assert (drawn[:5, :5] == 0).all() and (drawn[12:, 12:] == 12).all()


@pytest.mark.parametrize("is_smooth", [True, False])
def test_drawing_cells_is_linear_and_keeps_a_constant(is_smooth):
    first, second = np.random.default_rng(0).normal(size=(2, 5, 3))
    centres = resnet_centres(5), resnet_centres(3)
    draw = [cells_on_grid(v, *centres, 96, is_smooth=is_smooth) for v in (first, second, first - 3 * second)]
    np.testing.assert_allclose(draw[2], draw[0] - 3 * draw[1], atol=1e-12)
    np.testing.assert_allclose(cells_on_grid(np.ones((5, 3)), *centres, 96, is_smooth=is_smooth), 1)


def test_cells_without_matching_increasing_centres_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 3\) with 3 and 3"):
        cells_on_grid(np.zeros((2, 3)), resnet_centres(3), resnet_centres(3), 96)
    with pytest.raises(ValueError, match="increase"):
        cells_on_grid(np.zeros((2, 2)), [8, 4], [4, 8], 16)


# The upload


def dot_picture(side: int, y: int, x: int) -> np.ndarray:
    picture = np.zeros((side, side, 4), dtype=np.uint8)
    picture[y, x] = (200, 30, 60, 255)
    return picture


def centroid(alpha: np.ndarray) -> tuple[float, float]:
    y, x = np.indices(alpha.shape) + 0.5
    weight = alpha.astype(float)
    return float((y * weight).sum() / weight.sum()), float((x * weight).sum() / weight.sum())


# Channels


def test_a_tile_is_relative_to_its_own_peak_and_names_it():
    values = np.random.default_rng(0).random((7, 5))
    tile, louder = channel_tile(values, tile_px=64), channel_tile(100 * values, tile_px=64)
    assert tile.peak == values.max()
    assert tile.picture.shape == (63, 45, 3)
    np.testing.assert_array_equal(tile.picture, louder.picture)
    y, x = np.unravel_index(values.argmax(), values.shape)
    assert (tile.picture[9 * y : 9 * y + 9, 9 * x : 9 * x + 9] == (252, 253, 191)).all()  # magma's end


def test_silent_and_signed_channels_are_told_apart():
    silent, signed = channel_tile(np.zeros((4, 4))), channel_tile(np.array([[-2.0, 0.0, 1.0]]))
    assert silent.peak == 0 and silent.picture.max() < 10
    assert signed.peak == 2 and signed.picture.mean(axis=(0, 1)).min() > 100


# The ledger


def row(*contributions: float, bias: float = 0.0, label: str = "cat") -> LedgerRow:
    return LedgerRow(label, contributions, bias, sum(contributions) + bias)


def draw_ledger(*rows: LedgerRow) -> Image.Image:
    labels = ["48 px", "64 px", "96 px"][: len(rows[0].contributions)]
    return ledger_figure(rows, scale_labels=labels, title="Ledger", dpi=DPI)


def test_steps_go_end_to_end_from_zero_to_the_logit():
    ledger_row = row(2.1, -3.0, 4.4, bias=-0.2)
    steps = waterfall(ledger_row)
    assert [step.scale for step in steps] == [0, 1, 2, None]
    assert steps[0].start == 0 and steps[-1].end == pytest.approx(ledger_row.logit)
    assert [step.start for step in steps[1:]] == [step.end for step in steps[:-1]]
    np.testing.assert_allclose([step.end - step.start for step in steps], [2.1, -3.0, 4.4, -0.2])


def bar_span(picture: np.ndarray, colour: tuple[int, ...]) -> tuple[int, int]:
    columns = np.flatnonzero((picture == colour).all(axis=-1).any(axis=0))
    return int(columns[0]), int(columns[-1]) + 1


@pytest.mark.parametrize("contributions", [(2.0, 3.0, 4.0), (2.0, -3.0, 4.0), (-1.0, -2.0, 4.0), (-2.0, -1.5, -3.0)])
def test_drawn_bars_are_as_long_as_their_numbers_and_meet(contributions):
    picture = np.asarray(ledger_figure([row(*contributions)], scale_labels=["a", "b", "c"], title="", dpi=200))
    spans = [bar_span(picture, rgb(code)) for code in SCALE_COLOURS[:3]]
    edges = np.cumsum([0, *contributions])
    pixels_per_logit = 3.9 * 200 / (edges.max() - edges.min())
    zero = spans[0][0] if contributions[0] > 0 else spans[0][1]
    for (left, right), start, end in zip(spans, edges[:-1], edges[1:], strict=True):
        assert left == pytest.approx(zero + min(start, end) * pixels_per_logit, abs=3)
        assert right == pytest.approx(zero + max(start, end) * pixels_per_logit, abs=3)


def test_bars_that_would_lie_cannot_be_made():
    with pytest.raises(ValueError, match="add up to the logit, got 3 and 4 for 'cat'"):
        LedgerRow("cat", (1.0, 2.0), 0.0, 4.0)
    with pytest.raises(ValueError, match="finite"):
        LedgerRow("cat", (1.0, float("nan")), 0.0, 1.0)
    LedgerRow("cat", (1.0, 2.0), 0.0, 3.0 + 1e-5)  # rounding is no lie


def test_a_ledger_of_zeros_and_odd_labels_is_drawn():
    assert draw_ledger(row(0.0, 0.0), row(0.0, 0.0, label="a $ b_{ $ ^ \\frac")).size[0] > 100
    assert draw_ledger(row(1.0, label="")).size[0] > 100
    once = draw_ledger(row(1.0, label="x"))
    assert draw_ledger(row(1.0, label="x " * 200)).size == once.size


def test_a_ledger_without_matching_rows_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        ledger_figure([], scale_labels=["48 px"], title="")
    with pytest.raises(ValueError, match="got 2 for 1 scales in 'cat'"):
        ledger_figure([row(1.0, 2.0)], scale_labels=["48 px"], title="")
    with pytest.raises(ConfigError, match="at most 5"):
        ledger_figure([row(*range(6))], scale_labels=list("abcdef"), title="")


# The evidence


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (48, 48, 3), dtype=np.uint8)


def draw_evidence(image: np.ndarray, maps, *, dpi: int = DPI, **options) -> np.ndarray:
    range_ = shared_range([values for _, values in maps])
    return np.asarray(evidence_figure(image, maps, range_=range_, title="Evidence", dpi=dpi, **options))


def frame_of(picture: np.ndarray, code: str) -> np.ndarray:
    """The inside of the frame of a scale's colour."""
    is_frame = (np.abs(picture.astype(int) - rgb(code)) < 12).all(axis=-1)
    rows = np.flatnonzero(is_frame.sum(axis=1) > 100)
    columns = np.flatnonzero(is_frame.sum(axis=0) > 100)
    return picture[rows[0] + 4 : rows[-1] - 3, columns[0] + 4 : columns[-1] - 3]


def test_a_dot_is_drawn_at_its_place_in_the_frame_of_its_scale():
    black = np.zeros((48, 48, 3), dtype=np.uint8)
    maps = [(32, np.zeros((32, 32))), (64, np.zeros((64, 64)))]
    maps[1][1][48:52, 12:16] = 1.0
    picture = draw_evidence(black, maps, dpi=100)
    small, large = frame_of(picture, SCALE_COLOURS[0]), frame_of(picture, SCALE_COLOURS[1])
    assert len(np.unique(small.reshape(-1, 3), axis=0)) == 1
    is_red = (large == (178, 24, 43)).all(axis=-1)  # the red end, #b2182b
    y, x = centroid(is_red)
    assert y / large.shape[0] == pytest.approx(50 / 64, abs=0.02)
    assert x / large.shape[1] == pytest.approx(14 / 64, abs=0.02)


def test_an_exported_weak_map_looks_weak(image):
    strong = np.random.default_rng(0).normal(size=(32, 32))
    weak = frame_of(draw_evidence(image, [(32, strong * 1e-6), (32, strong)], dpi=100), SCALE_COLOURS[0])
    assert (weak == weak[..., :1]).all()  # the grey image alone


def test_flat_maps_are_exported_as_no_evidence(image):
    flat = [(32, np.zeros((32, 32)))]
    assert draw_evidence(image, flat).shape[2] == 3


def test_an_evidence_figure_of_the_wrong_shape_is_refused(image):
    with pytest.raises(ValueError, match="at least one map"):
        evidence_figure(image, [], range_=shared_range([np.ones(1)]), title="")
    with pytest.raises(ValueError, match="must cover the image"):
        draw_evidence(image[:20], [(32, np.ones((32, 32)))])
    with pytest.raises(ValueError, match="a label per map, got 2 for 1"):
        draw_evidence(image, [(32, np.ones((32, 32)))], labels=["a", "b"])


def test_eight_threads_draw_what_one_draws(image):
    def draw(seed: int) -> tuple[bytes, bytes]:
        generator = np.random.default_rng(seed)
        maps = [(side, generator.normal(size=(side, side))) for side in (16, 32)]
        contributions = generator.normal(size=(2, 3))
        ledger = draw_ledger(*(row(*parts, label=f"class {seed}") for parts in contributions))
        return draw_evidence(image, maps).tobytes(), ledger.tobytes()

    serial = [draw(seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(draw, range(8))) == serial
    assert len(set(serial)) == 8


def test_the_pictures_know_numpy_pil_and_matplotlib_but_no_pyplot():
    allowed = {"numpy", "PIL", "matplotlib", "msresnet", *sys.stdlib_module_names}
    for module in (colour, pictures, waterfalls, sheet, figures):
        nodes = list(ast.walk(ast.parse(inspect.getsource(module))))
        names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        froms = [node for node in nodes if isinstance(node, ast.ImportFrom)]
        names += [node.module for node in froms if not node.level]
        assert {name.split(".")[0] for name in names} <= allowed
        own = {node.module for node in froms if node.level} | {name for name in names if "msresnet" in name}
        assert own <= {"colour", "errors", "msresnet.errors", "sheet", "waterfall"}
        assert not any("pyplot" in name for name in names)


# Bytes


@pytest.mark.parametrize("shape", [(6, 4), (6, 4, 3), (6, 4, 4)])
def test_a_png_gives_back_its_pixels(shape):
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    png = to_png_bytes(picture)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png))), picture)
    assert to_png_bytes(Image.fromarray(picture)) == png
    header, payload = data_uri(png).split(",")
    assert header == "data:image/png;base64" and base64.b64decode(payload) == png


def test_only_pictures_become_pngs():
    with pytest.raises(ValueError, match="paint it first"):
        to_png_bytes(np.zeros((4, 4)))
