"""Receptive fields: the arithmetic says where autograd finds a gradient, and where none."""

import pytest
import torch
from tiny import tiny

from msresnet.layers import CrossScaleLink, resize_map
from msresnet.receptive_fields import Field, Span, receptive_field, resized_from, stage_counts, stage_windows
from msresnet.resnet import ARCHITECTURES, Stem

# A resize weighs its feet with 1e-16 where arithmetic says nothing.
ROUNDING = 1e-13
CELLS = ("corner", "middle")


def gradients(model, *, stage: int, scale: int, row: int, column: int) -> list[torch.Tensor]:
    """Per level, the sum over pictures and channels of |d cell / d pixel|: ``(side, side)`` float64."""
    total = [torch.zeros(side, side, dtype=torch.float64) for side in model.sides]
    for seed in range(2):  # one picture's rectifiers may shut a way that another's leave open
        generator = torch.Generator().manual_seed(seed)
        levels = [torch.rand(1, 3, len(one), len(one), generator=generator, dtype=torch.float64) for one in total]
        levels = [level.requires_grad_() for level in levels]
        cell = model.vote(levels).stages[stage][scale][0, :, row, column]
        weights = torch.randn(len(cell), generator=generator, dtype=torch.float64)
        found = torch.autograd.grad((cell * weights).sum(), levels, allow_unused=True)
        for one, gradient in zip(total, found, strict=True):
            if gradient is not None:
                one += gradient[0].abs().sum(0)
    return total


def random_links(model):
    for module in model.modules():
        if isinstance(module, CrossScaleLink):
            torch.nn.init.normal_(module.down.weight)
            torch.nn.init.normal_(module.up.weight)
    return model


MODELS = {
    "small stem": lambda: tiny(has_links=False, stem=Stem.STRIDE_1, sides=(33, 70), base_side=33),
    "ImageNet's stem": lambda: tiny(has_links=False, stem=Stem.IMAGENET, sides=(64, 96), base_side=64),
    "bottlenecks": lambda: tiny(has_links=False, architecture="resnet50", sides=(48, 97), base_side=48),
    "links": lambda: random_links(tiny(has_links=True, sides=(32, 48, 64), base_side=48)),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    model = MODELS[request.param]().double()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model


@pytest.mark.parametrize("where", CELLS)
@pytest.mark.parametrize("stage", range(4))
def test_a_gradient_lies_in_the_field_and_reaches_its_border(model, stage, where):
    windows = stage_windows(model.trunk)
    for scale, side in enumerate(model.sides):
        count = stage_counts(windows, side)[stage]
        row, column = {"corner": (0, count - 1), "middle": (count // 2, count // 3)}[where]
        fields = receptive_field(model.trunk, model.sides, stage=stage, scale=scale, row=row, column=column)
        for level, (field, influence) in enumerate(
            zip(fields, gradients(model, stage=stage, scale=scale, row=row, column=column), strict=True)
        ):
            if field is None:
                assert not influence.any(), f"level {level} is not seen"
                continue
            inside = influence[field.top : field.bottom, field.left : field.right]
            outside = influence.clone()
            outside[field.top : field.bottom, field.left : field.right] = 0
            assert inside.shape == (field.bottom - field.top, field.right - field.left)
            nothing = ROUNDING * inside.max()
            assert outside.max() <= nothing, "no pixel outside changes the cell"
            for border in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
                assert border.max() > nothing, "the outermost pixels do"


def test_the_maps_have_as_many_cells_as_the_arithmetic_says(model):
    with torch.no_grad():
        stages = model.vote([torch.rand(1, 3, side, side, dtype=torch.float64) for side in model.sides]).stages
    for scale, side in enumerate(model.sides):
        assert stage_counts(stage_windows(model.trunk), side) == [len(stage[scale][0, 0]) for stage in stages]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_far_from_the_borders_the_field_is_the_closed_form(architecture):
    """Its width is 1 + Σ (k − 1) · Π strides before (Araujo et al., Distill 2019), centred on the cell."""
    model = tiny(has_links=False, architecture=architecture, stem=Stem.IMAGENET, sides=(2048,), base_side=2048)
    (field,) = receptive_field(model.trunk, (2048,), stage=3, scale=0, row=32, column=30)
    width, stride = 1, 1
    for window in (window for stage in stage_windows(model.trunk) for window in stage):
        width += (window.kernel - 1) * stride
        stride *= window.stride
    assert field.right - field.left == field.bottom - field.top == width
    centres = model.trunk.cell_centres(3, 64)
    assert ((field.left + field.right) / 2, (field.top + field.bottom) / 2) == (centres[30], centres[32])


@pytest.mark.parametrize(("inputs", "outputs"), [(7, 3), (3, 7), (8, 4), (4, 8), (5, 5), (9, 8), (1, 4)])
def test_a_resize_reads_what_its_weights_say(inputs, outputs):
    rows = torch.eye(inputs, dtype=torch.float64)[None, :, :, None].expand(1, inputs, inputs, inputs)
    weights = resize_map(rows, (outputs, outputs))[0, :, :, 0].T  # (output, input)
    for output in range(outputs):
        read = (weights[output] > 1e-12).nonzero().flatten()
        assert resized_from(Span(output, output + 1), outputs=outputs, inputs=inputs) == Span(
            int(read[0]), int(read[-1]) + 1
        )


def test_a_cell_that_is_not_there_is_told():
    model = tiny()
    with pytest.raises(ValueError, match="cells a side"):
        receptive_field(model.trunk, model.sides, stage=3, scale=0, row=99, column=0)


def test_without_links_a_cell_sees_its_own_level_alone():
    model = tiny(has_links=False)
    fields = receptive_field(model.trunk, model.sides, stage=0, scale=1, row=0, column=3)
    assert fields[0] is None and fields[2] is None
    assert fields[1] == Field(0, 0, 16, 10)  # 19 px round pixel (6, 0), cut at the edges
