"""What is going on, in a line: what is computed and how far it is, what went wrong, what is still the old answer."""

from enum import Enum
from html import escape

RETRY = """
element.addEventListener('click', (event) => {
  if (event.target.closest('[data-retry]')) trigger('retry', {});
});
"""


class Stale(Enum):
    """What on the page still belongs to an earlier request, and is dimmed until it is replaced."""

    ALL = "all"
    FEATURES = "features"  # and the attributions below them
    ATTRIBUTIONS = "attributions"


def status_html(
    message: str,
    *,
    share: float | None = None,
    is_error: bool = False,
    stale: Stale | None = None,
    retry: str = "",
) -> str:
    """A line that screen readers announce, with a bar where the share done is known, and a button where asked."""
    bar = "" if share is None else bar_html(share)
    kind = " ms-error" if is_error else f" ms-stale-{stale.value}" if stale else ""
    role = "alert" if is_error else "status"
    again = f'<button type="button" class="ms-reset" data-retry>{escape(retry)}</button>' if retry else ""
    said = f"<span>{escape(message)}</span>{bar}{again}"
    return f'<div class="ms-status{kind}" role="{role}" aria-live="polite">{said}</div>'


def bar_html(share: float) -> str:
    """How much is done, as a bar."""
    return f'<span class="ms-progress"><span style="width:{100 * share:.0f}%"></span></span>'
