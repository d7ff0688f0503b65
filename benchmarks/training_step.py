"""How long a training step of the default model's network takes at each of its sides, small maps side by side and not.

``python benchmarks/training_step.py``, in the precision that training has on this machine.
"""

from dataclasses import replace
from statistics import median
from unittest import mock

import torch
from _report import Row, add_clock, parser, report, seconds, use_threads
from torch import Tensor

from msresnet import layers
from msresnet.model import MultiscaleResNet
from msresnet.recipes import RECIPES, for_device
from msresnet.training import Step

RECIPE = for_device(replace(RECIPES["tiny-imagenet"], has_links=False), torch.device("cpu"))
CLASSES = tuple(map(str, range(200)))
NO_WORSE = 1.05  # side by side over one by one: where it does not gain, it must not cost


def main() -> None:
    options = parser(__doc__.partition("\n")[0], runs=5)
    options.add_argument("--batch-size", type=int, default=RECIPE.batch_size, help="default: %(default)s")
    add_clock(options)
    chosen = options.parse_args()
    use_threads(chosen.threads)
    torch.manual_seed(0)
    model = MultiscaleResNet(RECIPE.model_config(CLASSES)).train().to(memory_format=torch.channels_last)
    images = torch.randint(256, (chosen.batch_size, 3, RECIPE.source_side, RECIPE.source_side), dtype=torch.uint8)
    labels = torch.randint(len(CLASSES), (chosen.batch_size,))
    rows = []
    for scale, side in enumerate(RECIPE.sides):
        together, apart = [], []
        work = StepAt(model, images, labels, scale)
        work()
        for _ in range(chosen.runs):
            together.append(seconds(work, clock=chosen.clock))
            with mock.patch.object(layers, "gains_side_by_side", lambda x: False):
                apart.append(seconds(work, clock=chosen.clock))
        what = f"a step at {side} px, {1000 * median(together):.0f} ms, over one of maps one by one"
        ratios = [one / other for one, other in zip(together, apart, strict=True)]
        rows.append(Row.of(what, ratios, target=NO_WORSE))
    report(rows, json_path=chosen.json)


class StepAt:
    """Loss and gradients of a batch with one level."""

    def __init__(self, model: MultiscaleResNet, images: Tensor, labels: Tensor, scale: int) -> None:
        self.step, self.images, self.labels = Step(model, RECIPE), images, labels
        self.present = tuple(s == scale for s in range(len(RECIPE.sides)))

    def __call__(self) -> None:
        self.step.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=RECIPE.precision == "bf16"):
            loss = self.step(self.images, self.labels, self.present, RECIPE.sides)
        loss.backward()


if __name__ == "__main__":
    main()
