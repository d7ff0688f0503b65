"""The trial of the evidence and of named methods' maps, for one picture before one model."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from ..attribution import METHODS, Attribution, Baseline, Grid, baseline_levels, find_method
from ..attribution.question import Meter
from ..colour import CELL_PERCENTILE, PIXEL_PERCENTILE
from ..errors import ConfigError
from ..stopping import IsCancelled, check, never
from .case import Case
from .curves import CONTROLS, Advantage, Bench, Control, Curve, Direction, images
from .plan import NETWORKS, Progress, cheap, curves_cost, method_cost, outlines_cost, trial_cost
from .randomisation import Likeness, cascade
from .ranking import Subject, order
from .similarity import mean_over_scales, rank_correlation, structural_similarity
from .verdicts import Clipping, Trust, Verdict

# Every method that says where.
TRIED = tuple(name for name, method in METHODS.items() if method.says_where)


def put_on_trial(
    case: Case,
    methods: Sequence[str] = TRIED,
    *,
    baseline: str = Baseline.BLUR.value,
    known: Sequence[Attribution] = (),
    seed: int = 0,
    is_cancelled: IsCancelled = never,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Trust:
    """Try the evidence and the maps of methods.

    Args:
        case: the picture, the model and the target.
        methods: names, in the order of the verdicts after the evidence's; each must say where.
        baseline: name of what the picture is exchanged for in the curves.
        known: maps of this case that are there already, and are not computed again.
        seed: of everything random.
        is_cancelled: asked before every forward pass.
        on_progress: told the share that is done, in [0, 1].

    Raises:
        UnknownNameError: there is no such method or baseline.
        ConfigError: a method does not say where, or is named twice.
        Cancelled: ``is_cancelled`` said so.
    """
    started = time.perf_counter()
    check_methods(methods)
    picture = Baseline.find(baseline)
    there = {result.method: result for result in known if result.method in methods}
    stages = {name: result.stage for name, result in there.items()}
    progress = Progress(trial_cost(case.model, methods, known=there, stages=stages), is_cancelled, on_progress)
    results = [
        there.get(name)
        or progress.run(
            method_cost(case.model, name),
            lambda report, name=name: case.maps(name, seed=seed, is_cancelled=is_cancelled, on_progress=report),
        )
        for name in methods
    ]
    subjects = [case.evidence(), *map(Subject.of_method, results)]
    densities = [subject.density(case.model.sides) for subject in subjects]
    curves, controls = progress.run(
        curves_cost(methods),
        lambda report: race(
            case, picture, densities, seed=seed, meter=Meter(curve_images(len(subjects)), is_cancelled, report)
        ),
    )
    likenesses = unlearn(case, results, progress, seed=seed)
    first = curves[Direction.DELETION][0].scores
    on_progress(1.0)
    return Trust(
        target=case.target,
        baseline=picture.value,
        score_image=float(first[0]),
        score_baseline=float(first[-1]),
        verdicts=tuple(
            Verdict(
                name=subject.name,
                curves={way: curves[way][number] for way in Direction},
                advantages={way: Advantage.over(controls[way], curves[way][number], way) for way in Direction},
                likenesses=mean_likenesses(likenesses[subject.name]),
                networks=len(likenesses[subject.name]),
                clipping=clipping(case, result),
                residual=None if result is None else result.completeness_residual,
                is_flat=subject.is_flat,
            )
            for number, (subject, result) in enumerate(zip(subjects, [None, *results], strict=True))
        ),
        controls=controls,
        agreement=agreement(densities),
        seconds=time.perf_counter() - started,
    )


def race(
    case: Case, picture: Baseline, densities: Sequence[np.ndarray], *, seed: int, meter: Meter
) -> tuple[dict[Direction, list[Curve]], dict[Direction, Control]]:
    """Both curves of every map, and of the random orders."""
    bench = Bench(
        model=case.model,
        levels=case.levels,
        baseline=baseline_levels(case.model, case.levels, picture, seed=seed),
        target=case.target,
        gate=case.gate,
        meter=meter,
    )
    orders = [order(density, seed=seed) for density in densities]
    curves = {way: bench.curves(orders, way) for way in Direction}
    return curves, {way: bench.control(way, seed=seed) for way in Direction}


def curve_images(maps: int) -> int:
    """How many images go through the model for all curves of so many maps."""
    return len(Direction) * (images(maps) + images(CONTROLS))


def unlearn(
    case: Case, results: Sequence[Attribution], progress: Progress, *, seed: int
) -> dict[str, list[list[Likeness]]]:
    """Per map, per random network, its likeness to itself after every step of the cascade, both in outline."""
    whole = outlines(case, results, progress, seed=seed)
    found: dict[str, list[list[Likeness]]] = {name: [] for name in whole}
    stages = {result.method: result.stage for result in results}
    few = cheap(case.model, stages, stages=stages)
    for number in range(NETWORKS):
        watched = [result for result in results if number == 0 or result.method in few]
        likenesses: dict[str, list[Likeness]] = {}
        for layer, unlearned in cascade(case.model, seed=seed + number, is_cancelled=progress.is_cancelled):
            before = case.before(unlearned, is_cancelled=progress.is_cancelled)
            for name, subject in outlines(before, watched, progress, seed=seed).items():
                check(progress.is_cancelled)
                likenesses.setdefault(name, []).append(likeness(layer, whole[name], subject))
        for name, one in likenesses.items():
            found[name].append(one)
    return found


def outlines(case: Case, results: Sequence[Attribution], progress: Progress, *, seed: int) -> dict[str, Subject]:
    """The evidence, and in outline the maps of the methods of results, by name."""

    def draw(report: Callable[[float], None]) -> list[Subject]:
        drawn = [case.evidence()]
        for number, like in enumerate(results):
            report(number / len(results))
            result = case.maps(like.method, like=like, seed=seed, is_cancelled=progress.is_cancelled, is_quick=True)
            drawn.append(Subject.of_method(result))
        return drawn

    stages = {result.method: result.stage for result in results}
    return {subject.name: subject for subject in progress.run(outlines_cost(case.model, stages, stages=stages), draw)}


def mean_likenesses(networks: Sequence[Sequence[Likeness]]) -> tuple[Likeness, ...]:
    """Over random networks, layer by layer."""
    return tuple(
        Likeness(
            some[0].layer,
            float(np.mean([one.rank_correlation for one in some])),
            float(np.mean([one.structure for one in some])),
        )
        for some in zip(*networks, strict=True)
    )


def likeness(layer: str, one: Subject, other: Subject) -> Likeness:
    """How alike two maps of one method are."""
    return Likeness(
        layer,
        mean_over_scales(rank_correlation, one.maps, other.maps),
        mean_over_scales(structural_similarity, one.maps, other.maps),
    )


def clipping(case: Case, result: Attribution | None) -> Clipping:
    """What the colours of a method's maps, or of the evidence, do not show."""
    if result is None:
        return Clipping.of(case.ledger.evidence_for(case.target), is_signed=True, percentile=CELL_PERCENTILE)
    is_pixels = METHODS[result.method].grid is Grid.PIXEL
    percentile = PIXEL_PERCENTILE if is_pixels else CELL_PERCENTILE
    return Clipping.of(result.maps, is_signed=result.is_signed, percentile=percentile)


def agreement(densities: Sequence[np.ndarray]) -> np.ndarray:
    """``(map, map)`` Spearman's correlations of densities over the field of view."""
    return np.array([[rank_correlation(one, other) for other in densities] for one in densities])


def check_methods(methods: Sequence[str]) -> None:
    """Each must say where, and once."""
    for name in methods:
        if not find_method(name).says_where:
            raise ConfigError(f"{name} says which scale, not where, so there is no place to check; leave it out")
    if len(set(methods)) != len(methods):
        raise ConfigError(f"a method is checked once, got {', '.join(methods)}; name each once")
