"""A gate and temperatures fitted to labelled pictures by held-out likelihood; the trunk stays as it is.

Three steps, each on what the one before left:

1. *Cells*: what a cell's weight makes of its entropy and norm, and each scale's temperature and
   embedding: four parameters a scale, on a sample of the renderings.
2. *Levels*: the perceptron on the statistics of all levels, with the temperatures and embeddings.
   Its parameters are drawn to where they began; how hard, and when to stop, is what gives the
   highest likelihood of pictures that were held out, fold by fold.
3. *All*: one temperature for all votes, on the answers to held-out pictures, see :mod:`msresnet.temperature_fit`.
"""

import logging
import math
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from .calibration import Calibration
from .canvas import Canvas
from .data import Split
from .errors import ConfigError
from .identity import identify
from .level_fit import Summary, fit_levels
from .model import MultiscaleResNet
from .renderings import CellVotes, all_renderings, each_picture, repeated, stands_for
from .temperature_fit import best_temperature, check_enough, fresh_head, quality
from .vote import GateMode, ScaleSpaceGate, Temperature, VoteHead, gated_logits

log = logging.getLogger(__name__)

FOLDS = 5
CELL_SAMPLE = 384  # renderings: 280 MB of votes of 1,000 classes at 370 cells
CELL_EPOCHS, CELL_BATCH, CELL_RATE = 8, 32, 0.05


def fit_gate(
    model: MultiscaleResNet,
    split: Split,
    *,
    name: str,
    zooms: Sequence[float] = (1.0,),
    canvases: Sequence[Canvas] = tuple(Canvas),
    temperature_zoom: float | None = None,
    drawn: int | None = None,
    store: Path | None = None,
    is_half: bool = False,
    batch_size: int | None = None,
    workers: int = 0,
    seed: int = 0,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Calibration:
    """The calibration of a model on a split, which must share no picture with what will judge it.

    Args:
        model: with mode ``gated``; left as it was.
        split: at least ten pictures; its class folders are matched with the model's labels by name.
        name: of the data, for the record.
        zooms, canvases: at which every picture is shown, so that the gate learns to prefer the right scale. A
            picture that fills its canvas, which is the same on all canvases, passes the trunk once and counts for each.
        temperature_zoom: the one of the zooms that the temperature for all is fitted to, and the metrics are of; by
            default all. One temperature cannot suit both pictures that are easy to tell and those that are hard.
        drawn, store, is_half, batch_size, workers: see :func:`msresnet.renderings.each_picture`. Without a
            store the votes are kept in a temporary folder meanwhile.
        seed: of folds, samples and the order of training.
        on_progress: told the share of the pictures that passed the trunk.

    Raises:
        ConfigError: the model has no gate, or ``temperature_zoom`` is none of the zooms.
        DataError: too few pictures, or as :func:`msresnet.renderings.each_picture`.
    """
    if model.config.gate is not GateMode.GATED:
        raise ConfigError(f"only the gate 'gated' can be calibrated, and this model's is {model.config.gate.value!r}")
    renderings, times = all_renderings(zooms, canvases), stands_for(zooms, canvases)
    asked = [i for i, one in enumerate(renderings) if is_close(one.zoom, temperature_zoom)]
    if not asked:
        raise ConfigError(f"the temperature's zoom must be one that pictures are shown at, got {temperature_zoom:g}")
    options = {"drawn": drawn, "is_half": is_half, "batch_size": batch_size, "workers": workers}
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "votes" if store is None else store

        def votes(on_progress: Callable[[float], None] = lambda share: None) -> Iterable[CellVotes]:
            for picture in each_picture(model, split, renderings, store=kept, on_progress=on_progress, **options):
                yield repeated(picture, times)

        which = [[index in asked for index in picture.renderings] for picture in votes(on_progress)]
        pictures, answers = len(which), sum(map(any, which))
        check_enough(answers)
        is_asked = torch.tensor([one for picture in which for one in picture])
        gate, metrics, temperature = fit_votes(model, votes, is_asked, pictures=pictures, seed=seed)
    known = identify(model)
    return Calibration(
        model=known.name,
        sha256=known.sha256,
        temperature_mode=gate.temperature,
        gate={key: value.detach().clone() for key, value in gate.state_dict().items()},
        temperature=temperature,
        data={
            "folder": name,
            "pictures": pictures,
            "sides": list(model.sides),
            "zooms": list(zooms),
            "canvases": [canvas.value for canvas in canvases],
            "temperature_zoom": temperature_zoom,
            "renderings_drawn": drawn,
            "precision": "bfloat16" if is_half else "float32",
            "seed": seed,
        },
        metrics=metrics,
    )


def fit_votes(
    model: MultiscaleResNet,
    votes: Callable[[], Iterable[CellVotes]],
    is_asked: Tensor,
    *,
    pictures: int,
    seed: int,
) -> tuple[ScaleSpaceGate, dict, float]:
    """The three steps: the gate, what they gave, and the temperature for all; the last two of what ``is_asked``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = fresh_head(model)
        log.info("fitting the cells' weights on some of %d pictures", pictures)
        fit_cells(head, votes(), pictures=pictures)
        folds = torch.randperm(pictures) % FOLDS
        with torch.no_grad():
            summary = summarise(head.gate, votes(), folds)
        log.info("fitting the levels' weights, %d folds", FOLDS)
        held_out, penalty, steps = fit_levels(head, summary, folds=FOLDS)
        bias = head.fc.bias.detach()
        votes_alone, labels = (held_out - bias)[is_asked], summary.labels[is_asked]
        temperature = best_temperature(votes_alone, bias, labels)
        with torch.no_grad():
            as_it_was = fresh_head(model)
            own = torch.cat([as_it_was.cast(some.votes, some.log_norms)[0] for some in votes()])
    metrics = {
        "before": vars(quality(own[is_asked], labels)),
        "held_out": vars(quality(votes_alone / temperature + bias, labels)),
        "penalty": penalty,
        "steps": steps,
    }
    return head.gate, metrics, temperature


def is_close(zoom: float, wanted: float | None) -> bool:
    """Whether a zoom is the one that is wanted, to a percent; without a wish every one is."""
    return wanted is None or math.isclose(zoom, wanted, rel_tol=0.01)


def fit_cells(head: VoteHead, votes: Iterable[CellVotes], *, pictures: int) -> None:
    """Step 1; alters the gate of ``head``, whose temperatures are then learned and no longer matched."""
    gate = head.gate
    gate.temperature = Temperature.LEARNED
    sample = draw_sample(votes, every=pictures)
    parameters = [gate.entropy_weight, gate.norm_weight, gate.scale_embedding, gate.log_temperature]
    optimiser = torch.optim.Adam([one for one in parameters if one.requires_grad], lr=CELL_RATE)
    count = len(sample.labels)
    for _ in range(CELL_EPOCHS):
        for some in torch.randperm(count).split(CELL_BATCH):
            logits, _ = head.cast([v[some].float() for v in sample.votes], [n[some] for n in sample.log_norms])
            loss = F.cross_entropy(logits, sample.labels[some])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


@dataclass(frozen=True, eq=False)
class Sample:
    """Renderings of many pictures together, votes in half precision; ``labels`` ``(rendering,)``."""

    votes: tuple[Tensor, ...]
    log_norms: tuple[Tensor, ...]
    labels: Tensor


def draw_sample(votes: Iterable[CellVotes], *, every: int) -> Sample:
    """About ``CELL_SAMPLE`` renderings, as many of each of ``every`` pictures."""
    kept, labels = [], []
    for picture in votes:
        count = len(picture.votes[0])
        share = CELL_SAMPLE / (every * count)
        which = (torch.rand(count) < share).nonzero()[:, 0]
        kept.append(([v[which].half() for v in picture.votes], [n[which] for n in picture.log_norms]))
        labels += [picture.label] * len(which)
    both = zip(*kept, strict=True)
    votes, norms = (tuple(map(torch.cat, zip(*some, strict=True))) for some in both)
    return Sample(votes, norms, torch.tensor(labels))


def summarise(gate: ScaleSpaceGate, votes: Iterable[CellVotes], folds: Tensor) -> Summary:
    """All votes by the gate's cells as they are now; ``folds`` has one number a picture."""
    rows = []
    for picture, fold in zip(votes, folds.tolist(), strict=True):
        cells = [
            gate.weigh_cells(n, v, s) for s, (n, v) in enumerate(zip(picture.log_norms, picture.votes, strict=True))
        ]
        gated = [gated_logits(v, c) for v, c in zip(picture.votes, cells, strict=True)]
        count = len(gated[0])
        rows.append(
            (
                torch.stack(gated, dim=1),
                gate.temperatures(gated) / gate.log_temperature.exp(),
                gate.statistics(picture.votes, gated, cells),
                torch.full((count,), picture.label),
                torch.full((count,), fold),
            )
        )
    return Summary(*map(torch.cat, zip(*rows, strict=True)))
