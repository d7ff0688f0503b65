"""What is done to training pictures, and what is not."""

from dataclasses import replace

import pytest
import torch

from msresnet.recipes import NO_AUGMENTATION, Augmentation
from msresnet.training.batches import Augmented, Mix, augmentation


def test_what_is_not_asked_for_is_not_done_to_a_picture():
    picture = torch.randint(0, 255, (3, 16, 16), dtype=torch.uint8)
    assert torch.equal(augmentation(NO_AUGMENTATION, 16)(picture), picture)


@pytest.mark.parametrize(
    "asked",
    [
        {"crop_area": 0.3},
        {"crop_padding": 4},
        {"flip": 1.0},
        {"rotation": 45.0},
        {"shear": 30.0},
        {"translation": 0.4},
        {"zoom": (0.5, 0.6)},
    ],
)
def test_each_augmentation_changes_a_picture_and_keeps_its_side(asked):
    torch.manual_seed(0)
    picture = torch.randint(0, 255, (3, 16, 16), dtype=torch.uint8)
    changed = augmentation(replace(NO_AUGMENTATION, **asked), 16)(picture)
    assert changed.shape == picture.shape
    assert not torch.equal(changed, picture)


def test_mixing_makes_labels_of_probabilities():
    torch.manual_seed(0)
    images, labels = torch.rand(8, 3, 16, 16), torch.arange(8) % 3
    mixed, shares = Mix(Augmentation(mix=1.0), 3)(images, labels)
    assert shares.shape == (8, 3)
    assert torch.allclose(shares.sum(dim=1), torch.ones(8))
    assert not torch.equal(mixed, images)
    same, kept = Mix(Augmentation(mix=0.0), 3)(images, labels)
    assert same is images
    assert kept is labels


def test_a_picture_draws_from_a_seed_of_its_own_and_seeds_no_accelerator(monkeypatch):
    picture = torch.randint(0, 255, (3, 16, 16), dtype=torch.uint8)
    crop = augmentation(replace(NO_AUGMENTATION, crop_padding=4), 16)
    monkeypatch.setattr(torch, "manual_seed", None)  # it would queue a seed for each kind of accelerator
    before = torch.get_rng_state()
    once, again, later = (Augmented([(picture, 0)], crop, seed=1, epoch=epoch)[0][0] for epoch in (3, 3, 4))
    assert torch.equal(once, again) and not torch.equal(once, later)
    assert torch.equal(torch.get_rng_state(), before)
