"""What frames a section of the page: its title, and how to read it. Words in, HTML out."""

from .where import switch_html
from .words import Phrase, Words
from .words import page as text


def heading_html(phrase: Phrase, words: Words, *, has_sliders: bool = False) -> str:
    """A section's title, with the overlays' sliders where asked."""
    sliders = (("opacity", text.OPACITY, text.OPACITY_NAME), ("wipe", text.WIPE, text.WIPE_NAME))
    controls = "".join(
        f'<label class="ms-slider">{words(shown)}<input type="range" min="0" max="100" data-slider="{slider}" '
        f'aria-label="{words(name)}"></label>'
        for slider, shown, name in sliders
    )
    held = f'<div class="ms-sliders">{switch_html(words)}{controls}</div>' if has_sliders else ""
    return f'<div class="ms-heading"><h2>{words(phrase)}</h2>{held}</div>'


def how_to_read_html(note: str, words: Words) -> str:
    """How to read what stands above, unfolded on demand."""
    return f'<details class="ms-details"><summary>{words(text.HOW_TO_READ)}</summary><p>{note}</p></details>'
