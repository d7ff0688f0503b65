"""What an explanation is: frozen results on the CPU, and the content of ``explanation.json``."""

import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version

from .attribution import Attribution
from .faithfulness import Trust
from .features import FeatureMaps
from .game import scale_game
from .identity import Identity
from .images import Geometry
from .ledger import Ledger, Prediction, Target
from .localisation import RULE, Location, Rule, locate
from .pyramid import Preprocessing


@dataclass(frozen=True)
class ImageIdentity:
    """The upright picture that was explained."""

    width: int
    height: int
    sha256: str


@dataclass(frozen=True)
class Answer:
    """Top-k, ledger and evidence of an image.

    Attributes:
        model, image: what was asked of what.
        preprocessing: how the levels were made from the picture.
        geometry: where the levels lie in the upright picture.
        sides, scales: of the levels.
        strides: of the last stage's cells in level px: cell i is centred on ``stride · i + 0.5``.
        ledger: all classes.
        top_k: the most probable classes.
        target: what the rest of the stream explains.
        seconds: from the picture to this answer.
    """

    model: Identity
    image: ImageIdentity
    preprocessing: Preprocessing
    geometry: Geometry
    sides: tuple[int, ...]
    scales: tuple[float, ...]
    stride: int
    ledger: Ledger
    top_k: tuple[Prediction, ...]
    target: Target
    seconds: float

    def locate(self, *, rule: Rule = RULE) -> Location:
        """Where the target is: mask and box from the evidence of all scales; costs no forward pass."""
        return locate(self.ledger, self.target, sides=self.sides, stride=self.stride, rule=rule, geometry=self.geometry)


@dataclass(frozen=True)
class Features:
    """Feature maps of every stage and scale, ``stages[stage][scale]``."""

    target: Target
    stages: tuple[tuple[FeatureMaps, ...], ...]
    seconds: float


@dataclass(frozen=True)
class Explanation:
    """Everything that was asked of an image, frozen, on the CPU."""

    answer: Answer
    features: Features | None
    methods: dict[str, Attribution]
    versions: dict[str, str] = field(default_factory=dict)
    trust: Trust | None = None

    def to_dict(self) -> dict:
        """The content of ``explanation.json``: raw values, not class-centred."""
        answer = self.answer
        return {
            "model": {"name": answer.model.name, "sha256": answer.model.sha256},
            "image": {"width": answer.image.width, "height": answer.image.height, "sha256": answer.image.sha256},
            "preprocessing": {**asdict(answer.preprocessing), "box": list(answer.geometry.box)},
            "scales": [{"scale": scale, "side": side} for scale, side in zip(answer.scales, answer.sides, strict=True)],
            "target": {"index": answer.target.index, "against": answer.target.against},
            "top_k": [
                {
                    "index": entry.index,
                    "label": entry.label,
                    "probability": entry.probability,
                    "logit": entry.logit,
                    "bias": entry.bias,
                    "contributions": list(entry.contributions),
                    "residual": entry.residual,
                }
                for entry in answer.top_k
            ],
            "methods": {
                name: {
                    "completeness_residual": result.completeness_residual,
                    "baseline": result.baseline,
                    "f_input": result.f_input,
                    "f_baseline": result.f_baseline,
                    "stage": result.stage,
                    "seconds": result.seconds,
                }
                for name, result in self.methods.items()
            },
            "scale_game": scale_game(answer.ledger, answer.target).to_dict(),
            **({} if self.trust is None else {"trust": self.trust.to_dict()}),
            "versions": self.versions,
        }


def versions() -> dict[str, str]:
    """Versions of everything that has a part in the numbers."""
    found = {"python": platform.python_version()}
    for package in ("msresnet", "torch", "torchvision", "captum", "numpy", "pillow"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
