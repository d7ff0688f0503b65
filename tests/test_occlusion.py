"""Occlusion: what is covered is covered at every scale, and what is not keeps its exact pixels."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import tiny

from msresnet.errors import ConfigError, ImageError, UnknownNameError
from msresnet.explain import Session
from msresnet.images import read_image
from msresnet.ledger import Ledger, Target
from msresnet.probes import Fill, Mask
from msresnet.probes.occlusion import cover
from msresnet.pyramid import Preprocessing

FILLS = [fill.value for fill in Fill]
CONVENTIONS = {
    "the upload itself": Preprocessing(),
    "cropped": Preprocessing(crop_fraction=0.875),
    "reduced": Preprocessing(crop_fraction=0.875, source_side=40),
    "whole": Preprocessing(sees_whole_image=True),
}
SIZES = [(90, 90), (150, 70), (70, 151), (33, 20)]


@pytest.fixture(scope="module", params=CONVENTIONS)
def model(request):
    return tiny(preprocessing=CONVENTIONS[request.param])


def photo(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8))


def same(levels, others) -> bool:
    return all(torch.equal(one, other) for one, other in zip(levels, others, strict=True))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fill", FILLS)
def test_covering_nothing_and_keeping_everything_change_nothing(model, fill, size):
    picture = photo(*size)
    geometry = model.geometry(picture.size)
    for make, over in ((Mask.over_upload, size), (Mask.over_view, geometry)):
        for value, is_kept in ((0, False), (1, True)):
            mask = make(np.full((17, 23), value, dtype=bool), over)
            covered = cover(model, picture, mask, fill=fill, is_kept=is_kept)
            assert same(covered.levels, model.pyramid(picture))
            assert covered.share == 0


@pytest.mark.parametrize("size", SIZES)
def test_covering_everything_leaves_no_pixel_of_the_picture(model, size):
    geometry = model.geometry(size)
    mask = Mask.over_view(np.ones((5, 5)), geometry)
    picture = photo(*size)
    negative = picture.point(lambda value: 255 - value)
    first, second = (cover(model, one, mask, fill="mean").levels for one in (picture, negative))
    assert same(first, second), "two different pictures, covered, are one"
    assert cover(model, picture, mask).share == 1
    for level in first:
        assert torch.allclose(level.mean((0, 2, 3)), model.mean.flatten(), atol=1 / 255)


def test_every_scale_meets_the_same_covered_place(model):
    picture = Image.new("RGB", (120, 80), "white")
    values = np.zeros((40, 40))
    values[10:30, 5:20] = 1
    mask = Mask.over_view(values, model.geometry(picture.size))
    levels = cover(model, picture, mask, fill="noise").levels
    for side, level, plain in zip(model.sides, levels, model.pyramid(picture), strict=True):
        left, top, right, bottom = (round(share * side) for share in (5 / 40, 10 / 40, 20 / 40, 30 / 40))
        is_changed = (level != plain)[0].any(0)
        margin = 3  # what a filter reaches on the smallest source
        shown = model.geometry(picture.size).to_upload(0, np.arange(side) + 0.5, side=side)[1]
        rows = np.flatnonzero((shown > 0) & (shown < picture.height))  # a whole picture has bars above and below
        inside = [row for row in rows if top + margin <= row < bottom - margin]
        assert inside and is_changed[inside, left + margin : right - margin].all()
        is_changed[max(top - margin, 0) : bottom + margin, max(left - margin, 0) : right + margin] = False
        assert not is_changed.any()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("size", [(120, 80), (64, 100)])
def test_a_brushed_spot_is_found_where_it_was_brushed(size, orientation):
    """From a picture that EXIF turns to the levels and back to the upload: the spot stays where it is."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    Image.new("RGB", size, "white").save(stream, "PNG", exif=exif)
    picture = read_image(stream.getvalue())
    assert (picture.size == size) == (orientation in (1, 3))
    for name in ("cropped", "whole", "reduced"):
        model = tiny(preprocessing=CONVENTIONS[name])
        geometry = model.geometry(picture.size)
        x, y = picture.width * 0.4, picture.height * 0.6  # inside of every field of view
        view_x, view_y = geometry.to_level(x, y, side=200)
        values = np.zeros((200, 200), dtype=bool)
        values[round(view_y) - 12 : round(view_y) + 12, round(view_x) - 12 : round(view_x) + 12] = True
        upload = np.zeros((picture.height, picture.width), dtype=bool)
        radius = 12 * geometry.px_per_level_px(200)
        upload[round(y - radius) : round(y + radius), round(x - radius) : round(x + radius)] = True
        masks = (Mask.over_view(values, geometry), Mask.over_upload(upload, picture.size))
        for mask in masks:
            for side, level in zip(model.sides, cover(model, picture, mask, fill="noise", seed=3).levels, strict=True):
                rows, columns = np.nonzero((level[0].numpy() < 0.9).all(0))
                if name == "whole":  # the bars are grey, not noise
                    plain = model.pyramid(picture)[model.sides.index(side)][0].numpy()
                    rows, columns = np.nonzero((np.abs(level[0].numpy() - plain) > 0.1).any(0))
                found = geometry.to_upload(columns.mean() + 0.5, rows.mean() + 0.5, side=side)
                assert np.allclose(found, (x, y), atol=2 * geometry.px_per_level_px(side))


def test_noise_is_seeded_and_every_level_shows_the_same():
    model = tiny()
    picture = Image.new("RGB", (300, 300), "white")
    mask = Mask.over_upload(np.ones((1, 1)), picture.size)
    first, again, other = (cover(model, picture, mask, fill="noise", seed=seed).levels for seed in (0, 0, 1))
    assert same(first, again) and not same(first, other)
    assert all(level.std() > 0.08 for level in first)
    reduced = torch.nn.functional.interpolate(first[-1], model.sides[0], mode="bilinear", antialias=True)
    together = torch.corrcoef(torch.stack([reduced.flatten(), first[0].flatten()]))[0, 1]
    assert together > 0.95


def test_blur_keeps_the_colours_and_no_detail():
    model = tiny()
    halves = Image.new("RGB", (200, 200), "red")
    halves.paste("blue", (100, 0, 200, 200))
    mask = Mask.over_upload(np.ones((1, 1)), halves.size)
    level = cover(model, halves, mask, fill="blur").levels[-1][0]
    assert level[0, :, 0].min() > 0.9 and level[2, :, -1].min() > 0.9
    assert (level[0].diff(dim=1) <= 0).all(), "from red to blue without an edge"
    assert level[0].diff(dim=1).abs().max() < 0.1


@pytest.fixture(scope="module")
def session():
    return Session(tiny(preprocessing=Preprocessing(source_side=64)), photo(100, 80))


def test_the_answer_is_that_of_the_covered_levels_with_a_gate_of_their_own(session):
    mask = Mask.rectangle((20, 10, 70, 60), (100, 80))
    result = session.occluded(mask, fill="mean")
    levels = cover(session.model, session.picture(), mask, fill="mean").levels
    with torch.no_grad():
        output = session.model.vote(levels)
    expected = Ledger.of(output, session.model.classes)
    assert np.allclose(result.after.logits, expected.logits) and result.before is session.ledger
    assert not np.allclose(result.after.cell_weights[0], session.ledger.cell_weights[0], atol=1e-5)
    assert np.abs(result.after.residuals).max() < 1e-4
    assert result.covered_share == pytest.approx(50 * 50 / (80 * 80), abs=0.02)
    assert result.view.shape == (64, 64, 3)


def test_kept_and_covered_are_each_others_complement(session):
    values = np.zeros((80, 100), dtype=bool)
    values[30:, 40:] = True
    mask = Mask.over_upload(values, (100, 80))
    kept, inverted = session.occluded(mask, is_kept=True), session.occluded(mask.inverted)
    assert np.array_equal(kept.after.logits, inverted.after.logits)
    assert kept.covered_share + session.occluded(mask).covered_share == pytest.approx(1, abs=0.01)


def test_what_a_program_is_told(session):
    result = session.occluded(Mask.rectangle((0, 0, 50, 80), (100, 80)), fill="noise", seed=5)
    target = Target(1, against=3)
    told = result.to_dict(target, top_k=2)
    assert (told["fill"], told["seed"], told["gate"]) == ("noise", 5, "recomputed")
    before = [entry.index for entry in result.before.top_k(2)]
    assert [one["index"] for one in told["classes"]][:2] == before
    assert {entry.index for entry in result.after.top_k(2)} <= {one["index"] for one in told["classes"]}
    for one in told["classes"]:
        assert one["after"]["logit"] == result.after.logits[one["index"]]
        assert one["before"]["probability"] == result.before.probabilities[one["index"]]
    for name, ledger in (("before", result.before), ("after", result.after)):
        part = told["ledger"][name]
        assert sum(part["contributions"]) + part["bias"] == pytest.approx(part["total"], abs=1e-4)
        assert part["total"] == ledger.logits[1] - ledger.logits[3]


def test_a_picture_that_changed_meanwhile_is_not_taken_for_the_old_one(tmp_path):
    path = tmp_path / "a.png"
    photo(60, 50).save(path)
    session = Session(tiny(), path)
    Image.new("RGB", (60, 50)).save(path)
    with pytest.raises(ImageError, match="changed"):
        session.occluded(Mask.rectangle((0, 0, 5, 5), (60, 50)))


def test_impossible_masks_and_fills_are_told(session):
    for values, complaint in (
        (np.zeros((2, 2, 3)), "height, width"),
        (np.zeros((0, 2)), "height, width"),
        (np.full((2, 2), 255), "divide by its maximum"),
        (np.full((2, 2), np.nan), r"in \[0, 1\]"),
        (np.array([["a"]]), "numbers or booleans"),
    ):
        with pytest.raises(ConfigError, match=complaint):
            Mask.over_upload(values, (10, 10))
    for box in ((20, 20, 30, 30), (-5, -5, 0, 5), (0, 0, float("nan"), 5)):
        with pytest.raises(ConfigError, match="overlap"):
            Mask.rectangle(box, (10, 10))
    with pytest.raises(ConfigError, match="left < right"):
        Mask(np.ones((2, 2)), (5, 0, 5, 10))
    with pytest.raises(UnknownNameError, match="blur"):
        session.occluded(Mask.over_upload(np.ones((2, 2)), (100, 80)), fill="blurr")
