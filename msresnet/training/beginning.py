"""Where a run begins that does not begin from nothing: with the weights of a model."""

import math
import re

from ..errors import ConfigError
from ..model import MultiscaleResNet

SCALE_INDEX = re.compile(r"(?<=\.scales\.)\d+(?=\.)")  # in the name of a tensor
LINKS, GATE, CLASSIFIER = "trunk.link", "head.gate.", "head.fc."


def begin_with(model: MultiscaleResNet, other: MultiscaleResNet) -> None:
    """Give a model the weights of another one, which may have other levels, links and classes.

    Each level begins with the statistics of the level that has the nearest side. The gate is
    a fresh one where the levels or its mode are others, the classifier where the classes are.
    Links stay behind where this model has none, and begin at zero where the other has none.

    Raises:
        ConfigError: it is another network.
    """
    new, old = model.config, other.config
    if old.architecture != new.architecture:
        raise ConfigError(f"the weights to start from are a {old.architecture}, the recipe's a {new.architecture}")
    if len(new.sides) > 1 and len(old.sides) > 1 and old.has_own_statistics and not new.has_own_statistics:
        raise ConfigError("the weights to start from have statistics for each scale, the recipe's network one for all")
    fresh = [LINKS] * (not old.has_links)
    fresh += [GATE] * ((new.sides, new.gate) != (old.sides, old.gate))
    fresh += [CLASSIFIER] * (new.classes != old.classes)
    nearest = nearest_sides(new.sides, old.sides)
    own, known, taken = model.state_dict(), other.state_dict(), {}
    for name in own:
        if not name.startswith(tuple(fresh)):
            source = known.get(SCALE_INDEX.sub(lambda index: str(nearest[int(index[0])]), name))
            if source is None or source.shape != own[name].shape:
                raise ConfigError(f"the weights to start from must be of the recipe's network; {name} does not fit")
            taken[name] = source
    model.load_state_dict({**own, **taken})


def nearest_sides(sides: tuple[int, ...], others: tuple[int, ...]) -> list[int]:
    """For each side the index of the one among ``others`` that differs by the least factor."""
    return [min(range(len(others)), key=lambda i: abs(math.log(others[i] / side))) for side in sides]
