"""The trial of maps as a whole: what it says, what it leaves as it was, when it stops."""

import json

import numpy as np
import pytest
import torch
from tiny import tiny
from trusting import everything, noise_session

from msresnet.attribution import METHODS
from msresnet.errors import Cancelled, ConfigError, UnknownNameError
from msresnet.faithfulness import CONTROLS, LAYERS, STEPS, TRIED, Direction, trial
from msresnet.faithfulness.plan import NETWORKS, Progress
from msresnet.ledger import Target
from msresnet.model import MultiscaleResNet

QUICK = ("saliency", "grad-cam")


@pytest.fixture(scope="module")
def model():
    return tiny()


@pytest.fixture(scope="module")
def session(model):
    return noise_session(model)


@pytest.fixture(scope="module")
def tried(session):
    return session.trust(session.target(), QUICK)


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
