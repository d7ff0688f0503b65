"""What takes the steps: precision, parameter groups, optimizer, learning rate, mean weights, scale dropout."""

import torch
from accelerate.utils import parse_flag_from_env
from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, OneCycleLR, ReduceLROnPlateau, SequentialLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from .. import recipes
from ..device import choose_device
from ..recipes import Recipe, for_device


def for_this_machine(recipe: Recipe) -> Recipe:
    """The recipe with a precision for the device that Accelerate will choose."""
    return for_device(recipe, choose_device("cpu" if parse_flag_from_env("ACCELERATE_USE_CPU") else "auto"))


def make_optimizer(model: nn.Module, recipe: Recipe) -> Optimizer:
    """SGD with Nesterov momentum, or AdamW, over :func:`parameter_groups`."""
    groups = parameter_groups(model, recipe.weight_decay)
    if recipe.optimizer is recipes.Optimizer.ADAMW:
        return AdamW(groups, lr=recipe.lr, betas=(recipe.momentum, 0.999))
    return SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Kernels and classifier with weight decay; norms, biases and the gate without."""
    decayed = [p for name, p in model.named_parameters() if p.ndim > 1 and ".gate." not in name]
    others = [p for name, p in model.named_parameters() if not (p.ndim > 1 and ".gate." not in name)]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


class LearningRate:
    """A recipe's schedule by PyTorch's own schedulers: told of every step, and of every epoch's held-out loss."""

    FIRST = 0.01  # where a warm-up begins, as a share of the peak

    def __init__(self, optimizer: Optimizer, recipe: Recipe, steps_per_epoch: int) -> None:
        total = recipe.epochs * steps_per_epoch
        warmup = min(max(round(recipe.warmup_epochs * steps_per_epoch), 1), total)
        self.plateau = None
        if recipe.schedule is recipes.Schedule.ONE_CYCLE:
            self.by_step = OneCycleLR(
                optimizer, recipe.lr, total_steps=total + 1, pct_start=warmup / total, cycle_momentum=False
            )
            return
        rise = LinearLR(optimizer, self.FIRST, total_iters=warmup)
        if recipe.schedule is recipes.Schedule.PLATEAU:
            self.by_step, self.plateau = rise, ReduceLROnPlateau(optimizer, factor=1 / 3, patience=1)
            return
        fall = CosineAnnealingLR(optimizer, max(total - warmup, 1))
        self.by_step = SequentialLR(optimizer, [rise, fall], milestones=[warmup])

    def after_step(self) -> None:
        """The rate of the next step."""
        self.by_step.step()

    def after_epoch(self, held_out_loss: float) -> None:
        """What a plateau schedule goes by; the others do not ask."""
        if self.plateau is not None:
            self.plateau.step(held_out_loss)

    def state_dict(self) -> dict:
        """All that a resumed run needs."""
        return {
            "by_step": self.by_step.state_dict(),
            "plateau": None if self.plateau is None else self.plateau.state_dict(),
        }

    def load_state_dict(self, state: dict) -> None:
        """Put back what :meth:`state_dict` gave."""
        self.by_step.load_state_dict(state["by_step"])
        if self.plateau is not None:
            self.plateau.load_state_dict(state["plateau"])


def exponential_mean(model: nn.Module, decay: float) -> AveragedModel:
    """The exponential moving average of all weights and statistics of a model."""
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)


def present_levels(recipe: Recipe, *, is_full: bool) -> tuple[bool, ...]:
    """Which levels take part in a step: all of them, or a draw by ``scale_dropout``."""
    if is_full:
        return (True,) * len(recipe.sides)
    drop = torch.tensor(recipe.scale_dropout)
    present = torch.rand(len(drop)) >= drop
    if not present.any():
        present[torch.multinomial(1 - drop + 1e-9, 1)] = True
    return tuple(present.tolist())


def freeze_norms(model: nn.Module) -> None:
    """Batch-norm uses the statistics that it has, and leaves them."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
