"""The search: nine short runs, the best on held-out pictures wins, a run that diverges loses."""

import json
from dataclasses import replace

import pytest

from msresnet.data import Split
from msresnet.errors import ConfigError
from msresnet.recipes import Recipe
from msresnet.training import search as module
from msresnet.training.progress import Diverged
from msresnet.training.search import search

RECIPE = replace(Recipe(), lr=0.1, weight_decay=1e-3)
NOTHING = Split((), ("a", "b"))


@pytest.fixture
def trials(monkeypatch):
    """Runs that only write what they would have found: best at the greatest rate that does not diverge."""
    seen = []

    def train(recipe, split, out, *, held_out, is_resumed, workers):
        seen.append(recipe)
        if recipe.lr > 0.2:
            raise Diverged("the loss must be a number")
        out.mkdir(parents=True)
        row = {"step": 1, "held_out_loss": 1 / recipe.lr + recipe.weight_decay, "held_out_top1": 0.5}
        (out / "log.jsonl").write_text(json.dumps(row) + "\n")

    monkeypatch.setattr(module, "train", train)
    return seen


def test_the_least_held_out_loss_wins(trials, tmp_path):
    best, table = search(RECIPE, NOTHING, tmp_path)
    assert best == replace(RECIPE, lr=0.1, weight_decay=1e-3 * 0.2)
    assert len(trials) == len(table) == 9
    assert {recipe.epochs for recipe in trials} == {1}
    assert [trial.loss for trial in table] == sorted(trial.loss for trial in table)
    kept = json.loads((tmp_path / "search.json").read_text())
    assert kept["trials"][-1]["loss"] is None


def test_a_search_needs_pictures_to_compare_on(tmp_path):
    with pytest.raises(ConfigError, match="held-out"):
        search(replace(RECIPE, held_out_per_class=0), NOTHING, tmp_path)


def test_a_search_that_only_diverges_is_told(trials, tmp_path):
    with pytest.raises(ConfigError, match="every trial diverged"):
        search(replace(RECIPE, lr=9.0), NOTHING, tmp_path)
