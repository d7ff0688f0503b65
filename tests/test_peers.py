"""At a single scale our maps are those of the field's libraries, on the same torchvision network."""

import numpy as np
import pytest
import torch
import torchvision
from _peers import PEERS, Case, correlation, ours, placed_as, pytorch_guided_backprop

NEEDS = {"Captum": "captum", "pytorch-grad-cam": "pytorch_grad_cam"}
PAIRS = [(method, peer) for method, by_name in PEERS.items() for peer in by_name if peer != "msresnet"]


@pytest.fixture(scope="module")
def case() -> Case:
    """A random ResNet-18 and a picture with a little structure."""
    torch.manual_seed(0)
    resnet = torchvision.models.resnet18().eval()
    coarse = torch.rand(1, 3, 8, 8)
    image = torch.nn.functional.interpolate(coarse, (96, 96), mode="bicubic").clamp(0, 1)
    with torch.no_grad():
        label = int(resnet(image).argmax())
    return Case(resnet, image, label)


def require(peer: str) -> None:
    pytest.importorskip(NEEDS[peer], reason=f"{peer} is not installed: pip install 'msresnet[benchmark]'")


@pytest.mark.parametrize(("method", "peer"), PAIRS)
def test_a_single_scales_map_is_the_peers(method, peer, case):
    require(peer)
    found = ours(method)(case)()
    theirs = PEERS[method][peer](case)()
    mine = placed_as(peer, method, case, found)
    assert np.abs(mine).max() > 0
    assert correlation(mine, theirs) >= 0.999
    if peer == "Captum":  # which scales nothing, so that the numbers are the same too
        assert np.allclose(mine, theirs, atol=1e-4 * np.abs(theirs).max())


def test_guided_backprop_is_the_peers(case):
    require("pytorch-grad-cam")
    mine, theirs = ours("guided-backprop")(case)(), pytorch_guided_backprop(case)()
    assert np.allclose(mine, theirs, atol=1e-4 * np.abs(theirs).max())


def test_another_classs_map_is_another(case):
    """So that the law above can fail."""
    other = Case(case.resnet, case.image, (case.label + 1) % 1000)
    one, two = (ours("integrated-gradients")(asked)() for asked in (case, other))
    assert correlation(one, two) < 0.99
