"""Does the scale tell the truth? Three questions put to a model on Tiny-ImageNet.

``python experiments/scale_truth.py --data DIR [--model A] [--parts size zoom deletion]``

size: does the share of the largest level rise as the object, by its box, is smaller?
zoom: does it rise as the same picture moves away?
deletion: is the map of the scale that gave most a better guide to what the answer needs?
Prints Markdown; with ``--cache DIR`` a stopped run goes on where it was.
"""

import argparse
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import torch
from _boxes import Boxed, read_batch, validation_pictures
from _deletion import EVIDENCE, TILES, deletion_scores
from _estimate import Estimate, spearman
from _study import chunks, kept, method_title, named, outlined, run_study, study_parser, table
from torch import Tensor

from msresnet.canvas import Canvas, zoomed_levels
from msresnet.checkpoint import identify, load_model
from msresnet.errors import ConfigError
from msresnet.images import read_image
from msresnet.model import MultiscaleResNet
from msresnet.output import Output
from msresnet.pyramid import tensor_levels

ZOOMS = tuple(2 ** (step / 2) for step in range(-4, 3))  # ¼ to 2


def options() -> argparse.ArgumentParser:
    parser = study_parser(__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--pictures", type=int, default=2000, help="for size (default: %(default)s)")
    parser.add_argument("--zoomed", type=int, default=150, help="pictures for zoom (default: %(default)s)")
    parser.add_argument("--deleted", type=int, default=40, help="pictures for deletion (default: %(default)s)")
    return parser


def study(chosen: argparse.Namespace) -> dict:
    """Put the chosen questions, print; the figures."""
    model = load_model(chosen.model, device="cpu")
    if len(model.sides) < 2:
        raise ConfigError(f"the study needs a model with at least two scales, {chosen.model} has {len(model.sides)}")
    pictures = validation_pictures(chosen.data, count=None, seed=chosen.seed)
    figures = {part: PARTS[part](model, pictures, chosen) for part in chosen.parts}
    return {"model": identify(model).sha256, **figures}


# What a scale's share is -----------------------------------------------------------------------------


def shares_of(output: Output, labels: Tensor) -> list[np.ndarray]:
    """Of each picture ``(picture, scale)``: share of the contributions, and the gate's weight.

    A contribution is class-centred; a scale's share is its positive part over that of all
    scales, nan where no scale speaks for the class.
    """
    rows = torch.arange(len(labels))
    centred = output.contributions[rows, :, labels] - output.contributions.mean(dim=2)
    positive = centred.clamp_min(0)
    total = positive.sum(dim=1, keepdim=True)
    shares = torch.where(total > 0, positive / total.clamp_min(1e-12), torch.nan)
    weights = output.gate.levels.expand(len(labels), -1)
    return [shares.double().numpy(), weights.double().numpy()]


WAYS = ("share of the contributions", "weight by the gate")


def correlation_rows(groups: dict[str, tuple[np.ndarray, list[np.ndarray]]], sides, seed: int):
    """Rows of ``what, one column a scale`` of Spearman's correlation of ``smallness`` and each scale's share."""
    for what, (smallness, both) in groups.items():
        for way, shares in zip(WAYS, both, strict=True):
            found = []
            for column in shares.T:
                is_known = ~np.isnan(column)
                pairs = np.stack([smallness[is_known], column[is_known]], axis=1)
                found.append(Estimate.of(pairs, statistic=spearman, seed=seed))
            yield what, way, found


# Object size -----------------------------------------------------------------------------------------


def by_size(model: MultiscaleResNet, pictures: list[Boxed], chosen: argparse.Namespace) -> dict:
    """Spearman of −size and each scale's share, over pictures."""
    pictures = pictures[: chosen.pictures]

    @torch.no_grad()
    def ask(batch: list[Boxed]) -> list[np.ndarray]:
        labels = torch.tensor([one.label for one in batch])
        output = model.vote(tensor_levels(read_batch(batch), model.sides))
        rights = (output.logits.argmax(dim=1) == labels).numpy()
        return [*shares_of(output, labels), rights]

    parts = [kept(chosen.cache, key(model, "size", batch), lambda batch=batch: ask(batch))
             for batch in chunks(pictures, chosen.batch_size)]  # fmt: skip
    shares, weights, rights = (np.concatenate(column) for column in zip(*parts, strict=True))
    smallness = -np.array([one.size for one in pictures])
    is_right = rights.astype(bool)
    groups = {
        f"all {len(pictures)} pictures": (smallness, [shares, weights]),
        f"the {is_right.sum()} that the model gets right": (
            smallness[is_right],
            [shares[is_right], weights[is_right]],
        ),
    }
    rows = list(correlation_rows(groups, model.sides, chosen.seed))
    print(f"**Object size** ({named(model)}, seed {chosen.seed}): Spearman's correlation of an object's")
    print("smallness (its box) with each scale's share, of the true class, over validation pictures.\n")
    print_correlations(rows, model.sides)
    print(f"\n{verdict(rows)}\n")
    return as_dict(rows)


def by_zoom(model: MultiscaleResNet, pictures: list[Boxed], chosen: argparse.Namespace) -> dict:
    """Spearman of −log zoom and each scale's share, within a picture, averaged over pictures."""
    pictures = pictures[: chosen.zoomed]

    @torch.no_grad()
    def ask(one: Boxed) -> list[np.ndarray]:
        picture = read_image(one.path)
        found = []
        for canvas in Canvas:
            every = [zoomed_levels(picture, zoom, model.sides, model.config.preprocessing, canvas=canvas)
                     for zoom in ZOOMS]  # fmt: skip
            levels = tuple(torch.cat(column) for column in zip(*every, strict=True))
            output = model.vote(levels)
            found += shares_of(output, torch.full((len(ZOOMS),), one.label))
        return found

    answers = [kept(chosen.cache, key(model, "zoom", [one]), lambda one=one: ask(one)) for one in pictures]
    smallness = -np.log2(np.array(ZOOMS))
    rows = []
    for index, canvas in enumerate(Canvas):
        for way_index, way in enumerate(WAYS):
            every = np.stack([answer[2 * index + way_index] for answer in answers])  # (picture, zoom, scale)
            found = []
            for scale in range(every.shape[2]):
                within = np.array([own_correlation(smallness, one[:, scale]) for one in every])
                found.append(Estimate.of(within[~np.isnan(within)], seed=chosen.seed))
            rows.append((f"{canvas.value} canvas, {len(pictures)} pictures", way, found))
    print(f"**Zoom** ({named(model)}, seed {chosen.seed}): Spearman's correlation of −log zoom (¼ to 2) with")
    print("each scale's share, of the true class, within a picture; mean over pictures.\n")
    print_correlations(rows, model.sides)
    print(f"\n{verdict(rows)}\n")
    return as_dict(rows)


def own_correlation(smallness: np.ndarray, shares: np.ndarray) -> float:
    """Of one picture, over the zooms at which some scale speaks for the class; nan for fewer than three."""
    is_known = ~np.isnan(shares)
    if is_known.sum() < 3:
        return float("nan")
    return spearman(np.stack([smallness[is_known], shares[is_known]], axis=1))


def print_correlations(rows, sides) -> None:
    header = ("", "", *(f"{side} px" for side in sides))
    print(table(header, [(what, way, *(one.signed() for one in found)) for what, way, found in rows]))


def verdict(rows) -> str:
    """What came out for the largest level, in a sentence."""
    largest = [found[-1] for _, _, found in rows]
    rises = sum(one.low > 0 for one in largest)
    falls = sum(one.high < 0 for one in largest)
    return (
        f"The largest level's figure rises as the object shrinks in {rises} of these {len(rows)} rows, falls in "
        f"{falls}, and in {len(rows) - rises - falls} its interval holds zero."
    )


def as_dict(rows) -> list[dict]:
    return [{"what": what, "way": way, "scales": [asdict(one) for one in found]} for what, way, found in rows]


# Deletion --------------------------------------------------------------------------------------------


def by_deletion(model: MultiscaleResNet, pictures: list[Boxed], chosen: argparse.Namespace) -> dict:
    """Per method: deletion by the map of the scale that gave most, by the others' maps, and at random.

    The predicted class is explained. Tiles of the field of view are replaced by the mean
    colour at every scale at once, strongest first; the score is the mean probability over
    the deletions relative to the whole picture's, so that lower is a better guide.
    """
    pictures = pictures[: chosen.deleted]
    names = (EVIDENCE, *chosen.methods)
    generator = np.random.default_rng(chosen.seed)
    orders = [generator.permutation(TILES**2) for _ in pictures]
    way = f"deletion-{'-'.join(names)}-{chosen.seed}{'-outline' * chosen.outline}"

    def ask(one: Boxed, order: np.ndarray) -> list[np.ndarray]:
        return [deletion_scores(model, one, names, order, seed=chosen.seed, is_outline=chosen.outline)]

    scores = np.stack(
        [
            kept(chosen.cache, key(model, way, [one]), lambda one=one, order=order: ask(one, order))[0]
            for one, order in zip(pictures, orders, strict=True)
        ]
    )  # (picture, name, [main, mean of the others, random])
    rows, found = [], {}
    for number, name in enumerate(names):
        main, others, chance = scores[:, number].T
        estimates = [Estimate.of(column, seed=chosen.seed) for column in (main, others, chance)]
        gain = Estimate.of(others - main, seed=chosen.seed)
        over_chance = Estimate.of(chance - main, seed=chosen.seed)
        rows.append((method_title(name), *(one.percent() for one in (*estimates[:2], estimates[2])), gain.points(),
                     over_chance.points(), answer_of(gain)))  # fmt: skip
        found[name] = {
            "main": asdict(estimates[0]),
            "others": asdict(estimates[1]),
            "random": asdict(estimates[2]),
            "gain": asdict(gain),
        }
    print(f"**Deletion** ({named(model)}, seed {chosen.seed}): probability that is left on average while the")
    print(f"picture is deleted, of {len(pictures)} validation pictures; lower is a better guide{outlined(chosen)}.\n")
    header = ("tiles in the order of", "the scale that gave most", "the other scales", "chance",
              "main better than others by", "than chance by", "better?")  # fmt: skip
    print(table(header, rows) + "\n")
    return found


def answer_of(gain: Estimate) -> str:
    """Whether the main scale's map is the better guide."""
    return "yes" if gain.low > 0 else "no, worse" if gain.high < 0 else "no difference seen"


def key(model: MultiscaleResNet, what: str, batch: list[Boxed]) -> str:
    """The name of a finished part."""
    return f"{what}-{identify(model).sha256[:12]}-{batch[0].path.stem}-{len(batch)}"


PARTS: dict[str, Callable[[MultiscaleResNet, list[Boxed], argparse.Namespace], dict]] = {
    "size": by_size,
    "zoom": by_zoom,
    "deletion": by_deletion,
}

if __name__ == "__main__":
    run_study(options(), study)
