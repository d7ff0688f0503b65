"""Feature maps as a table of pictures: scales down, channels across, one stage at a time."""

from html import escape

from ..colour import format_signed, scale_colour
from ..explain import Answer, Features
from ..features import FeatureMaps
from ..figures import channel_tile, data_uri, to_png_bytes
from . import text


def features_html(features: Features, answer: Answer, *, has_links: bool) -> str:
    """Every stage's strongest channels at every scale; the stage is chosen without a request."""
    label = escape(answer.ledger.classes[features.target.index])
    last = len(features.stages) - 1
    radios, panels = [], []
    for index, stage in enumerate(features.stages):
        checked = " checked" if index == last else ""
        radios.append(
            f'<input type="radio" name="ms-stage" id="ms-stage-{index}" value="{index}"{checked}>'
            f'<label for="ms-stage-{index}">stage {index + 1}</label>'
        )
        rows = "".join(row_html(maps, s, answer) for s, maps in enumerate(stage))
        panels.append(f'<div class="ms-stage-panel" data-stage="{index}">{rows}</div>')
    note = text.FEATURES_NOTE + (f" {text.LINKS_NOTE}" if has_links else "")
    return (
        f'<div class="ms-stages">{"".join(radios)}{"".join(panels)}</div>'
        f'<p class="ms-note">Channels that add most to <em>{label}</em>, strongest first.</p>'
        f'<details class="ms-details"><summary>How to read this</summary><p>{note}</p></details>'
    )


def row_html(maps: FeatureMaps, scale: int, answer: Answer) -> str:
    """The channels of one stage at one scale."""
    colour = scale_colour(scale, len(answer.sides))
    height, width = maps.maps.shape[1:]
    tiles = "".join(tile_html(maps, position, side=answer.sides[scale]) for position in range(len(maps.channels)))
    return (
        f'<div class="ms-tiles-row" data-scale="{scale}" style="--scale:{colour}">'
        f'<div class="ms-tiles-name"><i class="ms-dot"></i>{answer.sides[scale]} px'
        f"<small>{height} × {width} cells, {maps.channel_count} channels</small></div>"
        f'<div class="ms-tiles" tabindex="0" role="group" aria-label="{answer.sides[scale]} px channels">{tiles}</div>'
        "</div>"
    )


def tile_html(maps: FeatureMaps, position: int, *, side: int) -> str:
    """One channel as a button that enlarges it."""
    tile = channel_tile(maps.maps[position], tile_px=max(maps.maps.shape[1:]))
    channel, amount = maps.channels[position], maps.contributions[position]
    title = f"stage {maps.stage + 1}, {side} px, channel {channel}: {amount:+.4f} logits, maximum {tile.peak:.3g}"
    return (
        f'<button type="button" class="ms-tile" data-enlarge="{escape(title)}" aria-label="Enlarge {escape(title)}">'
        f'<img alt="" src="{data_uri(to_png_bytes(tile.picture))}">'
        f"<span>{format_signed(amount, decimals=2)}</span></button>"
    )
