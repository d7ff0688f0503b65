"""What is asked of a picture."""

from dataclasses import dataclass

from .attribution import LAST_STAGE, Baseline, find_method
from .errors import ConfigError
from .faithfulness import TRIED


@dataclass(frozen=True)
class Request:
    """What is asked of an image.

    Attributes:
        top_k: how many classes, at least 1.
        methods: names of attribution methods, in the order in which they are wanted.
        target: label or index of the class to explain; ``None`` is the most probable.
        against: label or index of a class B, for "why A rather than B".
        channels: feature maps of each stage and scale; 0 leaves them out.
        sees_whole_image: overrides the model's crop.
        baseline: name of what the methods that have a baseline compare with; by default each
            method's own.
        stage: 0 to 3, what the methods that look at a stage's maps look at; by default the last.
        has_box: say in files where the target is, too: mask and box from the evidence.
        is_checked: how far the evidence and the methods that say where can be believed is asked
            too; of all such methods where none is named.
    """

    top_k: int = 5
    methods: tuple[str, ...] = ()
    target: str | int | None = None
    against: str | int | None = None
    channels: int = 12
    sees_whole_image: bool | None = None
    baseline: str | None = None
    stage: int | None = None
    has_box: bool = False
    is_checked: bool = False

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise ConfigError(f"top_k must be at least 1, got {self.top_k}")
        if self.channels < 0:
            raise ConfigError(f"channels must be at least 0, got {self.channels}")
        methods = [find_method(name) for name in self.methods]
        if self.baseline is not None:
            Baseline.find(self.baseline)
            if methods and not any(method.baseline for method in methods):
                raise ConfigError(f"none of {', '.join(self.methods)} compares with a baseline; leave it out")
        if self.stage is not None and not 0 <= self.stage <= LAST_STAGE:
            raise ConfigError(f"stage must be 0 to {LAST_STAGE}, got {self.stage}")
        if self.stage is not None and methods and not any(method.has_stages for method in methods):
            raise ConfigError(f"none of {', '.join(self.methods)} looks at a stage's maps; leave the stage out")

    @property
    def checked_methods(self) -> tuple[str, ...]:
        """The methods whose maps are checked where that is asked."""
        return tuple(name for name in self.methods if name in TRIED) if self.methods else TRIED

    def options_of(self, name: str) -> dict[str, str | int | None]:
        """What of baseline and stage the method of this name takes, for :meth:`Session.attribution`."""
        method = find_method(name)
        return {
            "baseline": None if method.baseline is None else self.baseline,
            "stage": self.stage if method.has_stages else None,
        }
