"""Can a map be believed? Curves against chance, a network that is unlearned, agreement, and what is left over.

:func:`put_on_trial` asks it of the evidence and of the maps of named methods, for one
picture before one model. A map that fails is marked; one that passes is not thereby
proven: the checks find maps that cannot be right.
"""

from .case import Case
from .curves import CONTROLS, STEPS, Advantage, Control, Curve, Direction
from .plan import NETWORKS, trial_cost
from .randomisation import LAYERS, Likeness
from .ranking import EVIDENCE, PATCHES
from .trial import TRIED, put_on_trial
from .verdicts import LIKENESS_LIMIT, Clipping, Mark, Trust, Verdict

__all__ = [
    "CONTROLS",
    "EVIDENCE",
    "LAYERS",
    "LIKENESS_LIMIT",
    "NETWORKS",
    "PATCHES",
    "STEPS",
    "TRIED",
    "Advantage",
    "Case",
    "Clipping",
    "Control",
    "Curve",
    "Direction",
    "Likeness",
    "Mark",
    "Trust",
    "Verdict",
    "put_on_trial",
    "trial_cost",
]
