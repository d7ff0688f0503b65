"""Digits of every size: MNIST-Scale by SESN's protocol, and sizes never seen in training by STIR's.

``python experiments/digits.py mnist-scale --data MNIST --out DIR --seeds 0 1 2``
``python experiments/digits.py stir --data MNIST --out DIR --seeds 0 1 2 3 4``

Both train from nothing. What is done already in ``--out`` is not done again.
"""

import argparse
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from msresnet.ablation import are_right
from msresnet.data import Split
from msresnet.digits import enlarged, mnist_scale, stir, with_smaller
from msresnet.model import MultiscaleResNet
from msresnet.recipes import NO_AUGMENTATION, RECIPES, Augmentation, Recipe, Source, shortened
from msresnet.training import train
from msresnet.vote import GateMode

# Digits of 28 px are enlarged before they are turned and moved: the strokes of small ones are a pixel wide.
SCALE_SIDE = 56
SCALE_AUGMENTATION = Augmentation(crop_padding=0, flip=0, rotation=12, shear=10, translation=0.04, fill=0)
# With augmentation of scale half of what is shown are so many smaller copies of each digit, in as many steps.
SMALLER_COPIES = 7
STIR_UP, STIR_DOWN = "train on 17-32 px, test on 33-64", "train on 49-64 px, test on 17-48"
STIR_SPLITS = {STIR_UP: (range(17, 33), range(33, 65)), STIR_DOWN: (range(49, 65), range(17, 49))}
SCALE_INDEX = re.compile(r"\.scales\.\d+\.")  # in the name of a tensor, which shared statistics have once
PARTS = ("train", "val", "test")
# Each level's side in px in training, and how often a step leaves it out. Levels reach as far up as down: so one
# network meets digits of nearly every size, whichever it is shown.
STIR_LEVELS = {32: 0.0, 45: 0.0, 64: 0.0, 90: 0.5, 128: 0.75}
# The levels that vote: on them a larger, or a smaller, digit has a size that was met.
STIR_VOTERS = {STIR_UP: (22, 32, 45, 64), STIR_DOWN: (64, 90, 128, 180)}
NORM_POWER = 3.0  # as generalised-mean pooling begins with (Radenović et al., arXiv 1711.02512)
LOOKED_AT = 13  # one of so many held-out pictures after an epoch: a prime, so that every size is there
# Digits lie anywhere on their canvas already: moved or enlarged, some would leave it.
STIR_AUGMENTATION = Augmentation(crop_padding=0, flip=0, rotation=8, zoom=(0.8, 1.0), fill=0)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("protocol", choices=("mnist-scale", "stir"))
    options.add_argument("--data", type=Path, required=True, help="the folder of MNIST's idx files")
    options.add_argument("--out", type=Path, required=True, help="a folder for each run, and the figures")
    options.add_argument("--seeds", type=int, nargs="+", default=[0], help="default: 0")
    options.add_argument("--only", metavar="TEXT", default="", help="the rows whose name holds it")
    options.add_argument("--epochs", type=int, help="default: the recipe's")
    options.add_argument("--threads", type=int)
    chosen = options.parse_args()
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    measure = {"mnist-scale": measure_scale, "stir": measure_stir}[chosen.protocol]
    rows = [
        (name, [once(chosen.out / folder_name(name, seed), run, seed) for seed in chosen.seeds])
        for name, run in measure(chosen.data, chosen.epochs).items()
        if chosen.only in name
    ]
    print("| run | right, mean over the seeds | seeds |\n|---|---|---|")
    for name, shares in rows:
        told = ", ".join(f"{seed}: {100 * share:.2f}" for seed, share in zip(chosen.seeds, shares, strict=True))
        print(f"| {name} | {100 * np.mean(shares):.2f} % | {told} |")


def folder_name(name: str, seed: int) -> str:
    """Of a run, without blanks and commas."""
    return f"{name} {seed}".replace(",", "").replace(" ", "-")


def once(folder: Path, run: Callable[[Path, int], float], seed: int) -> float:
    """The share that is right, measured now or before."""
    result = folder / "right.json"
    if not result.is_file():
        share = run(folder, seed)
        result.write_text(json.dumps({"right": share, "seed": seed}))
    return json.loads(result.read_text())["right"]


def measure_scale(data: Path, epochs: int | None) -> dict[str, Callable[[Path, int], float]]:
    """MNIST-Scale at 56 px, with and without augmentation of scale."""
    without = scale_recipe(epochs)
    shorter = shortened(without, max(without.epochs // (2 * SMALLER_COPIES), 1))
    with_scale = replace(shorter, ema=without.ema)

    def runner(recipe: Recipe, copies: int) -> Callable[[Path, int], float]:
        def run(folder: Path, seed: int) -> float:
            splits = mnist_scale(data, seed=seed)
            splits["train"] = half_smaller(splits["train"], copies, seed=seed)
            training, held_out, test = (enlarged(splits[part], SCALE_SIDE) for part in PARTS)
            changed = replace(recipe, seed=seed)
            model = train(changed, training, folder, held_out=held_out, is_resumed=True, workers=0)
            return share_right(model, test, changed)

        return run

    return {
        "56 px with scale augmentation": runner(with_scale, SMALLER_COPIES),
        "56 px without": runner(without, 0),
    }


def half_smaller(split: Split, copies: int, *, seed: int) -> Split:
    """So many smaller copies of each digit, and the digit as it is as many times; without copies the split itself."""
    if not copies:
        return split
    return replace(split, samples=split.samples * (copies - 1) + with_smaller(split, copies, seed=seed).samples)


def scale_recipe(epochs: int | None) -> Recipe:
    """The recipe mnist-scale without what its ablation found to cost, and in more and smaller steps."""
    recipe = replace(
        RECIPES["mnist-scale"],
        has_links=False,
        has_own_statistics=False,
        batch_size=32,
        lr=0.05,
        ema=0.999,
        scale_dropout=(0.2, 0.6, 0.8),
        source_side=SCALE_SIDE,
        augmentation=SCALE_AUGMENTATION,
    )
    return recipe if epochs is None else shortened(recipe, epochs)


def measure_stir(data: Path, epochs: int | None) -> dict[str, Callable[[Path, int], float]]:
    """Sizes that were never seen, larger and smaller, with and without augmentation.

    One batch-norm for all scales: a level may meet at the test what another met in training.
    """

    def runner(name: str, augmentation: Augmentation) -> Callable[[Path, int], float]:
        def run(folder: Path, seed: int) -> float:
            seen, unseen = STIR_SPLITS[name]
            recipe = stir_recipe(seed, epochs or 12, augmentation)
            sizes = dict(zip(PARTS, (seen, seen, unseen), strict=True))
            training, held_out, test = (stir(data, part, sizes[part], seed=seed) for part in PARTS)
            model = train(recipe, training, folder, held_out=held_out.part(1, LOOKED_AT), is_resumed=True, workers=0)
            return share_right(with_levels(model, STIR_VOTERS[name]), test, recipe)

        return run

    changes = {"without augmentation": NO_AUGMENTATION, "with augmentation": STIR_AUGMENTATION}
    return {f"{name}, {how}": runner(name, change) for how, change in changes.items() for name in STIR_SPLITS}


def stir_recipe(seed: int, epochs: int, augmentation: Augmentation) -> Recipe:
    """A small network with shared statistics, without a gate: it would learn the sizes of training.

    What is augmented is learned in more and smaller steps.
    """
    batch_size = 128 if augmentation == NO_AUGMENTATION else 32
    return Recipe(
        source=Source.FOLDER,
        architecture="resnet10",
        sides=tuple(STIR_LEVELS),
        base_side=64,
        width=16,
        has_links=False,
        has_own_statistics=False,
        gate=GateMode.MEAN,
        source_side=64,
        epochs=epochs,
        batch_size=batch_size,
        lr=0.05 * (batch_size / 128) ** 0.5,
        warmup_epochs=1,
        ema=1 - 0.01 * batch_size / 128,
        scale_dropout=tuple(STIR_LEVELS.values()),
        full_epochs=0.0,
        held_out_per_class=0,
        augmentation=augmentation,
        seed=seed,
    )


def with_levels(model: MultiscaleResNet, sides: tuple[int, ...]) -> MultiscaleResNet:
    """The same weights with other levels, which weigh alike, and cells that weigh by a power of their feature norm.

    Shared statistics know no level by name. A digit that is small on its level leaves most cells
    empty, and those have small features.
    """
    other = MultiscaleResNet(replace(model.config, sides=sides, gate=GateMode.GATED))
    state, kept = other.state_dict(), model.state_dict()
    known = {key: kept[SCALE_INDEX.sub(".scales.0.", key)] for key in state if not key.startswith("head.gate.")}
    other.load_state_dict({**state, **known})
    torch.nn.init.zeros_(other.head.gate.entropy_weight)
    torch.nn.init.constant_(other.head.gate.norm_weight, NORM_POWER)
    return other.eval()


def share_right(model: MultiscaleResNet, test: Split, recipe: Recipe) -> float:
    """The share of the test pictures that a model gets right."""
    return float(are_right(model, test, recipe).mean())


if __name__ == "__main__":
    main()
