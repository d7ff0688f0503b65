"""What if a scale were off, or spoke louder: a switch and a gain per scale. Numbers in, HTML out."""

from collections.abc import Mapping, Sequence

from ..colour import scale_colour
from ..errors import ConfigError
from ..probes import Switches
from .words import Words
from .words import page as text

# A switch sends the positions at once, a gain where it rests a moment or is let go: not at every pixel of a drag.
SEND_POSITIONS = """
let waiting = null;
const rows = () => [...element.querySelectorAll('[data-switch]')];
const positions = () => ({
  is_on: rows().map((row) => row.querySelector('[type=checkbox]').checked),
  gains: rows().map((row) => Number(row.querySelector('[type=range]').value)),
});
const neutral = () => ({ is_on: rows().map(() => true), gains: rows().map(() => 1) });
const label = (row) => {
  row.querySelector('output').textContent = '×' + Number(row.querySelector('[type=range]').value).toFixed(1);
};
const move = (to) => rows().forEach((row, index) => {
  row.querySelector('[type=checkbox]').checked = to.is_on[index];
  row.querySelector('[type=range]').value = to.gains[index];
  label(row);
});
const sent = () => JSON.parse(element.querySelector('.ms-switches').dataset.sent ?? JSON.stringify(neutral()));
const send = (isUndone) => {
  const before = sent(), now = positions(), switches = element.querySelector('.ms-switches');
  if (JSON.stringify(before) === JSON.stringify(now)) return;
  switches.dataset.sent = JSON.stringify(now);
  // An answer to another question brings switches of its own: then there is nothing to take back.
  if (isUndone !== true) window.msresnet.undoable(() => { move(before); send(true); }, () => switches.isConnected);
  trigger('probe', now);
};
element.addEventListener('input', (event) => {
  const row = event.target.closest('[data-switch]');
  if (row) label(row);
  clearTimeout(waiting);
  if (event.target.type === 'range') waiting = setTimeout(send, 25);
  else send();
});
element.addEventListener('change', () => { clearTimeout(waiting); send(); });
element.addEventListener('click', (event) => {
  if (!event.target.closest('[data-reset]')) return;
  move(neutral());
  send();
});
"""


def switches_html(sides: Sequence[int], words: Words) -> str:
    """The switches in their neutral position; nothing for a model with a single scale."""
    if len(sides) < 2:
        return ""
    rows = "".join(
        f'<div class="ms-switch" data-switch="{s}" data-scale="{s}" style="--scale:{scale_colour(s, len(sides))}">'
        f'<label><input type="checkbox" checked aria-label="{words(text.SCALE_ON, side=side)}">'
        f'<i class="ms-dot"></i>{words(text.PIXELS, side=side)}</label>'
        f'<input type="range" min="0" max="2" step="0.1" value="1" aria-label="{words(text.GAIN, side=side)}">'
        f'<output class="ms-number">×1.0</output></div>'
        for s, side in enumerate(sides)
    )
    return (
        f'<details class="ms-details ms-what-if"><summary>{words(text.WHAT_IF)}</summary>'
        f'<div class="ms-switches">{rows}'
        f'<button type="button" class="ms-reset" data-undo disabled>{words(text.UNDO)}</button>'
        f'<button type="button" class="ms-reset" data-reset>{words(text.RESET)}</button></div>'
        f'<p class="ms-note">{words(text.WHAT_IF_NOTE)}</p></details>'
    )


def read_switches(positions: Mapping[str, object]) -> Switches:
    """What the browser sent.

    Raises:
        ConfigError: it is no position of switches, or an impossible one.
    """
    try:
        is_on = tuple(bool(value) for value in positions["is_on"])
        gains = tuple(float(value) for value in positions["gains"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError("the switches' positions could not be read; reload the page") from error
    return Switches(is_on, gains)
