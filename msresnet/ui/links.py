"""A view of an example as an address: which example, by which model and method, which class and compared with what."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from ..attribution import find_method
from ..errors import UnknownNameError

# The button is shown for examples only: a visitor's own picture has no address, and the next one may not see it.
COPY_LINK = """(image, model, method, index, against) => {
  window.msresnet.copyLink({example: window.msresnet.exampleOf(image), model, method, class: index, against});
}"""
SHOW_LINK = """(image) => {
  document.body.classList.toggle('ms-own-picture', !window.msresnet.exampleOf(image));
}"""


@dataclass(frozen=True)
class Link:
    """What a link asks for.

    Attributes:
        example: its name.
        model, method: names; ``None`` for those that the page begins with.
        target, against: classes by label or number; ``None`` for the most probable and the average one.
    """

    example: str
    model: str | None = None
    method: str | None = None
    target: str | None = None
    against: str | None = None

    @classmethod
    def read(cls, query: str, *, examples: Iterable[str], models: Iterable[str]) -> "Link | None":
        """The link of an address's query, as in ``?example=lion&class=3``; ``None`` where it asks for no example.

        Raises:
            UnknownNameError: there is no such example, model or method.
        """
        asked = dict(parse_qsl(query.removeprefix("?")))
        if "example" not in asked:
            return None
        link = cls(asked["example"], *(asked.get(name) for name in ("model", "method", "class", "against")))
        for kind, name, known in (("example", link.example, tuple(examples)), ("model", link.model, tuple(models))):
            if name is not None and name not in known:
                raise UnknownNameError(kind, name, known)
        if link.method is not None:
            find_method(link.method)
        return link
