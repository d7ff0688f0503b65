"""Class activation maps: which cells of a stage speak for a target, on each scale's own grid."""

from collections.abc import Sequence

import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn
from torch.nn import functional as F

from ..model import MultiscaleResNet
from ..output import Output
from .gradients import guided_backprop
from .question import Finding, Question

LAST_STAGE = 3


def grad_cam(question: Question) -> Finding:
    """Grad-CAM (Selvaraju et al., arXiv 1610.02391), rectified; closed form in the last stage."""
    return Finding(tuple(one.relu() for one in signed_cam(question)))


def guided_grad_cam(question: Question) -> Finding:
    """Guided Backprop times the scale's Grad-CAM, each cell drawn about its centre (arXiv 1610.02391)."""
    guided = guided_backprop(question)
    stride = question.model.trunk.cell_stride(question.stage)
    cams = [upsample(one.relu(), stride, len(f)) for one, f in zip(signed_cam(question), guided.maps, strict=True)]
    maps, magnitudes = (
        tuple(cam * fine for cam, fine in zip(cams, some, strict=True)) for some in (guided.maps, guided.magnitudes)
    )
    return Finding(maps, magnitudes=magnitudes)


def grad_cam_of_classes(
    model: MultiscaleResNet, output: Output, classes: Sequence[int] | None = None
) -> tuple[Tensor, ...]:
    """Grad-CAM of the last stage for many classes at once: rectified ``(class, h_s, w_s)`` per scale.

    Given the gate, a logit is linear in the last maps, so no backward pass is needed:
    the gradient of logit k at a cell is w_k times the cell's gate coefficient, and
    Grad-CAM takes its mean over the cells.

    Args:
        model: whose output it is.
        output: of one image.
        classes: indices; by default all.
    """
    weight = output.classifier if classes is None else output.classifier[list(classes)]
    return tuple(one.relu() for one in linear_cam(output, weight))


def signed_cam(question: Question) -> tuple[Tensor, ...]:
    """The target's CAM before the rectifier: ``(h_s, w_s)`` per scale."""
    if question.stage == LAST_STAGE:
        weight = question.f.read(question.output.classifier.T)[None]  # linear in the class, as the logit is
        return tuple(one[0] for one in linear_cam(question.output, weight))
    return tuple(
        LayerGradCam(question.f, layer).attribute(question.levels).detach()[0, 0]
        for layer in last_rectifiers(question.model, question.stage)
    )


@torch.no_grad()
def linear_cam(output: Output, weight: Tensor) -> list[Tensor]:
    """CAMs of ``(target, channel)`` weights on the last maps: signed ``(target, h_s, w_s)`` per scale.

    Weights of further channels are stage 3's, where it votes too.
    """
    weight = weight[:, : next(len(x[0]) for x in output.stages[-1])]
    return [
        torch.einsum("kc,chw->khw", weight, x[0].to(weight.dtype)) * q[0].mean()
        for x, q in zip(output.stages[-1], output.gate.coefficients, strict=True)
    ]


def upsample(cells: Tensor, stride: int, side: int) -> Tensor:
    """``(h, w)`` cells to ``(side, side)``, bilinear, cell i at pixel ``stride · i``, the last continued."""
    height, width = (stride * (count - 1) + 1 for count in cells.shape)
    fine = F.interpolate(cells[None, None], (height, width), mode="bilinear", align_corners=True)
    return F.pad(fine, (0, side - width, 0, side - height), mode="replicate")[0, 0]


def last_rectifiers(model: MultiscaleResNet, stage: int) -> list[nn.Module]:
    """The last ReLU of a stage (0 to 3), one module per scale; its map is the stage's before any link."""
    block = getattr(model.trunk, f"layer{stage + 1}")[-1]
    return list((block.relu3 if hasattr(block, "relu3") else block.relu2).scales)
