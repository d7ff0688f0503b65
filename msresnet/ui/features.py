"""Feature maps as a table of pictures: scales down, channels across, one stage at a time."""

from html import escape

from ..colour import format_signed, scale_colour
from ..explanation import Answer, Features
from ..features import FeatureMaps
from ..pictures import channel_tile, data_uri, to_png_bytes
from .answer import label_html
from .heading import how_to_read_html
from .words import Words
from .words import page as text


def features_html(features: Features, answer: Answer, words: Words, *, has_links: bool) -> str:
    """Every stage's strongest channels at every scale; the stage is chosen without a request."""
    label = label_html(answer.ledger.classes[features.target.index])
    last = len(features.stages) - 1
    radios, panels = [], []
    for index, stage in enumerate(features.stages):
        checked = " checked" if index == last else ""
        radios.append(
            f'<input type="radio" name="ms-stage" id="ms-stage-{index}" value="{index}"{checked}>'
            f'<label for="ms-stage-{index}">{words(text.STAGE, number=index + 1)}</label>'
        )
        rows = "".join(row_html(maps, s, answer, words) for s, maps in enumerate(stage))
        panels.append(f'<div class="ms-stage-panel" data-stage="{index}">{rows}</div>')
    note = words.join(words(text.FEATURES_NOTE), words(text.LINKS_NOTE) if has_links else "")
    return (
        f'<div class="ms-stages">{"".join(radios)}{"".join(panels)}</div>'
        f'<p class="ms-note">{words(text.STRONGEST_CHANNELS, label=label)}</p>'
        f"{how_to_read_html(note, words)}"
    )


def row_html(maps: FeatureMaps, scale: int, answer: Answer, words: Words) -> str:
    """The channels of one stage at one scale."""
    colour = scale_colour(scale, len(answer.sides))
    height, width = maps.maps.shape[1:]
    side = answer.sides[scale]
    cells = words(text.CELLS_AND_CHANNELS, height=height, width=width, channels=maps.channel_count)
    tiles = "".join(tile_html(maps, position, words, side=side) for position in range(len(maps.channels)))
    return (
        f'<div class="ms-tiles-row" data-scale="{scale}" style="--scale:{colour}">'
        f'<div class="ms-tiles-name"><i class="ms-dot"></i>{words(text.PIXELS, side=side)}'
        f"<small>{cells}</small></div>"
        f'<div class="ms-tiles" tabindex="0" role="group" aria-label="{words(text.CHANNELS_OF, side=side)}">'
        f"{tiles}</div>"
        "</div>"
    )


def tile_html(maps: FeatureMaps, position: int, words: Words, *, side: int) -> str:
    """One channel as a button that enlarges it."""
    tile = channel_tile(maps.maps[position], tile_px=max(maps.maps.shape[1:]))
    channel, amount = maps.channels[position], maps.contributions[position]
    title = words(
        text.CHANNEL,
        stage=maps.stage + 1,
        side=side,
        channel=channel,
        amount=f"{amount:+.4f}",
        peak=f"{tile.peak:.3g}",
    )
    name = words(text.ENLARGE, what=title)
    return (
        f'<button type="button" class="ms-tile" data-enlarge="{escape(title)}" aria-label="{escape(name)}">'
        f'<img alt="" src="{data_uri(to_png_bytes(tile.picture))}">'
        f"<span>{format_signed(amount, decimals=2)}</span></button>"
    )
