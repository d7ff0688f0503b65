"""What shapes a model, but for its tensors."""

from dataclasses import asdict, dataclass, field, fields

from .errors import ConfigError
from .pyramid import Preprocessing
from .resnet import ARCHITECTURES, Stem
from .vote import GateMode, Temperature

MODES = tuple(mode.value for mode in GateMode)


@dataclass(frozen=True)
class ModelConfig:
    """Everything that shapes a model but its tensors.

    Attributes:
        architecture: one of ``resnet10``, ``resnet18``, ``resnet34``, ``resnet50``, ``resnet101``.
        sides: side of each level in px, ascending and distinct, at least one.
        base_side: the side that is scale 1; one of ``sides``.
        classes: a label per class.
        stem, width, has_links, has_own_statistics, dropout: see :class:`~msresnet.resnet.MultiscaleTrunk`.
        has_layer_votes: stage 3 votes beside stage 4 (per-layer voting).
        gates_cells: whether the gate weighs the cells of a level, or only the levels.
        gate, temperature: see :mod:`msresnet.vote`.
        preprocessing: from an upload to the levels.
    """

    architecture: str
    sides: tuple[int, ...]
    base_side: int
    classes: tuple[str, ...]
    stem: Stem = Stem.IMAGENET
    width: int = 64
    has_links: bool = False
    has_own_statistics: bool = True
    has_layer_votes: bool = False
    dropout: float = 0.0
    gate: GateMode = GateMode.GATED
    gates_cells: bool = True
    temperature: Temperature = Temperature.MATCHED
    preprocessing: Preprocessing = field(default_factory=Preprocessing)

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise ConfigError(f"architecture must be one of {', '.join(ARCHITECTURES)}, got {self.architecture!r}")
        if not self.sides or list(self.sides) != sorted(set(self.sides)) or self.sides[0] < 1:
            raise ConfigError(f"sides must be distinct, ascending and at least 1 px, got {self.sides}")
        if self.base_side not in self.sides:
            raise ConfigError(f"base_side must be one of the sides {self.sides}, got {self.base_side}")
        if not self.classes:
            raise ConfigError("a model needs at least one class, got none")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout must be in [0, 1), got {self.dropout}")

    def to_dict(self) -> dict:
        """As JSON keeps it: enums by their value."""
        kept = asdict(self)
        kept.update(stem=self.stem.value, gate=self.gate.value, temperature=self.temperature.value)
        return kept

    @classmethod
    def from_dict(cls, kept: dict) -> "ModelConfig":
        """The inverse of :meth:`to_dict`; raises ``ConfigError`` for what does not fit."""
        try:
            preprocessing = {k: tuple(v) if isinstance(v, list) else v for k, v in kept["preprocessing"].items()}
            return cls(
                **{f.name: kept[f.name] for f in fields(cls) if f.name in kept and f.name not in SPECIAL_FIELDS},
                sides=tuple(kept["sides"]),
                classes=tuple(kept["classes"]),
                stem=Stem(kept["stem"]),
                gate=GateMode(kept["gate"]),
                temperature=Temperature(kept["temperature"]),
                preprocessing=Preprocessing(**preprocessing),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(f"not the description of a model: {error}") from error


SPECIAL_FIELDS = {"sides", "classes", "stem", "gate", "temperature", "preprocessing"}
