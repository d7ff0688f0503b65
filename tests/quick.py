"""A recipe whose whole run takes a second."""

from msresnet.recipes import Augmentation, Recipe

RECIPE = Recipe(
    sides=(16, 24),
    base_side=16,
    source_side=16,
    width=8,
    scale_dropout=(0.5, 0.5),
    epochs=2,
    full_epochs=0.5,
    batch_size=4,
    augmentation=Augmentation(crop_padding=2, rotation=10, zoom=(0.9, 1.1), mix=0.5),
    held_out_per_class=2,
    dropout=0.2,
    lr=0.01,
    precision="no",
)
