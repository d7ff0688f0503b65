"""What happens at the border between the page's process and the one with the GPU; prints JSON."""

import json
import os
import sys
from pathlib import Path

import matplotlib
import spaces  # noqa: F401  before torch, as a Space has it
import torch
from tiny import tiny

from msresnet.errors import MsresnetError, UnknownNameError
from msresnet.explain import Session
from msresnet.identity import identify
from msresnet.ui import gpu
from msresnet.ui.gpu import Step, computed

PHOTO = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


def look_around(session, *, is_cancelled, on_progress):
    return {"process": os.getpid(), "models": len(gpu.models_here), "threads": torch.get_num_threads()}


def goes_on(session, *, folder, is_cancelled, on_progress):
    Path(folder, "begun").touch()
    while not is_cancelled():
        on_progress(0.5)
    Path(folder, "stopped").touch()


def is_impossible(session, *, is_cancelled, on_progress):
    raise UnknownNameError("class", "lynx", ["tabby", "lion"])


def is_broken(session, *, is_cancelled, on_progress):
    if os.getpid() != PAGE:
        raise RuntimeError("a bug in the other process")
    return "done at home"


def run(session, *steps: Step) -> list:
    return [progress for progress in computed(session, steps, is_cancelled=lambda: False) if progress.is_done]


def main(folder: str) -> None:
    session = Session(tiny(), PHOTO)
    identify(session.model)
    look = Step(look_around, 1)
    seen = [progress.result for progress in run(session, look, look)]
    stream = computed(session, [Step(goes_on, 1, {"folder": folder})], is_cancelled=lambda: False)
    next(stream)
    stream.close()
    try:
        run(session, Step(is_impossible, 1))
    except MsresnetError as error:
        refusal = [type(error).__name__, str(error)]
    (bug,) = run(session, Step(is_broken, 1))
    Path(os.environ["SPACES_STAND_IN_QUOTA"]).touch()
    (refused,) = run(session, look)
    print(
        json.dumps(
            {
                "page": PAGE,
                "seen": seen,
                "models_at_home": len(gpu.models_here),
                "is_stopped": Path(folder, "stopped").exists(),
                "refusal": refusal,
                "bug": bug.result,
                "without_quota": {"process": refused.result["process"], "refusal": refused.refusal},
            }
        )
    )


PAGE = os.getpid()

if __name__ == "__main__":
    sys.modules["border"] = sys.modules["__main__"]
    main(sys.argv[1])
