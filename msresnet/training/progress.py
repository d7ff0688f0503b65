"""What a run tells while it runs and afterwards: the log, the bar, the curves."""

import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure
from tqdm import tqdm

from ..errors import ConfigError
from ..recipes import Recipe


class Diverged(ConfigError):
    """The loss is no number any more."""


@dataclass(frozen=True)
class HeldOut:
    """How the model does on the pictures that are kept aside."""

    loss: float
    top1: float


class TrainingLog:
    """Mean loss, learning rate, speed and time left, a line of JSON every few steps and after every epoch.

    Steps cost what their levels' pixels cost, and a recipe says beforehand how many those
    are: the time left goes by the pixels that are left, not by the steps.

    Args:
        path: of the log; lines are added.
        recipe: what is trained.
        steps_per_epoch, start: where the run is; ``start`` steps were done before.
        has_bar: show a progress bar where stderr is a terminal.
    """

    EVERY = 50

    def __init__(self, path: Path, recipe: Recipe, *, steps_per_epoch: int, start: int, has_bar: bool = True) -> None:
        self.path, self.recipe, self.per_epoch, self.start = path, recipe, steps_per_epoch, start
        self.total = recipe.epochs * steps_per_epoch
        self.began, self.losses, self.worked = time.monotonic(), [], 0.0
        self.to_do = sum(self.work(step) for step in range(start, self.total))
        self.bar = tqdm(
            total=self.to_do,
            disable=not (has_bar and sys.stderr.isatty()),
            bar_format="{desc} {percentage:3.0f}% |{bar}| {elapsed} gone, {remaining} left{postfix}",
        )

    def work(self, step: int) -> float:
        """Expected pixels a picture of a step."""
        return self.recipe.work_at(step / self.per_epoch)

    def add(self, done: int, loss: float, *, lr: float) -> None:
        """Note the loss of a step; raises :class:`Diverged` when it is no number."""
        if not math.isfinite(loss):
            raise Diverged(f"the loss must be a number, got {loss} at step {done}; lower lr in the recipe")
        self.losses.append(loss)
        self.worked += self.work(done - 1)
        self.bar.set_description(f"epoch {done / self.per_epoch:.2f} of {self.recipe.epochs}, loss {loss:.3f}", False)
        self.bar.update(self.work(done - 1))
        if done % self.EVERY and done % self.per_epoch and done != self.total:
            return
        gone_s = time.monotonic() - self.began
        self.write(
            step=done,
            of=self.total,
            epoch=round(done / self.per_epoch, 3),
            loss=round(sum(self.losses) / len(self.losses), 5),
            lr=float(f"{lr:.4g}"),
            ms_per_step=round(1000 * gone_s / (done - self.start)),
            left_minutes=round((self.to_do - self.worked) / self.worked * gone_s / 60, 1),
        )
        self.losses = []

    def add_held_out(self, done: int, found: HeldOut) -> None:
        """Note how the model does on what it does not learn from."""
        self.write(
            step=done,
            epoch=round(done / self.per_epoch, 3),
            held_out_loss=round(found.loss, 4),
            held_out_top1=round(found.top1, 4),
        )
        self.bar.set_postfix_str(f", held-out top-1 {100 * found.top1:.1f} %")

    def write(self, **row: float) -> None:
        """One line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def close(self) -> None:
        """Leave the bar as it is, and draw ``curves.png`` beside the log."""
        self.bar.close()
        draw_curves(self.path, self.path.with_name("curves.png"))


def read_log(path: Path) -> list[dict]:
    """The rows of a log in the order of their steps; of a step that a resumed run repeated, the last."""
    rows = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        rows[row["step"], "held_out_loss" in row] = row
    return [rows[key] for key in sorted(rows)]


def draw_curves(log: Path, out: Path) -> None:
    """Loss, held-out loss and accuracy, and learning rate over the epochs, as a PNG."""
    rows = read_log(log)
    trained = [row for row in rows if "loss" in row]
    held_out = [row for row in rows if "held_out_loss" in row]
    figure = Figure(figsize=(9, 3), layout="constrained", dpi=120)
    loss, accuracy, rate = figure.subplots(1, 3)
    loss.plot([row["epoch"] for row in trained], [row["loss"] for row in trained], label="training, all terms")
    loss.set(xlabel="epoch", ylabel="loss")
    if held_out:
        epochs = [row["epoch"] for row in held_out]
        loss.plot(epochs, [row["held_out_loss"] for row in held_out], "o-", label="held out, cross-entropy")
        accuracy.plot(epochs, [100 * row["held_out_top1"] for row in held_out], "o-", color="tab:orange")
    loss.legend(frameon=False)
    accuracy.set(xlabel="epoch", ylabel="held-out top-1 in %")
    rate.plot([row["epoch"] for row in trained], [row["lr"] for row in trained], color="tab:gray")
    rate.set(xlabel="epoch", ylabel="learning rate")
    figure.savefig(out)
