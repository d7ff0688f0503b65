"""The page's style sheet: no rule meets another part's, and none is left over."""

import re
from pathlib import Path

import msresnet.ui
from msresnet.ui.assets import static_file

UI = Path(msresnet.ui.__file__).parent
SHEET = re.sub(r"/\*.*?\*/", "", static_file("style.css"), flags=re.DOTALL)
# Rules for narrow screens come on top of others by intention.
PLAIN = re.sub(r"@media[^{]*\{(?:[^{}]*\{[^}]*\})*[^}]*\}", "", SHEET)


def test_no_selector_is_written_twice():
    selectors = [selector.strip() for selector in re.findall(r"([^{}]+)\{", PLAIN)]
    assert len(selectors) > 200
    assert {one for one in selectors if selectors.count(one) > 1} == set()


def test_every_class_of_the_sheet_is_somewhere_on_the_page():
    written = "".join(path.read_text("utf-8") for path in UI.rglob("*") if path.suffix in (".py", ".js"))
    classes = set(re.findall(r"\.(ms-[\w-]+)", SHEET))
    put_together = {
        "ms-chart-wide",
        "ms-chart-narrow",
        "ms-stale-all",
        "ms-stale-features",
        "ms-stale-attributions",
        "ms-passes",
        "ms-fails",
    }
    assert {name for name in classes if name not in written} <= put_together <= classes
