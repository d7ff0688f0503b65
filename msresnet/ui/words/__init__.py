"""The languages of the page: every string in each of them, side by side.

A string is a :class:`Phrase`, which cannot be made without all its translations. A panel's
phrases are in a module of their own beside this one; the panel is handed :class:`Words`, a
visitor's language, and says ``words(PHRASE, name=value)``.
"""

from .language import CHINESE, ENGLISH, LANGUAGES, Phrase, Words, negotiated, words_of

__all__ = ["CHINESE", "ENGLISH", "LANGUAGES", "Phrase", "Words", "negotiated", "words_of"]
