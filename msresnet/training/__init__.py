"""The training loop; distributed and mixed-precision by Hugging Face Accelerate.

The same command trains on one process, on two of one machine, or on the GPUs of many
nodes: docs/training.md says how.
"""

import json
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader

from ..data import Pictures, Split
from ..losses import multiscale_loss
from ..model import MultiscaleResNet
from ..processes import leave_at_exit
from ..pyramid import tensor_levels
from ..recipes import Recipe
from .batches import Mix, batches, mixed_seed, steps_in_epoch
from .beginning import begin_with
from .optimisation import LearningRate, exponential_mean, for_this_machine, freeze_norms, make_optimizer, present_levels
from .progress import HeldOut, TrainingLog
from .state import load_state, save_state

STATISTICS_BATCHES = 40  # 5,120 pictures of a batch of 128


class Step(nn.Module):
    """The loss of a batch as a module, so that a distributed engine can wrap it."""

    def __init__(self, model: MultiscaleResNet, recipe: Recipe) -> None:
        super().__init__()
        self.model, self.recipe = model, recipe

    def forward(self, images: Tensor, labels: Tensor, present: tuple[bool, ...], sides: tuple[int, ...]) -> Tensor:
        """Scalar loss of uint8 ``(batch, 3, side, side)`` with the ``present`` ones of the levels of these sides."""
        images = (images.float() / 255).contiguous(memory_format=torch.channels_last)
        sides = [side for side, is_on in zip(sides, present, strict=True) if is_on]
        made = iter(tensor_levels(images, sides))
        output = self.model.vote([next(made) if is_on else None for is_on in present])
        return multiscale_loss(output, labels, weights=self.recipe.loss, label_smoothing=self.recipe.label_smoothing)


def train(
    recipe: Recipe,
    split: Split,
    out: Path,
    *,
    held_out: Split | None = None,
    start_from: MultiscaleResNet | None = None,
    is_resumed: bool = False,
    workers: int = 2,
    save_every_s: float = 120,
) -> MultiscaleResNet:
    """Train by a recipe; the last checkpoint, the log and its curves go to ``out``.

    Args:
        recipe: what to train, and how.
        split: the pictures; see :func:`msresnet.data.readable` for those that are none.
        out: gets ``checkpoint.pt`` every ``save_every_s`` seconds, ``recipe.json``,
            ``log.jsonl`` and ``curves.png``.
        held_out: pictures to look at after every epoch; by default the recipe's
            ``held_out_per_class`` last ones of each class, which are then not trained on.
        start_from: a model of the same network, perhaps of other levels, whose weights are the first ones;
            see :func:`~msresnet.training.beginning.begin_with`.
        is_resumed: go on from the last checkpoint, in the middle of an epoch too; the
            weights at the end are those of a run that was never stopped.
        workers: processes that read pictures.
        save_every_s: seconds between two checkpoints.

    Returns:
        The model in evaluation mode; with an ``ema`` in the recipe the mean of its weights.

    Raises:
        DataError: the data cannot be trained on.
        ConfigError: the loss is no longer a number, or the checkpoint is of another recipe.
    """
    out.mkdir(parents=True, exist_ok=True)
    if held_out is None:
        split, held_out = split.hold_out(recipe.held_out_per_class)
    per_epoch = steps_in_epoch(recipe, split)
    run = Run(recipe, split, start_from)
    recipe = run.recipe
    start = run.restore(out / "checkpoint.pt") if is_resumed else 0
    engine, log = run.engine, None
    if engine.is_main_process:
        log = TrainingLog(out / "log.jsonl", recipe, steps_per_epoch=per_epoch, start=start)
        (out / "recipe.json").write_text(json.dumps(recipe.to_dict(), indent=2))
    last_saved = time.monotonic()
    rank, ranks = engine.process_index, engine.num_processes
    for done, images, labels in batches(recipe, split, start=start, workers=workers, rank=rank, ranks=ranks):
        loss, lr = run.step(images, labels, done)
        if log is not None:
            log.add(done + 1, loss, lr=lr)
        if (done + 1) % per_epoch == 0 and held_out.samples:
            found = run.look_at(held_out)
            if log is not None:
                log.add_held_out(done + 1, found)
        is_last = done + 1 == recipe.epochs * per_epoch
        if log is not None and (is_last or time.monotonic() - last_saved > save_every_s):
            save_state(run.state(done + 1), out / "checkpoint.pt")
            last_saved = time.monotonic()
    run.settle(images for _, images, _ in islice(batches(recipe, split, start=0, workers=workers), STATISTICS_BATCHES))
    found = run.look_at(held_out) if held_out.samples else None
    if log is not None:
        if found is not None:
            log.add_held_out(recipe.epochs * per_epoch, found)
        log.close()
    engine.wait_for_everyone()
    leave_at_exit()
    return run.result.eval()


class Run:
    """All that changes while a recipe is trained: weights, optimizer, learning rate, mean of the weights.

    Attributes:
        recipe: with the precision of this machine.
        engine: distribution and precision.
        model: what learns.
        result: what the run is for: the mean of the model's weights where the recipe asks for one.
    """

    def __init__(self, recipe: Recipe, split: Split, start_from: MultiscaleResNet | None) -> None:
        # A level that is dropped leaves its batch-norms without a gradient.
        unused = DistributedDataParallelKwargs(find_unused_parameters=True)
        self.recipe = recipe = for_this_machine(recipe)
        self.engine = Accelerator(mixed_precision=recipe.precision, kwargs_handlers=[unused])
        set_seed(recipe.seed)
        self.per_epoch = steps_in_epoch(recipe, split)
        self.model = MultiscaleResNet(recipe.model_config(split.classes)).to(memory_format=torch.channels_last)
        if start_from is not None:
            begin_with(self.model, start_from)
        optimizer = make_optimizer(self.model, recipe)
        self.loss_of, self.optimizer = self.engine.prepare(Step(self.model, recipe), optimizer)
        self.schedule = LearningRate(optimizer, recipe, self.per_epoch)
        self.mean = exponential_mean(self.model, recipe.ema) if recipe.ema else None
        self.result: MultiscaleResNet = self.model if self.mean is None else self.mean.module
        self.mix = Mix(recipe.augmentation, len(split.classes))

    def restore(self, checkpoint: Path) -> int:
        """Put back what a checkpoint holds; the number of steps that are done, 0 where there is none."""
        kept = load_state(checkpoint, self.recipe)
        if kept is None:
            return 0
        for name, part in self.parts().items():
            part.load_state_dict(kept[name])
        return kept["step"]

    def state(self, done: int) -> dict:
        """What :meth:`restore` needs."""
        kept = {name: part.state_dict() for name, part in self.parts().items()}
        return {**kept, "step": done, "recipe": self.recipe.to_dict()}

    def parts(self) -> dict:
        """Everything with a state, by name."""
        parts = {"model": self.model, "optimizer": self.optimizer, "schedule": self.schedule}
        return parts if self.mean is None else {**parts, "mean": self.mean}

    def step(self, images: Tensor, labels: Tensor, done: int) -> tuple[float, float]:
        """Learn from a batch, ``done`` steps being done; the mean loss over all processes, and the learning rate.

        Which levels take part is drawn alike in every process, everything else that is
        random in each for itself.
        """
        recipe, engine, epoch = self.recipe, self.engine, done / self.per_epoch
        self.model.train()
        if recipe.is_norm_frozen:
            freeze_norms(self.model)
        torch.manual_seed(mixed_seed(recipe.seed, done))
        present = present_levels(recipe, is_full=recipe.is_full_at(epoch))
        torch.manual_seed(mixed_seed(recipe.seed, done, engine.process_index))
        images, labels = self.mix(images.to(engine.device), labels.to(engine.device))
        with engine.autocast():
            loss = self.loss_of(images, labels, present, recipe.sides_at(epoch))
        engine.backward(loss)
        engine.clip_grad_norm_(self.model.parameters(), recipe.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        lr = self.optimizer.param_groups[0]["lr"]
        self.schedule.after_step()
        if self.mean is not None:
            self.mean.update_parameters(self.model)
        return engine.reduce(loss.detach(), "mean").item(), lr

    @torch.no_grad()
    def settle(self, some: Iterable[Tensor]) -> None:
        """The statistics of the result's norms anew, from uint8 batches with every level; every process sees the same.

        Those that were kept while it learned belong to weights that have changed since, and to
        levels whose neighbours were left out: a mean of weights most of all needs its own.
        """
        if not self.recipe.is_norm_frozen:
            with self.engine.autocast():
                update_bn((images.float() / 255 for images in some), self.result, self.engine.device)

    @torch.no_grad()
    def look_at(self, held_out: Split) -> HeldOut:
        """Cross-entropy and top-1 of the vote on held-out pictures, each process its share of them."""
        engine, model = self.engine, self.result.eval()
        pictures = Pictures(held_out, side=self.recipe.source_side)
        mine = range(engine.process_index, len(pictures), engine.num_processes)
        sums = torch.zeros(3, device=engine.device)  # loss, right, count
        for images, labels in DataLoader(pictures, self.recipe.batch_size, sampler=mine):
            labels = labels.to(engine.device)
            with engine.autocast():
                logits = model(images.to(engine.device).float() / 255).logits.float()
            loss = F.cross_entropy(logits, labels, reduction="sum")
            sums += torch.stack([loss, (logits.argmax(dim=1) == labels).sum().float(), loss.new_tensor(len(labels))])
        loss, right, count = engine.reduce(sums, "sum").tolist()
        found = HeldOut(loss / count, right / count)
        self.schedule.after_epoch(found.loss)
        return found
