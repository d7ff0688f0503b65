"""What if a scale were off, or spoke louder: a switch and a gain per scale. Numbers in, HTML out."""

from collections.abc import Mapping, Sequence

from ..colour import scale_colour
from ..errors import ConfigError
from ..probes import Switches
from . import text

# The switches send their positions a moment after the last movement, not at every pixel of a drag.
SEND_POSITIONS = """
let waiting = null;
const send = () => {
  const rows = [...element.querySelectorAll('[data-switch]')];
  trigger('probe', {
    is_on: rows.map((row) => row.querySelector('[type=checkbox]').checked),
    gains: rows.map((row) => Number(row.querySelector('[type=range]').value)),
  });
};
element.addEventListener('input', (event) => {
  const row = event.target.closest('[data-switch]');
  if (row) row.querySelector('output').textContent = '×' + Number(row.querySelector('[type=range]').value).toFixed(1);
  clearTimeout(waiting);
  waiting = setTimeout(send, 60);
});
element.addEventListener('click', (event) => {
  if (!event.target.closest('[data-reset]')) return;
  element.querySelectorAll('[type=checkbox]').forEach((box) => { box.checked = true; });
  element.querySelectorAll('[type=range]').forEach((range) => { range.value = 1; });
  element.querySelectorAll('output').forEach((shown) => { shown.textContent = '×1.0'; });
  send();
});
"""


def switches_html(sides: Sequence[int]) -> str:
    """The switches in their neutral position; nothing for a model with a single scale."""
    if len(sides) < 2:
        return ""
    rows = "".join(
        f'<div class="ms-switch" data-switch="{s}" data-scale="{s}" style="--scale:{scale_colour(s, len(sides))}">'
        f'<label><input type="checkbox" checked aria-label="{side} px scale on"><i class="ms-dot"></i>{side} px</label>'
        f'<input type="range" min="0" max="2" step="0.1" value="1" aria-label="Gain of the {side} px scale">'
        f'<output class="ms-number">×1.0</output></div>'
        for s, side in enumerate(sides)
    )
    return (
        f'<details class="ms-details ms-what-if"><summary>{text.WHAT_IF}</summary><div class="ms-switches">{rows}'
        f'<button type="button" class="ms-reset" data-reset>{text.RESET}</button></div>'
        f'<p class="ms-note">{text.WHAT_IF_NOTE}</p></details>'
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
