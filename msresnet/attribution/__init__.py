"""Attribution: which pixels, cells and scales an answer rests on, by named methods.

The only package that knows Captum. One table, ``METHODS``, drives all methods;
:func:`attribute` runs one and leaves the model as it was.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..errors import ConfigError
from ..ledger import Target
from ..model import MultiscaleResNet
from ..stopping import IsCancelled, interruptible, never
from ..vote import Gate
from .baselines import Baseline, baseline_levels
from .cam import LAST_STAGE, grad_cam_of_classes
from .methods import METHODS, Family, Grid, Method, estimate_seconds, find_method
from .question import RESIDUAL_LIMIT, Explained, Finding, Meter, Question, completeness_residual
from .restoring import hooks_restored

__all__ = [
    "LAST_STAGE",
    "METHODS",
    "RESIDUAL_LIMIT",
    "Attribution",
    "Baseline",
    "Family",
    "Grid",
    "Method",
    "attribute",
    "baseline_levels",
    "estimate_seconds",
    "find_method",
    "grad_cam_of_classes",
]


@dataclass(frozen=True, eq=False)
class Attribution:
    """One heatmap per scale, frozen, on the CPU.

    Attributes:
        method: its name.
        target: what is explained: A's raw logit, or A's minus B's, with the gate held.
        maps: per scale ``(side, side)`` for pixels, a signed sum over the colour channels;
            ``(h_s, w_s)`` on the scale's own grid for cells; ``(1, 1)`` for scales.
        magnitudes: the same of the absolute values, Σ|·| over the colour channels.
        strides: level px between neighbouring values of each map; value i is centred on
            ``stride · i + 0.5``.
        is_signed: values below zero speak against the target.
        f_input: the explained function at the image.
        f_baseline: the same at the baseline, where there is one.
        baseline: its name, where there is one.
        stage: 0 to 3, of a method that looks at a stage's maps; ``None`` of the others.
        completeness_residual: |sum of the maps − (f_input − f_baseline)| relative to
            max(|f_input − f_baseline|, 1); ``None`` where the method promises no such sum.
        steps: points at which the gradient was taken, samples drawn or places covered.
        seconds: what it took.
        note: a sentence where something must be marked, otherwise empty.
    """

    method: str
    target: Target
    maps: tuple[np.ndarray, ...]
    magnitudes: tuple[np.ndarray, ...]
    strides: tuple[int, ...]
    is_signed: bool
    f_input: float
    f_baseline: float | None
    baseline: str | None
    stage: int | None
    completeness_residual: float | None
    steps: int
    seconds: float
    note: str


def attribute(
    model: MultiscaleResNet,
    levels: Sequence[Tensor],
    target: Target,
    *,
    method: str,
    gate: Gate,
    baseline: str | Baseline | None = None,
    stage: int | None = None,
    seed: int = 0,
    steps: int | None = None,
    is_cancelled: IsCancelled = never,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Attribution:
    """Explain one image by one method; the model is afterwards what it was, also after an error.

    Args:
        model: held still and locked meanwhile.
        levels: of one image, ``(1, 3, side, side)`` in [0, 1] per scale.
        target: a class's raw logit, or the difference of two.
        method: a name in ``METHODS``.
        gate: the image's own, held constant.
        baseline: what the image is compared with; by default the method's own choice.
        stage: 0 to 3, for layer methods; by default the last.
        seed: of everything random.
        steps: how many points, samples, or parts along an axis; by default the method's own.
        is_cancelled: asked before every forward pass and every block of layers, there and back.
        on_progress: told the share that is done, in [0, 1], before every forward pass and at the end.

    Raises:
        UnknownNameError: there is no such method or baseline.
        ConfigError: the method takes no baseline, no stage or no steps.
        Cancelled: ``is_cancelled`` said so.
    """
    started = time.perf_counter()
    chosen = find_method(method)
    picked = choose_baseline(chosen, baseline)
    stage = choose_stage(chosen, stage)
    check_steps(chosen, steps)
    check_levels(model, levels)
    images = chosen.images(len(levels)) if steps is None else chosen.images(len(levels), steps)
    meter = Meter(images, is_cancelled, on_progress)
    with interruptible(model, is_cancelled), hooks_restored(model), torch.inference_mode(False), torch.enable_grad():
        question = Question(
            f=Explained(model, constant(gate), target, meter),
            levels=tuple(level.detach().clone().requires_grad_() for level in levels),
            baseline=None if picked is None else baseline_levels(model, levels, picked, seed=seed),
            stage=stage,
            seed=seed,
            steps=steps,
        )
        result = seal(chosen, question, chosen.compute(question), picked, started)
    on_progress(1.0)
    return result


def seal(
    method: Method, question: Question, finding: Finding, baseline: Baseline | None, started: float
) -> Attribution:
    """A finding as a frozen result on the CPU, with its residual."""
    f_input = question.f_input if finding.f_input is None else finding.f_input
    f_baseline = question.f_baseline if finding.f_baseline is None else finding.f_baseline
    residual = completeness_residual(finding.maps, f_input, f_baseline) if method.is_complete else None
    return Attribution(
        method=method.name,
        target=question.f.target,
        maps=arrays(finding.maps),
        magnitudes=arrays(finding.magnitudes or tuple(one.abs() for one in finding.maps)),
        strides=strides(method, question),
        is_signed=method.is_signed,
        f_input=f_input,
        f_baseline=f_baseline,
        baseline=None if baseline is None else baseline.value,
        stage=question.stage if method.has_stages else None,
        completeness_residual=residual,
        steps=finding.steps,
        seconds=time.perf_counter() - started,
        note=note(residual),
    )


def arrays(maps: Sequence[Tensor]) -> tuple[np.ndarray, ...]:
    """Maps on the CPU."""
    return tuple(one.detach().cpu().numpy() for one in maps)


def note(residual: float | None) -> str:
    """What must be said beside the picture."""
    if residual is None or residual <= RESIDUAL_LIMIT:
        return ""
    return f"The maps miss {residual:.1%} of the difference to the baseline that they should add up to."


def strides(method: Method, question: Question) -> tuple[int, ...]:
    """Level px between neighbouring values of each map."""
    match method.grid:
        case Grid.PIXEL:
            return (1,) * len(question.levels)
        case Grid.CELL:
            return (question.model.trunk.cell_stride(question.stage),) * len(question.levels)
        case Grid.SCALE:
            return question.model.sides


def choose_baseline(method: Method, baseline: str | Baseline | None) -> Baseline | None:
    """The asked-for baseline, or the method's own."""
    if baseline is None:
        return method.baseline
    if method.baseline is None:
        raise ConfigError(f"{method.name} compares with nothing, got the baseline {baseline!r}; leave it out")
    return Baseline.find(baseline)


def choose_stage(method: Method, stage: int | None) -> int:
    """The asked-for stage, or the last."""
    if stage is None:
        return LAST_STAGE
    if not method.has_stages:
        raise ConfigError(f"{method.name} looks at pixels, got stage {stage}; leave the stage out")
    if not 0 <= stage <= LAST_STAGE:
        raise ConfigError(f"stage must be 0 to {LAST_STAGE}, got {stage}")
    return stage


def check_steps(method: Method, steps: int | None) -> None:
    """A number that means something to the method."""
    if steps is None:
        return
    if method.quick_steps is None:
        raise ConfigError(f"{method.name} takes no number of steps, got {steps}; leave it out")
    if steps < 2:
        raise ConfigError(f"steps must be at least 2, got {steps}")


def check_levels(model: MultiscaleResNet, levels: Sequence[Tensor]) -> None:
    """One image, every level there."""
    expected = [(1, 3, side, side) for side in model.sides]
    got = [None if level is None else tuple(level.shape) for level in levels]
    if got != expected:
        raise ValueError(f"levels of one image must be {expected}, got {got}")


def constant(gate: Gate) -> Gate:
    """The gate as ordinary tensors without a graph, also where it was made in inference mode."""
    return Gate(tuple(w.detach().clone() for w in gate.weights), gate.temperatures.detach().clone())
