"""Where a model runs: the device of a name, whether this machine has it, and what it computes fast."""

from collections.abc import Sequence
from pathlib import Path

import torch

from .errors import ConfigError

CPU_INFO = Path("/proc/cpuinfo")  # on Linux
# Level pixels in one batch of forward passes. On a CPU more of them leave its caches: a lifted ResNet-50 is quickest
# with one picture at a time, the default model with about 32.
FORWARD_PIXELS = {"cpu": 500_000, "cuda": 8_000_000}


def choose_device(name: str | torch.device) -> torch.device:
    """The device of this name; ``auto`` is the first there is of ``cuda``, ``mps`` and ``cpu``.

    Raises:
        ConfigError: this machine has no such device.
    """
    counts = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    present = [kind for kind, count in counts.items() if count]
    if name == "auto":
        return torch.device(present[0])
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device must be auto or one of {', '.join(present)} here, got {name!r}") from error
    if (device.index or 0) >= counts.get(device.type, 0):
        raise ConfigError(f"device must be auto or one of {', '.join(present)} here, got {str(device)!r}")
    return device


def quick_batch(device: torch.device, sides: Sequence[int]) -> int:
    """How many pictures, with levels of these sides in px, go forward at once the quickest; at least 1."""
    allowed = FORWARD_PIXELS.get(device.type, FORWARD_PIXELS["cpu"])
    return max(allowed // sum(side**2 for side in sides), 1)


def is_bfloat16_fast(device: torch.device) -> bool:
    """Whether the device computes bfloat16 faster than float32; emulated, it is several times slower.

    Intel's processors need AMX for it: one of them took 1.5 times as long with AVX512-BF16 alone.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    return torch.cpu._is_amx_tile_supported() or (torch.cpu._is_avx512_bf16_supported() and not is_by_intel())


def is_by_intel() -> bool:
    """Whether Linux says so; of other systems nothing is known."""
    return CPU_INFO.is_file() and "GenuineIntel" in CPU_INFO.read_text()
