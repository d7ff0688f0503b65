"""What each module is worth: trained without it, all else equal, and tested on the same pictures."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

from .data import Pictures, Split
from .errors import ConfigError, UnknownNameError
from .model import MultiscaleResNet
from .recipes import Recipe, for_device
from .training import train
from .vote import GateMode

BOOTSTRAP_DRAWS = 2_000
FULL = "the full model"


def without_level(recipe: Recipe, index: int) -> Recipe:
    """A recipe whose levels lack one; the base level is never it."""
    sides = tuple(side for s, side in enumerate(recipe.sides) if s != index % len(recipe.sides))
    if recipe.base_side not in sides:
        raise ConfigError(f"the base level of {recipe.base_side} px cannot be left out")
    kept = [drop for s, drop in enumerate(recipe.scale_dropout) if s != index % len(recipe.sides)]
    return replace(recipe, sides=sides, scale_dropout=tuple(kept))


# A module's name, and the recipe without it (of the last, with it).
ABLATIONS: Mapping[str, Callable[[Recipe], Recipe]] = {
    FULL: lambda recipe: recipe,
    "no statistics of its own per scale": lambda recipe: replace(recipe, has_own_statistics=False),
    "no cross-scale links": lambda recipe: replace(recipe, has_links=False),
    "mean of the scales for the gate": lambda recipe: replace(recipe, gate=GateMode.MEAN),
    "base scale alone for the gate": lambda recipe: replace(recipe, gate=GateMode.SINGLE),
    "level gate for the cell gate": lambda recipe: replace(recipe, gates_cells=False),
    "no consistency loss": lambda recipe: replace(recipe, loss=replace(recipe.loss, consistency=0.0)),
    "no loss per scale": lambda recipe: replace(recipe, loss=replace(recipe.loss, level=0.0)),
    "no scale dropout": lambda recipe: replace(recipe, full_epochs=float(recipe.epochs)),
    "no larger level": lambda recipe: without_level(recipe, -1),
    "no smaller level": lambda recipe: without_level(recipe, 0),
    "with layer voting": lambda recipe: replace(recipe, has_layer_votes=True),
}


@dataclass(frozen=True)
class Trained:
    """One variant, trained with each seed: which pictures each got right, ``(seed, picture)``."""

    name: str
    right: np.ndarray

    @property
    def top1(self) -> float:
        """Mean over the seeds."""
        return float(self.right.mean())


def ablate(
    recipe: Recipe,
    split_of: Callable[[int], tuple[Split, Split]],
    out: Path,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    names: Sequence[str] | None = None,
    workers: int = 0,
    on_progress: Callable[[str], None] = lambda sentence: None,
) -> list[Trained]:
    """Train every variant with every seed, and test it; what is done already is not done again.

    Args:
        recipe: of the full model.
        split_of: the pictures to train on and to test on, of a seed.
        out: gets a folder for each run.
        seeds: of the runs.
        names: of ``ABLATIONS``; all by default. The full model is always there.
        workers: processes that read pictures.
        on_progress: told what is done.
    """
    for name in names or ():
        if name not in ABLATIONS:
            raise UnknownNameError("ablation", name, ABLATIONS)
    wanted = [name for name in ABLATIONS if names is None or name in names or name == FULL]
    right: dict[str, list[np.ndarray]] = {name: [] for name in wanted}
    for seed in seeds:
        training, test = split_of(seed)
        for name in wanted:
            folder = out / f"{name.replace(' ', '-')}-{seed}"
            result = folder / "right.npy"
            if not result.is_file():
                changed = ABLATIONS[name](replace(recipe, seed=seed))
                model = train(changed, training, folder, is_resumed=True, workers=workers)
                np.save(result, are_right(model, test, changed))
            right[name].append(np.load(result))
            on_progress(f"{name}, seed {seed}: {100 * right[name][-1].mean():.2f} %")
    return [Trained(name, np.stack(some)) for name, some in right.items()]


@torch.no_grad()
def are_right(model: MultiscaleResNet, test: Split, recipe: Recipe, *, batch_size: int = 256) -> np.ndarray:
    """Whether the vote is right, of each picture of a split."""
    right, is_half = [], for_device(recipe, model.device).precision == "bf16"
    with model.frozen(), torch.autocast(model.device.type, torch.bfloat16, enabled=is_half):
        for images, labels in DataLoader(Pictures(test, side=recipe.source_side), batch_size):
            logits = model(images.to(model.device).float() / 255).logits
            right.append((logits.argmax(dim=1).cpu() == labels).numpy())
    return np.concatenate(right)


def to_markdown(results: Sequence[Trained], *, seed: int = 0) -> str:
    """A table: top-1 of each variant, and how much better or worse than the full model it is, in points."""
    (full, *others) = results
    lines = [
        "| variant | top-1 | seeds | against the full model, points (95 %) |",
        "|---|---|---|---|",
        f"| {full.name} | {100 * full.top1:.2f} % | {spread(full)} | |",
    ]
    for one in others:
        low, high = paired_interval(one.right, full.right, seed=seed)
        difference = 100 * (one.top1 - full.top1)
        lines.append(
            f"| {one.name} | {100 * one.top1:.2f} % | {spread(one)} "
            f"| {difference:+.2f} ({100 * low:+.2f} to {100 * high:+.2f}) |"
        )
    return "\n".join(lines)


def spread(one: Trained) -> str:
    """The top-1 of each seed."""
    return ", ".join(f"{100 * share:.2f}" for share in one.right.mean(axis=1))


def paired_interval(ours: np.ndarray, theirs: np.ndarray, *, seed: int) -> tuple[float, float]:
    """95 % bootstrap interval of the difference of two ``(seed, picture)`` tables: over seeds, and pictures in them."""
    random = np.random.default_rng(seed)
    difference = ours.astype(float) - theirs.astype(float)
    count, pictures = difference.shape
    draws = np.empty(BOOTSTRAP_DRAWS)
    mean, scatter = difference.mean(axis=1), difference.std(axis=1) / np.sqrt(pictures)
    for i in range(BOOTSTRAP_DRAWS):
        chosen = random.integers(0, count, count)
        # The mean over tens of thousands of resampled pictures is normal to three digits.
        draws[i] = random.normal(mean[chosen], scatter[chosen]).mean()
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def save_results(results: Sequence[Trained], recipe: Recipe, path: Path) -> None:
    """The figures as JSON."""
    rows = [{"name": one.name, "top1": one.top1, "seeds": one.right.mean(axis=1).tolist()} for one in results]
    path.write_text(json.dumps({"recipe": recipe.to_dict(), "results": rows}, indent=2), encoding="utf-8")
