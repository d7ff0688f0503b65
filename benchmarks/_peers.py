"""One question put to us, to Captum and to pytorch-grad-cam: the same torchvision network, picture and class.

Every function makes ready and returns what computes the map, so that only that is timed. A map is as the
peer means it: ``(h, w)`` cells for Grad-CAM, ``(side, side)`` pixels, summed over the colours, otherwise.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from msresnet.attribution import attribute
from msresnet.ledger import Target
from msresnet.model import MultiscaleResNet

Compute = Callable[[], np.ndarray]

STEPS = 64  # of Integrated Gradients, and its points are Gauss-Legendre's


@dataclass(frozen=True, eq=False)
class Case:
    """What is explained: one class of a torchvision ResNet, at one picture ``(1, 3, side, side)`` in [0, 1]."""

    resnet: nn.Module
    image: Tensor
    label: int


class Normalised(nn.Module):
    """The torchvision network as a function of pixels in [0, 1], as ours is."""

    def __init__(self, resnet: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.resnet = resnet
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.resnet((pixels - self.mean) / self.std)


def lifted(case: Case) -> MultiscaleResNet:
    """Ours: the same network at a single scale."""
    return MultiscaleResNet.lift(case.resnet, sides=(case.image.shape[-1],), gate="single")


def plain(case: Case) -> Normalised:
    """Theirs: a copy, because a peer may exchange its modules."""
    model = lifted(case)
    return Normalised(copy.deepcopy(case.resnet), model.mean.clone(), model.std.clone()).eval()


def ours(method: str) -> Callable[[Case], Compute]:
    """Our map by a method's name; the forward pass that finds the gate belongs to it."""

    def prepare(case: Case) -> Compute:
        model = lifted(case)

        def compute() -> np.ndarray:
            with torch.no_grad():
                gate = model.vote((case.image,)).gate
            found = attribute(model, (case.image,), Target(case.label), method=method, gate=gate)
            if method == "integrated-gradients" and found.steps != STEPS:
                raise RuntimeError(f"{STEPS} steps were to be enough on this case, {found.steps} were taken")
            return found.maps[0]

        return compute

    return prepare


# Captum ----------------------------------------------------------------------------------------------


def captum_grad_cam(case: Case) -> Compute:
    from captum.attr import LayerGradCam

    model = plain(case)
    cam = LayerGradCam(model, model.resnet.layer4)
    return lambda: cam.attribute(case.image, target=case.label, relu_attributions=True)[0, 0].detach().numpy()


def captum_guided_grad_cam(case: Case) -> Compute:
    """Its cells fill equal tiles; the rectifiers may not work in place."""
    from captum.attr import GuidedGradCam

    model = plain(case)
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    guided = GuidedGradCam(model, model.resnet.layer4)
    image = case.image.clone().requires_grad_()  # Captum warns where it has to ask for the gradient
    return lambda: guided.attribute(image, target=case.label)[0].sum(dim=0).detach().numpy()


def captum_integrated_gradients(case: Case) -> Compute:
    from captum.attr import IntegratedGradients

    model = plain(case)
    method = IntegratedGradients(model)
    baseline = model.mean.expand_as(case.image)
    options = {"n_steps": STEPS, "method": "gausslegendre", "internal_batch_size": 8}
    return lambda: method.attribute(case.image, baseline, target=case.label, **options)[0].sum(dim=0).detach().numpy()


# pytorch-grad-cam ------------------------------------------------------------------------------------


def pytorch_grad_cam_cells(case: Case) -> Compute:
    """Its map is scaled to [0, 1] and to the picture's side; this is what it makes of cells of its own."""
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model = plain(case)
    cam = GradCAM(model=model, target_layers=[model.resnet.layer4])
    return lambda: cam(input_tensor=case.image, targets=[ClassifierOutputTarget(case.label)])[0]


def pytorch_grad_cam_guided(case: Case) -> Compute:
    """Guided Backprop times Grad-CAM, as its own cam.py multiplies them."""
    guided, cells = pytorch_guided_backprop(case), pytorch_grad_cam_cells(case)
    return lambda: guided() * cells()


def pytorch_guided_backprop(case: Case) -> Compute:
    from pytorch_grad_cam import GuidedBackpropReLUModel

    guided = GuidedBackpropReLUModel(model=plain(case), device="cpu")
    return lambda: guided(case.image.clone(), target_category=case.label).sum(axis=2)


PEERS: dict[str, dict[str, Callable[[Case], Compute]]] = {
    "grad-cam": {
        "msresnet": ours("grad-cam"),
        "Captum": captum_grad_cam,
        "pytorch-grad-cam": pytorch_grad_cam_cells,
    },
    "guided-grad-cam": {
        "msresnet": ours("guided-grad-cam"),
        "Captum": captum_guided_grad_cam,
        "pytorch-grad-cam": pytorch_grad_cam_guided,
    },
    "integrated-gradients": {
        "msresnet": ours("integrated-gradients"),
        "Captum": captum_integrated_gradients,
    },
}


# Comparing -------------------------------------------------------------------------------------------


def placed_as(peer: str, method: str, case: Case, found: np.ndarray) -> np.ndarray:
    """Our map with its cells drawn as the peer draws them; the numbers stay.

    We draw a cell at the centre of its receptive field. Captum's Guided Grad-CAM fills equal
    tiles; pytorch-grad-cam takes the smallest cell from all and interpolates between the tiles' middles.
    """
    side = case.image.shape[-1]
    cells = found if method == "grad-cam" else ours("grad-cam")(case)()
    if method == "integrated-gradients" or (method == "grad-cam" and peer == "Captum"):
        return found
    if peer == "Captum":
        mode = {"mode": "nearest"}
    else:
        cells, mode = cells - cells.min(), {"mode": "bilinear", "align_corners": False}
    drawn = F.interpolate(torch.from_numpy(cells)[None, None], (side, side), **mode)[0, 0].numpy()
    return drawn if method == "grad-cam" else drawn * ours("guided-backprop")(case)()


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's, over all places."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
