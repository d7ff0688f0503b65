"""Explanations of many pictures, a folder each: which there are to make, and which are made already.

A folder's ``manifest.json`` is written last. It names what was asked, of which picture, and the hash of every file: a
folder is finished when all of it is so. Whatever was killed on the way has no manifest and is made again.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .data import SUFFIXES
from .errors import ConfigError, DataError
from .explanation import versions
from .files import file_sha256, make_folder, remove_leftovers, write_whole
from .request import Request

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Job:
    """A picture file, and the folder that its explanation goes to."""

    picture: Path
    folder: Path


@dataclass(frozen=True)
class Ask:
    """What is asked of every picture, of which weights, with which software: what a manifest must repeat."""

    model: str
    request: Request

    def to_dict(self) -> dict:
        """As a manifest keeps it."""
        return {"model": self.model, "request": json.loads(json.dumps(asdict(self.request))), "versions": versions()}


def jobs_for(sources: Sequence[str], out: Path) -> list[Job]:
    """A job for every picture that is named, and for every one below a folder that is named.

    A single picture goes to ``out`` itself, several to a folder each below it, named by the stem. A picture of a folder
    goes where it lies in that folder, its whole name being the folder's: ``cats/a.jpg`` to ``out/cats/a.jpg/``.

    Raises:
        DataError: a folder holds no picture.
        ConfigError: the explanations would go among the pictures.
    """
    jobs = []
    for source, folder in zip(sources, folders_for(sources, out), strict=True):
        root = Path(source)
        if root.is_dir():
            if folder.resolve() == root.resolve():
                raise ConfigError(
                    f"explanations go to another folder than the pictures', and --out is {folder}; choose another"
                )
            jobs += [Job(path, folder / path.relative_to(root)) for path in pictures_below(root, but_not=out)]
        else:
            jobs.append(Job(root, folder))
    return jobs


def folders_for(sources: Sequence[str], out: Path) -> list[Path]:
    """A folder for each source: ``out`` for one, otherwise the stem below it; equal stems are numbered."""
    if len(sources) == 1:
        return [out]
    taken: set[str] = set()
    names = []
    for stem in (Path(source).stem for source in sources):
        candidates = (stem, *(f"{stem}-{i}" for i in range(2, len(sources) + 1)))
        name = next(one for one in candidates if one.casefold() not in taken)
        taken.add(name.casefold())  # a file system may not tell Cat from cat
        names.append(name)
    return [out / name for name in names]


def pictures_below(root: Path, *, but_not: Path) -> list[Path]:
    """Every file below ``root`` that is named like a picture, sorted; hidden ones and those in ``but_not`` are not.

    Raises:
        DataError: there is none.
    """
    made = but_not.resolve()
    found = [
        path
        for path in sorted(root.rglob("*"))
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
        and path.is_file()
        and not path.resolve().is_relative_to(made)
        and not (path.parent / MANIFEST).is_file()  # an explanation's own figures
    ]
    if not found:
        raise DataError(f"a folder must hold pictures ({', '.join(sorted(SUFFIXES))}), and there is none in {root}")
    return found


def is_finished(job: Job, ask: Ask) -> bool:
    """Whether the folder holds the explanation that is asked for, of this very picture, whole."""
    manifest = read_manifest(job.folder)
    if manifest is None or manifest.get("asked") != ask.to_dict():
        return False
    if manifest.get("picture_sha256") != file_sha256(job.picture):
        return False
    return all(file_sha256(job.folder / name) == sha256 for name, sha256 in manifest["files"].items())


def write_explanation(job: Job, ask: Ask, files: Iterable[tuple[str, bytes]]) -> None:
    """Write an explanation's files and, last, the manifest that vouches for them.

    What an earlier explanation left in the folder is removed; files that are not its own stay.

    Raises:
        MsresnetError: the folder cannot be made or written to.
    """
    make_folder(job.folder)
    earlier = read_manifest(job.folder)
    (job.folder / MANIFEST).unlink(missing_ok=True)  # from here on the folder is unfinished
    for name in () if earlier is None else own_names(earlier):
        (job.folder / name).unlink(missing_ok=True)
    remove_leftovers(job.folder)
    digests = {}
    for name, content in files:
        write_whole(job.folder / name, content)
        digests[name] = hashlib.sha256(content).hexdigest()
    manifest = {"asked": ask.to_dict(), "picture_sha256": file_sha256(job.picture), "files": digests}
    write_whole(job.folder / MANIFEST, (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode())


def read_manifest(folder: Path) -> dict | None:
    """The manifest of a folder; ``None`` where there is none that can be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    is_ours = isinstance(manifest, dict) and isinstance(manifest.get("files"), dict)
    return manifest if is_ours else None


def own_names(manifest: dict) -> Iterator[str]:
    """The files that a manifest names, as long as they lie in its own folder."""
    return (name for name in manifest["files"] if name == Path(name).name)
