"""What a visitor can take along: everything that is shown as an archive, and the address of the view of an example."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import gradio as gr

from ..explanation import Explanation, versions
from ..export import explanation_archive
from ..faithfulness import Trust
from ..ledger import Target
from ..session import Session
from .gpu import computed
from .links import COPY_LINK, SHOW_LINK
from .maps import DEFAULTS
from .options import Options
from .spoken import Spoken
from .status import status_html
from .streams import UNSEEN
from .words import Words
from .words import page as text
from .words import programs as own
from .work import TOP_K, View, attribution_step, computing_words

DOWNLOAD = "(file) => { window.msresnet.download(file); }"


class TakeAway:
    """The two buttons below the picture.

    Args:
        spoken: makes components in every language.
    """

    def __init__(self, spoken: Spoken) -> None:
        self.spoken = spoken

    def layout(self) -> None:
        """The buttons, and the file that the first one makes."""
        with gr.Row(elem_classes="ms-take-away"):
            self.export = self.button(lambda words: {"value": words(own.EXPORT)}, "export")
            self.link = self.button(lambda words: {"value": words(own.LINK)}, "copy-link")
        gr.HTML('<p class="ms-copied" role="status" aria-live="polite"></p>')
        self.file = gr.File(visible=False)

    def button(self, properties: Callable[[Words], dict], name: str) -> gr.Button:
        """A small button."""
        return self.spoken(gr.Button, properties, size="sm", min_width=110, elem_id=name)

    def connect(self, archive: Callable, status: gr.HTML, view: list, **work: object) -> None:
        """What the buttons do.

        Args:
            archive: the page's stream of ``status, file`` for a view.
            status: where it is told how far it is.
            view: the components of picture, model, method, class and class to compare with.
            work: how explanations are queued.
        """
        image, *_ = view
        self.export.click(archive, view, [status, self.file], **UNSEEN, **work).then(
            None, self.file, None, js=DOWNLOAD, **UNSEEN
        )
        self.link.click(None, view, None, js=COPY_LINK, **UNSEEN)
        image.change(None, image, None, js=SHOW_LINK, **UNSEEN)


def archive_views(
    session: Session,
    target: Target,
    method: str,
    words: Words,
    *,
    is_cancelled: Callable[[], bool],
    options: Options = DEFAULTS,
    trust: Trust | None = None,
) -> Iterator[View]:
    """How far it is and, at the end, the archive, whose file is there until more is asked for.

    Args:
        session: the picture before the model.
        target: what is explained.
        method: the attribution method.
        words: the visitor's language.
        is_cancelled: asked between and inside the steps.
        options: how the method is asked.
        trust: what a check of the maps found, where there was one.

    Raises:
        Cancelled: ``is_cancelled`` said so.
        MsresnetError: whatever the user can mend.
    """
    working = computing_words(session, method, words, options)
    steps = [attribution_step(session, method, target, **options.of(method))]
    for progress in computed(session, steps, is_cancelled=is_cancelled):
        if not progress.is_done:
            yield View(status=status_html(working, share=progress.share))
    yield View(status=status_html(words(own.PACKING)))
    explanation = Explanation(session.answer(target, top_k=TOP_K), None, {method: progress.result}, versions(), trust)
    name = f"explanation-{slug(session.model.classes[target.index])}"
    with TemporaryDirectory() as folder:  # Gradio has copied the file when it asks for more
        path = Path(folder) / f"{name}.zip"
        path.write_bytes(explanation_archive(explanation, session.view, folder=name, is_cancelled=is_cancelled))
        yield View(status=status_html(words(text.READY)), archive=str(path))


def slug(label: str) -> str:
    """A label as part of a file's name."""
    return re.sub(r"[^\w]+", "-", label).strip("-").lower()[:40] or "picture"
