"""How well the evidence tells where a thing is, given its class: on Tiny-ImageNet's boxes.

``python experiments/localisation.py --data DIR [--model A] [--plain B]``

Rules (threshold or spread, tiling, trust) and the fixed boxes are chosen on training pictures that were held
out of training; validation pictures only measure. B is a plain ResNet: its base level
alone, every cell alike, Grad-CAM of the last stage. Without B, A's own base level stands in.
With ``--cache DIR`` a stopped run goes on where it was. Prints Markdown, and the ``RULE``
that msresnet/localisation.py should have for this model.
"""

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from _boxes import Boxed, read_batch, training_pictures, validation_pictures
from _estimate import Estimate
from _rules import USUAL, WHOLE_RULE, Freedom, best_centred_box, boxes_by, choose_rule, is_hit
from _study import chunks, kept, method_title, named, outlined, run_study, study_parser, table
from torch import Tensor

from msresnet.attribution import METHODS, attribute
from msresnet.boxes import Box, energy_in_box
from msresnet.checkpoint import identify, load_model
from msresnet.ledger import Target
from msresnet.localisation import Rule, evidence_density
from msresnet.model import MultiscaleResNet
from msresnet.pyramid import tensor_levels

OURS = "evidence of all scales, the whole rule"
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Asked:
    """Maps of the true class for one set of pictures.

    Attributes:
        evidence: per scale ``(picture, h_s, w_s)``, class-centred, in logits.
        plain: ``(picture, h, w)`` Grad-CAM of the plain network.
    """

    evidence: tuple[np.ndarray, ...]
    plain: np.ndarray


def options() -> argparse.ArgumentParser:
    parser = study_parser(__doc__)
    parser.add_argument("--plain", metavar="B", help="a plain ResNet of the same classes (default: A's base level)")
    parser.add_argument("--per-class", type=int, default=10, help="training pictures a class (default: %(default)s)")
    parser.add_argument("--pictures", type=int, default=2000, help="of validation; 0 is all (default: %(default)s)")
    parser.add_argument(
        "--pointing", type=int, default=60, help="of these for the pointing game (default: %(default)s)"
    )
    return parser


def study(chosen: argparse.Namespace) -> dict:
    """Choose on training pictures, measure on validation pictures, print; the figures."""
    model = load_model(chosen.model, device="cpu")
    plain = model if chosen.plain is None else load_model(chosen.plain, device="cpu")
    training = training_pictures(chosen.data, per_class=chosen.per_class)
    validation = validation_pictures(chosen.data, count=chosen.pictures or None, seed=chosen.seed)
    asked = [
        maps_of(model, plain, pictures, batch_size=chosen.batch_size, cache=chosen.cache)
        for pictures in (training, validation)
    ]
    fixed = best_centred_box(training)
    cam = f"Grad-CAM of {name_of(model, plain)}"
    settings = {  # what becomes a box, and the freedom of its rule
        f"{cam}, as usually drawn, threshold": ("plain", USUAL),
        f"{cam}, the whole rule": ("plain", WHOLE_RULE),
        "evidence at receptive-field centres, threshold": ("evidence", Freedom((0.0,))),
        "evidence as Grad-CAM is usually drawn, threshold": ("evidence", USUAL),
        OURS: ("evidence", WHOLE_RULE),
    }
    fixed_title = f"the best fixed centred box, {fixed[2] - fixed[0]:.2f} × {fixed[3] - fixed[1]:.2f}"
    hits = {
        "the whole picture": is_hit([WHOLE] * len(validation), validation),
        fixed_title: is_hit([fixed] * len(validation), validation),
    }
    rules: dict[str, Rule] = {}
    for title, (source, freedom) in settings.items():
        densities = {tiling: densities_of(model, plain, source, asked[0], tiling=tiling) for tiling in freedom.tilings}
        rules[title] = choose_rule(densities, training, freedom, typical=fixed)
        boxes = boxes_by(rules[title], densities_of(model, plain, source, asked[1], tiling=rules[title].tiling))
        hits[title] = is_hit(boxes, validation)
    rows, report = [], {}
    for title, hit in hits.items():
        share = Estimate.of(hit, seed=chosen.seed)
        ahead = Estimate.of(hits[OURS] - hit, seed=chosen.seed)
        rows.append((title, share.percent(), "" if title == OURS else ahead.points(), told(rules.get(title))))
        report[title] = {"share": asdict(share), "ours_ahead": asdict(ahead), "rule": rule_dict(rules.get(title))}
    rival = hits[next(iter(settings))]
    print(heading(model, plain, training, validation, chosen))
    print(
        table(
            ("box, given the true class", "IoU ≥ 0.5", "the last row is ahead by", "rule chosen on training pictures"),
            rows,
        )
    )
    print(f"\n{verdict(hits[OURS], rival, hits[fixed_title], chosen.seed)}\n")
    print(f"In msresnet/localisation.py: `RULE = {rules[OURS]!r}`\n")
    report["pointing"] = pointing(model, validation[: chosen.pointing], chosen)
    return report


# Maps ------------------------------------------------------------------------------------------------


def maps_of(
    model: MultiscaleResNet, plain: MultiscaleResNet, pictures: list[Boxed], *, batch_size: int, cache: Path | None
) -> Asked:
    """Evidence of the model and Grad-CAM of the plain one, part by part; finished parts come from the cache."""
    names = identify(model).sha256[:12], identify(plain).sha256[:12]
    parts = [
        kept(
            cache,
            f"maps-{'-'.join(names)}-{batch[0].path.stem}-{len(batch)}",
            lambda batch=batch: batch_maps(model, plain, batch),
        )
        for batch in chunks(pictures, batch_size)
    ]
    *evidence, plain_maps = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Asked(tuple(evidence), plain_maps)


@torch.no_grad()
def batch_maps(model: MultiscaleResNet, plain: MultiscaleResNet, batch: list[Boxed]) -> list[np.ndarray]:
    """Per scale the class-centred evidence, then Grad-CAM of the plain network, all of the true class."""
    images, labels = read_batch(batch), torch.tensor([one.label for one in batch])
    with model.frozen():
        output = model.vote(tensor_levels(images, model.sides))
    every = output.evidence_of_all()
    rows = torch.arange(len(labels))
    maps = [(one[rows, labels] - one.mean(dim=1)).numpy() for one in every]
    return [*maps, grad_cam_of_base(plain, images, labels).numpy()]


def grad_cam_of_base(plain: MultiscaleResNet, images: Tensor, labels: Tensor) -> Tensor:
    """Grad-CAM ``(batch, h, w)`` of the base level alone, as a plain ResNet has it: mean-pooled, so w·F, rectified."""
    base = plain.sides.index(plain.config.base_side)
    levels: list[Tensor | None] = [None] * len(plain.sides)
    levels[base] = tensor_levels(images, (plain.config.base_side,))[0]
    with plain.frozen():
        output = plain.vote(levels)
    return torch.einsum("bc,bchw->bhw", output.classifier[labels], output.voters[base]).relu()


def densities_of(
    model: MultiscaleResNet, plain: MultiscaleResNet, source: str, asked: Asked, *, tiling: float
) -> list[np.ndarray]:
    """What is thresholded, per picture: all scales' evidence, or the plain network's Grad-CAM."""
    if source == "plain":
        sides, strides, pictures = (plain.config.base_side,), (plain.trunk.cell_stride(3),), zip(asked.plain)
    else:
        sides, strides = model.sides, (model.trunk.cell_stride(3),) * len(model.sides)
        pictures = zip(*asked.evidence, strict=True)
    return [evidence_density(maps, sides=sides, strides=strides, tiling=tiling) for maps in pictures]


# Pointing game ---------------------------------------------------------------------------------------


def pointing(model: MultiscaleResNet, pictures: list[Boxed], chosen: argparse.Namespace) -> dict:
    """Share of each method's positive energy in the true box, per scale; prints its table."""
    if not pictures:
        return {}
    names = ("evidence", *chosen.methods)
    way = f"pointing-{identify(model).sha256[:12]}-{'-'.join(names)}-{chosen.seed}{'-outline' * chosen.outline}"
    every = np.stack(
        [
            kept(chosen.cache, f"{way}-{one.path.stem}", lambda one=one: [inside(model, one, chosen)])[0]
            for one in pictures
        ]
    )  # (picture, name, scale)
    chance = Estimate.of(np.array([one.size**2 for one in pictures]), seed=chosen.seed)
    found = {
        name: [Estimate.of(column, seed=chosen.seed) for column in every[:, number].T]
        for number, name in enumerate(names)
    }
    even = f"an even map has {chance.percent()}{outlined(chosen)}"
    print(f"Energy pointing game, {len(pictures)} of these pictures; {even}.\n")
    header = ("positive energy in the true box", *(f"{side} px" for side in model.sides))
    rows = [(method_title(name), *(one.percent() for one in found[name])) for name in names]
    print(table(header, rows))
    return {"even": asdict(chance), **{name: [asdict(one) for one in found[name]] for name in names}}


def inside(model: MultiscaleResNet, one: Boxed, chosen: argparse.Namespace) -> np.ndarray:
    """``(name, scale)``: share of the positive energy in the true box, of the evidence and of every method."""
    levels = tensor_levels(read_batch([one]), model.sides)
    with model.frozen(), torch.no_grad():
        output = model.vote(levels)
    evidence = [(maps[0, one.label] - maps[0].mean(dim=0)).numpy() for maps in output.evidence_of_all()]
    rows = [energies(evidence, one.box, model.sides, (model.trunk.cell_stride(3),) * len(evidence))]
    for name in chosen.methods:
        steps = METHODS[name].quick_steps if chosen.outline else None
        gate, target = output.gate.detach(), Target(one.label)
        found = attribute(model, levels, target, method=name, gate=gate, seed=chosen.seed, steps=steps)
        rows.append(energies(found.maps, one.box, model.sides, found.strides))
    return np.array(rows)


def energies(maps, box: Box, sides, strides) -> list[float]:
    """Of each scale's map; a single number for a whole level has no place."""
    return [
        energy_in_box(one, box, side=side, stride=stride)
        for one, side, stride in zip(maps, sides, strides, strict=True)
    ]


# Words -----------------------------------------------------------------------------------------------


def heading(model, plain, training, validation, chosen) -> str:
    """What was measured, on what."""
    asked = [named(one) for one in ((model,) if plain is model else (model, plain))]
    return (
        f"{' and '.join(asked)}; rules chosen on {len(training)} held-out training pictures, measured on "
        f"{len(validation)} validation pictures (seed {chosen.seed}); 95 % bootstrap intervals over the pictures.\n"
    )


def name_of(model: MultiscaleResNet, plain: MultiscaleResNet) -> str:
    """What the plain network is."""
    base = plain.config.base_side
    return (
        f"the model's own {base} px level (stand-in)" if plain is model else f"plain {identify(plain).name}, {base} px"
    )


def told(rule: Rule | None) -> str:
    """A rule in words."""
    if rule is None:
        return ""
    drawn = f"threshold {rule.threshold:g}"
    if rule.reach is not None:
        drawn = f"mean ± {rule.reach:g} deviations, power {rule.power:g}"
    return f"{drawn}, tiling {rule.tiling:g}, trust {rule.place_trust:g} and {rule.size_trust:g}"


def rule_dict(rule: Rule | None) -> dict | None:
    return None if rule is None else asdict(rule)


def verdict(ours: np.ndarray, rival: np.ndarray, centred: np.ndarray, seed: int) -> str:
    """Whether the target is reached, in a sentence."""
    ahead, above = Estimate.of(ours - rival, seed=seed), Estimate.of(ours - centred, seed=seed)
    if ahead.value < 0.05 or above.value <= 0:
        word = "missed"
    elif ahead.low < 0.05 or above.low <= 0:
        word = "reached by the means, not by the intervals"
    else:
        word = "reached"
    return (
        f"Target (5 points above Grad-CAM as usually drawn, and above the centred box): {word}; "
        f"{ahead.points()} and {above.points()} points."
    )


if __name__ == "__main__":
    run_study(options(), study)
