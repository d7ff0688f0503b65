"""What the studies on boxes rest on: boxes as files have them, ranks, intervals, and deletion in order.

The scripts themselves run on a made-up Tiny-ImageNet of a few pictures and a model of a few thousand parameters.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import localisation
import numpy as np
import pytest
import scale_truth
import studies
import torch
from _boxes import Boxed, read_batch, training_pictures, validation_pictures
from _deletion import deletion_areas, ranked_maps, tile_sums
from _estimate import Estimate, mean_ranks, spearman
from _rules import TRUSTS, Freedom, best_centred_box, boxes_by, choose_rule, is_hit
from _study import run_study
from PIL import Image
from tiny import tiny

from msresnet.checkpoint import save_checkpoint
from msresnet.errors import DataError
from msresnet.pyramid import tensor_levels

ROOT = Path(__file__).resolve().parents[1]

FOLDERS = ("n01443537", "n01629819", "n01641577", "n01644900", "n01698640")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Tiny-ImageNet's layout with four training and two validation pictures a class; a bright square is the thing."""
    root = tmp_path_factory.mktemp("tiny-imagenet")
    draw = np.random.default_rng(0)
    annotations = []
    (root / "val" / "images").mkdir(parents=True)
    for folder in FOLDERS:
        images = root / "train" / folder / "images"
        images.mkdir(parents=True)
        rows = []
        for index in range(6):
            left, top = (int(edge) for edge in draw.integers(0, 40, 2))
            side = int(draw.integers(8, 24))
            pixels = draw.integers(0, 60, (64, 64, 3)).astype(np.uint8)
            pixels[top : top + side, left : left + side] = 230
            edges = f"{left}\t{top}\t{left + side - 1}\t{top + side - 1}"
            if index < 4:
                name = f"{folder}_{index}.JPEG"
                Image.fromarray(pixels).save(images / name)
                rows.append(f"{name}\t{edges}")
            else:
                name = f"val_{len(annotations)}.JPEG"
                Image.fromarray(pixels).save(root / "val" / "images" / name)
                annotations.append(f"{name}\t{folder}\t{edges}")
        (root / "train" / folder / f"{folder}_boxes.txt").write_text("\n".join(rows) + "\n")
    (root / "val" / "val_annotations.txt").write_text("\n".join(annotations) + "\n")
    return root


def test_a_box_covers_its_pixels(data):
    for one in (*training_pictures(data, per_class=2), *validation_pictures(data, count=None, seed=0)):
        pixels = read_batch([one])[0].mean(dim=0).numpy() > 0.5
        rows, columns = np.flatnonzero(pixels.sum(axis=1) > 3), np.flatnonzero(pixels.sum(axis=0) > 3)
        edges = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        assert one.box == pytest.approx(tuple(edge / 64 for edge in edges))
        assert one.size == pytest.approx((edges[2] - edges[0]) / 64)


def test_training_pictures_are_the_held_out_ones_and_validation_is_shuffled_by_the_seed(data):
    names = [one.path.name for one in training_pictures(data, per_class=1)]
    assert names == [f"{folder}_3.JPEG" for folder in FOLDERS]
    with pytest.raises(DataError, match="25"):
        training_pictures(data, per_class=26)
    first, again, other = (validation_pictures(data, count=6, seed=seed) for seed in (0, 0, 1))
    assert first == again != other
    assert len(validation_pictures(data, count=None, seed=0)) == 10


def test_ranks_are_means_of_equals_and_spearman_sees_only_order():
    assert mean_ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [2.5, 0, 2.5, 1]
    x = np.random.default_rng(0).normal(size=50)
    assert spearman(np.stack([x, np.exp(x)], axis=1)) == pytest.approx(1)
    assert spearman(np.stack([x, -(x**3)], axis=1)) == pytest.approx(-1)
    assert abs(spearman(np.stack([x, np.random.default_rng(1).normal(size=50)], axis=1))) < 0.4
    assert np.isnan(spearman(np.stack([x, np.ones(50)], axis=1)))


def test_an_interval_holds_the_mean_and_is_the_seeds():
    values = np.random.default_rng(0).normal(loc=1, size=200)
    one, again = (Estimate.of(values, seed=3) for _ in range(2))
    assert one == again
    assert one.low < one.value < one.high
    assert one.high - one.low == pytest.approx(2 * 1.96 * values.std() / 200**0.5, rel=0.15)


def test_the_chosen_rule_finds_what_can_be_found():
    """Densities whose half-maximum is the box: some threshold hits them all; the centred box does not."""
    draw, pictures, densities = np.random.default_rng(0), [], []
    for _ in range(20):
        left, top = (int(edge) for edge in draw.integers(0, 40, 2))
        density = np.full((64, 64), 0.3)
        density[top : top + 16, left : left + 16] = 1.0
        densities.append(density)
        pictures.append(Boxed(Path("x"), 0, (left / 64, top / 64, (left + 16) / 64, (top + 16) / 64)))
    fixed = best_centred_box(pictures)
    rule = choose_rule({0.0: densities}, pictures, Freedom((0.0,), TRUSTS), typical=fixed)
    assert is_hit(boxes_by(rule, densities), pictures).all()
    assert is_hit([fixed] * 20, pictures).mean() < 0.6
    assert rule.threshold > 0.3 and rule.reach is None
    assert not is_hit(np.full((20, 4), np.nan), pictures).any()
    rest = choose_rule({0.0: densities}, pictures, Freedom((0.0,), TRUSTS, has_moments=True), typical=fixed)
    assert rest == rule, "nothing is better than all, and the first of equals is taken"


def test_a_box_by_deviations_is_chosen_where_no_threshold_finds_the_size():
    """A spot far smaller than the thing, whose tails alone reach as far as the thing does."""
    places, draw, pictures, densities = (np.arange(64) + 0.5) / 64, np.random.default_rng(0), [], []
    for spread in draw.uniform(0.06, 0.14, 30):
        x, y = draw.uniform(0.4, 0.6, 2)
        along = [np.exp(-(((places - middle) / spread) ** 2) / 2) for middle in (x, y)]
        spiked = np.outer(along[1], along[0])
        spiked[int(64 * y), int(64 * x)] = 50.0
        densities.append(spiked)
        reach = 2 * spread
        pictures.append(Boxed(Path("x"), 0, (x - reach, y - reach, x + reach, y + reach)))
    fixed = best_centred_box(pictures)
    by_mask, free = (
        choose_rule({0.0: densities}, pictures, Freedom((0.0,), TRUSTS, has_moments=has), typical=fixed)
        for has in (False, True)
    )
    hits = [is_hit(boxes_by(rule, densities), pictures).mean() for rule in (by_mask, free)]
    assert free.reach is not None and hits[1] > hits[0] and hits[1] > 0.95


def test_the_plain_networks_map_is_grad_cam_of_its_base_level():
    """Grad-CAM the long way: the gradient of the mean-pooled logit, averaged over the cells."""
    model = tiny(has_links=False)
    images, label = torch.rand(2, 3, 48, 48), 3
    found = localisation.grad_cam_of_base(model, images, torch.tensor([label, label]))
    base = model.sides.index(48)
    with torch.no_grad():
        levels = [None, images, None]
        maps = model.vote(levels).stages[-1][base]
    maps = maps.clone().requires_grad_()
    logits = maps.mean(dim=(2, 3)) @ model.head.fc.weight.T + model.head.fc.bias
    weights = torch.autograd.grad(logits[:, label].sum(), maps)[0].mean(dim=(2, 3))
    expected = torch.einsum("bc,bchw->bhw", weights, maps).relu()
    cells = maps.shape[2] * maps.shape[3]
    assert torch.allclose(found, cells * expected, atol=1e-5)


def test_deleting_what_the_answer_needs_first_is_the_better_guide():
    """A network that sums the brightness of the middle: its tiles first is the lowest curve, last the highest."""

    class Middle:
        sides, mean = (64,), torch.zeros(1, 3, 1, 1)

        def vote(self, levels):
            brightness = levels[0][:, :, 24:40, 24:40].mean(dim=(1, 2, 3))

            class Output:
                logits = torch.stack([8 * brightness, torch.zeros_like(brightness)], dim=1)

            return Output()

    needed = np.zeros((8, 8))
    needed[3:5, 3:5] = 1
    best = np.argsort(-needed.ravel(), kind="stable")
    image = torch.ones(1, 3, 64, 64)
    areas = deletion_areas(Middle(), image, 0, [best, best[::-1].copy()])
    assert areas[0] < areas[1] <= 1


def test_tiles_hold_what_the_map_holds():
    values = np.random.default_rng(0).normal(size=(6, 6))
    assert tile_sums(values, 96, 16).sum() == pytest.approx(values.sum())
    pixels = np.zeros((64, 64))
    pixels[17, 40] = 1
    sums = tile_sums(pixels, 64, 1).reshape(8, 8)
    assert sums[2, 5] == pytest.approx(1) and sums.sum() == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "more", "says"),
    [
        ("localisation", ["--per-class", "2", "--pictures", "6", "--pointing", "1", "--methods", "saliency"], "Target"),
        (
            "scale_truth",
            ["--pictures", "5", "--zoomed", "2", "--deleted", "2", "--methods", "grad-cam"],
            "chance",
        ),
    ],
)
def test_a_study_runs_and_goes_on_where_it_was(script, more, says, data, tmp_path):
    folder = tmp_path / "tiny"
    save_checkpoint(tiny(), folder, name="tiny")
    command = [
        sys.executable,
        f"experiments/{script}.py",
        "--data",
        str(data),
        "--model",
        str(folder),
        "--threads",
        "1",
    ]
    command += [*more, "--threads", "1", "--cache", str(tmp_path / "cache"), "--json", str(tmp_path / "report.json")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    first = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)
    assert first.returncode == 0, first.stderr
    assert says in first.stdout and "| --- |" in first.stdout
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    made = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    assert made and not any("half" in name for name in made)
    again = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)
    assert again.stdout == first.stdout
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == report
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()} == made


@pytest.mark.parametrize("script", [localisation, scale_truth])
def test_without_data_a_study_says_so(script, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [script.__name__])
    with pytest.raises(SystemExit):
        run_study(script.options(), script.study)
    assert "--data" in capsys.readouterr().err


def test_an_error_ends_a_study_in_a_sentence(data, tmp_path, monkeypatch):
    """The question of this study needs two scales, and the model has one."""
    save_checkpoint(tiny(sides=(48,), has_links=False), tmp_path / "single", name="single")
    command = ["scale_truth", "--data", str(data), "--model", str(tmp_path / "single")]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit, match=r"at least two scales, .* has 1$"):
        run_study(scale_truth.options(), scale_truth.study)


def test_slopes_are_ranked_by_their_magnitude():
    model = tiny()
    levels = tensor_levels(torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(0)), model.sides)
    with torch.no_grad():
        output = model.vote(levels)
    slopes, strides = ranked_maps(model, levels, output, 1, "saliency", seed=0, is_outline=True)
    assert all((values >= 0).all() for values in slopes) and strides == (1, 1, 1)
    shares, _ = ranked_maps(model, levels, output, 1, "input-x-gradient", seed=0, is_outline=True)
    assert any((values < 0).any() for values in shares)
    evidence, strides = ranked_maps(model, levels, output, 1, "evidence", seed=0, is_outline=True)
    gained = [float(values.sum()) for values in evidence]
    contributions = output.contributions[0, :, 1] - output.contributions[0].mean(dim=1)
    assert gained == pytest.approx(contributions.tolist(), abs=1e-5) and strides == (16, 16, 16)


def test_a_studys_tables_replace_what_the_page_had(tmp_path):
    page = tmp_path / "studies.md"
    page.write_text("above\n<!-- begin size -->\nold\n<!-- end size -->\nbelow\n", encoding="utf-8")
    for content in ("first", "second"):
        studies.put(page, "size", content)
    expected = "above\n<!-- begin size -->\nsecond\n<!-- end size -->\nbelow\n"
    assert page.read_text(encoding="utf-8") == expected
    with pytest.raises(SystemExit, match="begin zoom"):
        studies.put(page, "zoom", "anything")
    assert page.read_text(encoding="utf-8") == expected


def test_the_page_has_a_place_for_every_study_and_names_its_command():
    page = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    for name, (script, *options) in studies.STUDIES.items():
        begin, end = page.index(f"<!-- begin {name} -->"), page.index(f"<!-- end {name} -->")
        assert f"`python experiments/{script} --data DIR {' '.join(options)}" in page[begin:end]
