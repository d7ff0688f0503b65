"""One point: its cells, what fires there, and what each channel adds."""

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import tiny

from msresnet.errors import Cancelled, ConfigError
from msresnet.explain import Session
from msresnet.ledger import Target
from msresnet.probes.point import middle
from msresnet.pyramid import Preprocessing

TARGETS = [Target(2), Target(0, against=4)]
ALL = 10_000  # channels


@pytest.fixture(scope="module", params=[True, False], ids=["links", "no links"])
def session(request):
    model = tiny(has_links=request.param, preprocessing=Preprocessing(crop_fraction=0.9))
    for parameter in model.parameters():  # a new link changes nothing, and a new gate weighs all alike
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.2)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 140, 3), dtype=np.uint8))
    return Session(model, picture)


@pytest.mark.parametrize("target", TARGETS)
def test_the_channels_of_the_last_stage_add_up_to_the_cells_evidence(session, target):
    reader, evidence = session.points(target), session.ledger.evidence_for(target)
    for x, y in ((40, 20), (70, 45), (100, 80)):
        for scale, cell in enumerate(reader.at(x, y, count=ALL).cells[3]):
            expected = evidence[scale][cell.row, cell.column]
            assert cell.is_exact
            assert sum(cell.contributions) == pytest.approx(expected, abs=1e-6)
            assert cell.total == pytest.approx(expected, abs=1e-6)


def test_with_layer_votes_the_channels_add_up_to_the_last_stages_part_of_the_evidence():
    model = tiny(has_layer_votes=True)
    session = Session(model, Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)))
    target = Target(3)
    with torch.no_grad():
        output = model.vote(session.levels, gate=session.gate)
        own = model.head.fc.weight.clone()
        own[:, model.trunk.out_channels :] = 0
        weight = own[target.index] - own.mean(0)
    for scale, cell in enumerate(session.point(30, 20, target, count=ALL).cells[3]):
        voter = output.voters[scale][0, :, cell.row, cell.column]
        expected = (voter @ weight) * session.gate.coefficients[scale][0, cell.row, cell.column]
        assert cell.total == pytest.approx(float(expected), abs=1e-6)
        assert cell.total != pytest.approx(session.ledger.evidence_for(target)[scale][cell.row, cell.column], abs=1e-6)


@pytest.mark.parametrize("target", TARGETS)
def test_the_last_stages_parts_are_gate_times_weight_times_feature_over_temperature(session, target):
    """The rule a second time, as plain algebra in float64."""
    model, gate = session.model, session.gate
    with torch.no_grad():
        maps = model.vote(session.levels, gate=gate).stages[-1]
    weight = model.head.fc.weight.detach().double()
    other = weight.mean(0) if target.against is None else weight[target.against]
    for scale, cell in enumerate(session.point(60, 30, target).cells[3]):
        feature = maps[scale][0, :, cell.row, cell.column].double()
        factor = gate.weights[scale][0, cell.row, cell.column].double() / gate.temperatures[0, scale].double()
        parts = (weight[target.index] - other) * feature * factor
        assert cell.contributions == pytest.approx(parts[list(cell.channels)].tolist(), abs=1e-6)
        assert cell.firing_count == int((feature > 0).sum()) and cell.channel_count == len(feature)
        assert np.all(np.diff(np.abs(cell.contributions)) <= 0)


def test_earlier_stages_are_true_to_first_order(session):
    """Shrinking one channel at one cell a little changes the score as its contribution says."""
    target, step = Target(1), 1e-3
    reader = session.points(target)
    stage, scale = 1, 2
    cell = reader.at(60, 30).cells[stage][scale]
    assert not cell.is_exact
    model = session.model
    channel = cell.channels[0]

    def shrink(module, inputs, output):
        if output[scale] is None:  # without links the levels go through one by one
            return output
        changed = output[scale].clone()
        changed[:, channel, cell.row, cell.column] *= 1 - step
        return [changed if s == scale else x for s, x in enumerate(output)]

    place = model.trunk.link2 if model.trunk.link2 is not None else model.trunk.layer2
    model.double()
    levels = [level.double() for level in session.levels]
    gate = type(session.gate)(tuple(w.double() for w in session.gate.weights), session.gate.temperatures.double())
    try:
        with torch.no_grad():
            before = reader.relative(model.forward_levels(*levels, gate=gate)[0])
            with place.register_forward_hook(shrink):
                after = reader.relative(model.forward_levels(*levels, gate=gate)[0])
    finally:
        model.float()
    assert float(before - after) / step == pytest.approx(cell.contributions[0], rel=0.02)


def test_the_cell_is_the_one_whose_centre_is_nearest(session):
    geometry, model = session.geometry, session.model
    for x, y in ((31.0, 7.0), (77.7, 50.2), (109.0, 84.0)):
        for stage, cells in enumerate(session.point(x, y, Target(0)).cells):
            for cell in cells:
                stride = model.trunk.cell_stride(stage)
                across, down = geometry.to_level(x, y, side=cell.side)
                for place, position, count in ((across, cell.column, cell.shape[1]), (down, cell.row, cell.shape[0])):
                    distances = [abs(stride * i + 0.5 - place) for i in range(count)]
                    assert distances[position] == min(distances)
                assert cell.maps.shape == (5, *cell.shape)
                assert cell.maps[:, cell.row, cell.column] == pytest.approx(cell.activations)


def test_the_field_in_the_upload_is_the_field_on_the_level(session):
    for cells in session.point(60, 30, Target(0)).cells:
        for cell in cells:
            left, top, right, bottom = cell.upload_box
            field = cell.field
            corners = (
                *session.geometry.to_level(left, top, side=cell.side),
                *session.geometry.to_level(right, bottom, side=cell.side),
            )
            assert corners == pytest.approx((field.left, field.top, field.right, field.bottom))
            assert [other is None for other in cell.fields].count(False) >= 1


def test_the_influence_lies_within_the_field(session):
    asked = []
    reading = session.point(60, 30, Target(0), has_influence=True, on_progress=asked.append)
    assert asked[0] == 0 and len(asked) == 12
    for cells in reading.cells:
        for cell in cells:
            left, top, right, bottom = cell.influence.box
            assert cell.field.left <= left < right <= cell.field.right
            assert cell.field.top <= top < bottom <= cell.field.bottom
            assert (right - left) * (bottom - top) < 0.9 * (cell.field.right - cell.field.left) ** 2
    first, last = reading.cells[0][2].influence.box, reading.cells[3][2].influence.box
    assert first[2] - first[0] < last[2] - last[0], "deeper cells see more"


def test_the_middle_of_weights_is_what_it_says():
    assert middle(np.ones(20)) == pytest.approx((1.0, 19.0))
    assert middle(np.array([0.0, 0.0, 4.0, 0.0])) == pytest.approx((2.05, 2.95))


def test_a_reading_can_be_cancelled(session):
    with pytest.raises(Cancelled):
        session.point(60, 30, Target(0), has_influence=True, is_cancelled=lambda: True)


def test_the_model_is_afterwards_what_it_was(session):
    model = session.model
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    session.point(60, 30, Target(0), has_influence=True)
    assert model.training and all(parameter.requires_grad for parameter in model.parameters())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    model.eval()


@pytest.mark.parametrize(("x", "y"), [(-1, 30), (10, 30), (60, 89), (200, 30), (float("nan"), 3)])
def test_a_point_that_the_model_does_not_see_is_told(session, x, y):
    with pytest.raises(ConfigError, match="choose one inside"):
        session.point(x, y, Target(0))


def test_what_a_program_is_told(session):
    reading = session.point(60, 30, Target(1), count=2)
    told = reading.to_dict()
    assert len(told["cells"]) == 12 and told["target"] == {"index": 1, "against": None}
    last = told["cells"][-1]
    cell = reading.cells[3][2]
    assert (last["stage"], last["side"], last["is_exact"], last["effective_field"]) == (4, 64, True, None)
    assert last["channels"][0]["contribution"] == cell.contributions[0]
    assert len(last["receptive_field"]) == 3 and len(last["channels"]) == 2
