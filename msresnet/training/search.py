"""A short search over learning rate and weight decay, on held-out pictures, for people with their own data."""

import json
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from ..data import Split
from ..errors import ConfigError
from ..recipes import Recipe, shortened
from . import train
from .progress import Diverged, read_log

LR_FACTORS = (0.3, 1.0, 3.0)
DECAY_FACTORS = (0.2, 1.0, 5.0)


@dataclass(frozen=True)
class Trial:
    """What a learning rate and a weight decay gave after a short run; ``top1`` and ``loss`` are held-out."""

    lr: float
    weight_decay: float
    top1: float
    loss: float


def search(
    recipe: Recipe, split: Split, out: Path, *, held_out: Split | None = None, epochs: int = 1, workers: int = 2
) -> tuple[Recipe, list[Trial]]:
    """The recipe with the best of nine pairs of learning rate and weight decay around its own.

    Each pair is trained for a whole schedule of ``epochs``, with the recipe's seed; the
    best is the one of the least held-out loss. A run that diverges counts as the worst.
    A search that was stopped goes on where it was.

    Args:
        recipe: with pictures held out, unless they are given.
        split: the pictures.
        out: gets ``search.json`` and a folder for each trial.
        held_out: pictures to compare on; by default the recipe's.
        epochs: of each trial.
        workers: processes that read pictures.

    Raises:
        ConfigError: nothing is held out, or every trial diverges.
    """
    if not (recipe.held_out_per_class or held_out):
        raise ConfigError("a search needs held-out pictures; set held_out_per_class in the recipe")
    short = shortened(recipe, epochs)
    trials = []
    for by_lr, by_decay in product(LR_FACTORS, DECAY_FACTORS):
        tried = replace(short, lr=recipe.lr * by_lr, weight_decay=recipe.weight_decay * by_decay)
        folder = out / f"lr-{tried.lr:.3g}-decay-{tried.weight_decay:.3g}"
        try:
            train(tried, split, folder, held_out=held_out, is_resumed=True, workers=workers)
            last = [row for row in read_log(folder / "log.jsonl") if "held_out_loss" in row][-1]
            trials.append(Trial(tried.lr, tried.weight_decay, last["held_out_top1"], last["held_out_loss"]))
        except Diverged:
            trials.append(Trial(tried.lr, tried.weight_decay, 0.0, float("inf")))
    trials.sort(key=lambda trial: trial.loss)
    best = trials[0]
    if best.loss == float("inf"):
        raise ConfigError(f"every trial diverged; lower lr in the recipe, it is {recipe.lr}")
    rows = [vars(trial) | {"loss": trial.loss if trial.loss < float("inf") else None} for trial in trials]
    (out / "search.json").write_text(json.dumps({"epochs": epochs, "seed": recipe.seed, "trials": rows}, indent=2))
    return replace(recipe, lr=best.lr, weight_decay=best.weight_decay), trials
