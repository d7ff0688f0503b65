"""The rules of the house: who may import whom, and what the repository may hold.

The order is the layout of the design. A check that cannot fail is a defect, so
every rule is also run on a tree that breaks it.
"""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "msresnet"

# The command line, which the page does not know.
COMMANDS = (
    *("terminal", "command", "arguments", "explain_command", "train_commands"),
    *("measuring", "probing", "probe_commands", "cli"),
)
# A module imports only from those before it. The package's own names (`from msresnet import load_model`)
# stand where `__init__` does.
ORDER = (
    *("errors", "geometry", "upright", "images", "pyramid", "canvas"),
    *("mosaic", "layers", "resnet", "receptive_fields", "vote", "classes"),
    *("config", "output", "model", "stopping"),
    *("device", "tensors", "identity", "calibration", "download", "listed"),
    *("spec", "storage", "lifting", "checkpoint"),
    *("ledger", "game", "features", "attribution", "probes", "colour", "boxes", "localisation", "faithfulness"),
    *("request", "explanation", "view", "session", "explain", "packed", "batch"),
    *("zoom_chart", "pictures", "outline", "waterfall", "sheet", "figures", "document", "plates", "files", "export"),
    "probe_files",
    *("processes", "data", "digits", "losses", "recipes", "training", "ablation", "report", "evaluation"),
    *("renderings", "sweep", "level_fit", "temperature_fit", "gate_fit", "charts"),
    "folders",
    *("__init__", *COMMANDS, "ui", "__main__"),
)
TRAINING = {"data", "losses", "training", "ablation", "evaluation"}
STRANGERS = {frozenset({command, "ui"}) for command in COMMANDS}
ONLY_IN = {
    "gradio": {"ui"},
    "gradio_client": {"ui"},
    "captum": {"attribution"},
    "accelerate": TRAINING,
    "torchmetrics": TRAINING,
    "tqdm": TRAINING,
}
PICTURES = {"colour", "zoom_chart", "pictures", "outline", "waterfall", "sheet", "figures", "charts"}
NEVER_IN = {"torch": PICTURES, "torchvision": PICTURES}
LAZILY_IN = {"accelerate": {"train_commands", "processes"}}  # inside a function
PRINTERS = {*COMMANDS, "ui", "training", "__main__"} - {"command", "arguments"}
BROUGHT = {"gradio_client", "httpx", "huggingface_hub", "packaging", "msresnet"}  # by what is declared
UNDECLARED = {"gradio_client", "spaces"}  # gradio brings the one; the other exists on a Space only
IMPORT_NAMES = {"pillow": "PIL"}  # where it is not the distribution's own
MAX_TRACKED_BYTES = 10_000_000  # the Hub wants LFS for more


@dataclass(frozen=True)
class Import:
    name: str  # absolute and dotted, down to the imported name
    line: int
    is_lazy: bool  # inside a function


def violations(root: Path) -> list[str]:
    """Every breach of the import and print rules under ``root``, one sentence each."""
    found = []
    declared = declared_names(root)
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        module = parts[1]
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if module not in ORDER:
            found.append(f"{PACKAGE}/{module} has no place in the order; give it one in tests/test_house.py")
            continue
        where = path.relative_to(root).as_posix()
        found += [
            f"{where}:{one.line}: {breach}"
            for one in imports_of(tree, parts[:-1])
            for breach in breaches(module, one, declared)
        ]
        found += [
            f"{where}:{call.lineno}: only {', '.join(sorted(PRINTERS))} may print"
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and name_of(call.func) == "print" and module not in PRINTERS
        ]
    return found


def imports_of(tree: ast.AST, package: tuple[str, ...], *, is_lazy: bool = False) -> Iterator[Import]:
    """All imports below ``tree``, also those inside functions and those that ``import_module`` does."""
    for node in ast.iter_child_nodes(tree):
        for name in imported_names(node, package):
            yield Import(name, node.lineno, is_lazy)
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from imports_of(node, package, is_lazy=is_lazy or is_function)


def imported_names(node: ast.AST, package: tuple[str, ...]) -> list[str]:
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom():
            base = absolute("." * node.level + (node.module or ""), package)
            return [f"{base}.{alias.name}" for alias in node.names]
        case ast.Call(args=[ast.Constant(value=str(name)), *_]) if name_of(node.func) in (
            "import_module",
            "__import__",
        ):
            return [absolute(name, package)]
    return []


def absolute(name: str, package: tuple[str, ...]) -> str:
    """``name`` as an absolute dotted name, where a file of ``package`` says it."""
    rest = name.lstrip(".")
    level = len(name) - len(rest)
    base = package[: len(package) - level + 1] if level else ()
    return ".".join((*base, rest) if rest else base)


def name_of(function: ast.expr) -> str | None:
    match function:
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="importlib"), attr=name):
            return name
    return None


def breaches(module: str, one: Import, declared: set[str]) -> Iterator[str]:
    """What is wrong with ``one`` import in ``module``."""
    top, _, rest = one.name.partition(".")
    if top == PACKAGE:
        yield from order_breaches(module, *rest.split("."))
        return
    if module in NEVER_IN.get(top, ()):
        yield f"{module} must not know {top}"
    homes = ONLY_IN.get(top)
    is_welcome = homes is None or module in homes or (one.is_lazy and module in LAZILY_IN.get(top, ()))
    if not is_welcome:
        yield f"{top} belongs in {', '.join(sorted(homes))} only, and {module} imports it"
    if top not in declared | UNDECLARED | set(ONLY_IN) | sys.stdlib_module_names:
        yield f"{top} is not declared; name it in requirements.txt, or do without"


def order_breaches(module: str, target: str, *within: str) -> Iterator[str]:
    if target == "__version__" or target == module:
        return
    if target not in ORDER and within:
        yield f"{module} imports {target}, which has no place in the order"
        return
    if target not in ORDER:
        target = "__init__"  # a public name, or the package itself
    if frozenset({module, target}) in STRANGERS:
        yield f"{module} and {target} must not know each other"
    elif ORDER.index(target) > ORDER.index(module):
        yield f"{module} imports {target}, which comes later; a module imports only from those before it"


def declared_names(root: Path) -> set[str]:
    """The import names of what requirements.txt declares."""
    lines = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    names = [re.match(r"[\w.-]+", line.strip()) for line in lines]
    return {IMPORT_NAMES.get(name.group(), name.group()) for name in names if name}


def undeclared_in_tests(root: Path) -> list[str]:
    """What a test file imports when it is read and neither the page nor the extras for tests bring."""
    extras = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    declared = {re.match(r"[\w.-]+", one).group().replace("-", "_") for one in (*extras["test"], *extras["train"])}
    files = sorted((root / "tests").rglob("*.py"))
    scripts = (path for folder in ("benchmarks", "experiments") for path in (root / folder).glob("*.py"))
    ours = {path.stem for path in (*files, *scripts)}
    known = ours | declared | declared_names(root) | BROUGHT | sys.stdlib_module_names
    return [
        f"{path.name}:{one.line}: {one.name}"
        for path in files
        for one in imports_of(ast.parse(path.read_text(encoding="utf-8")), ("tests",))
        if not one.is_lazy
        and (top := one.name.partition(".")[0]) not in known
        and f'importorskip("{top}"' not in path.read_text(encoding="utf-8")
    ]


def run_python(program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)


def test_every_import_follows_the_order_and_only_printers_print():
    assert list((ROOT / PACKAGE).glob("*.py"))
    assert violations(ROOT) == []


@pytest.mark.parametrize(
    ("file", "source", "complaint"),
    [
        ("vote.py", "from msresnet.model import MultiscaleResNet", "vote imports model"),
        ("vote.py", "from .explain import explain", "vote imports explain"),
        ("vote.py", "def f():\n    from . import model", "vote imports model"),
        ("vote.py", "import msresnet.checkpoint as c", "vote imports checkpoint"),
        ("vote.py", "from msresnet import load_model", "vote imports __init__"),
        ("vote.py", "import msresnet", "vote imports __init__"),
        ("vote.py", "from .tricks import trick", "vote imports tricks, which has no place"),
        ("vote.py", "import importlib\nimportlib.import_module('.model', __package__)", "vote imports model"),
        ("cli.py", "from msresnet.ui import build", "must not know each other"),
        ("ui/page.py", "from ..cli import main", "must not know each other"),
        ("ui/page.py", "from .. import __main__", "ui imports __main__"),
        ("__init__.py", "from .cli import main", "__init__ imports cli"),
        ("explain.py", "import gradio as gr", "gradio belongs in ui only"),
        ("__main__.py", "def f():\n    from gradio_client import Client", "gradio_client belongs in ui only"),
        ("probes.py", "from captum.attr import Occlusion", "captum belongs in attribution only"),
        ("figures.py", "import torch.nn.functional as F", "figures must not know torch"),
        ("colour.py", "from torch import Tensor", "colour must not know torch"),
        ("model.py", "def f():\n    import accelerate", "accelerate belongs in"),
        ("cli.py", "import torchmetrics", "torchmetrics belongs in"),
        ("images.py", "import skimage", "skimage is not declared"),
        ("model.py", "def f():\n    print('hello')", "may print"),
        ("helpers.py", "", "has no place in the order"),
    ],
)
def test_a_breach_is_reported(tmp_path, file, source, complaint):
    write_tree(tmp_path, file, source)
    assert len(violations(tmp_path)) == 1
    assert complaint in violations(tmp_path)[0]


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("model.py", "import torch, json\nfrom PIL import Image\nimport msresnet.layers"),
        ("model.py", "from . import vote, __version__\nfrom .vote import Gate"),
        ("__init__.py", "from importlib import import_module\nimport_module('.explain', __name__)"),
        ("train_commands.py", "from msresnet import load_model\ndef f():\n    import accelerate\n    print(1)"),
        ("ui/page.py", "import gradio as gr\nfrom .theme import theme\nfrom ..explain import explain"),
        ("__main__.py", "from . import cli\nfrom .ui import build"),
        ("attribution.py", "from captum.attr import Saliency"),
    ],
)
def test_what_is_allowed_is_not_reported(tmp_path, file, source):
    write_tree(tmp_path, file, source)
    assert violations(tmp_path) == []


def write_tree(root: Path, file: str, source: str) -> None:
    shutil.copy(ROOT / "requirements.txt", root)
    path = root / PACKAGE / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")


def test_no_modules_import_each_other_in_a_circle(tmp_path):
    assert circle(ROOT) is None
    write_tree(tmp_path, "ui/page.py", "from .panel import Panel")
    write_tree(tmp_path, "ui/panel.py", "if TYPE_CHECKING:\n    from . import page")
    assert set(circle(tmp_path)) == {"msresnet.ui.page", "msresnet.ui.panel"}


def circle(root: Path) -> list[str] | None:
    """Modules each of which imports the next when it is loaded or its types are checked; ``None`` if there are none."""
    paths = {module_name(path.relative_to(root)): path for path in (root / PACKAGE).rglob("*.py")}
    order = TopologicalSorter()
    for name, path in paths.items():
        package = path.relative_to(root).parent.parts
        for one in imports_of(ast.parse(path.read_text(encoding="utf-8")), package):
            imported = one.name
            while imported and imported not in paths:
                imported = imported.rpartition(".")[0]
            if imported and imported != name and not one.is_lazy:
                order.add(name, imported)
    try:
        order.prepare()
    except CycleError as error:
        return error.args[1]
    return None


def module_name(path: Path) -> str:
    """A file as ``import`` names it."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_the_tests_import_what_their_extra_brings(tmp_path):
    assert undeclared_in_tests(ROOT) == []
    (tmp_path / "tests").mkdir()
    for name in ("requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "tests" / "test_new.py").write_text("import numpy, faker\ndef f():\n    import pandas\n")
    assert undeclared_in_tests(tmp_path) == ["test_new.py:1: faker"]


def test_importing_the_package_is_light():
    program = f"import sys, {PACKAGE}; print(sorted({{'captum', 'gradio', 'matplotlib'}} & set(sys.modules)))"
    answer = run_python(program)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == "[]"


def test_the_page_starts_without_torchvision():
    """Its import takes seconds, and only training and the addresses of torchvision's own weights need it."""
    answer = run_python(f"import sys, {PACKAGE}.cli, {PACKAGE}.ui; print('torchvision' in sys.modules)")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == "False"


def test_the_page_needs_no_training_extra():
    modules = [
        PACKAGE if name == "__init__" else f"{PACKAGE}.{name}"
        for name in ORDER
        if name not in TRAINING and exists(name)
    ]
    program = (
        "import importlib, sys\n"
        "sys.modules.update(accelerate=None, torchmetrics=None)\n"
        f"for name in {modules!r}: importlib.import_module(name)"
    )
    answer = run_python(program)
    assert answer.returncode == 0, answer.stderr


def exists(module: str) -> bool:
    return (ROOT / PACKAGE / f"{module}.py").exists() or (ROOT / PACKAGE / module / "__init__.py").exists()


def test_no_tracked_file_is_over_10_mb():
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [path for name in listing.stdout.split("\0") if (path := ROOT / name).is_file()]
    assert files
    assert [path.name for path in files if path.stat().st_size > MAX_TRACKED_BYTES] == []
