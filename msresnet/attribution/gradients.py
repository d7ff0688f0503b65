"""Gradients with respect to the pixels of every level."""

import warnings
from collections.abc import Iterator

import torch
from captum.attr import DeepLift, GuidedBackprop, InputXGradient, IntegratedGradients, Saliency
from torch import Tensor

from .question import RESIDUAL_LIMIT, Finding, Question, completeness_residual

# Integrated Gradients: start here and double until the maps add up, but no further than this.
FIRST_STEPS, LAST_STEPS = 64, 512

# SmoothGrad's noise as a share of a pixel's range (Smilkov et al. recommend 0.1 to 0.2), and its samples.
NOISE, SAMPLES = 0.15, 32

# GradientSHAP's noise on the image, one grey level. The maps add up to the *noisy* image's score: on a
# ResNet-18 with ImageNet weights they missed 2 to 4 % of the image's with this, and 38 % with 0.02.
SHAP_NOISE, SHAP_SAMPLES = 1 / 255, 64


def saliency(question: Question) -> Finding:
    """The signed gradient, in logits per unit of a pixel's value (Simonyan et al., arXiv 1312.6034)."""
    return finding(Saliency(question.f).attribute(question.levels, abs=False))


def input_x_gradient(question: Question) -> Finding:
    """The gradient times the pixel's value in [0, 1] (Shrikumar et al., arXiv 1605.01713)."""
    return finding(InputXGradient(question.f).attribute(question.levels))


def integrated_gradients(question: Question) -> Finding:
    """Gradients on the way from the baseline (Sundararajan et al., arXiv 1703.01365).

    Gauss-Legendre, over the tuple of levels; the steps are doubled until the maps add up,
    unless their number was asked for.
    """
    method, steps = IntegratedGradients(question.f), question.steps or FIRST_STEPS
    while True:
        found = finding(
            method.attribute(
                question.levels,
                question.baseline,
                n_steps=steps,
                method="gausslegendre",
                internal_batch_size=question.batch,
            ),
            steps,
        )
        if question.steps is not None or steps >= LAST_STEPS:
            return found
        if completeness_residual(found.maps, question.f_input, question.f_baseline) <= RESIDUAL_LIMIT:
            return found
        steps *= 2
        question.f.meter.expected += steps


def gradient_shap(question: Question) -> Finding:
    """Expected gradients at random points between the baseline and the noisy image (arXiv 1705.07874).

    As Captum's GradientShap, but the points are drawn evenly along the way, one at a
    random place in each of equal parts, which halves the residual; and from a generator
    of our own, because Captum draws from NumPy's global one.
    """
    generator, samples = torch.Generator().manual_seed(question.seed), question.steps or SHAP_SAMPLES
    total = [torch.zeros_like(level, requires_grad=False) for level in question.levels]
    for first, count in batches(samples, question.batch):
        part = torch.arange(first, first + count) + torch.rand(count, generator=generator)
        share = (part / samples)[:, None, None, None]
        ends = noisy(question.levels, SHAP_NOISE, count, generator)
        points = [b + share.to(e) * (e - b) for e, b in zip(ends, question.baseline, strict=True)]
        for s, slope in enumerate(gradients_at(question, points)):
            total[s] += (slope * (ends[s] - question.baseline[s])).sum(dim=0)
    return finding(tuple(one / samples for one in total), samples)


def deep_lift(question: Question) -> Finding:
    """DeepLIFT with the rescale rule (Shrikumar et al., arXiv 1704.02685)."""
    ignore_announcements()
    return finding(DeepLift(question.f).attribute(question.levels, question.baseline))


def guided_backprop(question: Question) -> Finding:
    """The gradient with every negative signal cut off at the ReLUs (Springenberg et al., arXiv 1412.6806)."""
    ignore_announcements()
    return finding(GuidedBackprop(question.f).attribute(question.levels))


def smooth_grad(question: Question) -> Finding:
    """The mean gradient of noisy copies (Smilkov et al., arXiv 1706.03825)."""
    mean, _ = noisy_gradients(question)
    return finding(mean, question.steps or SAMPLES)


def var_grad(question: Question) -> Finding:
    """The variance of the gradient over noisy copies (Adebayo et al., arXiv 1810.03307)."""
    mean, mean_square = noisy_gradients(question)
    variance = (square - one**2 for one, square in zip(mean, mean_square, strict=True))
    return finding(tuple(one.clamp_min(0) for one in variance), question.steps or SAMPLES)


def noisy_gradients(question: Question) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Mean and mean square of the gradients of noisy copies, ``(1, 3, side, side)`` per scale.

    What Captum's NoiseTunnel does, which draws its noise from torch's global generator:
    another thread's draws would change the result.
    """
    generator, samples = torch.Generator().manual_seed(question.seed), question.steps or SAMPLES
    total = [torch.zeros_like(level, requires_grad=False) for level in question.levels]
    square = [torch.zeros_like(level, requires_grad=False) for level in question.levels]
    for _, count in batches(samples, question.batch):
        points = noisy(question.levels, NOISE, count, generator)
        for s, slope in enumerate(gradients_at(question, points)):
            total[s] += slope.sum(dim=0)
            square[s] += (slope**2).sum(dim=0)
    return tuple(one / samples for one in total), tuple(one / samples for one in square)


def noisy(levels: tuple[Tensor, ...], noise: float, count: int, generator: torch.Generator) -> list[Tensor]:
    """``count`` copies of a level with Gaussian noise, ``(count, 3, side, side)`` per scale."""
    return [
        level.detach() + noise * torch.randn(count, *level.shape[1:], generator=generator).to(level) for level in levels
    ]


def gradients_at(question: Question, points: list[Tensor]) -> tuple[Tensor, ...]:
    """The signed gradient at each of ``(batch, 3, side, side)`` points per scale."""
    points = tuple(point.requires_grad_() for point in points)
    return tuple(slope.detach() for slope in Saliency(question.f).attribute(points, abs=False))


def batches(total: int, size: int) -> Iterator[tuple[int, int]]:
    """First index and length of each batch of ``total`` things."""
    for first in range(0, total, size):
        yield first, min(size, total - first)


def finding(attributions: tuple[Tensor, ...], steps: int = 1) -> Finding:
    """``(1, 3, side, side)`` per scale as maps: the signed sum over the colours, and that of the absolute values."""
    magnitudes = colour_sum(tuple(one.abs() for one in attributions))
    return Finding(colour_sum(attributions), steps, magnitudes)


def colour_sum(attributions: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """``(1, 3, side, side)`` to ``(side, side)`` per scale: the signed sum over the colour channels."""
    return tuple(one.detach()[0].sum(dim=0) for one in attributions)


def ignore_announcements() -> None:
    """Keep Captum from announcing the hooks that it sets; we take them off ourselves.

    A filter for these two sentences that stays. ``warnings.catch_warnings`` would undo
    what other threads filter meanwhile.
    """
    warnings.filterwarnings("ignore", "Setting (forward, )?backward hooks", UserWarning)
