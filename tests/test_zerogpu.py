"""The page as a ZeroGPU Space runs it: without a GPU of its own, and with a stand-in for ``spaces`` that forks.

The page is ``python app.py`` in a process of its own, asked over HTTP and by a browser; what the border between
the processes does is tried by ``stand_in/border.py``. What only a real ZeroGPU can show is not measured.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import pytest
from gradio_client import Client, handle_file
from serving import started
from test_endpoint import assert_same
from tiny import tiny

from msresnet import explain
from msresnet.attribution import METHODS
from msresnet.checkpoint import load_model, save_checkpoint
from msresnet.errors import UnknownNameError
from msresnet.explain import Session
from msresnet.identity import identify
from msresnet.model import MultiscaleResNet
from msresnet.packed import PackedSession
from msresnet.ui import gpu
from msresnet.ui.gpu import Order, seconds_needed
from msresnet.ui.work import attribution_step

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

ROOT = Path(__file__).resolve().parents[1]
STAND_IN = ROOT / "tests" / "stand_in"
PHOTO = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
STARTED_WITH, LISTED = "mine", "msresnet18-tiny"


@dataclass(frozen=True)
class Space:
    """A page that runs as on ZeroGPU."""

    address: str
    folder: Path
    models: dict[str, MultiscaleResNet]

    def calls(self) -> list[dict]:
        """What was asked of the GPU so far."""
        return [json.loads(line) for line in (self.folder / "calls.jsonl").read_text().splitlines()]


def environment(folder: Path) -> dict[str, str]:
    """This one's, as a ZeroGPU Space has it."""
    path = [str(ROOT), str(STAND_IN), str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path),
        "SPACES_ZERO_GPU": "true",
        "SPACE_ID": "someone/msresnet",
        "SPACES_STAND_IN_LOG": str(folder / "calls.jsonl"),
        "SPACES_STAND_IN_QUOTA": str(folder / "no-quota"),
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
    }


@pytest.fixture(scope="module")
def space(tmp_path_factory) -> Iterator[Space]:
    folder = tmp_path_factory.mktemp("space")
    save_checkpoint(tiny(), folder / "own" / STARTED_WITH, name=STARTED_WITH)
    save_checkpoint(tiny(sides=(32, 48)), folder / "weights" / LISTED, name=LISTED)
    paths = {STARTED_WITH: folder / "own" / STARTED_WITH, LISTED: folder / "weights" / LISTED}
    models = {name: load_model(path, device="cpu") for name, path in paths.items()}
    settings = {"MSRESNET_MODEL": str(paths[STARTED_WITH]), "MSRESNET_WEIGHTS": str(folder / "weights")}
    with started([sys.executable, "app.py"], environment(folder) | settings) as address:
        yield Space(address, folder, models)


@pytest.fixture(scope="module")
def client(space) -> Iterator[Client]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)
        client = Client(space.address, verbose=False, analytics_enabled=False)
    yield client
    client.close()


def ask(client: Client, model: str, method: str) -> dict:
    return client.predict(handle_file(str(PHOTO)), model, method, 3, api_name="/explain")


def test_the_endpoint_gives_what_the_function_gives(client, space):
    for method in ("integrated-gradients", "scale-shapley"):
        expected = explain(space.models[STARTED_WITH], PHOTO, methods=(method,), top_k=3).to_dict()
        assert_same(ask(client, STARTED_WITH, method), expected)
    first, second = space.calls()[-2:]
    assert first["worker"] == second["worker"] != first["page"]
    assert second["is_reused"]


def test_a_worker_finds_a_model_that_is_younger_than_itself(client, space):
    ask(client, STARTED_WITH, "saliency")
    expected = explain(space.models[LISTED], PHOTO, methods=("saliency",), top_k=3).to_dict()
    assert_same(ask(client, LISTED, "saliency"), expected)
    assert space.calls()[-1]["is_reused"]


def test_without_quota_the_cpu_answers(client, space):
    before, quota = space.calls(), space.folder / "no-quota"
    quota.touch()
    try:
        answer = ask(client, STARTED_WITH, "grad-cam")
    finally:
        quota.unlink()
    expected = explain(space.models[STARTED_WITH], PHOTO, methods=("grad-cam",), top_k=3).to_dict()
    assert_same(answer, expected)
    assert space.calls() == before


@pytest.mark.browser
def test_a_visitor_is_answered(space, chromium_path):
    visiting = pytest.importorskip("visiting")
    with visiting.sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=visiting.FLAGS)
        visitor = visiting.Visitor(browser.new_page(), space.address).open()
        visitor.explain(space.models[STARTED_WITH], PHOTO)
        visitor.choose_method("saliency")
        assert not visitor.problems
        browser.close()
    features_and_map, only_map = space.calls()[-2:]
    assert features_and_map["values"] >= 2 and only_map["values"] >= 1


def test_the_border_between_the_processes(tmp_path):
    command = [sys.executable, str(STAND_IN / "border.py"), str(tmp_path)]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, timeout=280, check=False
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    first, second = told["seen"]
    assert first == second and first["process"] != told["page"]
    assert (first["models"], told["models_at_home"]) == (1, 0)  # what the fork keeps, its parent never sees
    assert first["threads"] == 1
    assert told["is_stopped"]  # when whoever listened had left
    expected = UnknownNameError("class", "lynx", ["tabby", "lion"])
    assert told["refusal"] == ["UnknownNameError", str(expected)]
    assert told["bug"] == "done at home" and "a bug in the other process" in ended.stderr
    assert told["without_quota"]["process"] == told["page"]
    assert "quota" in told["without_quota"]["refusal"]


def order(session: Session, *methods: str) -> Order:
    steps = tuple(attribution_step(session, method, session.target()) for method in methods)
    return Order(identify(session.model), PackedSession.of(session), steps)


def test_a_gpu_is_asked_for_as_long_as_the_method_costs():
    session = Session(tiny(), PHOTO)
    by_cost = sorted(METHODS.values(), key=lambda method: method.cost(len(session.levels)))
    seconds = [seconds_needed(order(session, method.name)) for method in by_cost]
    assert seconds == sorted(seconds)
    assert seconds[0] < seconds[-1] <= 60  # what ZeroGPU grants unasked
    both = seconds_needed(order(session, by_cost[0].name, by_cost[-1].name))
    assert both >= seconds[-1]


def test_without_the_package_and_elsewhere_nothing_is_lent(monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert gpu.spaces is not None or not gpu.is_lent()
    monkeypatch.setattr(gpu, "spaces", object())
    assert gpu.is_lent() and gpu.home_device() == "cpu"
    monkeypatch.delenv("SPACES_ZERO_GPU")
    assert not gpu.is_lent() and gpu.home_device() == "auto"


def test_an_unpacked_session_gives_what_the_packed_one_gave():
    session = Session(tiny(), PHOTO)
    other = PackedSession.of(session).unpack(gpu.twin(session.model))
    target = session.target()
    assert_same(vars(other.answer(target).top_k[0]), vars(session.answer(target).top_k[0]))
    one, two = (each.attribution("integrated-gradients", target) for each in (session, other))
    for mine, theirs in zip(one.maps, two.maps, strict=True):
        assert (mine == theirs).all()
    assert other.model.lock is not session.model.lock
