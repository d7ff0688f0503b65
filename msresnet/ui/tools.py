"""The page's tools: language, theme, tour and help; and the offer of a tour. Words in, HTML out."""

import json
from html import escape

from .assets import send_pick
from .words import LANGUAGES, Words
from .words import page as text
from .words.script import script_words

PICK_LANGUAGE = send_pick("language", "language")


def tools_html(words: Words) -> str:
    """One button a language, each in its own words, then theme, tour and help. Carries the scripts' words too."""
    carried = escape(json.dumps(script_words(words), ensure_ascii=False))
    languages = "".join(
        f'<button type="button" data-language="{one.code}" lang="{one.tag}" '
        f'aria-pressed="{str(one == words).lower()}">{escape(one.name)}</button>'
        for one in LANGUAGES.values()
    )
    tools = "".join(
        f'<button type="button" {attribute} aria-label="{words(name)}" title="{words(name)}">{shown}</button>'
        for attribute, name, shown in (
            ("data-theme-toggle", text.THEME, "◐"),
            ('data-tour="start"', text.TOUR, words(text.TOUR)),
            ("data-help", text.HELP, "?"),
        )
    )
    return (
        f'<div class="ms-tools" role="group" aria-label="{words(text.TOOLS)}" data-words="{carried}">'
        f'<span class="ms-languages" role="group" aria-label="{words(text.LANGUAGE)}">{languages}</span>{tools}</div>'
    )


def title_html(words: Words) -> str:
    """What the page is called, and the question that it answers; for the keyboard, a way past what stands between."""
    return (
        f'<a class="ms-skip" href="#answer">{words(text.SKIP)}</a>'
        f'<div class="ms-title"><h1>{words(text.TITLE)}</h1><p>{words(text.QUESTION)}</p></div>'
    )


def offer_html(words: Words) -> str:
    """The tour, offered; hidden until the browser says that this is a first visit."""
    return (
        f'<p class="ms-offer" hidden>{words(text.OFFER)} '
        f'<button type="button" data-tour="start">{words(text.OFFER_START)}</button> '
        f'<button type="button" data-tour="dismiss">{words(text.OFFER_DISMISS)}</button></p>'
    )
