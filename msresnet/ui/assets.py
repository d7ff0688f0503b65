"""The page's scripts and its style sheet."""

from importlib.resources import files

SCRIPTS = ("hearing.js", "settings.js", "views.js", "share.js", "asking.js", "keys.js", "tour.js")


def scripts() -> str:
    """The page's scripts, each of which builds on those before it."""
    return "\n".join(static_file(name) for name in SCRIPTS)


def static_file(name: str) -> str:
    """A style sheet or script of the page."""
    return files(__package__).joinpath("static", name).read_text(encoding="utf-8")


def send_pick(carried: str, key: str, *, is_number: bool = False) -> str:
    """A component's script: a click on a button with ``data-{carried}`` triggers ``pick`` with what it carries."""
    value = f"button.dataset.{carried}"
    return f"""
element.addEventListener('click', (event) => {{
  const button = event.target.closest('[data-{carried}]');
  if (button) trigger('pick', {{{key}: {f"Number({value})" if is_number else value}}});
}});
"""
