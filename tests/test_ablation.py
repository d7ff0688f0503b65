"""The ablation: one change a variant, and figures that a table can carry."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from tiny import tiny

from msresnet.ablation import ABLATIONS, FULL, Trained, ablate, are_right, paired_interval, to_markdown, without_level
from msresnet.data import digits
from msresnet.errors import ConfigError, UnknownNameError
from msresnet.layers import MultiscaleBatchNorm2d, SharedBatchNorm2d
from msresnet.recipes import NO_AUGMENTATION, Recipe
from msresnet.training import Step
from msresnet.vote import GateMode

RECIPE = Recipe(
    architecture="resnet10",
    sides=(16, 24, 32),
    base_side=24,
    source_side=24,
    width=8,
    scale_dropout=(0.4, 0.4, 0.4),
    epochs=1,
    full_epochs=0.5,
    batch_size=8,
    held_out_per_class=0,
    precision="no",
    augmentation=NO_AUGMENTATION,
)


@pytest.mark.parametrize("name", [name for name in ABLATIONS if name != FULL])
def test_a_variant_changes_one_thing_and_learns(name):
    changed = ABLATIONS[name](RECIPE)
    different = {f.name for f in fields(Recipe) if getattr(changed, f.name) != getattr(RECIPE, f.name)}
    assert different in ({"sides", "scale_dropout"},) or len(different) == 1
    torch.manual_seed(0)
    step = Step(tiny_of(changed), changed)
    images = torch.randint(0, 255, (4, 3, 24, 24), dtype=torch.uint8)
    step(images, torch.tensor([0, 1, 2, 3]), (True,) * len(changed.sides), changed.sides).backward()
    assert step.model.head.fc.weight.grad.abs().sum() > 0


def tiny_of(recipe: Recipe):
    """The recipe's model of five classes."""
    config = recipe.model_config(tuple("abcde"))
    return tiny(**{f.name: getattr(config, f.name) for f in fields(config)})


def test_one_batch_norm_serves_every_scale():
    model = tiny_of(ABLATIONS["no statistics of its own per scale"](RECIPE))
    norms = [module for module in model.modules() if isinstance(module, SharedBatchNorm2d)]
    assert norms and not any(isinstance(module, MultiscaleBatchNorm2d) for module in model.modules())
    assert all(one is norm.scales[0] for norm in norms for one in norm.scales)
    other = tiny_of(ABLATIONS["no statistics of its own per scale"](RECIPE))
    other.load_state_dict(model.state_dict())


def test_statistics_that_are_shared_are_learned_from_all_levels_together():
    model = tiny_of(replace(RECIPE, has_own_statistics=False, has_links=False, gate=GateMode.MEAN))
    for module in model.modules():
        if isinstance(module, SharedBatchNorm2d):
            module.scales[0].momentum = 1.0  # what the last batch had
    images = torch.rand(8, 3, 24, 24)
    learning = model.train()(images).logits
    assert torch.allclose(learning, model.eval()(images).logits, rtol=0.02, atol=0.02)


def test_a_level_gate_leaves_the_cells_alike():
    model = tiny_of(replace(RECIPE, gates_cells=False)).train()
    output = model(torch.rand(2, 3, 24, 24))
    for weights in output.gate.weights:
        assert torch.allclose(weights, weights[:, :1, :1].expand_as(weights))
    output.logits.square().sum().backward()
    assert model.head.gate.entropy_weight.grad is None


def test_the_base_level_stays():
    with pytest.raises(ConfigError, match="base level"):
        without_level(replace(RECIPE, base_side=16), 0)
    assert without_level(RECIPE, -1).sides == (16, 24)


@pytest.fixture(scope="module")
def blocks():
    """Forty digits that are blocks; the place is the class."""
    labels = np.arange(40) % 10
    pictures = np.zeros((40, 24, 24), np.uint8)
    for picture, label in zip(pictures, labels, strict=True):
        picture[2 * label : 2 * label + 4, 4:20] = 255
    return digits(pictures, labels)


def test_an_ablation_is_done_once_and_goes_on(blocks, tmp_path):
    told = []
    asked = {"seeds": (0, 1), "names": ["no cross-scale links"]}
    results = ablate(RECIPE, lambda seed: (blocks, blocks), tmp_path, on_progress=told.append, **asked)
    assert [one.name for one in results] == [FULL, "no cross-scale links"]
    assert results[0].right.shape == (2, 40)
    assert len(told) == 4

    def nothing(seed):
        return blocks, None  # whoever trains or tests now fails

    again = ablate(RECIPE, nothing, tmp_path, **asked)
    assert all(np.array_equal(a.right, b.right) for a, b in zip(results, again, strict=True))
    with pytest.raises(UnknownNameError, match="ablation"):
        ablate(RECIPE, nothing, tmp_path, names=["no such thing"])


def test_right_is_what_the_vote_says(blocks):
    model = tiny_of(RECIPE)
    model = tiny(**{**vars(model.config), "classes": tuple("0123456789")})
    images = torch.stack([torch.from_numpy(s.source.copy()).expand(3, -1, -1) for s in blocks.samples])
    with torch.no_grad():
        said = model(images.float() / 255).logits.argmax(dim=1)
    labels = torch.tensor([sample.label for sample in blocks.samples])
    assert np.array_equal(are_right(model, blocks, RECIPE, batch_size=7), (said == labels).numpy())


def test_the_table_tells_a_difference_from_none():
    random = np.random.default_rng(0)
    base = random.random((3, 2_000)) < 0.9
    worse = base & (random.random((3, 2_000)) < 0.95)
    low, high = paired_interval(worse, base, seed=0)
    assert -0.06 < low < high < -0.03
    assert paired_interval(base, base, seed=0) == (0.0, 0.0)
    table = to_markdown([Trained(FULL, base), Trained("no gate", worse)])
    assert f"| no gate | {100 * worse.mean():.2f} % |" in table
    assert table.count("\n") == 3
