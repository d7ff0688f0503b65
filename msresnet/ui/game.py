"""Scales as players, beside the ledger: Shapley values as bars, interactions as pairs. Numbers in, HTML out."""

from collections.abc import Sequence

from ..colour import scale_colour
from ..game import ScaleGame
from .answer import adding_up, bar_html, in_logits, zero_html
from .words import Words
from .words import game as said
from .words import page as text

# An interaction below this shows as 0.00.
UNSEEN = 0.005


def game_html(game: ScaleGame, sides: Sequence[int], words: Words) -> str:
    """The Shapley values of the scales, and which of them say the same; nothing for a single scale."""
    if len(sides) < 2:
        return ""
    shown = adding_up(game.shapley, game.everybody - game.nobody)
    low, high = min(0.0, *game.shapley), max(0.0, *game.shapley)
    span = max(high - low, 1e-9)
    values = "".join(value_line(game, scale, amount, sides, (low, span), words) for scale, amount in enumerate(shown))
    pairs = "".join(pair_line(pair, value, sides, words) for pair, value in game.interactions.items())
    unit = words(said.UNIT if game.target.against is None else said.UNIT_AGAINST)
    total = in_logits(game.everybody - game.nobody)
    parts = " ".join(in_logits(value) for value in shown)
    return (
        f'<details class="ms-details ms-game" data-fold="game"><summary>{words(said.TITLE)}</summary>'
        f'<div class="ms-game-values" role="table" aria-label="{words(said.TABLE)}">{values}</div>'
        f'<ul class="ms-game-pairs" aria-label="{words(said.PAIRS)}">{pairs}</ul>'
        f'<p class="ms-note">{words(said.SUM, parts=parts, total=total, unit=unit)}</p>'
        f'<p class="ms-note">{words(said.NOTE)}</p></details>'
    )


def value_line(
    game: ScaleGame, scale: int, shown: float, sides: Sequence[int], extent: tuple[float, float], words: Words
) -> str:
    """A scale's Shapley value as a bar."""
    low, span = extent
    exact = game.shapley[scale]
    alone = game.values[tuple(s == scale for s in range(len(sides)))] - game.nobody
    detail = words(said.VALUE_DETAIL, amount=f"{exact:+.6f}", alone=f"{alone:+.6f}")
    return (
        f'<div class="ms-game-value" role="row" data-scale="{scale}" style="--scale:{scale_colour(scale, len(sides))}">'
        f'<span role="cell"><i class="ms-dot"></i>{words(text.PIXELS, side=sides[scale])}</span>'
        f'<span class="ms-track" role="presentation">{zero_html(low, span)}{bar_html(0.0, exact, low, span)}</span>'
        f'<span class="ms-game-number" role="cell" title="{detail}">{in_logits(shown)}</span></div>'
    )


def pair_line(pair: tuple[int, int], value: float, sides: Sequence[int], words: Words) -> str:
    """Two scales, and whether they say the same."""
    dots = "".join(f'<i class="ms-dot" style="--scale:{scale_colour(scale, len(sides))}"></i>' for scale in pair)
    one, other = (words(text.PIXELS, side=sides[scale]) for scale in pair)
    verdict = said.INDEPENDENT if abs(value) < UNSEEN else said.REDUNDANT if value < 0 else said.COMPLEMENTARY
    return (
        f'<li><span class="ms-game-pair">{dots}{words(said.PAIR, one=one, other=other)}</span> '
        f'<span>{words(verdict)}</span> <span class="ms-game-number" title="{value:+.6f}">{in_logits(value)}</span>'
        "</li>"
    )
