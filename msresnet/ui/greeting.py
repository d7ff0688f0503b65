"""What greets a visitor: an example, explained."""

from ..attribution import Attribution
from ..ledger import Target
from ..session import Session
from .examples import Example, first_example
from .models import Models
from .targets import values_of
from .visits import Question, Visits
from .words import Words
from .work import View, blank, views

METHOD = "grad-cam"  # it is instant


class Greeting:
    """The explained example that an empty page shows.

    Args:
        models: of the server.
        name: of the model that greets.
        examples: by their names; the first one that means something to the model greets. Without any the page is empty.
        visits: are told which question the page answers to begin with.

    Attributes:
        example: the one that greets.
        session: its picture before the model, once a visitor was greeted.
        kept: its attribution by method, once a visitor was greeted.
    """

    def __init__(self, models: Models, name: str, examples: dict[str, Example], visits: Visits) -> None:
        self.models, self.name, self.visits = models, name, visits
        self.example = first_example(examples.values(), models.kind(name))
        self.session: Session | None = None
        self.kept: dict[str, Attribution] = {}
        self._views: dict[str, View] = {}

    def view(self, words: Words) -> View:
        """The page that greets, made once a language."""
        if words.code not in self._views:
            self._views[words.code] = self.explained(words)
        return self._views[words.code]

    def explained(self, words: Words) -> View:
        """The example explained in a language."""
        if self.example is None:
            return blank(words)
        image = self.example.uploaded()
        if self.session is None:
            self.session = Session(self.models.get(self.name), image)
        merged, target = {}, self.session.target()
        options = {"is_cancelled": lambda: False, "is_at_home": True, "kept": self.kept}
        for view in views(self.session, target, METHOD, words, **options):
            merged.update({key: value for key, value in vars(view).items() if value is not None})
        self.visits.greeting = Question(str(image), self.name, METHOD, *values_of(target))
        return View(**merged)

    def is_of(self, shown: tuple[str, str, Target]) -> bool:
        """Whether the page greets with just this model, picture and target."""
        name, image, target = shown
        return Question(image, name, METHOD, *values_of(target)) == self.visits.greeting
