"""The use case: a model, an image and a request give a stream of results.

The answer comes first (top-k, ledger and evidence: one forward pass), then what takes
longer. Whoever asks may stop between any two results, and inside a long one through
``is_cancelled``.
"""

import math
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from os import PathLike

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .attribution import Attribution, attribute, find_method
from .checkpoint import Identity, identify
from .errors import Cancelled, ConfigError
from .features import FeatureMaps, feature_maps
from .images import Geometry, crop_to, image_digest, read_image
from .ledger import Ledger, Prediction, Target, find_class
from .model import MultiscaleResNet
from .probes import Switches, switched
from .vote import Gate

Source = bytes | str | PathLike | Image.Image

VIEW_SIDE_PX = 448  # the largest level of the listed models; a panel of a figure has 420 px


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
    """

    top_k: int = 5
    methods: tuple[str, ...] = ()
    target: str | int | None = None
    against: str | int | None = None
    channels: int = 12
    sees_whole_image: bool | None = None

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise ConfigError(f"top_k must be at least 1, got {self.top_k}")
        if self.channels < 0:
            raise ConfigError(f"channels must be at least 0, got {self.channels}")
        for name in self.methods:
            find_method(name)


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
    geometry: Geometry
    sides: tuple[int, ...]
    scales: tuple[float, ...]
    stride: int
    ledger: Ledger
    top_k: tuple[Prediction, ...]
    target: Target
    seconds: float


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

    def to_dict(self) -> dict:
        """The content of ``explanation.json``: raw values, not class-centred."""
        answer = self.answer
        return {
            "model": {"name": answer.model.name, "sha256": answer.model.sha256},
            "image": {"width": answer.image.width, "height": answer.image.height, "sha256": answer.image.sha256},
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
                    "seconds": result.seconds,
                }
                for name, result in self.methods.items()
            },
            "versions": self.versions,
        }


class Session:
    """One picture before one model: levels and gate are made once, results are asked for one by one.

    Every result is computed under the model's lock and leaves as frozen CPU arrays.

    Args:
        model: what is asked.
        source: a path, bytes, or a picture.
        sees_whole_image: overrides the model's crop.

    Attributes:
        levels: ``(1, 3, side, side)`` per scale, on the model's device.
        gate: the image's own, a constant.
        ledger: of all classes.
        geometry: where the levels lie in the upright picture.
        image: size and hash of the upright picture.
        view: ``(side, side, 3)`` uint8, the field of view for people.
        seconds: from the picture to the ledger.
    """

    def __init__(self, model: MultiscaleResNet, source: Source, *, sees_whole_image: bool | None = None) -> None:
        started = time.perf_counter()
        self.model = model
        picture = read_image(source)
        self.levels: tuple[Tensor, ...] = model.pyramid(picture, sees_whole_image=sees_whole_image)
        with model.frozen(), torch.no_grad():
            output = model.vote(self.levels)
            self.gate: Gate = output.gate.detach()
            self.ledger = Ledger.of(output, model.classes)
        self.seconds = time.perf_counter() - started
        # The upload itself is not kept: it may take a hundred times the memory of all the rest.
        self.geometry = model.geometry(picture.size, sees_whole_image=sees_whole_image)
        self.image = ImageIdentity(*picture.size, image_digest(picture))
        self.view = field_of_view(picture, self.geometry, at_least=max(model.sides))

    def target(self, index: str | int | None = None, against: str | int | None = None) -> Target:
        """The target by labels or indices; the most probable class by default."""
        classes = self.model.classes
        chosen = int(self.ledger.logits.argmax()) if index is None else find_class(index, classes)
        return Target(chosen, None if against is None else find_class(against, classes))

    def answer(self, target: Target, *, top_k: int = 5, switches: Switches | None = None) -> Answer:
        """Top-k, ledger and evidence; nothing is computed again.

        Args:
            target: what is read.
            top_k: how many classes.
            switches: what if scales were off or spoke louder; from the cached votes.
        """
        ledger = self.ledger if switches is None else switched(self.ledger, switches)
        return Answer(
            model=identify(self.model),
            image=self.image,
            geometry=self.geometry,
            sides=self.model.sides,
            scales=self.model.scales,
            stride=self.model.trunk.cell_stride(3),
            ledger=ledger,
            top_k=ledger.top_k(top_k),
            target=target,
            seconds=self.seconds,
        )

    def pictures(self) -> tuple[np.ndarray, ...]:
        """The pixels of each level, as the model was given them: ``(side, side, 3)`` uint8."""
        return tuple((255 * level[0].permute(1, 2, 0)).round().to("cpu", torch.uint8).numpy() for level in self.levels)

    def features(self, target: Target, *, count: int = 12) -> Features:
        """Feature maps with the channels ordered by what they add to the target."""
        started = time.perf_counter()
        stages = feature_maps(self.model, self.levels, target, gate=self.gate, count=count)
        return Features(target, stages, time.perf_counter() - started)

    def attribution(
        self,
        name: str,
        target: Target,
        *,
        is_cancelled: Callable[[], bool] = lambda: False,
        on_progress: Callable[[float], None] = lambda share: None,
    ) -> Attribution:
        """One attribution method for the target.

        Raises:
            UnknownNameError: there is no such method.
            Cancelled: ``is_cancelled`` said so.
        """
        return attribute(
            self.model,
            self.levels,
            target,
            method=name,
            gate=self.gate,
            is_cancelled=is_cancelled,
            on_progress=on_progress,
        )


def field_of_view(picture: Image.Image, geometry: Geometry, *, at_least: int) -> np.ndarray:
    """``(side, side, 3)`` uint8: what the levels show, as sharp as the upload has it, at most 448 px."""
    left, _, right, _ = geometry.box
    side = min(VIEW_SIDE_PX, max(math.ceil(right - left), at_least))
    return np.asarray(crop_to(picture, geometry, side))


def explain_stream(
    model: MultiscaleResNet,
    source: Source,
    request: Request,
    *,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Answer | Features | Attribution]:
    """The results of a request one by one: the answer, the feature maps, each attribution.

    Raises:
        ImageError: the source is no picture.
        UnknownNameError: there is no such class or method.
        Cancelled: ``is_cancelled`` said so between two results or inside one.
    """
    session = Session(model, source, sees_whole_image=request.sees_whole_image)
    target = session.target(request.target, request.against)
    yield session.answer(target, top_k=request.top_k)
    if request.channels:
        check(is_cancelled)
        yield session.features(target, count=request.channels)
    for name in request.methods:
        check(is_cancelled)
        yield session.attribution(name, target, is_cancelled=is_cancelled)


def explain(
    model: MultiscaleResNet,
    image: Source,
    *,
    top_k: int = 5,
    methods: Sequence[str] = ("integrated-gradients",),
    target: str | int | None = None,
    against: str | int | None = None,
) -> Explanation:
    """Explain one image: top-k, ledger, evidence, feature maps and the named attributions.

    Args:
        model: as :func:`msresnet.load_model` gives it; it is left as it was.
        image: a path, bytes, or a PIL picture of any size.
        top_k: how many classes.
        methods: names of attribution methods.
        target: label or index of the class to explain; by default the most probable.
        against: a class B, for "why A rather than B".
    """
    request = Request(top_k=top_k, methods=tuple(methods), target=target, against=against)
    return gather(explain_stream(model, image, request))


def gather(results: Iterator[Answer | Features | Attribution]) -> Explanation:
    """A stream of results as one explanation."""
    answer, features, methods = None, None, {}
    for result in results:
        match result:
            case Answer():
                answer = result
            case Features():
                features = result
            case Attribution():
                methods[result.method] = result
    return Explanation(answer=answer, features=features, methods=methods, versions=versions())


def versions() -> dict[str, str]:
    """Versions of everything that has a part in the numbers."""
    found = {"python": platform.python_version()}
    for package in ("msresnet", "torch", "torchvision", "captum", "numpy", "pillow"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def check(is_cancelled: Callable[[], bool]) -> None:
    """Stop here when asked to."""
    if is_cancelled():
        raise Cancelled("The explanation was cancelled")
