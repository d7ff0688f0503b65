"""One point: the boxes that the cells there can see, and what each channel adds. Numbers in, HTML out."""

import json
import math
import threading
from collections.abc import Callable, Iterator
from html import escape

from ..colour import format_signed, scale_colour
from ..ledger import Target
from ..pictures import channel_tile, data_uri, to_png_bytes
from ..probes import CellReading, PointReader, PointReading
from ..session import Session
from .answer import in_logits, label_html
from .asking import ScriptPanel, unreadable
from .desk import Desk
from .heading import how_to_read_html
from .words import Words
from .words import page as text
from .words import point as said

CHANNELS = 6
DECIMALS = 3  # one channel at one cell adds little


class PointPanel(ScriptPanel):
    """Where the visitor points, and what is there."""

    def __init__(self, page: Desk) -> None:
        super().__init__(page, "point", stage_html)
        # Of the picture that was asked about last, whoever asked: moving the point then costs no forward pass.
        self._latest: tuple[Session, Target, PointReader] | None = None
        self._lock = threading.Lock()

    def answers(
        self, session: Session, target: Target, words: Words, asked: dict, *, is_cancelled: Callable[[], bool]
    ) -> Iterator[str]:
        """The exact boxes and channels at once, then the same with the effective fields."""
        try:
            x, y = float(asked["x"]), float(asked["y"])
        except (KeyError, TypeError, ValueError) as error:
            raise unreadable() from error
        reader = self.reader(session, target, is_cancelled)
        reading = reader.at(x, y, count=CHANNELS)
        yield point_html(reading, session, words)
        yield point_html(reader.with_influence(reading, is_cancelled=is_cancelled), session, words)

    def reader(self, session: Session, target: Target, is_cancelled: Callable[[], bool]) -> PointReader:
        """The maps of a picture and target; those of the latest are kept."""
        with self._lock:
            if self._latest is None or self._latest[0] is not session or self._latest[1] != target:
                self._latest = None  # before the next is made: they are large
                self._latest = (session, target, session.points(target, is_cancelled=is_cancelled))
            return self._latest[2]


def stage_html(words: Words) -> str:
    """The picture that is pointed at; the script draws on it."""
    return (
        f'<details class="ms-fold"><summary><h2>{words(said.TITLE)}</h2></summary>'
        f'<p class="ms-note" id="point-help">{words(said.INTRODUCTION)}</p>'
        f'<div class="ms-stage" tabindex="0" role="application" aria-label="{words(said.STAGE_PICTURE)}" '
        f'aria-describedby="point-help point-keys"><img alt=""><svg aria-hidden="true" viewBox="0 0 1 1"></svg></div>'
        f'<p class="ms-note" data-point-state role="status" aria-live="polite" data-nothing="{words(said.NO_POINT)}" '
        f'data-place="{escape(words(said.PLACE, x="{x}", y="{y}"))}">{words(said.NO_POINT)}</p>'
        f'<p class="ms-note" id="point-keys">{words(said.KEYS)}</p></details>'
    )


def point_html(reading: PointReading, session: Session, words: Words) -> str:
    """Every stage's cells and channels at the point; the stage is chosen without a request."""
    classes, target = session.model.classes, reading.target
    label = label_html(classes[target.index])
    if target.against is not None:
        label = words(said.AGAINST, label=label, other=label_html(classes[target.against]))
    last = len(reading.cells) - 1
    radios, panels = [], []
    for index, cells in enumerate(reading.cells):
        checked = " checked" if index == last else ""
        radios.append(
            f'<input type="radio" name="ms-point-stage" id="ms-point-stage-{index}" value="{index}"{checked}>'
            f'<label for="ms-point-stage-{index}">{words(said.STAGE, number=index + 1)}</label>'
        )
        rows = "".join(row_html(cell, words, count=len(cells)) for cell in cells)
        promise = words(said.EXACT if index == last else said.FIRST_ORDER)
        panels.append(f'<div class="ms-stage-panel" data-stage="{index}"><p class="ms-note">{promise}</p>{rows}</div>')
    config = session.model.config
    note = words.join(
        words(said.NOTE),
        words(said.LINKS) if config.has_links else "",
        words(said.LAYER_VOTES) if config.has_layer_votes else "",
    )
    carried = escape(json.dumps([[boxes_of(cell, len(cells)) for cell in cells] for cells in reading.cells]))
    return (
        f'<p class="ms-probe-sentence">{words(said.STRONGEST, label=label)}</p>'
        f'<div class="ms-stages ms-point-stages" role="radiogroup" aria-label="{words(said.STAGES)}" '
        f'data-boxes="{carried}">{"".join(radios)}{"".join(panels)}</div>'
        f"{how_to_read_html(note, words)}"
    )


def boxes_of(cell: CellReading, count: int) -> dict:
    """What the script draws: boxes as shares of the field of view, in the scale's colour."""
    field = cell.field
    edges = (field.left, field.top, field.right, field.bottom)
    inner = () if cell.influence is None else cell.influence.box
    return {
        "scale": cell.scale,
        "colour": scale_colour(cell.scale, count),
        "field": [edge / cell.side for edge in edges],
        "influence": [edge / cell.side for edge in inner],
    }


def row_html(cell: CellReading, words: Words, *, count: int) -> str:
    """One scale's cell: what it can see, how many channels fire, and the strongest of them."""
    field, (left, top, right, bottom) = cell.field, cell.upload_box
    title = words(
        said.FIELD_TITLE, left=field.left, right=field.right, top=field.top, bottom=field.bottom, side=cell.side
    )
    facts = [
        words(said.CELL, row=cell.row + 1, column=cell.column + 1, rows=cell.shape[0], columns=cell.shape[1]),
        f'<span title="{escape(title)}">'
        f"{words(said.FIELD, width=round(right - left), height=round(bottom - top))}</span>",
    ]
    if cell.influence is not None:
        left, top, right, bottom = cell.influence.upload_box
        facts.append(words(said.INFLUENCE, width=math.ceil(right - left), height=math.ceil(bottom - top)))
    facts.append(words(said.FIRING, count=cell.firing_count, all=cell.channel_count))
    amount = f'<span title="{cell.total:+.6f}">{in_logits(cell.total)}</span>'
    facts.append(f'<b class="ms-number">{words(said.TOTAL, amount=amount)}</b>')
    tiles = "".join(tile_html(cell, position, words) for position in range(len(cell.channels)))
    return (
        f'<div class="ms-tiles-row" data-scale="{cell.scale}" style="--scale:{scale_colour(cell.scale, count)}">'
        f'<div class="ms-tiles-name"><i class="ms-dot"></i>{words(text.PIXELS, side=cell.side)}'
        f"<small>{'<br>'.join(facts)}</small></div>"
        f'<div class="ms-tiles" tabindex="0" role="group" aria-label="{words(said.CHANNELS_OF, side=cell.side)}">'
        f"{tiles}</div></div>"
    )


def tile_html(cell: CellReading, position: int, words: Words) -> str:
    """One channel's map with the cell marked, as a button that enlarges it."""
    tile = channel_tile(cell.maps[position], tile_px=max(cell.shape))
    title = escape(
        words(
            said.CHANNEL,
            stage=cell.stage + 1,
            side=cell.side,
            channel=cell.channels[position],
            activation=f"{cell.activations[position]:.3g}",
            amount=f"{cell.contributions[position]:+.5f}",
        )
    )
    place = f"left:{100 * (cell.column + 0.5) / cell.shape[1]:.1f}%;top:{100 * (cell.row + 0.5) / cell.shape[0]:.1f}%"
    return (
        f'<button type="button" class="ms-tile" data-enlarge="{title}" '
        f'aria-label="{escape(words(said.ENLARGE, what=title), quote=False)}">'
        f'<span class="ms-tile-map"><img alt="" src="{data_uri(to_png_bytes(tile.picture))}">'
        f'<i style="{place}"></i></span>'
        f"<span>{format_signed(cell.contributions[position], decimals=DECIMALS)}</span></button>"
    )
