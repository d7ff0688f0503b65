"""Scales as players: the laws of Shapley values and interactions, and what the game is played for."""

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny

from msresnet.game import coalitions, game_of, scale_game
from msresnet.ledger import Ledger, Target
from msresnet.vote import GateMode

TARGETS = [Target(1), Target(2, against=0)]


@st.composite
def games(draw):
    """Any game of one to four players."""
    count = draw(st.integers(1, 4))
    worth = st.floats(-20, 20)
    return game_of({present: draw(worth) for present in coalitions(count)}, Target(0))


@pytest.fixture(scope="module")
def model():
    model = tiny()
    for parameter in model.head.gate.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


@pytest.fixture(scope="module")
def output(model):
    torch.manual_seed(1)
    with torch.no_grad():
        return model(torch.rand(1, 3, 48, 48))


@given(games())
def test_shapley_values_add_up_to_what_all_have_more_than_nobody(game):
    assert sum(game.shapley) == pytest.approx(game.everybody - game.nobody, abs=1e-9)


@given(games())
def test_interactions_add_up_to_shapley_values(game):
    assert np.allclose(game.matrix.sum(axis=1), game.shapley, atol=1e-9)
    assert np.allclose(game.matrix, game.matrix.T)
    for (i, j), value in game.interactions.items():
        assert 2 * game.matrix[i, j] == pytest.approx(value)


@given(games())
def test_a_shapley_value_is_the_mean_gain_over_all_orders(game):
    count = len(game.shapley)
    gains = np.zeros(count)
    orders = list(permutations(range(count)))
    for order in orders:
        present = [False] * count
        for player in order:
            before = game.values[tuple(present)]
            present[player] = True
            gains[player] += game.values[tuple(present)] - before
    assert np.allclose(game.shapley, gains / len(orders), atol=1e-9)


@given(games())
def test_an_interaction_is_the_shapley_value_of_the_pair_less_those_without_each_other(game):
    """Grabisch and Roubens' recursion: the pair as one player, less each one in the other's absence."""
    count = len(game.shapley)
    for (i, j), value in game.interactions.items():
        others = [player for player in range(count) if player not in (i, j)]

        def left(*joining, others=others, count=count, game=game):
            """The game of the others and one more, who brings ``joining``."""
            values = {}
            for present in coalitions(len(others) + 1):
                members = {other for other, is_in in zip(others, present[:-1], strict=True) if is_in}
                members |= set(joining) if present[-1] else set()
                values[present] = game.values[tuple(player in members for player in range(count))]
            return game_of(values, Target(0)).shapley[-1]

        assert value == pytest.approx(left(i, j) - left(i) - left(j), abs=1e-9)


def test_who_says_the_same_is_redundant_and_who_needs_the_other_is_not():
    both_alike = game_of({present: float(any(present)) for present in coalitions(2)}, Target(0))
    assert both_alike.interactions == {(0, 1): -1.0} and both_alike.shapley == (0.5, 0.5)
    both_needed = game_of({present: float(all(present)) for present in coalitions(2)}, Target(0))
    assert both_needed.interactions == {(0, 1): 1.0} and both_needed.shapley == (0.5, 0.5)
    apart = game_of({present: 2.0 * present[0] + present[1] for present in coalitions(2)}, Target(0))
    assert apart.interactions == {(0, 1): 0.0} and apart.shapley == (2.0, 1.0)


@pytest.mark.parametrize("target", TARGETS)
def test_a_coalition_is_worth_what_the_head_says_with_the_gate_over_it(model, output, target):
    game = scale_game(Ledger.of(output, model.classes), target)
    assert len(game.values) == 8
    for present, value in game.values.items():
        logits = output.bias.detach()
        if any(present):
            with torch.no_grad():
                logits = model.head(output.stages[-1], output.gate.over(present)).logits[0]
        log_probabilities = logits.double().log_softmax(0)
        expected = log_probabilities[target.index]
        if target.against is not None:
            expected = expected - log_probabilities[target.against]
        assert value == pytest.approx(float(expected), abs=1e-5)
    assert game.everybody == game.values[True, True, True] and game.nobody == game.values[False, False, False]


def test_scales_without_a_vote_add_nothing():
    model = tiny(gate=GateMode.SINGLE)
    with torch.no_grad():
        game = scale_game(Ledger.of(model(torch.rand(1, 3, 48, 48)), model.classes), Target(1))
    assert game.shapley[0] == game.shapley[2] == 0
    assert game.shapley[1] == pytest.approx(game.everybody - game.nobody)
    assert list(game.interactions.values()) == pytest.approx([0, 0, 0], abs=1e-12)


def test_one_scale_has_no_pairs():
    model = tiny(sides=(48,), has_links=False)
    with torch.no_grad():
        game = scale_game(Ledger.of(model(torch.rand(1, 3, 48, 48)), model.classes), Target(1))
    assert game.interactions == {} and game.matrix.tolist() == [list(game.shapley)]


def test_the_file_has_every_coalition(model, output):
    kept = scale_game(Ledger.of(output, model.classes), Target(2, against=0)).to_dict()
    assert kept["unit"] == "log-odds" and len(kept["coalitions"]) == 8
    assert kept["coalitions"][0] == {"scales": [], "value": kept["nobody"]}
    assert kept["coalitions"][-1] == {"scales": [0, 1, 2], "value": kept["everybody"]}
    assert [one["scales"] for one in kept["interactions"]] == [[0, 1], [0, 2], [1, 2]]
