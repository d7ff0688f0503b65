"""A phrase in every language, and a visitor's language."""

from dataclasses import dataclass
from string import Formatter


@dataclass(frozen=True)
class Phrase:
    """One string of the page in every language.

    Values stand in braces, as in ``Phrase("Computing {title}", "正在计算{title}")``, in the order that
    the language wants. What goes into HTML is escaped by whoever writes the HTML.

    Raises:
        ValueError: a language lacks a value that another one has, or is empty where the other is not.
    """

    en: str
    zh: str

    def __post_init__(self) -> None:
        if self.values(self.en) != self.values(self.zh):
            raise ValueError(f"the languages must name the same values, got {self.en!r} and {self.zh!r}")
        if bool(self.en) != bool(self.zh):
            raise ValueError(f"a phrase needs every language, got {self.en!r} and {self.zh!r}")

    @staticmethod
    def values(template: str) -> set[str]:
        """The names in braces."""
        return {name for _, name, _, _ in Formatter().parse(template) if name is not None}

    @classmethod
    def same(cls, text: str) -> "Phrase":
        """A string that every language writes alike: a name or a symbol."""
        return cls(text, text)


@dataclass(frozen=True)
class Words:
    """A language: ``words(PHRASE, name=value)`` is the phrase in it.

    Attributes:
        code: of the field of :class:`Phrase`; what the browser remembers.
        tag: for the ``lang`` attribute (BCP 47).
        name: what its speakers call it.
    """

    code: str
    tag: str
    name: str

    def __call__(self, phrase: Phrase, **values: object) -> str:
        """The phrase with its values.

        Raises:
            KeyError: a value is missing.
        """
        return getattr(phrase, self.code).format_map(values)

    def join(self, *sentences: str) -> str:
        """Sentences one after another; Chinese writes no space between them."""
        return self.gap.join(sentence for sentence in sentences if sentence)

    @property
    def gap(self) -> str:
        """What stands between two sentences."""
        return " " if self.is_english else ""

    @property
    def is_english(self) -> bool:
        return self.code == "en"


ENGLISH = Words("en", "en", "English")
CHINESE = Words("zh", "zh-CN", "简体中文")
LANGUAGES = {words.code: words for words in (ENGLISH, CHINESE)}


def words_of(code: str | None) -> Words | None:
    """The language of a code; ``None`` where the page does not speak it."""
    return LANGUAGES.get(code or "")


def negotiated(accepted: str | None) -> Words:
    """The language that an ``Accept-Language`` header likes best (RFC 9110); English where it names none of ours."""
    best, liking = ENGLISH, 0.0
    for entry in (accepted or "").split(","):
        tag, _, weight = entry.strip().partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        found = words_of(tag.strip().lower().split("-")[0])
        if found is not None and quality > liking:
            best, liking = found, quality
    return best
