"""The multi-scale ResNet: pyramid → trunk → vote."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from .config import MODES, ModelConfig
from .errors import ConfigError
from .geometry import Geometry
from .layers import Maps
from .output import Output
from .pyramid import Preprocessing, tensor_levels, upload_levels
from .resnet import ARCHITECTURES, MultiscaleTrunk, StageMaps, recognise, spread_over_scales
from .vote import Gate, GateMode, VoteHead


class MultiscaleResNet(nn.Module):
    """An image classifier whose logits say how much each scale, and each place, gave.

    Example:
        >>> model = MultiscaleResNet.lift(torchvision.models.resnet50(), sides=(224, 320), gate="gated")
        >>> out = model(torch.rand(1, 3, 224, 224))
        >>> torch.allclose(out.contributions.sum(1) + out.bias, out.logits)
        True

    ``lock`` keeps two explanations of one model apart, and predictions out of an
    explanation's hooks: hold it around everything that hooks the model or changes its
    state. A forward pass holds it itself.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.lock = threading.RLock()
        base_index = config.sides.index(config.base_side)
        self.trunk = MultiscaleTrunk(
            ARCHITECTURES[config.architecture],
            scale_count=len(config.sides),
            stem=config.stem,
            width=config.width,
            has_links=config.has_links,
            dropout=config.dropout,
            has_own_statistics=config.has_own_statistics,
        )
        self.head = VoteHead(
            sum(self.voting_channels),
            len(config.classes),
            scale_count=len(config.sides),
            base_index=base_index,
            mode=config.gate,
            temperature=config.temperature,
            gates_cells=config.gates_cells,
        )
        mean, std = (
            torch.tensor(values).view(1, 3, 1, 1) for values in (config.preprocessing.mean, config.preprocessing.std)
        )
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)

    @classmethod
    def lift(
        cls,
        resnet: nn.Module,
        sides: Sequence[int] = (224,),
        gate: str = "single",
        *,
        base_side: int | None = None,
        classes: Sequence[str] | None = None,
    ) -> "MultiscaleResNet":
        """A torchvision ResNet as a multi-scale one: shared kernels, its batch-norm at every scale.

        With one level and ``gate="single"`` the logits are torchvision's own, to rounding.

        Args:
            resnet: ``torchvision.models.resnet18``, 34, 50 or 101; it is copied, not changed.
            sides: side of each level in px.
            gate: ``single``, ``mean`` or ``gated``; ``gated`` gets the label-free gate.
            base_side: the side that is scale 1; by default 224 where it is among the sides,
                otherwise the smallest.
            classes: labels; by default ``class 0``, ``class 1``, …

        Raises:
            ConfigError: another network, or an unknown gate.
        """
        state = resnet.state_dict()
        return cls.from_torchvision_state(state, sides=sides, gate=gate, base_side=base_side, classes=classes).to(
            next(resnet.parameters()).device
        )

    @classmethod
    def from_torchvision_state(
        cls,
        state: dict[str, Tensor],
        *,
        sides: Sequence[int],
        gate: str = "gated",
        base_side: int | None = None,
        classes: Sequence[str] | None = None,
    ) -> "MultiscaleResNet":
        """The same from a state dict alone; the architecture is read off its shapes."""
        if gate not in MODES:
            raise ConfigError(f"gate must be one of {', '.join(MODES)}, got {gate!r}")
        architecture = recognise(state)
        class_count = len(state["fc.bias"])
        config = ModelConfig(
            architecture=architecture,
            sides=tuple(sorted(sides)),
            base_side=base_side or (224 if 224 in sides else min(sides)),
            classes=tuple(classes) if classes else tuple(f"class {i}" for i in range(class_count)),
            width=state["conv1.weight"].shape[0],
            gate=GateMode(gate),
            preprocessing=Preprocessing(crop_fraction=224 / 256),
        )
        if len(config.classes) != class_count:
            raise ConfigError(f"the classifier has {class_count} classes, but {len(config.classes)} labels were given")
        model = cls(config)
        trunk = {key: value for key, value in state.items() if not key.startswith("fc.")}
        model.trunk.load_state_dict(spread_over_scales(trunk, scale_count=len(config.sides)))
        model.head.fc.load_state_dict({key[3:]: value for key, value in state.items() if key.startswith("fc.")})
        return model.eval()

    @property
    def sides(self) -> tuple[int, ...]:
        """Side of each level in px, ascending."""
        return self.config.sides

    @property
    def scales(self) -> tuple[float, ...]:
        """Factor of each level: its side over the base side."""
        return tuple(side / self.config.base_side for side in self.sides)

    @property
    def classes(self) -> tuple[str, ...]:
        """Label of each class."""
        return self.config.classes

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.head.fc.weight.device

    def forward(self, images: Tensor) -> Output:
        """Classify float RGB ``(batch, 3, height, width)`` in [0, 1]; levels are made from the tensor as it is."""
        return self.vote(tensor_levels(images, self.sides))

    def forward_levels(self, *levels: Tensor | None, gate: Gate | None = None) -> Tensor:
        """Logits ``(batch, class)`` of a tuple of levels: what Captum sees.

        Args:
            levels: ``(batch, 3, side, side)`` in [0, 1] per scale; ``None`` leaves one out.
            gate: held constant where given; a batch of one serves any batch.
        """
        return self.vote(levels, gate=gate).logits

    def vote(self, levels: Maps, *, gate: Gate | None = None) -> Output:
        """Everything that a forward pass over ``levels`` gives; see :meth:`forward_levels`."""
        if len(levels) != len(self.sides):
            raise ValueError(f"one level per scale: {len(self.sides)} sides {self.sides}, got {len(levels)} levels")
        if all(level is None for level in levels):
            raise ValueError("at least one level must be there")
        normalised = [None if x is None else (x - self.mean) / self.std for x in levels]
        with self.lock:  # an explanation in another thread may have hooked the layers
            stages = self.trunk(normalised)
            voters = self.voters(stages)
            ballot = self.head(voters, gate)
        return Output(
            logits=ballot.logits,
            contributions=ballot.contributions,
            bias=self.head.fc.bias,
            gate=ballot.gate,
            stages=stages,
            voters=voters,
            classifier=self.head.fc.weight,
            votes=ballot.votes,
        )

    @property
    def voting_channels(self) -> tuple[int, ...]:
        """Channels of the last stage's map, and of stage 3's where it votes too: the columns of the classifier."""
        last = self.trunk.out_channels
        return (last, last // 2) if self.config.has_layer_votes else (last,)

    def voters(self, stages: StageMaps) -> Maps:
        """What votes, of the trunk's stage maps; see :class:`Output`.

        A cell of stage 4 is centred on every second one of stage 3: there the mean over
        3 × 3 cells of stage 3 votes with it, by a classifier of its own. So a scale's
        contribution and its evidence hold both layers, and stay exact sums.
        """
        if not self.config.has_layer_votes:
            return stages[-1]
        return [
            None
            if x is None
            else torch.cat([x, F.avg_pool2d(below, 3, stride=2, padding=1, count_include_pad=False)], dim=1)
            for x, below in zip(stages[-1], stages[-2], strict=True)
        ]

    def pyramid(self, upload: Image.Image, *, sees_whole_image: bool | None = None) -> tuple[Tensor, ...]:
        """Levels of a picture of any size by the trunk's own convention, on the model's device.

        Args:
            upload: upright RGB, as :func:`msresnet.images.read_image` gives it.
            sees_whole_image: overrides the convention's crop.

        Returns:
            ``(1, 3, side, side)`` float32 in [0, 1] per scale. Where they lie in the
            upload is told by :meth:`geometry`.
        """
        levels = upload_levels(upload, self.sides, self.preprocessing(sees_whole_image=sees_whole_image))
        return tuple(level.to(self.device) for level in levels)

    def geometry(self, upload_size: tuple[int, int], *, sees_whole_image: bool | None = None) -> Geometry:
        """Where the levels of :meth:`pyramid` lie in an upright upload of ``(width, height)`` px."""
        return self.preprocessing(sees_whole_image=sees_whole_image).geometry(upload_size)

    def preprocessing(self, *, sees_whole_image: bool | None = None) -> Preprocessing:
        """The trunk's convention, its crop overridden where asked."""
        if sees_whole_image is None:
            return self.config.preprocessing
        return replace(self.config.preprocessing, sees_whole_image=sees_whole_image)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Hold the model still: locked, in evaluation mode, without gradients of its parameters.

        Modes, ``requires_grad`` and stored gradients are afterwards what they were,
        also after an exception. Gradients of the levels still flow.
        """
        with self.lock:
            modes = [(module, module.training) for module in self.modules()]
            trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
            try:
                self.eval()
                for parameter in trained:
                    parameter.requires_grad_(False)
                yield
            finally:
                for parameter in trained:
                    parameter.requires_grad_(True)
                for module, was_training in modes:
                    module.training = was_training

    def __getstate__(self) -> dict:
        state = self.__dict__.copy()
        del state["lock"]  # a lock belongs to one process and one model
        return state

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        self.lock = threading.RLock()
