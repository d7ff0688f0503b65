"""How long the default model takes from a picture to its answer, from a scale's switch to the answer without it,
and to its whole explanation; and its memory.

``python benchmarks/default_model.py``
"""

from pathlib import Path

import matplotlib
from _report import Row, add_clock, memory_rows, parser, peak_memory_mb, report, seconds, use_threads

from msresnet import explain, load_model
from msresnet.explain import Session
from msresnet.probes import Switches

ANSWER_TARGET_MS, SWITCH_TARGET_MS, EXPLANATION_TARGET_S = 300, 100, 5
PHOTO = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"  # a dependency ships it


def main() -> None:
    options = parser(__doc__.partition("\n")[0], runs=20)
    options.add_argument("--explanations", type=int, default=3, help="measured explanations (default: %(default)s)")
    options.add_argument("--model", default="msresnet18-tiny", metavar="NAME")
    options.add_argument("--image", type=Path, default=PHOTO)
    add_clock(options)
    chosen = options.parse_args()
    use_threads(chosen.threads)
    model = load_model(chosen.model, device="cpu")

    def answer() -> None:
        """From the file to top-k and ledger."""
        session = Session(model, chosen.image)
        target = session.target()
        session.answer(target).ledger.read(target)

    answer()
    answers_ms = [1000 * seconds(answer, clock=chosen.clock) for _ in range(chosen.runs)]
    explanations_s = [
        seconds(lambda: explain(model, chosen.image), clock=chosen.clock) for _ in range(chosen.explanations)
    ]
    memory = memory_rows("peak memory of this process", peak_memory_mb())
    switches_ms = switches_in_ms(Session(model, chosen.image), chosen.runs, chosen.clock)
    rows = [
        Row.of(f"{chosen.model}: file to top-k and ledger", answers_ms, unit="ms", target=ANSWER_TARGET_MS),
        Row.of(f"{chosen.model}: a scale switched off, on the page", switches_ms, unit="ms", target=SWITCH_TARGET_MS),
        Row.of(f"{chosen.model}: whole default explanation", explanations_s, unit="s", target=EXPLANATION_TARGET_S),
        *memory,
    ]
    report(rows, json_path=chosen.json)


def switches_in_ms(session: Session, runs: int, clock: str) -> list[float]:
    """From a switch's position to top-k, ledger and evidence as the page sends them."""
    from msresnet.ui.words import ENGLISH  # after the peak of memory was read, which is without the page's
    from msresnet.ui.work import probed_view

    count = len(session.model.sides)
    off = Switches((False, *(True,) * (count - 1)), (1.0,) * count)
    target = session.target()
    probed_view(session, target, off, ENGLISH)
    return [1000 * seconds(lambda: probed_view(session, target, off, ENGLISH), clock=clock) for _ in range(runs)]


if __name__ == "__main__":
    main()
