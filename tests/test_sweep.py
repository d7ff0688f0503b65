"""The zoom sweep: zoom 1 is the evaluation, every number is what plain numpy finds, and kept votes are votes."""

import json

import numpy as np
import pytest
import torch
from squares import LABELS, small_model, write_squares
from tiny import tiny

from msresnet.canvas import Canvas, zoom_canvas
from msresnet.data import find_split
from msresnet.errors import ConfigError, DataError
from msresnet.evaluation import evaluate
from msresnet.images import read_image
from msresnet.pyramid import Preprocessing, upload_levels
from msresnet.renderings import VoteStore, all_renderings, each_picture
from msresnet.sweep import MEAN, VOTE, Bootstrap, rank_correlations, sweep
from msresnet.vote import GateMode

ZOOMS = (0.5, 1.0, 2.0)


@pytest.fixture(scope="module")
def model():
    model = small_model(preprocessing=Preprocessing(source_side=32))
    torch.nn.init.normal_(model.head.gate.perceptron[-1].weight)  # a gate that moves
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_squares(tmp_path_factory.mktemp("squares"), per_class=5, size=(32, 32))


@pytest.fixture(scope="module")
def found(model, folder):
    return sweep(model, find_split(folder, "val"), zooms=ZOOMS, plain=small_model(seed=4, sides=(32,)))


def test_at_zoom_1_it_is_the_evaluation(model, folder, found):
    report = evaluate(model, find_split(folder, "val"))
    for canvas in found.canvases:
        curves = {curve.name: curve.accuracy[1].value for curve in canvas.curves}
        assert curves[VOTE] == pytest.approx(report.top1)
        assert [curves[f"{one.side} px alone"] for one in report.scales] == pytest.approx(
            [one.top1 for one in report.scales]
        )
    assert 0 < report.top1 < 1, "the model is too dull to test with"


def test_every_number_is_what_plain_numpy_finds(model, folder, found):
    for canvas in found.canvases:
        guesses, labels, centres = by_hand(model, folder, Canvas(canvas.canvas))
        for curve in canvas.curves[:-1]:
            hits = guesses[curve.name] == labels[:, None]
            assert [one.value for one in curve.accuracy] == pytest.approx(hits.mean(axis=0))
            assert curve.mean.value == pytest.approx(hits.mean())
            assert (curve.worst, curve.worst_zoom) == (hits.mean(axis=0).min(), ZOOMS[hits.mean(axis=0).argmin()])
            flipped = (guesses[curve.name][:, [0, 2]] != guesses[curve.name][:, [1]]).mean()
            assert curve.flipped == pytest.approx(flipped)
            if curve.name != VOTE:
                lead = (guesses[VOTE] == labels[:, None]).mean() - hits.mean()
                assert curve.mean_lead.value == pytest.approx(lead)
                assert curve.mean_lead.low <= lead + 1e-12 and lead <= curve.mean_lead.high + 1e-12
        assert all(len(set(row)) == 3 for row in centres), "ties need another formula"
        correlations = [np.corrcoef(row.argsort().argsort(), [2, 1, 0])[0, 1] for row in centres]
        assert canvas.rank_correlation.value == pytest.approx(np.mean(correlations), abs=1e-6)


def by_hand(model, folder, canvas):
    """Guesses ``(picture, zoom)`` by name, labels and the gate's centres, through the public surface."""
    guesses, labels, centres = {VOTE: [], "24 px alone": [], "32 px alone": [], MEAN: []}, [], []
    for path in sorted(folder.glob("*/*.png")):
        picture = read_image(path)
        canvases = [zoom_canvas(picture, zoom, canvas=canvas, side=32) for zoom in ZOOMS]
        levels = [torch.cat(x) for x in zip(*(upload_levels(c, (24, 32), Preprocessing()) for c in canvases))]  # noqa: B905
        with torch.no_grad():
            output = model.vote(levels)
        alone = [x.mean(dim=(2, 3)) @ model.head.fc.weight.T + model.head.fc.bias for x in output.stages[-1]]
        guesses[VOTE].append(output.logits.argmax(1).numpy())
        for side, logits in zip((24, 32), alone, strict=True):
            guesses[f"{side} px alone"].append(logits.argmax(1).numpy())
        guesses[MEAN].append((alone[0] + alone[1]).argmax(1).numpy())
        centres.append((output.gate.levels[:, 0] * np.log2(0.75)).numpy().round(5))
        labels.append(LABELS.index({"n01440764": "tench"}.get(path.parent.name, path.parent.name)))
    return {name: np.array(rows) for name, rows in guesses.items()}, np.array(labels), np.array(centres)


def test_a_plain_model_stands_beside(found):
    assert [curve.name for curve in found.canvases[0].curves] == [
        VOTE, "24 px alone", "32 px alone", MEAN, "unnamed",
    ]  # fmt: skip
    assert found.plain is not None and found.plain.sha256 != found.model.sha256


def test_a_plain_model_of_other_classes_is_refused(model, folder):
    with pytest.raises(ConfigError, match="same classes"):
        sweep(model, find_split(folder, "val"), plain=small_model(LABELS[::-1]))


def test_kept_votes_give_the_same_and_are_read_again(model, folder, found, tmp_path, monkeypatch):
    split = find_split(folder, "val")
    first = sweep(model, split, zooms=ZOOMS, store=tmp_path / "votes")
    assert len(list((tmp_path / "votes").glob("*.npz"))) == 30
    monkeypatch.setattr("msresnet.renderings.through_trunk", None)  # not called again
    second = sweep(model, split, zooms=ZOOMS, store=tmp_path / "votes")
    assert first == second
    for one, other in zip(first.canvases, found.canvases, strict=True):
        assert one.curves[0].mean == other.curves[0].mean


def test_a_store_of_other_votes_is_refused(model, tmp_path):
    renderings = all_renderings((1.0,), (Canvas.GREY,))
    VoteStore(tmp_path / "votes", model, renderings, is_half=False)
    VoteStore(tmp_path / "votes", model, renderings, is_half=False)
    with pytest.raises(ConfigError, match="differs in precision"):
        VoteStore(tmp_path / "votes", model, renderings, is_half=True)
    with pytest.raises(ConfigError, match="differs in sha256"):
        VoteStore(tmp_path / "votes", small_model(seed=5), renderings, is_half=False)
    with pytest.raises(ConfigError, match="not a store"):
        VoteStore(tmp_path, model, renderings, is_half=False)
    VoteStore(tmp_path / "others", tiny(), renderings, is_half=False)
    with pytest.raises(ConfigError, match="differs in sides;"):  # the tensors are the same
        VoteStore(tmp_path / "others", tiny(sides=(32, 48, 80)), renderings, is_half=False)


def test_half_precision_of_the_trunk_is_nearly_the_same_and_leaves_the_model_alone(model, folder):
    split, renderings = find_split(folder, "val"), all_renderings((1.0,), (Canvas.GREY,))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    full, half = (next(each_picture(model, split, renderings, is_half=is_half)) for is_half in (False, True))
    for one, other in zip(full.votes, half.votes, strict=True):
        assert not torch.equal(one, other)
        assert torch.allclose(one, other, atol=0.05 * float(one.abs().max()))
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_the_batch_size_and_workers_change_nothing(model, folder, found):
    one, other = (
        sweep(model, find_split(folder, "val"), zooms=ZOOMS, batch_size=size, workers=workers).canvases
        for size, workers in ((1, 0), (64, 1))
    )
    assert one == other


def test_intervals_are_the_bootstraps_and_repeat_by_seed():
    values = np.random.default_rng(5).normal(size=(40, 2))
    (first, _), again, other = (Bootstrap(40, seed=seed)(values) for seed in (0, 0, 1))
    assert first == again[0] and first != other[0]
    random = np.random.default_rng(9)
    means = values[random.integers(0, 40, (10_000, 40)), 0].mean(axis=1)
    assert (first.low, first.high) == pytest.approx(tuple(np.percentile(means, [2.5, 97.5])), abs=0.02)


def test_rank_correlation_shares_ranks_and_knows_nothing_of_spacing():
    values = np.array([[1, 10, 100], [3, 2, 1], [1, 1, 1], [1, 1, 2]])
    assert rank_correlations(values, np.array([0, 1, 5])) == pytest.approx([1, -1, 0, 3**0.5 / 2])


def test_a_gate_that_cannot_move_has_no_correlation(folder):
    model = small_model(gate=GateMode.MEAN, preprocessing=Preprocessing(source_side=32))
    found = sweep(model, find_split(folder, "val"), zooms=ZOOMS, canvases=(Canvas.GREY,))
    assert found.canvases[0].rank_correlation is None
    assert found.canvases[0].curves[0].accuracy == found.canvases[0].curves[3].accuracy
    assert "does not move" in found.to_markdown()


def test_one_zoom_is_told_as_one(folder):
    model = small_model(preprocessing=Preprocessing(source_side=32))
    found = sweep(model, find_split(folder, "val"), zooms=(1.0,), canvases=(Canvas.GREY,))
    assert " pictures at 1 zoom (float32)" in found.to_markdown()


def test_a_gate_that_stands_still_is_not_ranked_by_rounding_errors(folder):
    label_free = small_model(preprocessing=Preprocessing(source_side=32))
    found = sweep(label_free, find_split(folder, "val"), zooms=ZOOMS, canvases=(Canvas.GREY,))
    assert found.canvases[0].rank_correlation is None


def test_renderings_are_made_once():
    renderings = all_renderings((0.5, 1.0, 2.0), tuple(Canvas))
    assert [(one.zoom, one.canvas.value) for one in renderings] == [
        (0.5, "grey"), (1.0, "grey"), (2.0, "grey"), (0.5, "mirror"),
    ]  # fmt: skip
    for zooms in ((), (1.0, 1.0)):
        with pytest.raises(ConfigError, match="distinct"):
            all_renderings(zooms, tuple(Canvas))


def test_unreadable_files_are_left_out(model, tmp_path, caplog):
    root = write_squares(tmp_path / "data", per_class=1, size=(32, 32))
    (root / "red" / "broken.png").write_bytes(b"no")
    assert sweep(model, find_split(root, "val"), zooms=(1.0,)).pictures == 6
    assert "broken.png" in caplog.text
    for path in root.glob("*/*.png"):
        path.write_bytes(b"no")
    with pytest.raises(DataError, match="none of 7 files"):
        sweep(model, find_split(root, "val"), zooms=(1.0,))


def test_the_report_is_json_and_tables(found):
    kept = json.loads(json.dumps(found.to_dict()))
    assert kept["zooms"] == list(ZOOMS) and [one["canvas"] for one in kept["canvases"]] == ["grey", "mirror"]
    assert kept["canvases"][0]["curves"][1]["mean_lead"].keys() == {"value", "low", "high"}
    text = found.to_markdown()
    assert "30 pictures at 3 zooms" in text and "over 32 px alone" in text and "rank correlation" in text
