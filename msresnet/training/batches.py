"""Pictures to augmented batches: the same in every run of a seed, resumed or not, on one process or many."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision.transforms import InterpolationMode, v2

from ..data import Pictures, Split
from ..errors import ConfigError, DataError
from ..recipes import Augmentation, Recipe


class EpochSampler(Sampler[int]):
    """A permutation that depends on the seed and the epoch alone, from a batch in it on.

    Of several processes each takes its part of every batch, so that together they see the
    batches that one process would.
    """

    def __init__(
        self, count: int, *, seed: int, epoch: int, batch_size: int, first: int = 0, rank: int = 0, ranks: int = 1
    ) -> None:
        if batch_size % ranks:
            raise ConfigError(f"batch_size must be a multiple of the {ranks} processes, got {batch_size}")
        generator = torch.Generator().manual_seed(mixed_seed(seed, epoch))
        order = torch.randperm(count, generator=generator)
        whole = order[: count // batch_size * batch_size].view(-1, ranks, batch_size // ranks)
        self.order = whole[first:, rank].flatten().tolist()

    def __iter__(self) -> Iterator[int]:
        return iter(self.order)

    def __len__(self) -> int:
        return len(self.order)


class Augmented(Dataset):
    """Pictures with an augmentation that depends on the seed, the epoch and the picture alone.

    A run that is resumed therefore sees the same pixels as one that was never stopped,
    whichever worker reads them.
    """

    def __init__(self, pictures: Pictures, transform: v2.Transform, *, seed: int, epoch: int) -> None:
        self.pictures, self.transform, self.seed, self.epoch = pictures, transform, seed, epoch

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture, label = self.pictures[index]
        with torch.random.fork_rng(devices=[]):
            # torch.manual_seed would also queue the seed for every kind of accelerator, a stack trace each time.
            torch.default_generator.manual_seed(mixed_seed(self.seed, self.epoch, index))
            return self.transform(picture), label


def mixed_seed(*parts: int) -> int:
    """One seed of several numbers; other numbers or another order give another seed."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def augmentation(of: Augmentation, side: int) -> v2.Transform:
    """What is done to a ``(3, side, side)`` picture; nothing that is not asked for is built."""
    steps: list[v2.Transform] = []
    if of.crop_area < 1:
        steps.append(v2.RandomResizedCrop(side, scale=(of.crop_area, 1.0), antialias=True))
    if of.crop_padding:
        steps.append(v2.RandomCrop(side, of.crop_padding, padding_mode="reflect"))
    if of.rotation or of.shear or of.translation or of.zoom != (1.0, 1.0):
        affine = v2.RandomAffine(
            of.rotation,
            translate=(of.translation, of.translation),
            scale=of.zoom,
            shear=of.shear or None,
            interpolation=InterpolationMode.BILINEAR,
            fill=of.fill,
        )
        steps.append(affine if of.affine == 1 else v2.RandomApply([affine], of.affine))
    if of.flip:
        steps.append(v2.RandomHorizontalFlip(of.flip))
    return v2.Compose(steps) if steps else v2.Identity()


class Mix:
    """CutMix (arXiv 1905.04899) or MixUp (1710.09412) of a batch with itself, by torchvision.

    Labels become ``(batch, class)`` probabilities in the batches that are mixed.
    """

    def __init__(self, of: Augmentation, class_count: int) -> None:
        self.share = of.mix
        self.choices = [
            make(alpha=alpha, num_classes=class_count)
            for make, alpha in ((v2.CutMix, of.cutmix), (v2.MixUp, of.mixup))
            if alpha
        ]

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The batch, mixed (then float) or as it was; draws from PyTorch's random numbers."""
        if not self.share or float(torch.rand(())) >= self.share:
            return images, labels
        return self.choices[int(torch.randint(len(self.choices), ()))](images.float(), labels)


def steps_in_epoch(recipe: Recipe, split: Split) -> int:
    """Whole batches in the training set.

    Raises:
        DataError: there is not even one.
    """
    steps = len(split.samples) // recipe.batch_size
    if not steps:
        raise DataError(
            f"a batch takes {recipe.batch_size} pictures, the training set has {len(split.samples)}; "
            "lower batch_size or held_out_per_class in the recipe"
        )
    return steps


def batches(
    recipe: Recipe, split: Split, *, start: int, workers: int, rank: int = 0, ranks: int = 1
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """``(steps done before, images, labels)`` of this process, from a step to the end of the last epoch."""
    per_epoch = steps_in_epoch(recipe, split)
    pictures, transform = (
        Pictures(split, side=recipe.source_side),
        augmentation(recipe.augmentation, recipe.source_side),
    )
    for epoch in range(start // per_epoch, recipe.epochs):
        first = max(start - epoch * per_epoch, 0)
        sampler = EpochSampler(
            len(pictures),
            seed=recipe.seed,
            epoch=epoch,
            batch_size=recipe.batch_size,
            first=first,
            rank=rank,
            ranks=ranks,
        )
        data = Augmented(pictures, transform, seed=recipe.seed, epoch=epoch)
        loader = DataLoader(data, recipe.batch_size // ranks, sampler=sampler, num_workers=workers)
        for position, (images, labels) in enumerate(loader, start=first):
            yield epoch * per_epoch + position, images, labels
