"""What the studies on Tiny-ImageNet's boxes share: the command, parts that are kept, tables."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from msresnet.attribution import METHODS
from msresnet.checkpoint import identify
from msresnet.errors import MsresnetError
from msresnet.explanation import versions
from msresnet.model import MultiscaleResNet

METHODS_ASKED = (
    *("grad-cam", "saliency", "input-x-gradient", "integrated-gradients", "deep-lift"),
    *("guided-backprop", "guided-grad-cam", "occlusion"),
)


def study_parser(description: str) -> argparse.ArgumentParser:
    """The options that every study takes."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="Tiny-ImageNet's folder")
    parser.add_argument("--model", default="msresnet18-tiny", metavar="A")
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=METHODS_ASKED, metavar="NAME")
    parser.add_argument("--outline", action="store_true", help="methods with many steps take a few: quicker, coarser")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep finished parts there")
    parser.add_argument("--seed", type=int, default=0, help="of all subsets, orders and intervals (default: 0)")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser


def run_study(parser: argparse.ArgumentParser, study: Callable[[argparse.Namespace], dict]) -> None:
    """Run what the command line asks for; its figures go to ``--json``, and an error ends it in a sentence."""
    chosen = parser.parse_args()
    if chosen.threads is not None:
        torch.set_num_threads(chosen.threads)
    try:
        figures = {"versions": versions(), "seed": chosen.seed, **study(chosen)}
    except MsresnetError as error:
        sys.exit(str(error))
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def named(model: MultiscaleResNet) -> str:
    """A model with the beginning of its weights' hash: tables of other weights are other tables."""
    identity = identify(model)
    return f"{identity.name}, weights {identity.sha256[:8]}"


def outlined(chosen: argparse.Namespace) -> str:
    """What has to be said where methods took few steps."""
    return "; methods with many steps in outline" if chosen.outline else ""


def method_title(name: str) -> str:
    """A method as people read it; the evidence is none, and stands beside them."""
    return METHODS[name].title if name in METHODS else "Evidence (class-centred)"


def chunks(items: Sequence, size: int) -> Iterator[Sequence]:
    """Consecutive parts of at most ``size``."""
    for first in range(0, len(items), size):
        yield items[first : first + size]


def kept(cache: Path | None, key: str, compute: Callable[[], list[np.ndarray]]) -> list[np.ndarray]:
    """Arrays from the cache, where a finished part left them; otherwise computed, and left there whole."""
    if cache is None:
        return compute()
    path = cache / f"{key}.npz"
    if path.is_file():
        with np.load(path) as found:
            return [found[f"arr_{i}"] for i in range(len(found.files))]
    arrays = compute()
    cache.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".half.npz")
    np.savez(half, *arrays)
    half.replace(path)
    return arrays


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, the first column to the left and the others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
