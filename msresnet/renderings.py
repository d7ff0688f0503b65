"""Labelled pictures at object zooms, as a frozen trunk sees them: what every cell votes, kept where asked.

The trunk is nearly all of the work and no part of what is compared or calibrated after it.
So each picture passes it once, and whoever measures gates reads votes.
"""

import copy
import json
import logging
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from .canvas import CANVAS_SIDE_PX, Canvas, zoom_canvas
from .data import Split
from .device import quick_batch
from .errors import ConfigError, DataError, ImageError
from .evaluation import class_indices
from .images import image_digest
from .layers import Maps
from .model import MultiscaleResNet
from .pyramid import Preprocessing, upload_levels
from .resnet import MultiscaleTrunk
from .tensors import digest, pack, write_json
from .vote import log_norm

log = logging.getLogger(__name__)

STORE_NAME = "votes.json"
GATE_AND_BIAS = ("head.gate.", "head.fc.bias")
ZOOMS = tuple(2.0 ** (half_octave / 2) for half_octave in range(-4, 3))  # 1/4 to 2


@dataclass(frozen=True)
class Rendering:
    """How a picture is put on its canvas."""

    zoom: float
    canvas: Canvas


@dataclass(frozen=True)
class CellVotes:
    """What the cells of one picture say, in all its renderings.

    Attributes:
        votes: ``(rendering, class, h_s, w_s)`` float32 per scale, without the bias, on the CPU.
        log_norms: ``(rendering, h_s, w_s)`` per scale: the logarithm of each cell's feature norm.
        label: the picture's class, as the model counts.
        renderings: which of those that were asked for, by their index.
    """

    votes: tuple[Tensor, ...]
    log_norms: tuple[Tensor, ...]
    label: int
    renderings: tuple[int, ...]


def all_renderings(zooms: Sequence[float], canvases: Sequence[Canvas]) -> tuple[Rendering, ...]:
    """Every zoom on every canvas, each picture once: from zoom 1 on nothing lies round it.

    Raises:
        ConfigError: no zoom, a zoom twice, or no canvas.
    """
    if not zooms or len(set(zooms)) < len(zooms) or not canvases:
        raise ConfigError(f"zooms must be distinct and at least one, got {list(zooms)} on {len(canvases)} canvases")
    return tuple(dict.fromkeys(rendering(zoom, canvas) for canvas in canvases for zoom in zooms))


def stands_for(zooms: Sequence[float], canvases: Sequence[Canvas]) -> tuple[int, ...]:
    """How often each of :func:`all_renderings` counts where every canvas counts alike, in the least whole numbers."""
    counts = Counter(rendering(zoom, canvas) for canvas in canvases for zoom in zooms)
    common = math.gcd(*counts.values())
    return tuple(counts[one] // common for one in all_renderings(zooms, canvases))


def rendering(zoom: float, canvas: Canvas) -> Rendering:
    """One zoom on a canvas; where the picture fills it, the canvas is called grey."""
    return Rendering(zoom, canvas if zoom < 1 else Canvas.GREY)


def each_picture(
    model: MultiscaleResNet,
    split: Split,
    renderings: Sequence[Rendering],
    *,
    drawn: int | None = None,
    store: Path | None = None,
    is_half: bool = False,
    batch_size: int | None = None,
    workers: int = 0,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Iterator[CellVotes]:
    """The cell votes of each readable picture of a split, in order; no more than a batch is held.

    Canvases have the side of the pictures that the model was trained on, or 448 px where it
    knows none, and levels are made from a canvas uncropped. A file that cannot be read is
    named in the log and left out.

    Args:
        model: left as it was.
        split: its class folders are matched with the model's labels by name.
        renderings: of every picture.
        drawn: so many of the renderings of each picture, drawn by its pixels; by default all.
        store: a folder that keeps votes in float16, and from which those that are there are read.
        is_half: the trunk computes in bfloat16.
        batch_size: renderings at a time; by default what is quickest, see :func:`msresnet.device.quick_batch`.
        workers: processes that read pictures; 0 reads in this one.
        on_progress: told the share that is done.

    Raises:
        DataError: a class folder that the model does not know, or no readable picture.
        ConfigError: the store was filled by another model or for other renderings; a batch does not fit in memory.
    """
    batch_size = batch_size or quick_batch(model.device, model.sides)
    kept = None if store is None else VoteStore(store, model, renderings, drawn=drawn, is_half=is_half)
    pictures = RenderedPictures(split, model, renderings, drawn=drawn, store=kept)
    loader = DataLoader(
        pictures,
        max(batch_size // (drawn or len(renderings)), 1),
        num_workers=workers,
        collate_fn=list,
        generator=torch.Generator(),  # the caller's own is left alone
    )
    trunk = for_inference(model.trunk, is_half=is_half)
    done = skipped = 0
    for batch in loader:
        for picture in batch:
            if picture.unreadable is not None:
                log.warning("skipped %s", picture.unreadable)
                skipped += 1
        yield from votes_of(model, trunk, [p for p in batch if p.unreadable is None], kept, batch_size=batch_size)
        done += len(batch)
        on_progress(done / len(pictures))
    if skipped:
        log.warning("skipped %d of %d files", skipped, len(pictures))
    if skipped == len(pictures):
        raise DataError(f"a measurement needs a readable picture, and none of {skipped} files is one")


@dataclass(frozen=True)
class RenderedPicture:
    """One file: its levels ``(rendering, 3, side, side)`` unless its votes are kept, or why it cannot be read."""

    levels: tuple[Tensor, ...] | None = None
    label: int = -1
    renderings: tuple[int, ...] = ()
    digest: str = ""
    unreadable: str | None = None


class RenderedPictures(Dataset):
    """The files of a split on their canvases; holds no model, so that worker processes stay light."""

    def __init__(
        self,
        split: Split,
        model: MultiscaleResNet,
        renderings: Sequence[Rendering],
        *,
        drawn: int | None,
        store: "VoteStore | None",
    ) -> None:
        self.samples, self.renderings, self.drawn, self.store = split.samples, tuple(renderings), drawn, store
        self.indices = class_indices(split, model.classes)
        self.sides = model.sides
        own: Preprocessing = model.preprocessing()
        self.canvas_side = own.source_side or CANVAS_SIDE_PX
        self.view = replace(own, crop_fraction=1.0, sees_whole_image=False)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> RenderedPicture:
        sample = self.samples[index]
        try:
            picture = sample.read()
        except ImageError as error:
            return RenderedPicture(unreadable=f"{sample.source}: {error}")
        label, name = self.indices[sample.label], image_digest(picture)
        if self.store is not None and self.store.has(name):
            return RenderedPicture(None, label, digest=name)
        chosen = draw(len(self.renderings), self.drawn, name)
        canvases = [
            zoom_canvas(picture, one.zoom, canvas=one.canvas, side=self.canvas_side)
            for one in (self.renderings[i] for i in chosen)
        ]
        of_each = [upload_levels(canvas, self.sides, self.view) for canvas in canvases]
        return RenderedPicture(tuple(map(torch.cat, zip(*of_each, strict=True))), label, chosen, name)


def for_inference(trunk: MultiscaleTrunk, *, is_half: bool) -> MultiscaleTrunk:
    """A copy, channels last, as processors convolve it fastest; in bfloat16 where asked."""
    made = copy.deepcopy(trunk).to(memory_format=torch.channels_last).eval()
    return made.bfloat16() if is_half else made


def repeated(picture: CellVotes, times: Sequence[int]) -> CellVotes:
    """The same picture with each rendering ``times`` over, by its index among those that were asked for."""
    rows = torch.tensor([row for row, index in enumerate(picture.renderings) for _ in range(times[index])])
    return replace(
        picture,
        votes=tuple(v[rows] for v in picture.votes),
        log_norms=tuple(n[rows] for n in picture.log_norms),
        renderings=tuple(picture.renderings[row] for row in rows.tolist()),
    )


def draw(count: int, drawn: int | None, digest: str) -> tuple[int, ...]:
    """``drawn`` of ``count`` renderings, ascending, by the picture's digest: the same ones in every run."""
    if drawn is None or drawn >= count:
        return tuple(range(count))
    random = np.random.default_rng(int(digest[:16], 16))
    return tuple(sorted(map(int, random.choice(count, drawn, replace=False))))


def votes_of(
    model: MultiscaleResNet,
    trunk: MultiscaleTrunk,
    pictures: Sequence[RenderedPicture],
    store: "VoteStore | None",
    *,
    batch_size: int,
) -> Iterator[CellVotes]:
    """The votes of a batch of readable pictures, made or read; what was made is kept."""
    new = [picture for picture in pictures if picture.levels is not None]
    made = iter(())
    if new:
        together = tuple(torch.cat(levels) for levels in zip(*(p.levels for p in new), strict=True))
        with model.frozen(), torch.no_grad():
            votes, norms = through_trunk(model, trunk, together, batch_size=batch_size)
        sizes = [len(picture.levels[0]) for picture in new]
        split_votes, split_norms = (zip(*(x.split(sizes) for x in some), strict=True) for some in (votes, norms))
        made = zip(split_votes, split_norms, strict=True)
    for picture in pictures:
        if picture.levels is None:
            yield store.read(picture.digest, label=picture.label)
            continue
        found = CellVotes(*next(made), picture.label, picture.renderings)
        if store is not None:
            store.write(picture.digest, found)
        yield found


def through_trunk(
    model: MultiscaleResNet, trunk: MultiscaleTrunk, levels: Maps, *, batch_size: int
) -> tuple[list[Tensor], list[Tensor]]:
    """Votes and log-norms per scale of ``(batch, 3, side, side)`` levels, on the CPU."""
    dtype = trunk.conv1.weight.dtype
    parts = []
    try:
        for some in zip(*(level.split(batch_size) for level in levels), strict=True):
            normalised = [((x.to(model.device) - model.mean) / model.std).to(dtype) for x in some]
            maps = [x.float() for x in model.voters(trunk(normalised))]
            parts.append(([v.cpu() for v in model.head.all_votes(maps)], [log_norm(x).cpu() for x in maps]))
    except torch.OutOfMemoryError as error:
        raise ConfigError(
            f"a batch must fit in the device's memory, got {batch_size} renderings; lower --batch-size"
        ) from error
    votes, norms = (list(map(torch.cat, zip(*some, strict=True))) for some in zip(*parts, strict=True))
    return votes, norms


class VoteStore:
    """A folder of votes, a file a picture, for one model and one list of renderings.

    Raises:
        ConfigError: the folder was filled by another model, for other renderings, or is something else.
    """

    def __init__(
        self,
        folder: Path,
        model: MultiscaleResNet,
        renderings: Sequence[Rendering],
        *,
        drawn: int | None = None,
        is_half: bool,
    ) -> None:
        self.folder = folder
        with model.frozen(), torch.no_grad():
            self.grids = tuple(tuple(x.shape[2:]) for x in model.trunk(blank_levels(model))[-1])
        wanted = {
            "sha256": voters_digest(model),
            "sides": list(model.sides),
            "drawn": drawn,
            "renderings": [[one.zoom, one.canvas.value] for one in renderings],
            "precision": "bfloat16" if is_half else "float32",
        }
        path = folder / STORE_NAME
        if path.is_file():
            found = json.loads(path.read_bytes())
            differing = [key for key in wanted if found.get(key) != wanted[key]]
            if differing:
                raise ConfigError(
                    f"{folder} keeps votes of another run, which differs in {', '.join(differing)}; name another folder"
                )
        elif folder.exists() and any(folder.iterdir()):
            raise ConfigError(f"{folder} holds something that is not a store of votes; name another folder")
        else:
            folder.mkdir(parents=True, exist_ok=True)
            write_json(wanted, path)

    def path(self, digest: str) -> Path:
        """Where a picture's votes are."""
        return self.folder / f"{digest}.npz"

    def has(self, digest: str) -> bool:
        """Whether a picture's votes are there."""
        return self.path(digest).is_file()

    def write(self, digest: str, found: CellVotes) -> None:
        """Keep a picture's votes: its file is whole or not there."""
        votes = torch.cat([v.flatten(2) for v in found.votes], dim=2).half().numpy()
        norms = torch.cat([n.flatten(1) for n in found.log_norms], dim=1).numpy()
        temporary = self.folder / f".{digest}.{os.getpid()}.npz"
        np.savez(temporary, votes=votes, log_norms=norms, renderings=np.array(found.renderings))
        os.replace(temporary, self.path(digest))

    def read(self, digest: str, *, label: int) -> CellVotes:
        """A picture's votes."""
        with np.load(self.path(digest)) as kept:
            votes, norms = torch.from_numpy(kept["votes"]).float(), torch.from_numpy(kept["log_norms"])
            renderings = tuple(kept["renderings"].tolist())
        cells = [height * width for height, width in self.grids]
        return CellVotes(
            tuple(v.unflatten(2, grid) for v, grid in zip(votes.split(cells, dim=2), self.grids, strict=True)),
            tuple(n.unflatten(1, grid) for n, grid in zip(norms.split(cells, dim=1), self.grids, strict=True)),
            label,
            renderings,
        )


def voters_digest(model: MultiscaleResNet) -> str:
    """SHA-256 of the tensors that votes depend on: neither the gate nor the bias is among them."""
    state = model.state_dict()
    return digest({key: value for key, value in pack(state).items() if not key.startswith(GATE_AND_BIAS)})


def blank_levels(model: MultiscaleResNet) -> list[Tensor]:
    """One black level of each side."""
    return [torch.zeros(1, 3, side, side, device=model.device) for side in model.sides]
