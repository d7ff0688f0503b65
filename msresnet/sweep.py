"""The object-zoom sweep: how often a model is right when things are nearer or farther, beside its plain parts."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .canvas import Canvas
from .data import Split
from .errors import ConfigError
from .evaluation import BOOTSTRAP_DRAWS
from .identity import Identity, identify
from .model import MultiscaleResNet
from .renderings import ZOOMS, CellVotes, Rendering, all_renderings, each_picture, rendering
from .report import per_cent
from .report import table as markdown

VOTE, MEAN = "vote", "mean of logits"
ROUNDED = 5  # decimals of a centre in octaves: a gate that stands still must not be ranked by rounding errors
DRAWS_AT_A_TIME = 500  # of 10,000 pictures: 20 MB of counts


@dataclass(frozen=True)
class Interval:
    """A difference or share with its 95 % bootstrap interval over pictures."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """One answerer over the zooms of a canvas; shares lie in [0, 1].

    Attributes:
        name: ``vote``, ``64 px alone``, ``mean of logits``, or the name of a plain model.
        accuracy: top-1 at each zoom.
        mean: of ``accuracy``: over log zoom, where the zooms are equal steps of it, as by default.
        worst: the lowest of ``accuracy``.
        worst_zoom: where that is.
        flipped: share of answers that differ from the same answerer's at zoom 1, over the
            other zooms; ``None`` where zoom 1 is not among them.
        lead: accuracy of the vote minus this one's at each zoom, paired; empty for the vote itself.
        mean_lead: the same of ``mean``.
    """

    name: str
    accuracy: tuple[Interval, ...]
    mean: Interval
    worst: float
    worst_zoom: float
    flipped: float | None
    lead: tuple[Interval, ...] = ()
    mean_lead: Interval | None = None


@dataclass(frozen=True)
class CanvasSweep:
    """The curves on one canvas, and whether the gate follows the zoom.

    Attributes:
        canvas: what surrounds the picture at a zoom below 1.
        curves: the vote first.
        rank_correlation: mean over the pictures of Spearman's correlation of the gate's centre, its mean
            log₂ scale, with −log zoom; ``None`` where the gate cannot move or there is one zoom.
    """

    canvas: str
    curves: tuple[Curve, ...]
    rank_correlation: Interval | None


@dataclass(frozen=True)
class Sweep:
    """What a sweep found.

    Attributes:
        model: which weights were asked.
        plain: the name and hash of the plain model beside it, if one was given.
        pictures: how many were counted.
        zooms: side of the picture over the canvas's.
        canvases: a sweep each.
        precision: ``float32`` or ``bfloat16``, of the trunk.
        seed: of the bootstrap.
    """

    model: Identity
    plain: Identity | None
    pictures: int
    zooms: tuple[float, ...]
    canvases: tuple[CanvasSweep, ...]
    precision: str
    seed: int

    def to_dict(self) -> dict:
        """As JSON keeps it."""
        plain = self.plain and {"name": self.plain.name, "sha256": self.plain.sha256}
        rest = {name: value for name, value in asdict(self).items() if name not in ("model", "plain")}
        return {"model": {"name": self.model.name, "sha256": self.model.sha256}, "plain": plain, **rest}

    def to_markdown(self) -> str:
        """Tables for people, in per cent and points."""
        zooms = "1 zoom" if len(self.zooms) == 1 else f"{len(self.zooms)} zooms"
        heading = f"{self.model.name}: {self.pictures} pictures at {zooms} ({self.precision})"
        return "\n\n".join([heading, *(table(self.zooms, one) for one in self.canvases)])

    def document(self, pictures: Sequence[tuple[str, str]] = ()) -> str:
        """Everything as a Markdown document; ``pictures`` are a caption and a file name each."""
        shown = [f"![{caption}]({name})" for caption, name in pictures]
        hashed = f"SHA-256 of the tensors: `{self.model.sha256}`"
        return "\n\n".join([f"# {self.model.name}", self.to_markdown(), hashed, *shown]) + "\n"


def sweep(
    model: MultiscaleResNet,
    split: Split,
    *,
    zooms: Sequence[float] = ZOOMS,
    canvases: Sequence[Canvas] = tuple(Canvas),
    plain: MultiscaleResNet | None = None,
    store: Path | None = None,
    is_half: bool = False,
    batch_size: int | None = None,
    workers: int = 0,
    seed: int = 0,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Sweep:
    """Measure a model over object zooms, always beside its levels alone and the plain mean of their logits.

    Each level alone, all its cells alike, is the plain backbone at that side: at the base side, and at
    those that cost more. Pictures are read one by one, and only answers are kept of them.

    Args:
        model: left as it was.
        split: its class folders are matched with the model's labels by name.
        zooms, canvases: see :mod:`msresnet.canvas`.
        plain: another model, such as one level trained for the same compute; it must know the same classes.
        store, is_half, batch_size, workers: see :func:`msresnet.renderings.each_picture`; the store is the
            model's, not the plain one's.
        seed: of the bootstrap intervals.
        on_progress: told the share that is done.

    Raises:
        DataError, ConfigError: as :func:`msresnet.renderings.each_picture`; or other classes.
    """
    if plain is not None and plain.classes != model.classes:
        raise ConfigError("the plain model must know the same classes, in the same order; give one trained on them")
    renderings = all_renderings(zooms, canvases)
    parts = 1 if plain is None else 2
    options = {"is_half": is_half, "batch_size": batch_size, "workers": workers}
    found = [
        answers_of(model, one)
        for one in each_picture(
            model, split, renderings, store=store, on_progress=lambda share: on_progress(share / parts), **options
        )
    ]
    answers = {name: np.stack([one.guesses[name] for one in found]) for name in found[0].guesses}
    centres, labels = np.stack([one.centres for one in found]), np.array([one.label for one in found])
    if plain is not None:
        votes = each_picture(
            plain, split, renderings, on_progress=lambda share: on_progress((1 + share) / parts), **options
        )
        answers[identify(plain).name] = np.stack([answers_of(plain, one).guesses[VOTE] for one in votes])
    draws = Bootstrap(len(labels), seed=seed)
    return Sweep(
        model=identify(model),
        plain=None if plain is None else identify(plain),
        pictures=len(labels),
        zooms=tuple(zooms),
        canvases=tuple(on_canvas(canvas, zooms, renderings, answers, centres, labels, draws) for canvas in canvases),
        precision="bfloat16" if is_half else "float32",
        seed=seed,
    )


@dataclass(frozen=True)
class Answers:
    """Of one picture: the class that each answerer names in each rendering, and the centre of the gate."""

    guesses: dict[str, np.ndarray]  # (rendering,) each
    centres: np.ndarray  # (rendering,) mean log₂ scale by the gate's weights
    label: int


def answers_of(model: MultiscaleResNet, picture: CellVotes) -> Answers:
    """What the vote, each level alone and the mean of their logits say of a picture."""
    bias = model.head.fc.bias.cpu()
    with torch.no_grad():
        votes, norms = ([x.to(model.device) for x in some] for some in (picture.votes, picture.log_norms))
        logits, gate = model.head.cast(votes, norms)
    alone = [v.mean(dim=(2, 3)) + bias for v in picture.votes]
    named = {VOTE: logits.cpu()}
    named |= {f"{side} px alone": own for side, own in zip(model.sides, alone, strict=True)}
    named |= {MEAN: torch.stack(alone).mean(dim=0)}
    log_scales = torch.tensor(model.scales).log2()
    centres: Tensor = (gate.levels.cpu() @ log_scales).expand(len(logits))
    guesses = {name: some.argmax(dim=1).numpy() for name, some in named.items()}
    return Answers(guesses, centres.numpy().round(ROUNDED), picture.label)


class Bootstrap:
    """Percentile intervals of means over pictures; the same resampled sets for everything, so that they pair.

    Args:
        count: of pictures.
        seed: equal seeds draw equal sets.
    """

    def __init__(self, count: int, *, seed: int) -> None:
        self.count, self.seed = count, seed

    def __call__(self, values: np.ndarray) -> list[Interval]:
        """``(picture, column)`` numbers to the mean of each column with its 95 % interval."""
        random = np.random.default_rng(self.seed)
        alike = np.full(self.count, 1 / self.count)
        draws = [
            random.multinomial(self.count, alike, size=DRAWS_AT_A_TIME) @ values / self.count
            for _ in range(BOOTSTRAP_DRAWS // DRAWS_AT_A_TIME)
        ]
        low, high = np.percentile(np.concatenate(draws), [2.5, 97.5], axis=0)
        return [Interval(*map(float, row)) for row in zip(values.mean(axis=0), low, high, strict=True)]


def on_canvas(
    canvas: Canvas,
    zooms: Sequence[float],
    renderings: Sequence[Rendering],
    answers: dict[str, np.ndarray],
    centres: np.ndarray,
    labels: np.ndarray,
    bootstrap: Bootstrap,
) -> CanvasSweep:
    """The curves of all answerers on one canvas.

    Args:
        answers: ``(picture, rendering)`` classes each.
        centres: ``(picture, rendering)``.
        labels: ``(picture,)``.
    """
    columns = [renderings.index(rendering(zoom, canvas)) for zoom in zooms]
    native = zooms.index(1.0) if 1.0 in zooms else None
    is_right = {name: guesses[:, columns] == labels[:, None] for name, guesses in answers.items()}
    curves = []
    for name, hits in is_right.items():
        *accuracy, mean = bootstrap(with_mean(hits))
        worst = int(np.argmin(hits.mean(axis=0)))
        curve = Curve(
            name=name,
            accuracy=tuple(accuracy),
            mean=mean,
            worst=accuracy[worst].value,
            worst_zoom=zooms[worst],
            flipped=flipped_share(answers[name][:, columns], native),
        )
        if name != VOTE:
            *lead, mean_lead = bootstrap(with_mean(is_right[VOTE]) - with_mean(hits))
            curve = Curve(**{**vars(curve), "lead": tuple(lead), "mean_lead": mean_lead})
        curves.append(curve)
    followed = rank_correlations(centres[:, columns], -np.log2(zooms))
    is_still = len(zooms) < 2 or not np.ptp(centres, axis=1).any()
    return CanvasSweep(canvas.value, tuple(curves), None if is_still else bootstrap(followed[:, None])[0])


def with_mean(hits: np.ndarray) -> np.ndarray:
    """``(picture, zoom)`` with their mean as one more column."""
    return np.concatenate([hits, hits.mean(axis=1, keepdims=True)], axis=1).astype(float)


def flipped_share(guesses: np.ndarray, native: int | None) -> float | None:
    """How many answers at the other zooms differ from those at zoom 1, column ``native``."""
    others = [column for column in range(guesses.shape[1]) if column != native]
    if native is None or not others:
        return None
    return float((guesses[:, others] != guesses[:, [native]]).mean())


def rank_correlations(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Spearman's correlation of each row of ``(row, column)`` with ``(column,)``; 0 for a row of equal values."""
    rows, one = ranks(values), ranks(reference[None])
    rows, one = rows - rows.mean(axis=1, keepdims=True), one - one.mean()
    spread = np.sqrt((rows**2).sum(axis=1) * (one**2).sum())
    return np.divide((rows * one).sum(axis=1), spread, out=np.zeros(len(rows)), where=spread > 0)


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks along the rows of ``(row, column)``; equal values share the mean of theirs."""
    lower = (values[:, :, None] > values[:, None, :]).sum(axis=2)
    equal = (values[:, :, None] == values[:, None, :]).sum(axis=2)
    return lower + (equal - 1) / 2


def table(zooms: Sequence[float], one: CanvasSweep) -> str:
    """The curves of one canvas and the vote's leads over the others, in Markdown."""
    names = [f"{zoom:.3g}" for zoom in zooms]
    rows = [[f"{one.canvas} canvas, top-1", *names, "mean", "worst", "flipped"]]
    for curve in one.curves:
        shares = [100 * share.value for share in (*curve.accuracy, curve.mean)]
        worst = f"{per_cent(curve.worst)} at {curve.worst_zoom:.3g}"
        flipped = "–" if curve.flipped is None else per_cent(curve.flipped)
        rows.append([curve.name, *(f"{share:.1f}" for share in shares), worst, flipped])
    leads = [["the vote's lead in points, 95 % interval", *names, "mean"]]
    for curve in one.curves:
        if curve.mean_lead is not None:
            leads.append([f"over {curve.name}", *map(points, (*curve.lead, curve.mean_lead))])
    follows = "the gate does not move"
    if one.rank_correlation is not None:
        follows = "rank correlation of the gate's centre with −log zoom, mean over pictures: {:.2f} ({:.2f} to {:.2f})"
        follows = follows.format(*vars(one.rank_correlation).values())
    return "\n\n".join([markdown(rows), markdown(leads), follows])


def points(lead: Interval) -> str:
    """A difference of shares as people read it."""
    value, low, high = (f"{100 * x:+.1f}".replace("-", "−") for x in vars(lead).values())
    return f"{value} ({low} to {high})"
