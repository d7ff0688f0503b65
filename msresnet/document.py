"""Blocks one below the other on A4 pages, as a PDF whose bytes depend on nothing but what is drawn."""

import io
from collections.abc import Callable, Sequence

from matplotlib.backends.backend_pdf import PdfPages

from .sheet import INK, POINTS_PER_INCH, QUIET, TEXT_PT, Block, Sheet, text_height, wrap

PAGE_W, PAGE_H = 8.27, 11.69  # A4, in inches
MARGIN, GAP = 0.5, 0.32
INNER_W = PAGE_W - 2 * MARGIN
# A block that would just not fit below the others is shrunk to this, type of 8.5 pt to 6; then a new page begins.
SMALLEST_ZOOM = 0.7


def pdf_bytes(blocks: Sequence[Block], *, title: str, footer: str, check: Callable[[], None] = lambda: None) -> bytes:
    """The blocks on as many pages as they need.

    Args:
        blocks: in reading order; one that is wider than a page, or higher, is shrunk to fit.
        title: of the document, for those who list it.
        footer: one line below each page, followed by the number of the page.
        check: called before every block and every page; what it raises stops the drawing.
    """
    pages = pages_of(blocks)
    stream = io.BytesIO()
    # A date of creation would make the bytes of the same explanation differ.
    metadata = {"Title": title, "Creator": "msresnet", "Producer": "matplotlib", "CreationDate": None}
    with PdfPages(stream, metadata=metadata) as pdf:
        for number, placed in enumerate(pages, start=1):
            sheet = Sheet(PAGE_W, PAGE_H)
            for block, top, zoom in placed:
                check()
                block.draw(sheet.part(MARGIN, top, zoom=zoom))
            line_top = PAGE_H - MARGIN + 0.12
            sheet.write(MARGIN, line_top, wrap(footer, INNER_W - 1, max_lines=1), colour=QUIET)
            sheet.write(PAGE_W - MARGIN, line_top, f"{number} / {len(pages)}", ha="right", colour=QUIET)
            check()
            pdf.savefig(sheet.figure)
    return stream.getvalue()


def pages_of(blocks: Sequence[Block]) -> list[list[tuple[Block, float, float]]]:
    """For each page its blocks with their place from the top, in inches, and their zoom."""
    bottom = PAGE_H - MARGIN - 0.1
    pages: list[list[tuple[Block, float, float]]] = [[]]
    top = MARGIN
    for block in blocks:
        zoom = min(1.0, INNER_W / block.width)
        fitting = min(zoom, (bottom - top) / block.height)
        if pages[-1] and fitting < min(zoom, SMALLEST_ZOOM):
            pages.append([])
            top = MARGIN
            fitting = min(zoom, (bottom - top) / block.height)
        pages[-1].append((block, top, fitting))
        top += fitting * block.height + GAP
    return pages


def text_block(text: str, *, size: float = TEXT_PT, colour: str = INK, weight: str = "normal") -> Block:
    """A paragraph over the page's width; lines stay lines."""
    wrapped = "\n".join(wrap(line, INNER_W, size) for line in text.split("\n"))

    def draw(sheet: Sheet) -> None:
        sheet.write(0, 0, wrapped, size=size, va="top", colour=colour, weight=weight)

    return Block(INNER_W, text_height(wrapped, size) - 0.3 * size / POINTS_PER_INCH, draw)
