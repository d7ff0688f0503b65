"""How long Cancel waits at the most, in every method and panel: the longest time between two looks at it.

``python benchmarks/cancel.py --threads 1 --clock cpu``. ``--only NAME...`` for some of them.
"""

from collections.abc import Callable
from pathlib import Path

import matplotlib
from _report import Row, add_clock, parser, report, use_threads
from _watch import Watch, watched

from msresnet import load_model
from msresnet.attribution import METHODS
from msresnet.batch import look_through
from msresnet.explain import Session
from msresnet.explanation import Explanation, versions
from msresnet.export import explanation_archive
from msresnet.probes import Mask, Switches

TARGET_S = 1
PHOTO = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"  # a dependency ships it
PANELS = (
    *("first-pass", "feature-maps", "switch", "zoom-response", "brush", "point", "two-pictures", "batch"),
    *("trust", "export"),
)


def main() -> None:
    options = parser(__doc__.partition("\n")[0], runs=3)
    options.add_argument("--model", default="msresnet18-tiny", metavar="NAME")
    options.add_argument("--image", type=Path, default=PHOTO)
    options.add_argument("--only", nargs="+", choices=(*METHODS, *PANELS), default=(*METHODS, *PANELS), metavar="NAME")
    add_clock(options)
    chosen = options.parse_args()
    use_threads(chosen.threads)
    session = Session(load_model(chosen.model, device="cpu"), chosen.image)
    session.attribution("saliency", session.target())  # the first pass back is a slow one
    rows = []
    for name in chosen.only:
        waits = [watched(work_of(name, session, chosen.image), clock=chosen.clock) for _ in range(chosen.runs)]
        whole = max(wait.whole_s for wait in waits)
        what = f"{chosen.model.rpartition('/')[2]}: {name}, {whole:.1f} s in all"
        rows.append(Row.of(what, [wait.longest_s for wait in waits], unit="s", target=TARGET_S))
    report(rows, json_path=chosen.json)


def work_of(name: str, session: Session, image: Path) -> Callable[[Watch], object]:
    """What a method or panel does, given what it asks whether somebody has cancelled."""
    model, target = session.model, session.target()
    if name in METHODS:
        return lambda watch: session.attribution(name, target, is_cancelled=watch)
    match name:
        case "first-pass":
            return lambda watch: Session(model, image, is_cancelled=watch)
        case "feature-maps":
            return lambda watch: session.features(target, is_cancelled=watch)
        case "switch":
            some = Switches((False, *(True,) * (len(model.sides) - 1)), (1,) * len(model.sides))
            return lambda watch: session.recomputed(some, is_cancelled=watch)
        case "zoom-response":
            return lambda watch: session.zoom_response(target, is_cancelled=watch)
        case "brush":
            width, height = session.image.width, session.image.height
            mask = Mask.rectangle((0, 0, width / 2, height / 2), (width, height))
            return lambda watch: session.occluded(mask, is_cancelled=watch)
        case "point":
            left, top, right, bottom = session.geometry.box
            middle = (left + right) / 2, (top + bottom) / 2
            return lambda watch: session.point(*middle, target, has_influence=True, is_cancelled=watch)
        case "two-pictures":
            return lambda watch: beside(session, image, watch)
        case "batch":
            return lambda watch: list(look_through(model, [("a", image), ("b", image)], is_cancelled=watch))
        case "trust":
            return lambda watch: session.trust(target, ("saliency",), is_cancelled=watch)
        case "export":
            maps = {"grad-cam": session.attribution("grad-cam", target)}
            explanation = Explanation(session.answer(target), None, maps, versions())
            return lambda watch: explanation_archive(explanation, session.view, is_cancelled=watch)


def beside(session: Session, image: Path, watch: Watch) -> None:
    """A second picture, the difference of the ledgers, and one method's maps of both."""
    other = Session(session.model, image, is_cancelled=watch)
    session.compare(other, session.target())
    for one in (session, other):
        one.attribution("smooth-grad", session.target(), is_cancelled=watch)


if __name__ == "__main__":
    main()
