"""Deletion tile by tile, in the order of one scale's map: which scale's map is the better guide."""

from itertools import pairwise

import numpy as np
import torch
from _boxes import Boxed, read_batch
from torch import Tensor

from msresnet.attribution import METHODS, attribute
from msresnet.boxes import share_within
from msresnet.ledger import Target
from msresnet.model import MultiscaleResNet, Output
from msresnet.pyramid import tensor_levels

TILES, STEPS = 8, 8  # the picture is deleted tile by tile of an 8 × 8 chequer, an eighth of them at a time
BATCH = 16
EVIDENCE = "evidence"


def deletion_scores(
    model: MultiscaleResNet, one: Boxed, names: tuple[str, ...], random: np.ndarray, *, seed: int, is_outline: bool
) -> np.ndarray:
    """``(name, 3)``: deletion by the map of the scale that gave most, mean over the other scales' maps, at random.

    The predicted class is explained; the scale that gave most is by its class-centred contribution.

    Args:
        random: an order of the tiles, ``(TILES²,)``.
        is_outline: methods that have a number of steps take that of their outline.
    """
    image = read_batch([one])
    levels = tensor_levels(image, model.sides)
    with model.frozen(), torch.no_grad():
        output = model.vote(levels)
    label = int(output.logits[0].argmax())
    contributions = output.contributions[0, :, label] - output.contributions[0].mean(dim=1)
    main = int(contributions.argmax())
    orders = [random]
    for name in names:
        maps, strides = ranked_maps(model, levels, output, label, name, seed=seed, is_outline=is_outline)
        orders += [
            np.argsort(-tile_sums(values, side, stride), kind="stable")
            for values, side, stride in zip(maps, model.sides, strides, strict=True)
        ]
    chance, *areas = deletion_areas(model, image, label, orders)
    areas = np.array(areas).reshape(len(names), len(model.sides))
    others = np.delete(areas, main, axis=1).mean(axis=1)
    return np.stack([areas[:, main], others, np.full(len(names), chance)], axis=1)


def ranked_maps(
    model: MultiscaleResNet,
    levels: tuple[Tensor, ...],
    output: Output,
    label: int,
    name: str,
    *,
    seed: int,
    is_outline: bool,
) -> tuple[tuple[np.ndarray, ...], tuple[int, ...]]:
    """What places are ranked by, and its strides: magnitudes of slopes, whose sign is a direction of brightness."""
    if name == EVIDENCE:
        maps = tuple((one[0, label] - one[0].mean(dim=0)).detach().numpy() for one in output.evidence_of_all())
        return maps, (model.trunk.cell_stride(3),) * len(maps)
    steps = METHODS[name].quick_steps if is_outline else None
    found = attribute(model, levels, Target(label), method=name, gate=output.gate.detach(), seed=seed, steps=steps)
    return (found.magnitudes if METHODS[name].is_slope else found.maps), found.strides


def tile_sums(values: np.ndarray, side: int, stride: int) -> np.ndarray:
    """``(TILES²,)``: what a map holds in each tile of the field of view; a value may lie in several by parts."""
    edges = np.linspace(0, side, TILES + 1)
    rows, columns = (
        np.stack([share_within(count, low, high, side=side, stride=stride) for low, high in pairwise(edges)])
        for count in values.shape
    )
    return (rows @ values @ columns.T).ravel()


@torch.no_grad()
def deletion_areas(model: MultiscaleResNet, image: Tensor, label: int, orders: list[np.ndarray]) -> np.ndarray:
    """``(order,)``: mean over the steps of the class's probability, relative to the whole picture's; trapezoid rule."""
    side = image.shape[-1]
    place = np.arange(side) * TILES // side
    pictures = [image[0], model.mean[0].expand_as(image[0])]  # the ends are the same for all
    for order in orders:
        rank = np.empty(TILES**2, dtype=int)
        rank[order] = np.arange(TILES**2)
        ranks = torch.from_numpy(rank.reshape(TILES, TILES)[np.ix_(place, place)])
        for step in range(1, STEPS):
            pictures.append(torch.where(ranks >= step * TILES**2 // STEPS, image[0], model.mean[0]))
    scores = torch.cat([probabilities(model, some, label) for some in torch.stack(pictures).split(BATCH)])
    first, last, between = scores[0], scores[1], scores[2:].reshape(len(orders), STEPS - 1)
    curves = np.array([[first, *one, last] for one in between.numpy()])
    return np.trapezoid(curves / curves[:, :1], dx=1 / STEPS, axis=1)


def probabilities(model: MultiscaleResNet, images: Tensor, label: int) -> Tensor:
    """``(batch,)`` float64: of one class."""
    return model.vote(tensor_levels(images, model.sides)).logits.double().softmax(dim=1)[:, label]
