"""Our maps at a single scale beside Captum's and pytorch-grad-cam's: are they equal, and what do they cost?

``python benchmarks/peers.py``. One torchvision network, one photograph, its most probable
class; random weights unless ``--weights FILE`` (a torchvision state dict, safetensors) is
given, since equality holds for any. Every library answers in a process of its own, so that
its peak memory is its own, imports and network included. pytorch-grad-cam is left out
where it is not installed (``pip install 'msresnet[benchmark]'``). Prints Markdown.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import matplotlib
import numpy as np
import torch
import torchvision
from _peers import PEERS, Case, correlation, placed_as
from _report import CLOCKS, Row, machine, number, parser, peak_memory_mb, seconds, use_threads

from msresnet.geometry import Geometry, crop_to
from msresnet.images import read_image
from msresnet.pyramid import pixels

EQUAL = 0.999
PHOTO = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"  # a dependency ships it
IMPORTED_AS = {"msresnet": "msresnet", "Captum": "captum", "pytorch-grad-cam": "pytorch_grad_cam"}


def main() -> None:
    options = parser(__doc__.partition("\n")[0], runs=3)
    options.add_argument("--architectures", nargs="+", default=["resnet18", "resnet50"], metavar="NAME")
    options.add_argument("--side", type=int, default=224, metavar="PX")
    options.add_argument("--weights", type=Path, metavar="FILE", help="for a single architecture")
    options.add_argument("--clock", choices=CLOCKS, default="wall")
    options.add_argument("--answer", nargs=3, metavar=("ARCHITECTURE", "METHOD", "LIBRARY"), help=argparse.SUPPRESS)
    options.add_argument("--to", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    use_threads(chosen.threads)
    if chosen.answer is not None:
        answer(*chosen.answer, chosen)
        return
    installed = [name for name, module in IMPORTED_AS.items() if find_spec(module) is not None]
    asked = [
        (architecture, method, library)
        for architecture in chosen.architectures
        for method, libraries in PEERS.items()
        for library in libraries
        if library in installed
    ]
    with tempfile.TemporaryDirectory() as folder:
        answers = {one: ask(*one, chosen, Path(folder)) for one in asked}
    report(answers, chosen, missing=set(IMPORTED_AS) - set(installed))


def case_of(architecture: str, chosen: argparse.Namespace) -> Case:
    """The network, the photograph and the class."""
    torch.manual_seed(0)
    resnet = getattr(torchvision.models, architecture)().eval()
    if chosen.weights is not None:
        from safetensors.torch import load_file

        resnet.load_state_dict({key: value.float() for key, value in load_file(chosen.weights).items()})
    picture = read_image(PHOTO)
    image = pixels(crop_to(picture, Geometry.centre_crop(picture.size), chosen.side))
    with torch.no_grad():
        label = int(resnet(image).argmax())
    return Case(resnet, image, label)


def answer(architecture: str, method: str, library: str, chosen: argparse.Namespace) -> None:
    """In the child process: the map, how long it took, and the peak of memory; the first run does not count."""
    case = case_of(architecture, chosen)
    compute = PEERS[method][library](case)
    found = compute()
    times = [seconds(compute, clock=chosen.clock) for _ in range(chosen.runs)]
    peak_mb = peak_memory_mb()
    drawn = {}
    if library == "msresnet":
        peers = (name for name in PEERS[method] if name != library)
        drawn = {name: placed_as(name, method, case, found) for name in peers}
    np.savez(chosen.to, found=found, **drawn)
    print(json.dumps({"seconds": times, "peak_mb": peak_mb}))


def ask(architecture: str, method: str, library: str, chosen: argparse.Namespace, folder: Path) -> dict:
    """One library's answer, from a process of its own."""
    path = folder / f"{architecture}-{method}-{library}.npz"
    command = [sys.executable, __file__, "--answer", architecture, method, library, "--to", str(path)]
    command += ["--runs", str(chosen.runs), "--side", str(chosen.side), "--clock", chosen.clock]
    command += [] if chosen.threads is None else ["--threads", str(chosen.threads)]
    command += [] if chosen.weights is None else ["--weights", str(chosen.weights)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if ended.returncode:
        sys.exit(f"{library} could not answer {method} of {architecture}")
    with np.load(path) as kept:
        return {**json.loads(ended.stdout.splitlines()[-1]), "maps": {key: kept[key] for key in kept.files}}


def report(answers: dict, chosen: argparse.Namespace, *, missing: set[str]) -> None:
    """Markdown, and JSON where asked."""
    here, figures = machine(), []
    print(", ".join(f"{key} {value}" for key, value in here.items()) + f", {chosen.clock} time")
    for name in sorted(missing):
        print(f"{name} is not installed and was left out")
    print(f"\n| what | median | 95 % interval | peak memory | correlation with ours (at least {EQUAL}) |")
    print("|---|---:|---|---:|---:|")
    for (architecture, method, library), one in answers.items():
        what = f"{architecture}, {method}: {library}"
        row = Row.of(what, one["seconds"], unit="s", target=float("inf"))
        own = answers[architecture, method, "msresnet"]["maps"]
        same = None if library == "msresnet" else correlation(own[library], one["maps"]["found"])
        figures.append({"what": what, "value": row.value, "peak_mb": one["peak_mb"], "correlation": same})
        interval = f"{number(row.low)} to {number(row.high)}" if row.runs > 1 else "one run"
        peak = "" if one["peak_mb"] is None else f"{number(one['peak_mb'])} MB"
        print(f"| {what} | {number(row.value)} s | {interval} | {peak} | {'' if same is None else f'{same:.6f}'} |")
    if chosen.json is not None:
        content = json.dumps({"machine": here, "figures": figures}, indent=2, ensure_ascii=False)
        chosen.json.write_text(content + "\n", encoding="utf-8")
    unequal = [one["what"] for one in figures if one["correlation"] is not None and one["correlation"] < EQUAL]
    if unequal:
        sys.exit(f"not equal to ours: {', '.join(unequal)}")


if __name__ == "__main__":
    main()
