"""What explaining costs: ours over torchvision's plain forwards of the same backbone at the same sides.

``python benchmarks/forward.py``. Random weights, batches of one. In every run the three
parts take turns in a random order, and each ratio is of one run's times. The plain
forwards get levels that are normalised already: the time of a network depends on its
input, and ours has to normalise within its own.
"""

import random
from collections.abc import Callable

import torch
import torchvision
from _report import Row, add_clock, parser, report, seconds, use_threads

from msresnet.attribution import grad_cam_of_classes
from msresnet.ledger import Ledger
from msresnet.model import MultiscaleResNet

LEDGER_TARGET, GRAD_CAM_TARGET = 1.10, 2.0
TOP_K = 5
WARM_UPS = 2


def main() -> None:
    options = parser(__doc__.partition("\n")[0], runs=20)
    options.add_argument("--architectures", nargs="+", default=["resnet18", "resnet50"], metavar="NAME")
    options.add_argument("--sides", nargs="+", type=int, default=[160, 224, 320, 448], metavar="PX")
    add_clock(options)
    chosen = options.parse_args()
    use_threads(chosen.threads)
    rows = [row for name in chosen.architectures for row in measure(name, chosen.sides, chosen.runs, chosen.clock)]
    report(rows, json_path=chosen.json)


@torch.no_grad()
def measure(architecture: str, sides: list[int], runs: int, clock: str) -> list[Row]:
    """Ratios of one backbone."""
    torch.manual_seed(0)
    resnet = getattr(torchvision.models, architecture)().eval()
    model = MultiscaleResNet.lift(resnet, sides=sides, gate="gated")
    levels = [torch.rand(1, 3, side, side) for side in model.sides]
    normalised = [(level - model.mean) / model.std for level in levels]

    def plain() -> None:
        for level in normalised:
            resnet(level)

    def ledger() -> None:
        """Top-k, ledger, and the evidence of every class."""
        Ledger.of(model.vote(levels), model.classes).top_k(TOP_K)

    def grad_cam() -> None:
        """Grad-CAM of the most probable classes at every scale."""
        output = model.vote(levels)
        grad_cam_of_classes(model, output, output.logits[0].topk(TOP_K).indices.tolist())

    plain_s, ledger_s, grad_cam_s = interleaved([plain, ledger, grad_cam], runs, clock)
    where = f"over the forwards of {architecture} at {'/'.join(map(str, model.sides))} px"
    return [
        Row.of(f"answer, ledger, all evidence: {where}", ratios(ledger_s, plain_s), target=LEDGER_TARGET),
        Row.of(f"Grad-CAM of {TOP_K} classes: {where}", ratios(grad_cam_s, plain_s), target=GRAD_CAM_TARGET),
    ]


def interleaved(works: list[Callable[[], None]], runs: int, clock: str) -> list[list[float]]:
    """Seconds of each work in each run, in a random order within a run."""
    times: list[list[float]] = [[] for _ in works]
    order = list(range(len(works)))
    shuffle = random.Random(0).shuffle
    for run in range(-WARM_UPS, runs):
        shuffle(order)
        for index in order:
            elapsed_s = seconds(works[index], clock=clock)
            if run >= 0:
                times[index].append(elapsed_s)
    return times


def ratios(times: list[float], others: list[float]) -> list[float]:
    """Of each run."""
    return [one / other for one, other in zip(times, others, strict=True)]


if __name__ == "__main__":
    main()
