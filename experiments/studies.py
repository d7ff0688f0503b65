"""The tables of docs/studies.md, made anew: every study, its output put where the page has it.

``python experiments/studies.py --data DIR [--model A] [--plain B] [--only NAME...]``

The page has a place for each, ``<!-- begin NAME -->`` to ``<!-- end NAME -->``: the command and
what it printed. No number is typed by hand. With ``--cache DIR`` a stopped run goes on where it was.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "studies.md"
QUICK = ("--methods", "grad-cam", "saliency", "input-x-gradient", "integrated-gradients", "deep-lift")
STUDIES = {
    "localisation": (
        *("localisation.py", "--batch-size", "32", "--per-class", "5", "--pictures", "1000", "--pointing", "60"),
        *(*QUICK, "guided-grad-cam", "--outline"),
    ),
    "size": ("scale_truth.py", "--parts", "size", "--pictures", "1000"),
    "zoom": ("scale_truth.py", "--parts", "zoom", "--zoomed", "100"),
    "deletion": ("scale_truth.py", "--parts", "deletion", "--deleted", "60", *QUICK, "guided-grad-cam", "--outline"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, metavar="DIR", help="Tiny-ImageNet's folder")
    parser.add_argument("--model", default="msresnet18-tiny", metavar="A")
    parser.add_argument("--plain", metavar="B", help="a plain ResNet of the same classes, for localisation")
    parser.add_argument("--only", nargs="+", choices=STUDIES, default=list(STUDIES), metavar="NAME")
    parser.add_argument("--cache", metavar="DIR")
    parser.add_argument("--threads", metavar="N")
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE", help="whose tables are replaced")
    chosen = parser.parse_args()
    for name in chosen.only:
        started_s = time.perf_counter()
        printed = answer(name, chosen)
        put(chosen.page, name, block(name, chosen, printed))
        print(f"{printed}\n{name}: {time.perf_counter() - started_s:.0f} s\n", flush=True)


def asked(name: str, chosen: argparse.Namespace, *, data: str) -> list[str]:
    """The study's command, without the options that change nothing of what it prints."""
    script, *options = STUDIES[name]
    command = [f"experiments/{script}", "--data", data, *options]
    if chosen.model != "msresnet18-tiny":
        command += ["--model", chosen.model]
    return command + (["--plain", chosen.plain] if chosen.plain and name == "localisation" else [])


def answer(name: str, chosen: argparse.Namespace) -> str:
    """What the study prints; ends the run where it fails."""
    _, *options = asked(name, chosen, data=chosen.data)
    command = [sys.executable, str(HERE / STUDIES[name][0]), *options]
    for option in ("cache", "threads"):
        value = getattr(chosen, option)
        command += [] if value is None else [f"--{option}", value]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if ended.returncode:
        sys.exit(f"the study of {name} could not be made; its tables stay as they were")
    return ended.stdout.strip()


def block(name: str, chosen: argparse.Namespace, printed: str) -> str:
    """What the page has of a study: models by their names, not where they lie."""
    command = [Path(word).name if word in (chosen.model, chosen.plain) else word
               for word in asked(name, chosen, data="DIR")]  # fmt: skip
    return f"`python {' '.join(command)}`\n\n{printed}"


def put(page: Path, name: str, content: str) -> None:
    """Replace what stands between the study's marks; ends the run where the page lacks them."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    text = page.read_text(encoding="utf-8")
    if text.count(begin) != 1 or text.count(end) != 1:
        sys.exit(f"{page} must have {begin} and {end}, each once")
    before, _, rest = text.partition(begin)
    page.write_text(f"{before}{begin}\n{content}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
