"""One picture before one model: what is made once for all that is asked of it, and every question that can be asked."""

import time
from collections.abc import Callable, Sequence
from os import PathLike

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .attribution import LAST_STAGE, Attribution, Baseline, attribute, baseline_levels, estimate_seconds
from .canvas import Canvas
from .errors import ImageError
from .explanation import Answer, Features, ImageIdentity
from .faithfulness import TRIED, Case, Trust, put_on_trial, trial_cost
from .features import feature_maps
from .game import ScaleGame, scale_game
from .identity import identify
from .images import image_digest, read_image
from .ledger import Ledger, Target, find_class
from .model import MultiscaleResNet
from .probes import (
    Fill,
    Mask,
    Occluded,
    Pair,
    PointReader,
    PointReading,
    Recomputed,
    Switches,
    ZoomResponse,
    occluded,
    pair,
    recomputed,
    switched,
    zoom_response,
)
from .stopping import IsCancelled, interruptible, never
from .view import field_of_view, pictures_of
from .vote import Gate

Source = bytes | str | PathLike | Image.Image


class Session:
    """One picture before one model: levels and gate are made once, results are asked for one by one.

    Every result is computed under the model's lock and leaves as frozen CPU arrays.

    Args:
        model: what is asked.
        source: a path, bytes, or a picture.
        sees_whole_image: overrides the model's crop.
        is_cancelled: asked before every block of layers; raises ``Cancelled``.

    Attributes:
        source: as it was given; it is opened again by what needs more of it than the levels.
        levels: ``(1, 3, side, side)`` per scale, on the model's device.
        gate: the image's own, a constant.
        ledger: of all classes.
        preprocessing: how the levels are made from a picture.
        geometry: where the levels lie in the upright picture.
        image: size and hash of the upright picture.
        view: ``(side, side, 3)`` uint8, the field of view for people.
        seconds: from the picture to the ledger.
        forward_seconds: of these, the forward pass: what the cost of a method is counted in.
    """

    def __init__(
        self,
        model: MultiscaleResNet,
        source: Source,
        *,
        sees_whole_image: bool | None = None,
        is_cancelled: IsCancelled = never,
    ) -> None:
        started = time.perf_counter()
        self.model = model
        self.source, self.sees_whole_image = source, sees_whole_image
        picture = read_image(source)
        self.levels: tuple[Tensor, ...] = model.pyramid(picture, sees_whole_image=sees_whole_image)
        with interruptible(model, is_cancelled), torch.no_grad():
            asked = time.perf_counter()
            output = model.vote(self.levels)
            if model.device.type == "cuda":
                torch.cuda.synchronize(model.device)
            self.forward_seconds = time.perf_counter() - asked
            self.gate: Gate = output.gate.detach()
            self.ledger = Ledger.of(output, model.classes)
        self.seconds = time.perf_counter() - started
        # The upload itself is not kept: it may take a hundred times the memory of all the rest.
        self.preprocessing = model.preprocessing(sees_whole_image=sees_whole_image)
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
            preprocessing=self.preprocessing,
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
        return pictures_of(self.levels)

    def features(self, target: Target, *, count: int = 12, is_cancelled: IsCancelled = never) -> Features:
        """Feature maps with the channels ordered by what they add to the target."""
        started = time.perf_counter()
        stages = feature_maps(self.model, self.levels, target, gate=self.gate, count=count, is_cancelled=is_cancelled)
        return Features(target, stages, time.perf_counter() - started)

    def attribution(
        self,
        name: str,
        target: Target,
        *,
        baseline: str | None = None,
        stage: int | None = None,
        is_cancelled: IsCancelled = never,
        on_progress: Callable[[float], None] = lambda share: None,
    ) -> Attribution:
        """One attribution method for the target.

        Args:
            name: of the method.
            target: what is explained.
            baseline: what the image is compared with; by default the method's own choice.
            stage: 0 to 3, for methods that look at a stage's maps; by default the last.
            is_cancelled: asked before every forward pass.
            on_progress: told the share that is done, in [0, 1].

        Raises:
            UnknownNameError: there is no such method or baseline.
            ConfigError: the method takes no baseline or no stage.
            Cancelled: ``is_cancelled`` said so.
        """
        return attribute(
            self.model,
            self.levels,
            target,
            method=name,
            gate=self.gate,
            baseline=baseline,
            stage=stage,
            is_cancelled=is_cancelled,
            on_progress=on_progress,
        )

    def estimate_seconds(self, name: str, *, stage: int | None = None) -> float:
        """About how long :meth:`attribution` will take: its cost in forward passes, by what one took here.

        Raises:
            UnknownNameError: there is no such method.
        """
        return estimate_seconds(
            name,
            self.forward_seconds,
            scale_count=len(self.levels),
            has_links=self.model.config.has_links,
            stage=LAST_STAGE if stage is None else stage,
        )

    def trust(
        self,
        target: Target,
        methods: Sequence[str] = TRIED,
        *,
        baseline: str = Baseline.BLUR.value,
        known: Sequence[Attribution] = (),
        is_cancelled: IsCancelled = never,
        on_progress: Callable[[float], None] = lambda share: None,
    ) -> Trust:
        """How far the evidence and the maps of methods can be believed; what fails is marked.

        Args:
            target: what the maps explain.
            methods: names of methods that say where; by default all.
            baseline: what the picture is exchanged for in the insertion and deletion curves.
            known: maps of this picture that are there already; those of the target are tried as they
                are, with their baseline and stage.
            is_cancelled: asked before every forward pass.
            on_progress: told the share that is done, in [0, 1].

        Raises:
            UnknownNameError: there is no such method or baseline.
            ConfigError: a method says which scale, not where.
            Cancelled: ``is_cancelled`` said so.
        """
        return put_on_trial(
            Case(self.model, self.levels, self.gate, self.ledger, target),
            methods,
            baseline=baseline,
            known=[result for result in known if result.target == target],
            is_cancelled=is_cancelled,
            on_progress=on_progress,
        )

    def estimate_trust_seconds(self, methods: Sequence[str] = TRIED, *, known: Sequence[Attribution] = ()) -> float:
        """About how long :meth:`trust` will take, by what a forward pass took here."""
        stages = {result.method: result.stage for result in known}
        return self.forward_seconds * trial_cost(self.model, methods, known=stages, stages=stages)

    def baseline_pictures(self, name: str) -> tuple[np.ndarray, ...]:
        """The pixels of a baseline, as :meth:`attribution` compares with them: ``(side, side, 3)`` uint8 per scale.

        Raises:
            UnknownNameError: there is no such baseline.
        """
        return pictures_of(baseline_levels(self.model, self.levels, Baseline.find(name)))

    def game(self, target: Target) -> ScaleGame:
        """What each scale adds to the target's log-probability, alone and together; from the cached votes."""
        return scale_game(self.ledger, target)

    def recomputed(self, switches: Switches, *, is_cancelled: IsCancelled = never) -> Recomputed:
        """The answer without the levels that are off, beside that of the cached votes; one forward pass."""
        return recomputed(self.model, self.levels, self.ledger, self.gate, switches, is_cancelled=is_cancelled)

    def zoom_response(
        self,
        target: Target,
        *,
        canvas: str | Canvas = Canvas.GREY,
        is_cancelled: IsCancelled = never,
        on_progress: Callable[[float], None] = lambda share: None,
    ) -> ZoomResponse:
        """The answers as the picture is zoomed from ¼ to 2; see :func:`msresnet.probes.zoom_response`.

        Raises:
            UnknownNameError: there is no such canvas.
            ImageError: the source is gone or shows another picture by now.
            Cancelled: ``is_cancelled`` said so.
        """
        return zoom_response(
            self.model,
            self.picture(),
            target,
            canvas=canvas,
            sees_whole_image=self.sees_whole_image,
            is_cancelled=is_cancelled,
            on_progress=on_progress,
        )

    def compare(self, other: "Session", target: Target) -> Pair:
        """This picture's ledger beside another one's, for one target.

        Raises:
            ConfigError: the other one was put before another model.
        """
        return pair(self.ledger, other.ledger, target)

    def picture(self) -> Image.Image:
        """The upright RGB picture, opened again.

        Raises:
            ImageError: it is gone, or it shows something else by now.
        """
        picture = read_image(self.source)
        if image_digest(picture) != self.image.sha256:
            raise ImageError("The picture has changed since it was explained; explain it again")
        return picture

    def occluded(
        self,
        mask: Mask,
        *,
        fill: str | Fill = Fill.BLUR,
        is_kept: bool = False,
        seed: int = 0,
        is_cancelled: IsCancelled = never,
    ) -> Occluded:
        """What the model says with the brushed part covered, or with nothing else left; the gate is computed anew.

        Args:
            mask: where it was brushed.
            fill: what a covered place shows: ``blur``, ``mean`` or ``noise``.
            is_kept: keep what was brushed, and cover all else.
            seed: of the noise.

        Raises:
            UnknownNameError: there is no such fill.
            ImageError: the source is gone or shows another picture by now.
        """
        return occluded(
            self.model,
            self.picture(),
            mask,
            self.ledger,
            fill=fill,
            is_kept=is_kept,
            seed=seed,
            sees_whole_image=self.sees_whole_image,
            is_cancelled=is_cancelled,
        )

    def points(self, target: Target, *, is_cancelled: IsCancelled = never) -> PointReader:
        """What reads any point of the picture for a target; one pass forward and one back."""
        return PointReader(self.model, self.levels, self.geometry, target, gate=self.gate, is_cancelled=is_cancelled)

    def point(
        self,
        x: float,
        y: float,
        target: Target,
        *,
        count: int = 5,
        has_influence: bool = False,
        is_cancelled: IsCancelled = never,
        on_progress: Callable[[float], None] = lambda share: None,
    ) -> PointReading:
        """The receptive fields at a point, what fires there, and what each channel adds to the target.

        Args:
            x, y: of the point, in px of the upright picture.
            target: whose score is read.
            count: channels of each stage and scale.
            has_influence: also the effective fields; a backward pass for every stage and scale.

        Raises:
            ConfigError: the model does not see the point.
            Cancelled: ``is_cancelled`` said so.
        """
        reader = self.points(target, is_cancelled=is_cancelled)
        reading = reader.at(x, y, count=count)
        if not has_influence:
            return reading
        return reader.with_influence(reading, is_cancelled=is_cancelled, on_progress=on_progress)
