"""Where a model runs: the device of a name, and whether this machine has it."""

import torch

from .errors import ConfigError


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
