"""The target that the pickers show: two numbers in the browser, a class and one to compare with here."""

from ..errors import ConfigError
from ..ledger import Target
from ..session import Session

# The pickers' values are indices, because two classes may share a label; this one is the average class.
AVERAGE = -1


def chosen(session: Session, index: int, against: int | None) -> Target:
    """The target that the pickers ask for; compared with itself a class is compared with the average one.

    Raises:
        ConfigError: the model has no such class.
    """
    count = len(session.model.classes)
    other = None if against in (None, AVERAGE, index) else against
    if not all(0 <= one < count for one in (index, other or 0)):
        raise ConfigError(f"a class must be 0 to {count - 1}, got {index} and {other}")
    return Target(index, other)


def values_of(target: Target | None) -> tuple[int | None, int]:
    """What the pickers of the class and of the one to compare with show."""
    if target is None:
        return None, AVERAGE
    return target.index, AVERAGE if target.against is None else target.against
