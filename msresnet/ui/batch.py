"""Many pictures: a gallery that the browser sorts, and a click that explains one. Findings in, HTML out."""

from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path

import gradio as gr

from ..batch import MAX_PICTURES, Finding, Order, Unreadable, look_through, ordered
from ..colour import scale_colour
from ..model import MultiscaleResNet
from ..pictures import data_uri, to_png_bytes
from .desk import Desk
from .heading import how_to_read_html
from .panel import Panel
from .status import bar_html
from .streams import AT_ONCE, PRIVATE, told, until_stale
from .uploads import UploadFiles, UploadImage, uploaded_file
from .words import Words, page
from .words import batch as text
from .words.answer import percent
from .words.sentences import sentence

# The ranks come with every finding; the order that was chosen outlives the gallery, which grows while it is looked at.
SORT_AND_PICK = """
let order = 'surest';
const sort = () => {
  const gallery = element.querySelector('[data-gallery]');
  if (!gallery) return;
  element.querySelector('[data-order]').value = order;
  const shown = [...gallery.children];
  const sorted = shown.toSorted((a, b) => a.dataset[order] - b.dataset[order]);
  if (sorted.some((one, i) => one !== shown[i])) gallery.append(...sorted);
};
element.addEventListener('change', (event) => {
  if (!event.target.matches('[data-order]')) return;
  order = event.target.value;
  sort();
});
element.addEventListener('click', (event) => {
  const one = event.target.closest('[data-finding]');
  if (!one) return;
  trigger('pick', {position: Number(one.dataset.finding)});
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  document.querySelector('#image-input').scrollIntoView({behavior: calm ? 'auto' : 'smooth', block: 'start'});
});
new MutationObserver(sort).observe(element, {childList: true, subtree: true});
"""
ORDERS = {
    Order.SUREST: ("surest", text.SUREST),
    Order.LEAST_SURE: ("leastSure", text.LEAST_SURE),
    Order.SCALE: ("byScale", text.SCALE),
    Order.DISAGREEMENT: ("disagreement", text.DISAGREEMENT),
}


class BatchPanel(Panel):
    """The fold of many pictures; a batch and the picture above do not stop each other."""

    def __init__(self, page: Desk) -> None:
        super().__init__(page, "batch")

    def layout(self) -> None:
        """A closed fold: what is dropped, how far it is, and the gallery."""
        spoken = self.page.spoken
        with spoken(
            gr.Accordion,
            lambda words: {"label": words(text.TITLE)},
            open=False,
            elem_id="batch",
            elem_classes="ms-section ms-fold",
        ):
            spoken(gr.HTML, lambda words: {"value": f'<p class="ms-note">{words(text.NOTE, count=MAX_PICTURES)}</p>'})
            self.files = spoken(
                UploadFiles,
                lambda words: {"label": words(text.DROP)},
                file_count="multiple",
                height=150,
                elem_id="batch-input",
            )
            with gr.Row(elem_classes="ms-batch-progress"):
                self.status = gr.HTML("", elem_id="batch-status")
                self.stop = spoken(
                    gr.Button,
                    lambda words: {"value": words(text.STOP)},
                    visible=False,
                    size="sm",
                    min_width=90,
                    scale=0,
                    elem_id="batch-stop",
                )
            self.gallery = gr.HTML("", elem_id="batch-gallery", js_on_load=SORT_AND_PICK)
            self.token = gr.Number(0, visible=False, precision=0)

    def connect(self, image: UploadImage, model_picker: gr.Dropdown) -> None:
        """New files are looked through at once; a finding that is clicked becomes the picture above."""
        shown = [self.status, self.gallery, self.stop]
        self.files.change(self.renew, None, self.token, **AT_ONCE).then(
            self.on_files,
            [self.token, self.files, model_picker],
            shown,
            concurrency_id="batch",
            concurrency_limit=1,
            **PRIVATE,
        )
        self.stop.click(self.on_stop, None, shown, **AT_ONCE)
        self.gallery.pick(self.on_pick, self.files, image, **AT_ONCE)

    def renew(self, request: gr.Request) -> int:
        """A new token; a batch that runs for this visitor is stale."""
        return self.note(request).count

    def on_stop(self, request: gr.Request) -> tuple:
        """What runs is stale; what was found stays."""
        words = self.page.words(request)
        self.note(request)
        return status(words(text.STOPPED)), gr.skip(), gr.update(visible=False)

    def on_pick(self, files: list[str], event: gr.EventData) -> str:
        """A finding was clicked.

        Gradio names an upload by its content and its own name, so that the list is the one that was looked through.
        """
        position = int(event._data["position"])
        return str(uploaded_file(files[position])) if 0 <= position < len(files) else gr.skip()

    def on_files(self, token: int, files: list[str], name: str, request: gr.Request) -> Iterator[tuple]:
        """Look through the files; what is found appears as it is found."""
        words, nothing = self.page.words(request), (gr.skip(),) * 3
        if self.begin(request, token) is None:
            yield nothing
            return

        def is_stale() -> bool:
            return not self.is_newest(request, token)

        def failed(sentence: str) -> tuple:
            return status(sentence, is_error=True), gr.skip(), gr.update(visible=False)

        found = self.findings(files, name, words, is_cancelled=is_stale)
        yield from until_stale(told(found, words, failed, what="a batch"), is_stale, nothing)

    def findings(
        self, files: list[str], name: str, words: Words, *, is_cancelled: Callable[[], bool]
    ) -> Iterator[tuple]:
        """How far it is, what was found so far, and whether it can be stopped."""
        yield "", "", gr.update(visible=False)
        if not files:
            return
        if len(files) <= MAX_PICTURES:
            yield status(words(text.LOOKING, done=0, count=len(files)), share=0.0), "", gr.update(visible=True)
        model = self.page.models.get(name)
        sources = [(Path(path).name, uploaded_file(path)) for path in files]
        looked: list[Finding | Unreadable] = []
        for one in look_through(model, sources, is_cancelled=is_cancelled):
            looked.append(one)
            said = words(text.LOOKING, done=len(looked), count=len(files))
            yield status(said, share=len(looked) / len(files)), gallery_html(looked, model, words), gr.skip()
        yield status(words(text.DONE, count=len(looked))), gr.skip(), gr.update(visible=False)


def status(message: str, *, share: float | None = None, is_error: bool = False) -> str:
    """A line that screen readers announce, with a bar where the share done is known; dims nothing."""
    bar = "" if share is None else bar_html(share)
    role, kind = ("alert", " ms-error") if is_error else ("status", "")
    return f'<div class="ms-batch-status{kind}" role="{role}"><span>{escape(message)}</span>{bar}</div>'


def gallery_html(looked: Sequence[Finding | Unreadable], model: MultiscaleResNet, words: Words) -> str:
    """The findings as buttons with their rank in every order, and the files that could not be read."""
    findings = [one for one in looked if isinstance(one, Finding)]
    unreadable = [one for one in looked if isinstance(one, Unreadable)]
    ranks = {order: [one.position for one in ordered(findings, order)] for order in ORDERS}
    items = "".join(
        finding_html(
            one, model.sides, {name: ranks[order].index(one.position) for order, (name, _) in ORDERS.items()}, words
        )
        for one in findings
    )
    options = "".join(f'<option value="{name}">{words(phrase)}</option>' for name, phrase in ORDERS.values())
    shown = (
        f'<label class="ms-sort">{words(text.SORT)} <select data-order>{options}</select></label>'
        f'<div class="ms-gallery" data-gallery role="group" aria-label="{words(text.GALLERY)}">{items}</div>'
        f"{how_to_read_html(words(text.HOW_TO_READ), words)}"
    )
    return (shown if findings else "") + unreadable_html(unreadable, words)


def finding_html(finding: Finding, sides: Sequence[int], ranks: dict[str, int], words: Words) -> str:
    """One picture: its thumbnail, its class, what each scale adds, and how far the scales are apart."""
    label = escape(finding.label)
    share, apart = percent(words, finding.probability), f"{round(100 * finding.disagreement)} %"
    side = sides[finding.dominant]
    said = words(text.FINDING, name=finding.name, label=finding.label, share=share, side=side, apart=apart)
    data = " ".join(f'data-{dashed(name)}="{rank}"' for name, rank in ranks.items())
    mix = "".join(
        f'<i style="flex:{max(value, 0):.4f};background:{scale_colour(scale, len(sides))}"></i>'
        for scale, value in enumerate(finding.contributions)
    )
    colour = scale_colour(finding.dominant, len(sides))
    picture = data_uri(to_png_bytes(finding.thumbnail))
    return (
        f'<button type="button" class="ms-finding" data-finding="{finding.position}" {data}'
        f' title="{escape(finding.name)}" aria-label="{escape(said)}"><img alt="" src="{picture}">'
        f'<span class="ms-finding-class"><b>{label}</b><span class="ms-number">{escape(share)}</span></span>'
        f'<span class="ms-mix">{mix}</span>'
        f'<span class="ms-finding-scale" style="--scale:{colour}"><span><i class="ms-dot"></i>'
        f"{words(page.PIXELS, side=side)}</span>"
        f'<span title="{words(text.APART_TITLE)}">{words(text.APART, share=apart)}</span></span></button>'
    )


def unreadable_html(unreadable: Sequence[Unreadable], words: Words) -> str:
    """The files that are no picture, named with their reasons."""
    if not unreadable:
        return ""
    rows = "".join(f"<li>{escape(sentence(words, one.reason))}</li>" for one in unreadable)
    return f'<div class="ms-unreadable"><p>{words(text.UNREADABLE, count=len(unreadable))}</p><ul>{rows}</ul></div>'


def dashed(name: str) -> str:
    """``byScale`` as the attribute ``by-scale``."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)
