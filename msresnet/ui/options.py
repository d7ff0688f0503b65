"""How a method is asked, and how its maps are drawn: what the visitor chose. Choices in, HTML out."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from ..attribution import LAST_STAGE, METHODS, Attribution, Baseline, Grid
from ..errors import ConfigError
from .words import Phrase, Words
from .words import maps as said

# The choices are part of what is drawn, and drawn anew with it: the one that was used keeps the focus.
SEND_OPTIONS = """
let used = null;
element.addEventListener('change', (event) => {
  if (!event.target.matches('select[data-option]')) return;
  used = event.target.dataset.option;
  const chosen = {};
  element.querySelectorAll('select[data-option]').forEach((one) => { chosen[one.dataset.option] = one.value; });
  trigger('choose', chosen);
});
new MutationObserver(() => {
  if (used === null || (document.activeElement !== document.body && document.activeElement !== null)) return;
  element.querySelector(`select[data-option="${used}"]`)?.focus();
}).observe(element, {childList: true, subtree: true});
"""

OWN = "own"  # the baseline that a method has by itself


@dataclass(frozen=True)
class Options:
    """What the visitor chose for all methods.

    Attributes:
        baseline: of the methods that have one; ``None`` is each method's own.
        stage: 0 to 3, of the methods that look at a stage's maps.
        is_local: every scale's map has a range of its own, not one that all share.
        is_magnitude: Σ|·| over the colour channels is drawn, not the signed sum.
        is_smooth: cells are blended into their neighbours, not drawn as squares.
    """

    baseline: str | None = None
    stage: int = LAST_STAGE
    is_local: bool = False
    is_magnitude: bool = False
    is_smooth: bool = False

    def of(self, method: str) -> dict[str, str | int | None]:
        """What of it a method is asked with."""
        chosen = METHODS[method]
        return {
            "baseline": self.baseline if chosen.baseline else None,
            "stage": self.stage if chosen.has_stages else None,
        }

    def fits(self, result: Attribution, method: str) -> bool:
        """Whether this attribution is what the method would be asked for."""
        wanted = self.of(method)
        own = METHODS[method].baseline
        baseline = wanted["baseline"] or (own and own.value)
        return (result.method, result.baseline, result.stage) == (method, baseline, wanted["stage"])

    def chosen(self, values: Mapping[str, object]) -> "Options":
        """With what the browser sent; what it did not offer stays.

        Raises:
            ConfigError: it is none of what was offered.
            UnknownNameError: there is no such baseline.
        """
        baseline, stage = values.get("baseline", self.baseline or OWN), values.get("stage", self.stage)
        try:
            stage = int(stage)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"stage must be 0 to {LAST_STAGE}, got {stage!r}") from error
        if not 0 <= stage <= LAST_STAGE:
            raise ConfigError(f"stage must be 0 to {LAST_STAGE}, got {stage}")
        return Options(
            baseline=None if baseline == OWN else Baseline.find(str(baseline)).value,
            stage=stage,
            is_local=values.get("range", "local" if self.is_local else "") == "local",
            is_magnitude=values.get("values", "magnitude" if self.is_magnitude else "") == "magnitude",
            is_smooth=values.get("cells", "smooth" if self.is_smooth else "") == "smooth",
        )


def options_html(result: Attribution, options: Options, words: Words) -> str:
    """What can be chosen for this method, as a row of small lists."""
    method = METHODS[result.method]
    lists = []
    if method.baseline is not None:
        offered = {OWN: said.OWN_BASELINE} | {one.value: said.BASELINES[one.value] for one in Baseline}
        lists.append(list_html("baseline", said.BASELINE, offered, options.baseline or OWN, words))
    if method.has_stages:
        offered = {str(stage): said.STAGES[stage] for stage in range(LAST_STAGE + 1)}
        lists.append(list_html("stage", said.STAGE, offered, str(options.stage), words))
    if method.says_where:
        ranges = {"shared": said.SHARED, "local": said.LOCAL}
        lists.append(list_html("range", said.RANGE, ranges, "local" if options.is_local else "shared", words))
    if method.is_signed and method.says_where:
        kinds = {"signed": said.SIGNED, "magnitude": said.MAGNITUDE}
        lists.append(list_html("values", said.VALUES, kinds, "magnitude" if options.is_magnitude else "signed", words))
    if method.grid is Grid.CELL:
        kinds = {"squares": said.SQUARES, "smooth": said.SMOOTH}
        lists.append(list_html("cells", said.CELLS, kinds, "smooth" if options.is_smooth else "squares", words))
    return f'<div class="ms-options">{"".join(lists)}</div>' if lists else ""


def list_html(name: str, label: Phrase, offered: Mapping[str, Phrase], chosen: str, words: Words) -> str:
    """One list with its label."""
    choices = "".join(
        f'<option value="{value}"{" selected" * (value == chosen)}>{escape(words(phrase))}</option>'
        for value, phrase in offered.items()
    )
    return f'<label>{words(label)} <select data-option="{name}">{choices}</select></label>'
