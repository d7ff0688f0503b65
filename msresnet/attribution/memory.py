"""How much memory there is, and how much an image takes on its way through a model and back."""

from collections.abc import Sequence
from pathlib import Path
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ..model import MultiscaleResNet
from ..vote import Gate

# Level pixels in one batch, at most: 8 images of the default model's three levels. On a CPU larger batches
# gain next to nothing in time (16 images: no faster per image), and the time of one is what Cancel waits for.
MOST_PIXELS = {"cpu": 125_000, "cuda": 8_000_000}
# What a batch may take of the memory that is free: others want some, and the estimate is one.
SHARE = 0.25
# Beside what autograd keeps a pass holds the gradient that it is computing and the layers' workspace.
WORKSPACE = 2.0
UNKNOWN_BYTES = 2_000_000_000  # where the system does not tell
# Limit, use and the name of the cached part, of Linux's control groups: version 2, and version 1.
CGROUPS = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
)
NO_LIMIT = 1 << 62  # version 1 has a number in place of "max"

_bytes_per_image: WeakKeyDictionary[nn.Module, int] = WeakKeyDictionary()


def batch_size(model: MultiscaleResNet, levels: Sequence[Tensor], gate: Gate) -> int:
    """How many images go through the model at once: what is quick, and no more than there is memory for.

    Args:
        model: held still; it is asked once how much memory an image takes.
        levels: of one image.
        gate: the image's own.
    """
    pixels = sum(level.shape[-1] * level.shape[-2] for level in levels)
    quick = MOST_PIXELS.get(levels[0].device.type, MOST_PIXELS["cpu"]) // pixels
    if quick <= 1:
        return 1
    room = SHARE * available_bytes(levels[0].device) / image_bytes(model, levels, gate)
    return max(1, min(quick, int(room)))


def image_bytes(model: MultiscaleResNet, levels: Sequence[Tensor], gate: Gate) -> int:
    """Memory in bytes that an image takes on its way forward and back, measured on the way and kept."""
    if model not in _bytes_per_image:
        _bytes_per_image[model] = int(WORKSPACE * saved_bytes(model, levels, gate))
    return _bytes_per_image[model]


def saved_bytes(model: MultiscaleResNet, levels: Sequence[Tensor], gate: Gate) -> int:
    """What autograd keeps of one image for the way back, each storage once and no parameter."""
    parameters = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    points = [level.detach().clone().requires_grad_() for level in levels]
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        model.vote(points, gate=gate)
    return max(1, sum(kept.values()))


def available_bytes(device: torch.device) -> int:
    """Memory in bytes that a batch could have: free on the GPU, or what this process may still take."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    known = [left for left in (system_bytes(), container_bytes()) if left is not None]
    return max(0, min(known)) if known else UNKNOWN_BYTES


def system_bytes(path: Path = Path("/proc/meminfo")) -> int | None:
    """What Linux could give to a process that starts now; ``None`` elsewhere."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return 1024 * int(found[0]) if found else None


def container_bytes(folder: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What is left of a container's limit; ``None`` without one.

    Cached files count as free: they make room when it is wanted.
    """
    for limit, used, cached in CGROUPS:
        try:
            most = (folder / limit).read_text(encoding="ascii").strip()
            taken = int((folder / used).read_text(encoding="ascii"))
            statistics = (folder / limit).with_name("memory.stat").read_text(encoding="ascii").split()
        except (OSError, ValueError):
            continue
        if most == "max" or int(most) >= NO_LIMIT:
            return None
        return int(most) - taken + int(dict(zip(statistics[::2], statistics[1::2], strict=True)).get(cached, 0))
    return None
