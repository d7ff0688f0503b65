"""The trust panel: what can be checked and how long it takes, then a row per map. Numbers in, HTML out."""

from collections.abc import Sequence
from html import escape

import numpy as np

from ..attribution import METHODS, RESIDUAL_LIMIT, Attribution, Baseline
from ..colour import Range, format_signed, paint
from ..faithfulness import CONTROLS, EVIDENCE, LIKENESS_LIMIT, NETWORKS, PATCHES, Control, Direction, Trust, Verdict
from ..session import Session
from .heading import how_to_read_html
from .status import bar_html
from .words import Words, methods
from .words import maps as map_words
from .words import page as text
from .words import trust as said
from .words.answer import percent

# While a check runs the panel is drawn anew, perhaps between the two halves of a click on Stop, so that one
# half is enough; and whoever stood on a button stands on the one in its place.
SEND_CHECK = """
let isHeld = false;
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-check]');
  if (button) trigger('check', {scope: button.dataset.check, baseline: element.querySelector('select').value});
  else if (event.target.closest('[data-stop]') && event.detail === 0) trigger('stop', {});
});
element.addEventListener('pointerdown', (event) => {
  if (event.target.closest('[data-stop]')) trigger('stop', {});
});
element.addEventListener('focusin', () => { isHeld = true; });
element.addEventListener('focusout', (event) => { if (event.relatedTarget) isHeld = false; });
new MutationObserver(() => {
  if (isHeld && document.activeElement === document.body) element.querySelector('button')?.focus({preventScroll: true});
}).observe(element, {childList: true, subtree: true});
"""

# Of the small charts, in the units of their view box.
WIDTH, HEIGHT = 120, 44
# Below this the curves of a class lie on the axis.
FAINT = 0.05
AGREEMENT_RANGE = Range(limit=1.0, clipped_share=0.0, is_signed=True, is_flat=False)


def idle_html(session: Session, method: str, words: Words, *, known: Sequence[Attribution] = ()) -> str:
    """What this is, and what can be asked."""
    return f'<p class="ms-note">{words(said.INTRODUCTION)}</p>{ask_html(session, method, words, known=known)}'


def ask_html(session: Session, method: str, words: Words, *, known: Sequence[Attribution] = ()) -> str:
    """What can be checked, and about how long that takes here."""
    everything = session.estimate_trust_seconds(known=known)
    buttons = [button_html("all", words(said.CHECK_ALL, seconds=seconds(everything)))]
    if METHODS[method].says_where:
        alone = session.estimate_trust_seconds((method,), known=[one for one in known if one.method == method])
        label = words(said.CHECK_ONE, title=methods.title(words, method), seconds=seconds(alone))
        buttons.append(button_html("shown", label))
    options = "".join(
        f'<option value="{one.value}"{" selected" * (one is Baseline.BLUR)}>'
        f"{words(map_words.BASELINES[one.value])}</option>"
        for one in Baseline
    )
    return (
        f'<div class="ms-trust-ask">{"".join(buttons)}'
        f"<label>{words(said.BASELINE)} <select>{options}</select></label></div>"
    )


def button_html(scope: str, label: str) -> str:
    """A button that asks for a check."""
    return f'<button type="button" class="ms-reset" data-check="{scope}">{escape(label)}</button>'


def working_html(words: Words, *, share: float = 0.0, left: float | None = None) -> str:
    """How far it is, and about how many seconds are left, beside a way to stop it."""
    rest = "" if left is None else words(said.LEFT, seconds=seconds(left))
    return (
        f'<p class="ms-note">{words.join(words(said.WORKING_SENTENCE), rest)}</p>'
        f'<div class="ms-trust-ask"><button type="button" class="ms-reset" data-stop>{words(said.STOP)}</button>'
        f"{bar_html(share)}</div>"
    )


def trust_html(trust: Trust, words: Words) -> str:
    """A row per map, how far the maps agree, and how all of it was found out."""
    passed = sum(not verdict.marks for verdict in trust.verdicts)
    summary = words(said.SUMMARY, passed=passed, count=len(trust.verdicts))
    faint = words(said.FAINT, share=percent(words, trust.score_image)) if trust.score_image < FAINT else ""
    warning = f'<p class="ms-caution ms-note">{faint}</p>' if faint else ""
    top = max(
        float(scores.max())
        for way in Direction
        for scores in (trust.controls[way].scores, *(verdict.curves[way].scores for verdict in trust.verdicts))
    )
    heads = (said.MAP, *said.WAYS.values(), said.RANDOMISATION, said.REST, said.VERDICT)
    head = "".join(f'<th scope="col">{words(phrase)}</th>' for phrase in heads)
    rows = "".join(row_html(verdict, trust, words, top=max(top, 1e-6)) for verdict in trust.verdicts)
    return (
        f'<p class="ms-trust-summary">{summary}</p>{warning}'
        f'<table class="ms-trust"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        f'<h3 class="ms-trust-head">{words(said.AGREEMENT)}</h3>{agreement_html(trust, words)}'
        f'<p class="ms-note">{words(said.AGREEMENT_NOTE)}</p>{how_html(trust, words)}'
    )


def row_html(verdict: Verdict, trust: Trust, words: Words, *, top: float) -> str:
    """One map's curves, cascade and marks."""
    name = escape(map_name(verdict.name, words))
    cells = [way_html(verdict, trust, way, words, top=top) for way in Direction]
    cells += [cascade_html(verdict, words), rest_html(verdict, words)]
    labels = (*said.WAYS.values(), said.RANDOMISATION, said.REST)
    columns = "".join(f'<td data-label="{words(label)}">{cell}</td>' for label, cell in zip(labels, cells, strict=True))
    kind = "fails" if verdict.marks else "passes"
    sentences = [words(said.MARKS[mark]) for mark in verdict.marks] or [words(said.PASSES)]
    told = "".join(f"<p>{sentence}</p>" for sentence in sentences)
    return (
        f'<tr data-map="{verdict.name}" data-verdict="{kind}"><th scope="row">{name}</th>{columns}'
        f'<td class="ms-verdict ms-{kind}" data-label="{words(said.VERDICT)}">{told}</td></tr>'
    )


def way_html(verdict: Verdict, trust: Trust, way: Direction, words: Words, *, top: float) -> str:
    """A curve over the random orders', its area and how much better than chance that is."""
    curve, control, advantage = verdict.curves[way], trust.controls[way], verdict.advantages[way]
    name = words(
        said.CURVE_NAME,
        way=words(said.WAYS[way]),
        map=map_name(verdict.name, words),
        first=percent(words, float(curve.scores[0])),
        last=percent(words, float(curve.scores[-1])),
        area=f"{curve.area:.3f}",
        control=f"{control.area:.3f}",
    )
    low, high = (format_signed(value, decimals=3) for value in (advantage.low, advantage.high))
    better = words(said.BETTER, value=format_signed(advantage.value, decimals=3))
    return (
        f"{curve_svg(curve.scores, control, name, top=top)}"
        f'<span class="ms-number">{words(said.AREA, area=f"{curve.area:.3f}")}</span>'
        f'<span class="ms-trust-soft">{better} {words(said.INTERVAL, low=low, high=high)}</span>'
    )


def curve_svg(scores: np.ndarray, control: Control, name: str, *, top: float) -> str:
    """The curve of a map in ink over the mean and the band of the random orders, on one scale for all maps."""
    low, high = control.band
    band = points(np.clip(high, 0, top), top=top) + " " + points(np.clip(low, 0, top), top=top, is_reversed=True)
    return (
        f'<svg class="ms-curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(name)}">'
        f'<polygon class="ms-curve-band" points="{band}"/>'
        f'<polyline class="ms-curve-chance" points="{points(control.scores, top=top)}"/>'
        f'<polyline class="ms-curve-own" points="{points(scores, top=top)}"/></svg>'
    )


def points(values: np.ndarray, *, top: float, low: float = 0.0, is_reversed: bool = False) -> str:
    """Values as the points of a line in the view box, from left to right or back."""
    places = [
        f"{WIDTH * i / (len(values) - 1):.1f},{2 + (HEIGHT - 4) * (top - value) / (top - low):.1f}"
        for i, value in enumerate(values)
    ]
    return " ".join(reversed(places) if is_reversed else places)


def cascade_html(verdict: Verdict, words: Words) -> str:
    """How like itself the map stays while layer after layer becomes random."""
    values = np.array([1.0, *(one.rank_correlation for one in verdict.likenesses)])
    steps = words(text.COMMA).join(
        words(said.LIKENESS_STEP, layer=words(said.LAYERS[one.layer]), value=format_signed(value, decimals=2))
        for one, value in zip(verdict.likenesses, values[1:], strict=True)
    )
    name = words(said.LIKENESS_NAME, map=map_name(verdict.name, words), steps=steps)
    zero = points(np.zeros(2), top=1.0, low=-1.0)
    structure = float(np.mean([one.structure for one in verdict.likenesses]))
    return (
        f'<svg class="ms-curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(name)}">'
        f"<title>{escape(steps)}</title>"
        f'<polyline class="ms-curve-chance" points="{zero}"/>'
        f'<polyline class="ms-curve-own" points="{points(values, top=1.0, low=-1.0)}"/></svg>'
        f'<span class="ms-number">{words(said.LIKENESS, value=format_signed(verdict.likeness, decimals=2))}</span>'
        f'<span class="ms-trust-soft">{words(said.STRUCTURE, value=format_signed(structure, decimals=2))}</span>'
    )


def rest_html(verdict: Verdict, words: Words) -> str:
    """What the maps' sum misses, and what the colours do not show."""
    left = words(said.NO_SUM)
    if verdict.residual is not None:
        left = words(said.LEFT_OVER, share=f"{100 * verdict.residual:.1f}")
    clipped = words(said.NOT_CLIPPED)
    if verdict.clipping.share:
        share, mass = (f"{100 * value:.1f}" for value in (verdict.clipping.share, verdict.clipping.mass))
        clipped = words(said.CLIPPED, share=share, mass=mass)
    return f'<span>{left}</span><span class="ms-trust-soft">{clipped}</span>'


def agreement_html(trust: Trust, words: Words) -> str:
    """The matrix of rank correlations, coloured and in numbers."""
    names = [escape(map_name(verdict.name, words)) for verdict in trust.verdicts]
    head = "".join(f'<th scope="col"><span>{name}</span></th>' for name in names)
    colours = paint(trust.agreement.clip(-1, 1), AGREEMENT_RANGE)
    rows = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(map(cell_html, values, tints))}</tr>'
        for name, values, tints in zip(names, trust.agreement, colours, strict=True)
    )
    return (
        f'<div class="ms-agreement" tabindex="0" role="group" aria-label="{words(said.AGREEMENT)}">'
        f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def cell_html(value: float, tint: np.ndarray) -> str:
    """A correlation on its colour, in ink that can be read there."""
    red, green, blue = (int(channel) for channel in tint)
    ink = "#fff" if 0.299 * red + 0.587 * green + 0.114 * blue < 140 else "#1c1917"
    colours = f"background:rgb({red} {green} {blue});color:{ink}"
    return f'<td style="{colours}">{format_signed(float(value), decimals=2)}</td>'


def how_html(trust: Trust, words: Words) -> str:
    """How all of it was found out, unfolded on demand."""
    how = words(
        said.HOW,
        patches=PATCHES,
        baseline=words(map_words.BASELINES[trust.baseline]),
        orders=CONTROLS,
        limit=LIKENESS_LIMIT,
        networks=NETWORKS,
        residual=f"{100 * RESIDUAL_LIMIT:.0f}",
        seconds=f"{trust.seconds:.0f}",
    )
    return how_to_read_html(how, words)


def map_name(name: str, words: Words) -> str:
    """What a map is called."""
    return words(said.EVIDENCE) if name == EVIDENCE else methods.title(words, name)


def seconds(value: float) -> str:
    """A duration that is only an estimate: two digits at most, and at least 1."""
    return f"{max(1, round(value, -1) if value >= 100 else round(value)):.0f}"
