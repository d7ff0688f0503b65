"""Tensors in files: packed, hashed, in shards; read back without running anyone's code."""

import hashlib
import json
import os
import pickle
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from .errors import CheckpointError, ConfigError

CONFIG_NAME = "config.json"
INDEX_NAME = "model.safetensors.index.json"
SHARD_NAME = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
FILE_SUFFIXES = (".safetensors", ".pth", ".pt")
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def pack(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A model's state as it is stored: contiguous, on the CPU, kernels in half precision.

    Kernels and the classifier, everything with two axes or more, become float16 where
    their values fit. Vectors (norms, their statistics, biases) and the gate's parameters
    are a thousandth of the bytes and stay float32: a running variance may leave float16's
    range, and a temperature is wanted to the last digit. The batch-norms' counters of
    batches, which nothing reads in evaluation, are left out. Packing twice is packing once.
    """
    return {key: pack_one(key, value.detach().cpu()) for key, value in state.items() if not is_counter(key)}


def pack_one(key: str, value: Tensor) -> Tensor:
    """One tensor as it is stored; see :func:`pack`."""
    if value.ndim > 1 and ".gate." not in key:
        half = value.to(torch.float16)
        if half.isfinite().all() or not value.isfinite().all():
            return half.contiguous()
    return value.to(torch.float32).contiguous()


def is_counter(key: str) -> bool:
    """Whether a key is a batch-norm's counter of batches."""
    return key.endswith("num_batches_tracked")


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over tensors sorted by name: of each, a line of JSON ``[name, dtype, shape]`` and its bytes."""
    sha256 = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        dtype = str(value.dtype).removeprefix("torch.")
        sha256.update(json.dumps([name, dtype, list(value.shape)]).encode() + b"\n")
        sha256.update(value.contiguous().flatten().view(torch.uint8).numpy())
    return sha256.hexdigest()


def check(tensors: Mapping[str, Tensor], shapes: Mapping[str, torch.Size], *, where: Path | str) -> None:
    """Refuse tensors that are not those of an architecture; counters of batches do not matter.

    Raises:
        CheckpointError: keys, shapes or types differ; the first few are named.
    """
    found, wanted = ({key for key in side if not is_counter(key)} for side in (tensors, shapes))
    if found != wanted:
        missing, unexpected = few(wanted - found), few(found - wanted)
        raise CheckpointError(
            f"{where} holds another architecture: "
            f"missing are {missing or 'none'}; unexpected are {unexpected or 'none'}"
        )
    for key in sorted(wanted):
        value = tensors[key]
        if value.shape != shapes[key]:
            raise CheckpointError(
                f"{where} holds another architecture: {key} is {tuple(value.shape)}, not {tuple(shapes[key])}"
            )
        if value.dtype not in FLOATS:
            raise CheckpointError(f"{where} holds another type: {key} must be a float, got {value.dtype}")


def check_finite(tensors: Mapping[str, Tensor], *, where: Path | str) -> None:
    """Refuse NaN and infinity.

    Raises:
        CheckpointError: names the tensors.
    """
    broken = [key for key, value in tensors.items() if not value.isfinite().all()]
    if broken:
        raise CheckpointError(f"{where} holds NaN or infinity, in {few(broken)}; the training diverged")


def few(names: Iterable[str], *, count: int = 3) -> str:
    """The first names in order, and how many there are."""
    names = sorted(names)
    rest = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + rest


def write_shards(tensors: Mapping[str, Tensor], folder: Path, *, max_shard_bytes: int) -> None:
    """Write safetensors shards and the Hub's index of them into ``folder``.

    Args:
        max_shard_bytes: of a shard's tensors; its header comes on top, about 100 bytes a tensor.

    Raises:
        ConfigError: one tensor alone is larger than a shard.
    """
    shards: list[dict[str, Tensor]] = [{}]
    room = max_shard_bytes
    for key, value in tensors.items():
        if value.nbytes > max_shard_bytes:
            raise ConfigError(f"max_shard_bytes must be >= {value.nbytes} for {key}, got {max_shard_bytes}")
        if value.nbytes > room:
            shards.append({})
            room = max_shard_bytes
        shards[-1][key] = value
        room -= value.nbytes
    weight_map = {}
    for number, shard in enumerate(shards, start=1):
        name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        write_whole(folder / name, safetensors.torch.save(shard, metadata={"format": "pt"}))
        weight_map.update(dict.fromkeys(shard, name))
    total = sum(value.nbytes for value in tensors.values())
    write_json({"metadata": {"total_size": total}, "weight_map": weight_map}, folder / INDEX_NAME)


def read_shards(folder: Path) -> dict[str, Tensor]:
    """The tensors of all shards that the index names.

    Raises:
        CheckpointError: the index or a shard is missing, damaged, or they do not agree.
    """
    index = folder / INDEX_NAME
    weight_map = read_json(index).get("weight_map")
    names = weight_map.values() if isinstance(weight_map, dict) else [None]
    if not weight_map or not all(isinstance(name, str) and SHARD_NAME.fullmatch(name) for name in names):
        raise CheckpointError(f"{index} must name shards as model-00001-of-00002.safetensors; fetch it again")
    tensors, places = {}, {}
    for name in sorted(set(names)):
        if not (folder / name).is_file():
            raise CheckpointError(f"{folder} lacks the shard {name} that its index names; fetch it again")
        shard = read_tensors(folder / name)
        tensors.update(shard)
        places.update(dict.fromkeys(shard, name))
    if places != weight_map:
        differing = {key for key, _ in places.items() ^ weight_map.items()}
        raise CheckpointError(f"{index} and the shards do not agree on {few(differing)}; fetch it again")
    return tensors


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of one ``.safetensors``, ``.pth`` or ``.pt`` file, on the CPU.

    A torch file may hold tensors alone (``weights_only=True``): nothing in it is run.

    Raises:
        CheckpointError: another kind of file, a damaged one, or one that holds something else.
    """
    if path.suffix not in FILE_SUFFIXES:
        raise CheckpointError(f"weights must be a folder or a {', '.join(FILE_SUFFIXES)} file, got {path}")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"{path} is truncated or not a safetensors file ({error})") from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is damaged, or holds code and not tensors alone; save the model's state_dict() instead"
        ) from error
    except (RuntimeError, EOFError, ValueError, LookupError) as error:  # torch has no error of its own
        raise CheckpointError(f"{path} is truncated or not a torch file; fetch it again") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error})") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(f"{path} is not a state dict, names and tensors; save the model's state_dict()")
    return {str(key): value for key, value in state.items()}


def read_json(path: Path) -> dict:
    """A JSON object from a file.

    Raises:
        CheckpointError: there is no such file, or it is something else.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise CheckpointError(f"{path.parent} is not a checkpoint: it has no {path.name}") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON ({error}); fetch it again") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} must hold a JSON object, got a {type(content).__name__}")
    return content


def write_json(content: dict, path: Path) -> None:
    """A JSON object to a file, readable by people."""
    write_whole(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file and have the disk keep it."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
