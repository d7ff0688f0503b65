"""The commands that train: ``train`` by a recipe, ``ablate`` without each module."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from .arguments import add_data_arguments, add_part_argument, positive
from .checkpoint import load_model
from .command import Command
from .data import Split, find_split, readable
from .digits import mnist_scale
from .errors import ConfigError
from .files import make_folder, write_whole
from .recipes import RECIPES, Recipe, Source, read_recipe, shortened
from .storage import save_checkpoint

# train -----------------------------------------------------------------------------------------------


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    add_recipe_argument(parser)
    add_data_arguments(parser, workers=2)
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where log and model go")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in DIR")
    parser.add_argument("--seed", metavar="N", type=int, help="of everything random (default: the recipe's)")
    parser.add_argument(
        "--start-from",
        metavar="MODEL",
        help="a model of the recipe's network, perhaps of other levels, whose weights are the first ones",
    )
    parser.add_argument(
        "--search",
        action="store_true",
        help="first try nine pairs of learning rate and weight decay for an epoch each, on held-out pictures",
    )
    parser.epilog = (
        "On several processes or machines: accelerate launch -m msresnet train …, or torchrun; docs/training.md."
    )


def train_model(options: argparse.Namespace) -> int:
    """Train by a recipe and save the model where ``--model`` finds it."""
    with training_extras():
        from accelerate import PartialState

        from . import training
        from .training.optimisation import for_this_machine
        from .training.search import search
    recipe, (split, held_out) = recipe_and_pictures(options)
    recipe = for_this_machine(recipe)  # as the record of the model then says
    if not options.resume and (options.out / "checkpoint.pt").exists():
        raise ConfigError(
            f"{options.out} already holds a training run; go on with it by --resume, or choose another --out"
        )
    start_from = None if options.start_from is None else load_model(options.start_from, device="cpu")
    make_folder(options.out)
    if options.search:
        recipe, trials = search(recipe, split, options.out / "search", held_out=held_out, workers=options.workers)
        for trial in trials:
            print(
                f"lr {trial.lr:.3g}, weight decay {trial.weight_decay:.3g}: held-out loss {trial.loss:.4f}, "
                f"top-1 {100 * trial.top1:.1f} %"
            )
    model = training.train(
        recipe,
        split,
        options.out,
        held_out=held_out,
        start_from=start_from,
        is_resumed=options.resume,
        workers=options.workers,
    )
    if not PartialState().is_main_process:  # of a distributed run; the others have nothing to add
        return 0
    folder = options.out / "model"
    save_checkpoint(
        model,
        folder,
        name=options.out.resolve().name,
        data={"folder": options.data.resolve().name},
        recipe=recipe.to_dict(),
    )
    print(f"The model is in {folder}; try: msresnet explain IMAGE --model {folder} --out DIR")
    return 0


# ablate ----------------------------------------------------------------------------------------------


def add_ablate_arguments(parser: argparse.ArgumentParser) -> None:
    add_recipe_argument(parser)
    add_data_arguments(parser, workers=0)
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="a folder for each run, and the table")
    parser.add_argument("--seeds", metavar="N", type=positive, default=3, help="runs of each (default: %(default)s)")
    parser.add_argument("--epochs", metavar="N", type=positive, help="of each run (default: the recipe's)")
    parser.add_argument(
        "--only", metavar="NAME", action="append", help="an ablation by its name in the table; may be given again"
    )
    add_part_argument(parser)
    parser.epilog = "A run that was stopped goes on where it was when the command is given again."


def ablate_modules(options: argparse.Namespace) -> int:
    """Train without each module, and print what that did."""
    with training_extras():
        from . import ablation
        from .training.optimisation import for_this_machine
    options.seed = None
    recipe = for_this_machine(recipe_and_pictures(options)[0])
    if options.epochs is not None:
        recipe = shortened(recipe, options.epochs)

    def split_of(seed: int) -> tuple[Split, Split]:
        if recipe.source is Source.MNIST_SCALE:
            splits = mnist_scale(options.data, seed=seed, parts=("train", "test"))
            training, test = splits["train"], splits["test"]
        else:
            training, test = readable(find_split(options.data, "train")), readable(find_split(options.data, "val"))
        return training, test.part(*options.part)

    make_folder(options.out)
    results = ablation.ablate(
        recipe,
        split_of,
        options.out,
        seeds=range(options.seeds),
        names=options.only,
        workers=options.workers,
        on_progress=lambda sentence: print(sentence, file=sys.stderr, flush=True),
    )
    table = ablation.to_markdown(results)
    print(table)
    write_whole(options.out / "ablation.md", (table + "\n").encode())
    ablation.save_results(results, recipe, options.out / "ablation.json")
    return 0


# What both share -------------------------------------------------------------------------------------


def recipe_and_pictures(options: argparse.Namespace) -> tuple[Recipe, tuple[Split, Split | None]]:
    """The recipe of ``--recipe`` and ``--seed``, the pictures to train on, and those held out by a protocol."""
    recipe = read_recipe(options.recipe)
    if options.seed is not None:
        recipe = replace(recipe, seed=options.seed)
    if recipe.source is Source.MNIST_SCALE:
        splits = mnist_scale(options.data, seed=recipe.seed, parts=("train", "val"))
        return recipe, (splits["train"], splits["val"])
    return recipe, (readable(find_split(options.data, "train")), None)


def add_recipe_argument(parser: argparse.ArgumentParser) -> None:
    """``--recipe``; the recipes need no more than the page does."""
    parser.add_argument(
        "--recipe",
        metavar="NAME|FILE",
        required=True,
        help=f"{', '.join(RECIPES)}, or a JSON file of the fields of a recipe that differ from tiny-imagenet",
    )


@contextmanager
def training_extras() -> Iterator[None]:
    """Say how to get what training needs where an import inside fails for want of it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"training needs {error.name}, which is not installed; run: pip install 'msresnet[train]'"
        ) from error


COMMANDS = (
    Command("train", "train a model by a recipe", add_train_arguments, train_model),
    Command("ablate", "train without each module, and say what it is worth", add_ablate_arguments, ablate_modules),
)
