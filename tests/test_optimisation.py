"""What a step does: learning rates, decay, dropout of scales, the loss, the mean of the weights."""

import math
from dataclasses import replace

import pytest
import torch
from quick import RECIPE
from tiny import tiny

from msresnet import recipes
from msresnet.losses import LossWeights, level_logits, multiscale_loss
from msresnet.recipes import Optimizer, Recipe, Schedule
from msresnet.training import optimisation
from msresnet.training.optimisation import (
    LearningRate,
    exponential_mean,
    for_this_machine,
    make_optimizer,
    parameter_groups,
    present_levels,
)


@pytest.mark.parametrize(("flag", "asked"), [("true", "cpu"), ("false", "auto")])
def test_the_precision_is_for_the_device_that_accelerate_chooses(flag, asked, monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", flag)
    monkeypatch.setattr(optimisation, "choose_device", lambda name: name)
    monkeypatch.setattr(recipes, "is_bfloat16_fast", lambda device: device == asked)
    assert for_this_machine(replace(RECIPE, precision="auto")).precision == "bf16"


def rates_of(recipe: Recipe, steps_per_epoch: int, held_out_loss: float = 1.0) -> list[float]:
    """The learning rate of every step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=recipe.lr)
    schedule, rates = LearningRate(optimizer, recipe, steps_per_epoch), []
    for step in range(recipe.epochs * steps_per_epoch):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.after_step()
        if (step + 1) % steps_per_epoch == 0:
            schedule.after_epoch(held_out_loss)
    return rates


@pytest.mark.parametrize("schedule", [Schedule.COSINE, Schedule.ONE_CYCLE])
def test_the_learning_rate_rises_and_falls(schedule):
    rates = rates_of(replace(RECIPE, epochs=10, warmup_epochs=1, lr=0.1, schedule=schedule), 20)
    top = rates.index(max(rates))
    assert 18 <= top <= 21
    assert math.isclose(max(rates), 0.1, rel_tol=1e-3)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] < 1e-4


def test_a_plateau_lowers_the_rate_and_progress_does_not():
    recipe = replace(RECIPE, epochs=6, warmup_epochs=1, lr=0.3, schedule=Schedule.PLATEAU)
    rates = rates_of(recipe, 10)
    assert math.isclose(rates[25], 0.3)
    assert math.isclose(rates[35], 0.1, rel_tol=1e-3)
    assert math.isclose(rates[-1], 0.1 / 3, rel_tol=1e-3)


def test_norms_biases_and_the_gate_do_not_decay():
    model = tiny()
    decayed, others = parameter_groups(model, 0.1)
    names = {id(p): name for name, p in model.named_parameters()}
    assert decayed["weight_decay"] == 0.1
    assert others["weight_decay"] == 0
    assert all(names[id(p)].endswith("weight") and "bn" not in names[id(p)] for p in decayed["params"])
    assert {name for name in names.values() if ".gate." in name} <= {names[id(p)] for p in others["params"]}
    assert len(decayed["params"]) + len(others["params"]) == len(names)


def test_scale_dropout_leaves_out_at_the_asked_rate_and_never_all():
    recipe = replace(RECIPE, scale_dropout=(0.25, 0.75))
    draws = torch.tensor([present_levels(recipe, is_full=False) for _ in range(2000)], dtype=torch.float)
    assert draws.any(dim=1).all()
    both = draws.sum(1) == 2
    assert abs(float(both.float().mean()) - 0.75 * 0.25) < 0.04
    assert present_levels(recipe, is_full=True) == (True, True)


def test_the_loss_is_the_sum_of_its_terms():
    model = tiny().double()
    output = model(torch.rand(4, 3, 48, 48, dtype=torch.float64))
    labels = torch.tensor([0, 1, 2, 3])
    cross_entropy = torch.nn.functional.cross_entropy
    levels = level_logits(output)
    teacher = output.logits.softmax(1).detach()
    vote = cross_entropy(output.logits, labels)
    level = sum(cross_entropy(logits, labels) for logits in levels) / 3
    divergence = sum((teacher * (teacher.log() - logits.log_softmax(1))).sum(1).mean() for logits in levels)
    weights = LossWeights(vote=1, level=0.5, consistency=0.3)
    loss = multiscale_loss(output, labels, weights=weights)
    assert torch.allclose(loss, vote + 0.5 * level + 0.3 * divergence / 3)
    soft = torch.nn.functional.one_hot(labels, 5).double()
    assert torch.allclose(multiscale_loss(output, soft, weights=weights), loss)


def test_the_ensemble_teaches_and_is_not_taught():
    model = tiny(has_links=False)
    output = model(torch.rand(2, 3, 48, 48))
    consistency = LossWeights(vote=0, level=0, consistency=1)
    multiscale_loss(output, torch.tensor([0, 1]), weights=consistency).backward()
    assert model.head.gate.scale_embedding.grad is None or not model.head.gate.scale_embedding.grad.any()
    assert model.head.fc.weight.grad.abs().sum() > 0


def test_a_level_is_its_own_plain_network():
    model = tiny(has_links=False)
    output = model(torch.rand(2, 3, 48, 48))
    by_hand = output.stages[-1][2].mean((2, 3)) @ model.head.fc.weight.T + model.head.fc.bias
    assert torch.allclose(level_logits(output)[2], by_hand)


def test_the_mean_follows_the_weights_at_its_decay():
    model = tiny()
    mean = exponential_mean(model, 0.75)
    mean.update_parameters(model)
    before = model.head.fc.bias.detach().clone()
    with torch.no_grad():
        model.head.fc.bias += 1
    mean.update_parameters(model)
    assert torch.allclose(mean.module.head.fc.bias, before + 0.25, atol=1e-6)


def test_adamw_and_sgd_are_what_the_recipe_says():
    model = tiny()
    adamw = make_optimizer(model, replace(RECIPE, optimizer=Optimizer.ADAMW, momentum=0.8, lr=0.01))
    assert isinstance(adamw, torch.optim.AdamW)
    assert adamw.defaults["betas"][0] == 0.8
    sgd = make_optimizer(model, RECIPE)
    assert isinstance(sgd, torch.optim.SGD)
    assert sgd.defaults["nesterov"]


def test_sides_grow_to_their_own():
    recipe = replace(RECIPE, sides=(48, 96), base_side=48, growth_from=0.5, growth_epochs=2)
    assert recipe.sides_at(0) == (24, 48)
    assert recipe.sides_at(1) == (32, 72)
    assert recipe.sides_at(2) == recipe.sides_at(99) == (48, 96)
    assert RECIPE.sides_at(0) == RECIPE.sides


def test_the_expected_work_is_that_of_the_draws():
    recipe = replace(RECIPE, sides=(16, 32), scale_dropout=(0.3, 0.8), full_epochs=0)
    torch.manual_seed(0)
    draws = torch.tensor([present_levels(recipe, is_full=False) for _ in range(4000)], dtype=torch.float)
    assert recipe.work_at(0) == pytest.approx(float((draws @ torch.tensor([256.0, 1024.0])).mean()), rel=0.05)
    assert replace(recipe, full_epochs=1).work_at(recipe.epochs - 1) == 256 + 1024
