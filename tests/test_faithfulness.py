"""The checks of maps: laws that hold for every map, and maps whose verdict is known beforehand."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import tiny
from torchmetrics.functional import spearman_corrcoef

from msresnet.attribution import METHODS, RESIDUAL_LIMIT
from msresnet.attribution.question import Meter
from msresnet.errors import Cancelled, ConfigError, UnknownNameError
from msresnet.explain import Session
from msresnet.faithfulness import (
    CONTROLS,
    LAYERS,
    LIKENESS_LIMIT,
    PATCHES,
    STEPS,
    TRIED,
    Advantage,
    Clipping,
    Control,
    Curve,
    Direction,
    Likeness,
    Mark,
    Verdict,
    randomisation,
    trial,
)
from msresnet.faithfulness.curves import Bench, masks, mix, score
from msresnet.faithfulness.plan import NETWORKS, Progress
from msresnet.faithfulness.randomisation import cascade, private_copy
from msresnet.faithfulness.ranking import Subject, order, random_order
from msresnet.faithfulness.similarity import rank_correlation, structural_similarity
from msresnet.ledger import Target
from msresnet.model import MultiscaleResNet

SIDES = (32, 48, 64)
QUICK = ("saliency", "grad-cam")
OBJECT = (slice(4, 8), slice(9, 13))  # patches that the stand-in's class lies in


@pytest.fixture(scope="module")
def model():
    return tiny()


@pytest.fixture(scope="module")
def session(model):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8))
    return Session(model, picture)


@pytest.fixture(scope="module")
def tried(session):
    return session.trust(session.target(), QUICK)


def everything(module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


# From maps to an order ---------------------------------------------------------------------------------


def test_a_pixel_maps_density_keeps_its_sum():
    maps = tuple(np.random.default_rng(side).normal(size=(side, side)) for side in (*SIDES, 50))
    density = Subject("x", maps, (1,) * 4).density((*SIDES, 50))
    assert density.mean() == pytest.approx(sum(one.sum() for one in maps))


@pytest.mark.parametrize("side", [16, 48, 50, 224])
def test_a_pixel_counts_in_the_patch_that_it_lies_in(side):
    values = np.zeros((side, side))
    row, column = side // 3, side - 2
    values[row, column] = 1.0
    density = Subject("x", (values,), (1,)).density([side])
    assert np.unravel_index(density.argmax(), density.shape) == (row * PATCHES // side, column * PATCHES // side)


def test_a_cell_counts_about_its_centre():
    values = np.zeros((4, 4))
    values[1, 2] = 1.0
    density = Subject("x", (values,), (16,)).density([64])
    row, column = np.unravel_index(density.argmax(), density.shape)
    assert abs((row + 0.5) * 4 - 16.5) <= 2 and abs((column + 0.5) * 4 - 32.5) <= 2


def test_the_strongest_comes_first_and_equals_as_chance_has_it():
    density = np.zeros((PATCHES, PATCHES))
    density[3, 5], density[0, 1], density[9, 9] = 3.0, 2.0, -1.0
    ranked = order(density)
    assert ranked[0] == 3 * PATCHES + 5 and ranked[1] == 1 and ranked[-1] == 9 * PATCHES + 9
    assert sorted(ranked) == list(range(PATCHES**2))
    assert list(ranked) == list(order(density)) != list(order(density, seed=1))
    assert not (np.diff(ranked[2:-1]) > 0).all(), "equals would go from top left to bottom right"


def test_slopes_are_ranked_by_their_magnitude_and_shares_by_their_sign(session):
    target = session.target()
    saliency, shares = (session.attribution(name, target) for name in ("saliency", "input-x-gradient"))
    assert all((one >= 0).all() for one in Subject.of_method(saliency).maps)
    assert any((one < 0).any() for one in Subject.of_method(shares).maps)


# Curves ------------------------------------------------------------------------------------------------


def test_insertion_is_deletion_backwards_step_by_step():
    patches = random_order(0)
    inserted, deleted = (masks(patches, way) for way in (Direction.INSERTION, Direction.DELETION))
    assert inserted.shape == (STEPS + 1, PATCHES, PATCHES)
    assert (inserted == ~deleted).all()
    assert not inserted[0].any() and inserted[-1].all()
    assert (np.diff(inserted.sum(axis=(1, 2))) == PATCHES**2 // STEPS).all()
    assert (inserted[1:] >= inserted[:-1]).all()
    assert set(np.flatnonzero(inserted[1])) == set(patches[: PATCHES**2 // STEPS])


def test_every_level_changes_at_the_same_places():
    kept = torch.zeros(1, PATCHES, PATCHES, dtype=torch.bool)
    kept[0, 2, 13] = True
    for side in (16, 48, 50, 64):
        seen = mix(torch.ones(1, 3, side, side), torch.zeros(1, 3, side, side), kept)
        rows, columns = np.nonzero(seen[0, 0].numpy())
        centre = (rows.min() + rows.max() + 1) / 2, (columns.min() + columns.max() + 1) / 2
        assert centre == pytest.approx((2.5 * side / PATCHES, 13.5 * side / PATCHES), abs=0.5)
        assert seen.sum() == 3 * len(set(rows)) * len(set(columns))


def test_the_score_is_a_probability():
    logits = torch.tensor([[1.0, 2.0, 0.5]])
    assert score(logits, Target(1)) == pytest.approx(logits.softmax(1)[0, 1].item())
    both = logits[0, [1, 2]].softmax(0)[0].item()
    assert score(logits, Target(1, against=2)) == pytest.approx(both)


def test_the_area_is_the_mean_of_the_curve():
    assert Curve(np.linspace(0, 1, STEPS + 1)).area == pytest.approx(0.5)
    assert Curve(np.full(STEPS + 1, 0.3)).area == pytest.approx(0.3)


@pytest.fixture(scope="module")
def bench(model) -> Bench:
    """A stand-in that sees its class in OBJECT and nothing elsewhere: white there, on black."""
    stand_in = private_copy(model)

    def logits(*levels):
        seen = sum(part_of(level).mean(dim=(1, 2, 3)) for level in levels) / len(levels)
        return torch.stack([6 * seen - 3, torch.zeros_like(seen)], dim=1)

    stand_in.forward_levels = logits
    levels = tuple(torch.ones(1, 3, side, side) for side in SIDES)
    gate = stand_in.vote(levels).gate.detach()
    meter = Meter(1, lambda: False, lambda share: None)
    return Bench(stand_in, levels, tuple(map(torch.zeros_like, levels)), Target(0), gate, meter)


def part_of(level: torch.Tensor) -> torch.Tensor:
    side = level.shape[-1] // PATCHES
    rows, columns = (slice(one.start * side, one.stop * side) for one in OBJECT)
    return level[..., rows, columns]


def perfect() -> np.ndarray:
    density = np.zeros((PATCHES, PATCHES))
    density[OBJECT] = 1.0
    return density


@pytest.mark.parametrize("way", list(Direction))
def test_a_perfect_map_beats_random_and_its_opposite_does_worse(bench, way):
    control = bench.control(way)
    best, worst = bench.curves([order(perfect()), order(-perfect())], way)
    advantage = Advantage.over(control, best, way)
    assert advantage.is_real and advantage.low > 0.2
    assert best.scores[1] == pytest.approx(best.scores[-1]), "the object is a sixteenth of the field of view"
    opposite = Advantage.over(control, worst, way)
    assert not opposite.is_real and opposite.high < 0


@pytest.mark.parametrize("way", list(Direction))
def test_random_maps_lie_in_the_controls_interval(bench, way):
    control = bench.control(way)
    assert len(control.curves) == CONTROLS
    orders = [order(np.random.default_rng(100 + seed).random((PATCHES, PATCHES))) for seed in range(40)]
    curves = bench.curves(orders, way)
    inside = [control.low <= curve.area <= control.high for curve in curves]
    assert np.mean(inside) >= 0.85, "95 of 100 are expected"
    assert np.mean([Advantage.over(control, curve, way).is_real for curve in curves]) <= 0.1


def test_the_interval_is_that_of_one_more_random_order():
    areas = np.random.default_rng(0).normal(0.5, 0.1, CONTROLS)
    control = Control.of([Curve(np.full(STEPS + 1, area)) for area in areas])
    reach = 2.262157 * np.std(areas, ddof=1) * np.sqrt(1.1)  # t of 9 degrees of freedom at 0.975
    assert (control.low, control.high) == pytest.approx((areas.mean() - reach, areas.mean() + reach), rel=1e-4)
    advantage = Advantage.over(control, Curve(np.full(STEPS + 1, 0.2)), Direction.DELETION)
    assert advantage.value == pytest.approx(areas.mean() - 0.2)
    assert (advantage.low, advantage.high) == pytest.approx((control.low - 0.2, control.high - 0.2))
    with pytest.raises(ValueError, match="a control has 10 random orders, got 2"):
        Control.of(control.curves[:2])


# Likeness ----------------------------------------------------------------------------------------------


def test_rank_correlation_is_spearmans():
    draw = np.random.default_rng(0)
    one, other = draw.integers(0, 9, 200).astype(float), draw.normal(size=200)
    other[::2] += one[::2]
    expected = spearman_corrcoef(torch.from_numpy(one), torch.from_numpy(other))
    assert rank_correlation(one, other) == pytest.approx(expected.item(), abs=1e-6)
    assert rank_correlation(one, np.exp(one)) == pytest.approx(1)
    assert rank_correlation(one, -one) == pytest.approx(-1)
    assert rank_correlation(one, np.zeros(200)) == 0


def test_structural_similarity_is_wangs():
    draw = np.random.default_rng(0)
    one = draw.random((20, 24))
    other = one + 0.5 * draw.random((20, 24))
    x, y = ((v - v.min()) / np.ptp(v) for v in (one, other))
    likenesses = []
    for row in range(20 - 6):
        for column in range(24 - 6):
            a, b = (v[row : row + 7, column : column + 7].ravel() for v in (x, y))
            (var_a, cov), (_, var_b) = np.cov(a, b, ddof=0)
            means = (2 * a.mean() * b.mean() + 1e-4) / (a.mean() ** 2 + b.mean() ** 2 + 1e-4)
            likenesses.append(means * (2 * cov + 9e-4) / (var_a + var_b + 9e-4))
    assert structural_similarity(one, other) == pytest.approx(np.mean(likenesses))
    assert structural_similarity(one, 3 * one - 7) == pytest.approx(1), "each by its own range"
    assert structural_similarity(one, np.ones((20, 24))) == 0
    assert structural_similarity(one[:2, :2], one[:2, :2]) == pytest.approx(1), "smaller than the window"


# The cascade -------------------------------------------------------------------------------------------


def test_layers_are_unlearned_from_the_top_and_the_model_is_not(model):
    before = everything(model)
    changed: set[str] = set()
    for layer, unlearned in cascade(model):
        assert unlearned is not model and unlearned.lock is not model.lock
        after = everything(unlearned)
        now = {name for name in after if not torch.equal(after[name], before[name])}
        assert changed < now, f"{layer} changed nothing"
        changed = now
        prefix = "head." if layer == "vote" else f"trunk.layer{layer[-1]}."
        assert any(name.startswith(prefix) for name in now)
        lower = [f"trunk.layer{number}." for number in range(1, 4 if layer == "vote" else int(layer[-1]))]
        assert not any(name.startswith(tuple(lower)) for name in now if lower)
    kernels = {name for name in before if name.endswith("weight") and before[name].ndim == 4}
    assert kernels <= changed | {name for name in kernels if "link" in name}
    assert all(torch.equal(value, before[name]) for name, value in everything(model).items())


def test_a_seed_makes_one_network_and_nobody_elses_numbers_change(model):
    state = torch.get_rng_state()
    *_, (_, one) = cascade(model, seed=3)
    *_, (_, again) = cascade(model, seed=3)
    *_, (_, other) = cascade(model, seed=4)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.trunk.conv1.weight, again.trunk.conv1.weight)
    assert not torch.equal(one.trunk.conv1.weight, other.trunk.conv1.weight)
    assert torch.isfinite(one(torch.rand(1, 3, 48, 48)).logits).all()


def test_randomising_nothing_leaves_every_map_as_it_is(session, monkeypatch):
    monkeypatch.setattr(randomisation, "randomise", lambda module, generator, **options: None)
    monkeypatch.setattr(trial, "NETWORKS", 1)
    result = session.trust(session.target(), ("saliency", "grad-cam", "occlusion"))
    for verdict in result.verdicts:
        assert [one.layer for one in verdict.likenesses] == list(LAYERS)
        for one in verdict.likenesses:
            assert one.rank_correlation == pytest.approx(1) and one.structure == pytest.approx(1)
        assert Mark.RANDOMISATION in verdict.marks, "a map that never changes is marked"


# The trial ---------------------------------------------------------------------------------------------


def test_the_evidence_and_every_method_that_says_where_can_be_tried():
    assert set(TRIED) == set(METHODS) - {"scale-shapley"}


def test_a_trial_says_all_there_is_to_say(tried, session):
    assert [verdict.name for verdict in tried.verdicts] == ["evidence", *QUICK]
    target = session.target()
    assert tried.score_image == pytest.approx(session.ledger.probabilities[target.index], abs=1e-5)
    assert tried.baseline == "blur" and tried.seconds > 0
    for verdict in tried.verdicts:
        for way in Direction:
            scores = verdict.curves[way].scores
            assert scores.shape == (STEPS + 1,) and ((scores >= 0) & (scores <= 1)).all()
        deletion, insertion = (verdict.curves[way].scores for way in (Direction.DELETION, Direction.INSERTION))
        assert deletion[0] == pytest.approx(insertion[-1]) == pytest.approx(tried.score_image)
        assert deletion[-1] == pytest.approx(insertion[0]) == pytest.approx(tried.score_baseline)
        assert [one.layer for one in verdict.likenesses] == list(LAYERS)
        assert all(-1 <= one.rank_correlation <= 1 and -1 <= one.structure <= 1 for one in verdict.likenesses)
    assert [verdict.networks for verdict in tried.verdicts] == [NETWORKS, 1, NETWORKS], "one pass each, five times"
    assert np.allclose(tried.agreement, tried.agreement.T) and np.allclose(np.diag(tried.agreement), 1)


def test_a_trial_is_json(tried):
    content = json.loads(json.dumps(tried.to_dict(), allow_nan=False))
    assert set(content) == {
        "baseline", "score_image", "score_baseline", "random_order", "maps", "agreement", "seconds"
    }  # fmt: skip
    assert set(content["maps"]) == set(content["agreement"]) == {"evidence", *QUICK}
    for verdict in tried.verdicts:
        kept = content["maps"][verdict.name]
        assert kept["deletion"]["area"] == verdict.curves[Direction.DELETION].area
        assert kept["marks"] == [mark.value for mark in verdict.marks] and kept["words"] == verdict.words
        assert len(kept["randomisation"]["cascade"]) == len(LAYERS)
    assert content["random_order"]["insertion"]["orders"] == CONTROLS


def test_a_trial_leaves_the_model_as_it_was(model, session):
    before, modes = everything(model), [module.training for module in model.modules()]
    hooks = [len(module._forward_hooks) + len(module._backward_hooks) for module in model.modules()]
    state = torch.get_rng_state()
    session.trust(session.target(), ("guided-backprop",))
    assert all(torch.equal(value, before[name]) for name, value in everything(model).items())
    assert modes == [module.training for module in model.modules()]
    assert hooks == [len(module._forward_hooks) + len(module._backward_hooks) for module in model.modules()]
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


def test_a_target_can_be_a_rather_than_b(session):
    result = session.trust(Target(0, against=3), ("input-x-gradient",), baseline="mean")
    a, b = session.ledger.logits[[0, 3]]
    assert result.score_image == pytest.approx(1 / (1 + np.exp(b - a)), abs=1e-5)
    assert result.baseline == "mean"


def test_maps_that_are_there_are_tried_as_they_are(session, monkeypatch):
    target = session.target()
    known = session.attribution("grad-cam", target, stage=1)
    asked = []
    plain = trial.Case.maps

    def maps(self, name, **options):
        asked.append((name, options.get("like") and options["like"].stage, options.get("is_quick", False)))
        return plain(self, name, **options)

    monkeypatch.setattr(trial.Case, "maps", maps)
    monkeypatch.setattr(trial, "NETWORKS", 1)
    result = session.trust(target, ("grad-cam",), known=[known])
    assert set(asked) == {("grad-cam", 1, True)}, "in outline only, and at the stage that is shown"
    assert session.estimate_trust_seconds(("occlusion",)) > session.estimate_trust_seconds(
        ("occlusion",), known=[session.attribution("occlusion", target)]
    )
    other = session.trust(target, ("grad-cam",))
    assert result.verdicts[1].curves[Direction.DELETION].area != other.verdicts[1].curves[Direction.DELETION].area


def test_nothing_goes_through_the_model_after_cancel(session, monkeypatch):
    passes = []
    vote = MultiscaleResNet.vote
    monkeypatch.setattr(
        MultiscaleResNet, "vote", lambda self, *levels, **gate: passes.append(1) or vote(self, *levels, **gate)
    )
    monkeypatch.setattr(trial, "NETWORKS", 1)
    session.trust(session.target(), QUICK)
    whole = len(passes)
    for stop in (1, whole // 3, 2 * whole // 3, whole - 1):
        passes.clear()
        with pytest.raises(Cancelled):
            session.trust(session.target(), QUICK, is_cancelled=lambda stop=stop: len(passes) >= stop)
        assert len(passes) <= stop + 2, "whoever cancels waits for the image's own pass at the most"


def test_progress_never_falls_back_and_ends_at_one(session, monkeypatch):
    monkeypatch.setattr(trial, "NETWORKS", 1)
    shares: list[float] = []
    session.trust(session.target(), QUICK, on_progress=shares.append)
    assert shares == sorted(shares) and shares[-1] == 1 and shares[0] < 0.1
    assert len(set(shares)) > 10
    parts: list[float] = []
    progress = Progress(10.0, lambda: False, parts.append)
    progress.run(4.0, lambda report: report(0.5))
    progress.run(6.0, lambda report: report(0.0))
    assert parts == [0.2, 0.4, 0.4, 1.0]


@pytest.mark.parametrize(
    ("methods", "options", "error", "said"),
    [
        (("scale-shapley",), {}, ConfigError, "which scale, not where"),
        (("saliency", "saliency"), {}, ConfigError, "name each once"),
        (("salience",), {}, UnknownNameError, "no method called 'salience'"),
        ((), {"baseline": "grey"}, UnknownNameError, "no baseline called 'grey'"),
    ],
)
def test_what_cannot_be_tried_is_refused(session, methods, options, error, said):
    with pytest.raises(error, match=said):
        session.trust(session.target(), methods, **options)


# Verdicts ----------------------------------------------------------------------------------------------


def verdict(**changes) -> Verdict:
    """One that passes."""
    curve = Curve(np.zeros(STEPS + 1))
    good = Verdict(
        name="x",
        curves=dict.fromkeys(Direction, curve),
        advantages=dict.fromkeys(Direction, Advantage(0.2, 0.1, 0.3)),
        likenesses=tuple(Likeness(layer, 0.1, 0.1) for layer in LAYERS),
        networks=1,
        clipping=Clipping(0.0, 0.0),
        residual=RESIDUAL_LIMIT,
        is_flat=False,
    )
    return replace(good, **changes)


CHANCE = Advantage(0.1, -0.05, 0.25)


@pytest.mark.parametrize(
    ("changes", "marks", "said"),
    [
        ({}, (), "Passes every check"),
        ({"residual": None}, (), "Passes every check"),
        ({"residual": 0.05}, (Mark.RESIDUAL,), "Misses 5.0% of the sum"),
        (
            {"likenesses": tuple(Likeness(layer, LIKENESS_LIMIT, 0.0) for layer in LAYERS)},
            (Mark.RANDOMISATION,),
            r"Hardly changes .* 0\.50",
        ),
        (
            {"advantages": {Direction.DELETION: CHANCE, Direction.INSERTION: Advantage(0.2, 0.1, 0.3)}},
            (Mark.DELETION,),
            "Deleting its strongest places first costs the class no more than a random order",
        ),
        (
            {"advantages": dict.fromkeys(Direction, CHANCE), "residual": 1.0},
            (Mark.DELETION, Mark.INSERTION, Mark.RESIDUAL),
            "Inserting .* helps the class no more",
        ),
        ({"is_flat": True, "residual": 1.0}, (Mark.FLAT,), "Says nothing"),
    ],
)
def test_a_map_that_fails_is_marked_in_words(changes, marks, said):
    one = verdict(**changes)
    assert one.marks == marks
    assert re.search(said, one.words)


def test_a_map_of_nothing_is_flat():
    assert Subject("x", (np.zeros((3, 3)), np.zeros((4, 4))), (16, 16)).is_flat
    assert not Subject("x", (np.zeros((3, 3)), np.eye(4)), (16, 16)).is_flat


def test_clipping_is_what_lies_beyond_the_bar():
    values = np.ones((20, 20))
    values[0, 0] = 101.0
    clipped = Clipping.of([values], is_signed=True, percentile=99.5)
    assert clipped.share == pytest.approx(1 / 400) and clipped.mass == pytest.approx(100 / 500)
    assert Clipping.of([values], is_signed=False, percentile=100).mass == 0
    assert Clipping.of([np.zeros((3, 3))], is_signed=True, percentile=99.5) == Clipping(0.0, 0.0)
