"""The laws: what must hold for every model and image, or no picture on the page is true.

a. One level and one vote: the lifted network *is* the torchvision network.
b. Contributions add up to the logit, cells add up to contributions, and a scale's share is its own.
c. Attributions over the levels add up to the score; each scale has its own map on its own grid.
d. An explanation leaves the model as it was, also when it fails.
e. Explanations that are asked for at the same moment are what they are alone.
f. A dot in the upload lights the same place at every scale.
"""

import copy
import io
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch import nn

from msresnet.attribution import METHODS, Baseline, attribute, baseline_levels
from msresnet.errors import Cancelled
from msresnet.images import read_image
from msresnet.layers import MultiscaleConv2d
from msresnet.ledger import Ledger, Target
from msresnet.model import ModelConfig, MultiscaleResNet
from msresnet.pyramid import Preprocessing
from msresnet.resnet import Stem
from msresnet.vote import GateMode, Temperature

THREE, FIVE = (32, 48, 64), (32, 40, 48, 56, 64)
CLASSES = tuple("abcdefg")
TARGET = Target(2)


def tiny_model(architecture: str = "resnet18", sides: tuple[int, ...] = THREE, **options) -> MultiscaleResNet:
    """A model of a few thousand parameters whose norms, links and gate are not trivial."""
    config = ModelConfig(architecture, sides, 48, CLASSES, **{"width": 8, **options})
    model = MultiscaleResNet(config)
    stir_norms(model)
    for link in filter(None, (model.trunk.link2, model.trunk.link3)):
        nn.init.normal_(link.down.weight, std=0.1)
        nn.init.normal_(link.up.weight, std=0.1)
    for parameter in model.head.gate.parameters() if model.head.gate else ():
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


def stir_norms(model: nn.Module) -> None:
    """Statistics and affine of every batch-norm as after some training."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.3, 0.8)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 1.5)


def levels_for(model: MultiscaleResNet, count: int = 1) -> tuple[torch.Tensor, ...]:
    """Smooth coloured noise, the same picture at every level."""
    coarse = torch.rand(count, 3, 9, 9)
    return tuple(nn.functional.interpolate(coarse, (side, side), mode="bicubic").clamp(0, 1) for side in model.sides)


# a. One level and one vote


def assert_lifted_is_plain(resnet: nn.Module, images: torch.Tensor) -> None:
    """Equal logits, to 1e-5 of the largest one."""
    resnet.eval()
    lifted = MultiscaleResNet.lift(resnet, sides=(224,), gate="single")
    mean, std = lifted.mean, lifted.std
    with torch.no_grad():
        expected, got = resnet((images - mean) / std), lifted(images).logits
    scale = max(1.0, float(expected.abs().max()))
    assert expected.std() > 1e-3, "a network that says nothing"
    assert float((got - expected).abs().max()) <= 1e-5 * scale


@pytest.mark.parametrize("architecture", ["resnet18", "resnet50", "resnet101"])
def test_a_lifted_network_is_the_network(architecture):
    resnet = getattr(torchvision.models, architecture)(num_classes=50)
    stir_norms(resnet)
    assert_lifted_is_plain(resnet, torch.rand(1, 3, 224, 224))


@pytest.mark.data
@pytest.mark.parametrize("architecture", ["resnet18", "resnet50"])
def test_a_lifted_network_with_imagenet_weights_is_the_network(architecture, shared_data):
    safetensors = pytest.importorskip("safetensors.torch")
    state = safetensors.load_file(shared_data / "imagenet-weights" / f"{architecture}_fp16.safetensors")
    resnet = getattr(torchvision.models, architecture)()
    own = resnet.state_dict()
    resnet.load_state_dict({key: value.to(own[key].dtype) for key, value in state.items()})
    images = nn.functional.interpolate(torch.rand(2, 3, 30, 30), (224, 224), mode="bicubic").clamp(0, 1)
    assert_lifted_is_plain(resnet, images)


# b. Additivity


def contributions_by_hand(model: MultiscaleResNet, output) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The vote once more in float64, cell by cell: contributions, and evidence of every class per scale."""
    weight = model.head.fc.weight.double()
    evidence = []
    for s, x in enumerate(output.stages[-1]):
        votes = torch.einsum("kc,bchw->bkhw", weight, x.double())
        gate = output.gate.weights[s].double() / output.gate.temperatures[:, s, None, None].double()
        evidence.append(votes * gate[:, None])
    return torch.stack([one.sum(dim=(2, 3)) for one in evidence], dim=1), evidence


MODES = [
    *((mode, Temperature.MATCHED) for mode in GateMode),
    (GateMode.GATED, Temperature.LEARNED),
]


@torch.no_grad()
@pytest.mark.parametrize("sides", [THREE, FIVE])
@pytest.mark.parametrize(("mode", "temperature"), MODES)
@pytest.mark.parametrize("architecture", ["resnet18", "resnet50", "resnet101"])
def test_contributions_add_up_to_the_logit_and_cells_to_contributions(architecture, mode, temperature, sides):
    model = tiny_model(architecture, sides, gate=mode, temperature=temperature)
    output = model.vote(levels_for(model, 2))
    contributions, evidence = contributions_by_hand(model, output)
    sums = contributions.sum(dim=1) + model.head.fc.bias.double()
    limit = 1e-4 * output.logits.abs().clamp_min(1)
    assert ((sums - output.logits).abs() <= limit).all()
    torch.testing.assert_close(output.contributions.double(), contributions, rtol=1e-4, atol=1e-5)
    for s, everyone in enumerate(evidence):
        for index in range(len(CLASSES)):
            one = output.evidence(index)[s].double()
            torch.testing.assert_close(one, everyone[:, index], rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(one.sum(dim=(1, 2)), contributions[:, s, index], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(output.gate.levels.sum(dim=1).mean(), torch.tensor(1.0))
    ledger = Ledger.of(output, CLASSES, item=1)
    assert abs(ledger.residuals).max() <= 1e-4
    np.testing.assert_allclose(ledger.contributions, contributions[1], rtol=1e-4, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("scale", range(3))
def test_doubling_a_scales_vote_doubles_its_share_and_no_others(scale):
    model = tiny_model()
    levels = levels_for(model)
    before = model.vote(levels)
    weights = list(before.gate.weights)
    weights[scale] = 2 * weights[scale]
    after = model.vote(levels, gate=replace(before.gate, weights=tuple(weights)))
    for s in range(3):
        factor = 2 if s == scale else 1
        assert torch.equal(after.contributions[:, s], factor * before.contributions[:, s])
        for index in range(len(CLASSES)):
            assert torch.equal(after.evidence(index)[s], factor * before.evidence(index)[s])
    ledgers = [Ledger.of(output, CLASSES).contributions for output in (before, after)]
    factors = np.array([[2.0 if s == scale else 1.0] for s in range(3)])
    np.testing.assert_array_equal(ledgers[1], factors * ledgers[0])


# c. Completeness, and a map for every scale


@pytest.mark.parametrize("baseline", ["mean", "black", "blur"])
@pytest.mark.parametrize(
    ("architecture", "options"),
    [("resnet18", {"stem": Stem.STRIDE_2, "has_links": True}), ("resnet50", {})],
)
def test_integrated_gradients_add_up_over_all_scales(architecture, options, baseline):
    model = tiny_model(architecture, **options)
    levels = levels_for(model)
    gate = model.vote(levels).gate.detach()
    start = baseline_levels(model, levels, Baseline(baseline))

    @torch.no_grad()
    def f(x):
        return model.forward_levels(*x, gate=gate)[0, TARGET.index].item()

    model.head.fc.weight.data *= 5 / abs(f(levels) - f(start))  # residuals are relative to at least one logit
    result = attribute(model, levels, TARGET, method="integrated-gradients", gate=gate, baseline=baseline)
    difference = f(levels) - f(start)
    residual = abs(sum(one.sum(dtype=np.float64) for one in result.maps) - difference) / abs(difference)
    assert abs(difference) == pytest.approx(5, rel=0.01)
    assert result.completeness_residual == pytest.approx(residual, abs=1e-4)
    assert residual <= 0.02 and result.note == ""
    assert (result.f_input, result.f_baseline) == pytest.approx((f(levels), f(start)), abs=1e-4)


@pytest.mark.parametrize("stage", range(4))
@pytest.mark.parametrize("architecture", ["resnet18", "resnet50"])
def test_layer_grad_cam_gives_each_scale_its_own_map_on_its_own_grid(architecture, stage):
    model = tiny_model(architecture, stem=Stem.STRIDE_2)
    levels = levels_for(model)
    output = model.vote(levels)
    maps = [
        attribute(model, levels, Target(k), method="grad-cam", gate=output.gate, stage=stage).maps
        for k in range(len(CLASSES))
    ]
    stride = model.trunk.cell_stride(stage)
    for one in maps:
        assert [cam.shape for cam in one] == [(side // stride,) * 2 for side in THREE]
    shown = [np.stack([one[s] for one in maps]) for s in range(3)]
    assert all(cams.any() for cams in shown)
    common = min(cams.shape[-1] for cams in shown)
    for one, other in itertools.combinations(shown, 2):
        assert not np.allclose(one[:, :common, :common], other[:, :common, :common], rtol=1e-3)


# d. The model as it was


def state_of(model: nn.Module) -> dict:
    """All that an explanation could leave changed: hooks, attributes, modes, gradients, tensors."""
    state = {}
    for name, module in model.named_modules():
        for key, value in vars(module).items():
            state[f"{name}.{key}"] = list(value.items()) if isinstance(value, dict) else value
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        state[f"{name}:"] = (
            id(tensor),
            tensor.requires_grad,
            id(tensor.grad),
            tensor._version,
            tensor.detach().numpy().tobytes(),
        )
    return state


def hook_count(model: nn.Module) -> int:
    hooks = [value for module in model.modules() for key, value in vars(module).items() if "hooks" in key]
    return sum(len(one) for one in hooks)


@pytest.fixture
def lived_in() -> MultiscaleResNet:
    """A model in the middle of something: half in training mode, with gradients, frozen parts and hooks."""
    model = tiny_model(stem=Stem.STRIDE_2, has_links=True, dropout=0.1)
    model.trunk.train()
    model.trunk.layer2.eval()
    model.trunk.conv1.weight.requires_grad_(False)
    model.head.fc.weight.grad = torch.ones_like(model.head.fc.weight)
    model.trunk.layer1[0].relu1.scales[0].register_forward_hook(lambda module, x, y: None)
    model.trunk.layer4[0].relu2.scales[1].register_full_backward_hook(lambda module, x, y: None)
    return model


def breaking(forward, at_call: int):
    """The forward function, which raises at its n-th call."""
    calls = itertools.count(1)

    def broken(*args):
        if next(calls) == at_call:
            raise ArithmeticError("broken in the middle")
        return forward(*args)

    return broken


@pytest.mark.parametrize("accident", ["none", "error", "late error", "cancelled"])
@pytest.mark.parametrize("name", METHODS)
def test_the_model_is_afterwards_what_it_was(name, accident, lived_in, monkeypatch):
    model = lived_in
    levels = levels_for(model)
    gate = copy.deepcopy(model).eval().vote(levels).gate
    stop = threading.Event()
    layer = model.trunk.layer4[1].bn2
    forward = layer.forward
    if accident == "cancelled":
        monkeypatch.setattr(layer, "forward", lambda *args: stop.set() or forward(*args))
    elif accident != "none":
        monkeypatch.setattr(layer, "forward", breaking(forward, 1 if accident == "error" else 2))
    before = state_of(model)
    assert hook_count(model) == 2
    failure = None
    try:
        attribute(model, levels, TARGET, method=name, gate=gate, is_cancelled=stop.is_set)
    except (ArithmeticError, Cancelled) as error:
        failure = error
    assert hook_count(model) == 2
    assert state_of(model) == before
    has_one_pass = name in ("grad-cam", "scale-shapley")
    late = None if has_one_pass else ArithmeticError
    expected = {"none": None, "error": ArithmeticError, "late error": late, "cancelled": Cancelled}[accident]
    assert failure is None if expected is None else isinstance(failure, expected)
    assert not any(level.requires_grad for level in levels)


# e. Two at once


@pytest.mark.parametrize(
    "names",
    [("saliency", "guided-backprop"), ("integrated-gradients", "grad-cam"), ("deep-lift", "saliency")],
)
def test_explanations_asked_for_at_once_are_what_they_are_alone(names):
    model = tiny_model(stem=Stem.STRIDE_2)
    levels = levels_for(model)
    gate = model.vote(levels).gate.detach()
    ask = partial(attribute, model, levels, TARGET, gate=gate)
    alone = {name: ask(method=name, stage=1 if name == "grad-cam" else None) for name in names}
    start = threading.Barrier(8)

    def race(index: int):
        start.wait()
        name = names[index % 2]
        return [ask(method=name, stage=1 if name == "grad-cam" else None) for _ in range(3)]

    with ThreadPoolExecutor(8) as pool:
        results = [one for many in pool.map(race, range(8)) for one in many]
    assert len(results) == 24
    for result in results:
        for one, other in zip(result.maps, alone[result.method].maps, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


# f. Geometry


def lamp(stem: Stem, sides: tuple[int, ...], preprocessing: Preprocessing) -> MultiscaleResNet:
    """A network of positive kernels that peak in their centre: it answers a dot with a hill about the dot."""
    config = ModelConfig("resnet18", sides, sides[0], CLASSES, width=2, stem=stem, preprocessing=preprocessing)
    model = MultiscaleResNet(config).eval()
    for module in model.modules():
        if isinstance(module, MultiscaleConv2d):
            row = torch.tensor((np.poly1d([1.0, 1.0]) ** (module.kernel_size[0] - 1)).coeffs).float()  # binomial
            kernel = torch.outer(row, row) / row.sum() ** 2
            module.weight.data = kernel.expand_as(module.weight) / module.in_channels
    return model


BLACK_IS_ZERO = Preprocessing(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
UPLOADS = {
    "wide": ((320, 200), replace(BLACK_IS_ZERO, crop_fraction=0.875)),
    "tall": ((150, 410), BLACK_IS_ZERO),
    "padded": ((300, 180), replace(BLACK_IS_ZERO, sees_whole_image=True)),
    "reduced": ((400, 333), replace(BLACK_IS_ZERO, source_side=128)),
}
LAMPS = [(Stem.STRIDE_2, (64, 96, 128)), (Stem.IMAGENET, (128, 192, 256)), (Stem.STRIDE_1, (64, 96))]
TURNS = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}


def stored(picture: np.ndarray, file_format: str, orientation: int) -> bytes:
    """The bytes of a file that a reader must turn by its EXIF orientation to see ``picture`` upright."""
    image = Image.fromarray(picture)
    if TURNS[orientation] is not None:
        image = image.transpose(TURNS[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, file_format, exif=exif, **({"quality": 95} if file_format == "JPEG" else {}))
    return file.getvalue()


@pytest.mark.parametrize("upload", UPLOADS)
@pytest.mark.parametrize(("stem", "sides"), LAMPS)
@pytest.mark.parametrize(("file_format", "orientation"), [("PNG", 6), ("JPEG", 6), ("JPEG", 1), ("PNG", 8)])
@torch.no_grad()
def test_a_dot_lights_the_cell_whose_centre_is_nearest(upload, stem, sides, file_format, orientation):
    (width, height), preprocessing = UPLOADS[upload]
    model = lamp(stem, sides, preprocessing)
    geometry = model.geometry((width, height))
    left, top = (max(edge, 0) for edge in geometry.box[:2])
    right, bottom = (min(edges) for edges in zip(geometry.box[2:], (width, height), strict=True))
    size = max(2, round(geometry.px_per_level_px(sides[0])))  # a pixel of the smallest level
    dark = last_maps(model, np.zeros((height, width, 3), np.uint8), file_format, orientation)
    for across, down in [(0.1, 0.2), (0.37, 0.5), (0.52, 0.81), (0.93, 0.64)]:
        x, y = round(left + across * (right - left - size)), round(top + down * (bottom - top - size))
        picture = np.zeros((height, width, 3), np.uint8)
        picture[y : y + size, x : x + size] = 255
        lit = last_maps(model, picture, file_format, orientation)
        for side, before, after in zip(sides, dark, lit, strict=True):
            centres = np.array(model.trunk.cell_centres(3, len(after)))
            row, column = np.unravel_index((after - before).argmax(), after.shape)
            place = geometry.to_level(x + size / 2, y + size / 2, side=side)
            for cell, where in zip((column, row), place, strict=True):
                nearest = abs(centres - where).min()
                # Half a pixel for the rounding of the dot to pixels, so that two cells may be as near.
                assert abs(centres[cell] - where) <= nearest + 1, (side, place, (column, row))


def last_maps(model: MultiscaleResNet, picture: np.ndarray, file_format: str, orientation: int) -> list[np.ndarray]:
    """The last stage's maps of an upload, summed over channels: ``(h_s, w_s)`` per scale."""
    upload = read_image(stored(picture, file_format, orientation))
    assert upload.size == picture.shape[1::-1]
    return [x[0].sum(dim=0).double().numpy() for x in model.vote(model.pyramid(upload)).stages[-1]]
