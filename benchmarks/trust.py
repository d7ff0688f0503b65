"""How long the trust panel takes for all maps of a picture, and how long Cancel waits within it at the most.

``python benchmarks/trust.py``. The wait is the longest time between two moments at which the
work asks whether somebody has cancelled.
"""

from pathlib import Path

import matplotlib
from _report import Row, add_clock, parser, report, use_threads
from _watch import watched

from msresnet import load_model
from msresnet.explain import Session

PANEL_TARGET_S, CANCEL_TARGET_S = 60, 1
PHOTO = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"  # a dependency ships it


def main() -> None:
    options = parser(__doc__.partition("\n")[0], runs=3)
    options.add_argument("--model", default="msresnet18-tiny", metavar="NAME")
    options.add_argument("--image", type=Path, default=PHOTO)
    add_clock(options)
    chosen = options.parse_args()
    use_threads(chosen.threads)
    session = Session(load_model(chosen.model, device="cpu"), chosen.image)
    target = session.target()
    session.attribution("saliency", target)  # the first pass back is a slow one

    panels_s, waits_s = [], []
    for _ in range(chosen.runs):
        wait = watched(lambda watch: session.trust(target, is_cancelled=watch), clock=chosen.clock)
        panels_s.append(wait.whole_s)
        waits_s.append(wait.longest_s)
    rows = [
        Row.of(f"{chosen.model}: trust panel, all maps", panels_s, unit="s", target=PANEL_TARGET_S),
        Row.of(f"{chosen.model}: longest wait for Cancel in it", waits_s, unit="s", target=CANCEL_TARGET_S),
    ]
    report(rows, json_path=chosen.json)


if __name__ == "__main__":
    main()
