"""Finds model files and proves that they are the pinned ones before anything parses them.

A model folder of ours holds ``config.json``, ``tokenizer.json``, ``model.safetensors`` and a GGUF; ``manifest.json``
pins each by sha-256. What is hashed are the very bytes that are parsed: nobody can swap a file in between. GGUF files
are read by native code, so only hashes that this installation or the operator pins are ever opened. Imports no model
library.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib import resources
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import Any

from agent_runtime.errors import EngineFailed, ModelCorrupt, ModelMissing

MANIFEST, CARD, CURVE = "manifest.json", "card.json", "curve.json"
SAFETENSORS, GGUF = "model.safetensors", "model-f16.gguf"
SAFETENSORS_INDEX = "model.safetensors.index.json"
_REINSTALL = "reinstall symphony, or run `python scripts/train_model.py export` with a finished training run"


def shipped_folder() -> Path:
    """Folder of the built-in model."""
    return Path(str(resources.files("agent_runtime.model").joinpath("weights")))


def early_folder() -> Path:
    """Folder of the early model: an earlier run, stopped half-way. Weaker on purpose, to learn from and to compare with."""
    return Path(str(resources.files("agent_runtime.model").joinpath("weights_early")))


def adapters_folder() -> Path:
    """Folder of the specialists: one folder for each LoRA adapter on the early model, and the agents that they make."""
    return Path(str(resources.files("agent_runtime.model").joinpath("adapters")))


def sha256_of(path: Path) -> str:
    """sha-256 of a file, as hex; ``ModelMissing`` where there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        raise _missing(path) from None


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The folder's manifest, or None where it has none."""
    path = folder / MANIFEST
    if not path.exists():
        return None
    try:
        manifest = json.loads(path.read_text("utf-8"))
        return {**manifest, "files": dict(manifest["files"])}
    except (ValueError, KeyError, TypeError) as error:
        raise ModelCorrupt(f"{path} is no manifest: {error}", hint=_REINSTALL, path=str(path)) from error


def verified(folder: Path, name: str) -> tuple[Path, str]:
    """Path and sha-256 of a file of a model folder, checked against the folder's manifest where that lists
    it.
    """
    path = folder / name
    digest = sha256_of(path)
    _check_manifest(path, digest)
    return path, digest


def read_verified(folder: Path, name: str) -> bytes:
    """Content of a file of a model folder, checked like `verified`; ``ModelMissing`` where it is not there."""
    path = folder / name
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise _missing(path) from None
    _check_manifest(path, hashlib.sha256(data).hexdigest())
    return data


def read_safetensors(folder: Path) -> Iterator[tuple[Path, bytes, str]]:
    """Path, content and sha-256 of each weights file of a folder: ``model.safetensors``, or the parts that its index names.

    Raises:
        ModelMissing, ModelCorrupt: a file is not there, is not the pinned one, or the index names something else.
    """
    names = [SAFETENSORS]
    if not (folder / SAFETENSORS).exists() and (folder / SAFETENSORS_INDEX).exists():
        names = _parts(folder)
    for name in names:
        data = read_verified(folder, name)
        yield folder / name, data, hashlib.sha256(data).hexdigest()


def _parts(folder: Path) -> list[str]:
    try:
        names = sorted(set(json.loads(read_verified(folder, SAFETENSORS_INDEX))["weight_map"].values()))
        strange = [name for name in names if Path(name).name != name or not name.endswith(".safetensors")]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelCorrupt(f"{folder / SAFETENSORS_INDEX} is no index of weights: {error}", hint="download it again") from error
    if strange or not names:
        raise ModelCorrupt(
            f"{folder / SAFETENSORS_INDEX} names {strange[0] if strange else 'no file'}",
            hint="an index names safetensors files beside it, and nothing else",
        )
    return names


def _check_manifest(path: Path, digest: str) -> None:
    manifest = read_manifest(path.parent)
    pinned = None if manifest is None else manifest["files"].get(path.name, {}).get("sha256")
    if pinned is not None and pinned != digest:
        raise ModelCorrupt(
            f"{path} has sha-256 {digest[:16]}…, but its manifest pins {pinned[:16]}…",
            hint=f"the file is damaged or was changed; {_REINSTALL}",
            path=str(path),
            sha256=digest,
            pinned=pinned,
        )


def check_pin(place: Path, digest: str, pin: str | None) -> None:
    """``ModelCorrupt`` where the operator pinned other weights (None: nothing is pinned)."""
    if pin is not None and pin != digest:
        raise ModelCorrupt(
            f"the weights at {place} have sha-256 {digest}, but {pin} is pinned",
            hint="they were changed, or the pin is another model's",
            path=str(place),
            sha256=digest,
            pinned=pin,
        )


def pinned_adapter(path: Path) -> SealedCopy:
    """A copy of a GGUF adapter whose hash the ``manifest.json`` beside it names: native code reads it, so somebody must have
    vouched for these very bytes.

    Raises:
        ModelMissing, ModelCorrupt: there is none, or nothing pins it, or it is another one.
    """
    copy = SealedCopy(path)
    try:
        manifest = read_manifest(path.parent)
        if manifest is None or path.name not in manifest["files"]:
            example = json.dumps({"files": {path.name: {"sha256": copy.sha256}}})
            raise ModelCorrupt(
                f"{path} is not pinned, and is not opened; it has sha-256 {copy.sha256}",
                hint=f"if you trust it, write {example} to {path.parent / MANIFEST}",
                path=str(path),
                sha256=copy.sha256,
            )
        _check_manifest(path, copy.sha256)
    except BaseException:
        copy.close()
        raise
    return copy


def pinned_gguf_hashes() -> frozenset[str]:
    """sha-256 of every GGUF that this installation pins."""
    pins = set()
    for folder in (shipped_folder(), early_folder()):
        manifest = read_manifest(folder) or {"files": {}}
        pins |= {entry["sha256"] for name, entry in manifest["files"].items() if name.endswith(".gguf")}
    return frozenset(pins)


class SealedCopy:
    """A file's content where nobody can change it any more, and its sha-256: what was hashed is what will be loaded.

    Linux: sealed memory without a name, whose pages the loader maps, so that it is held once. Elsewhere: a private file.
    """

    def __init__(self, source: Path) -> None:
        try:
            with source.open("rb") as file:
                self._file, self._folder = _sealed(file)
        except (FileNotFoundError, NotADirectoryError):
            raise _missing(source) from None
        except OSError as error:
            raise EngineFailed(
                f"{source} cannot be copied into memory: {error.strerror}", hint="check its permissions, and that memory is free"
            ) from error
        self.bytes = os.fstat(self._file.fileno()).st_size
        self._file.seek(0)
        self.sha256 = hashlib.file_digest(self._file, "sha256").hexdigest()

    @property
    def descriptor(self) -> int:
        """Descriptor that a child process must inherit to open `path`."""
        return self._file.fileno()

    @property
    def path(self) -> str:
        """Where a process with the descriptor finds the content."""
        return f"/proc/self/fd/{self.descriptor}" if self._folder is None else str(self._file.name)

    @property
    def path_for_others(self) -> str:
        """Where a process of the same user that has not inherited the descriptor finds the content."""
        return f"/proc/{os.getpid()}/fd/{self.descriptor}" if self._folder is None else str(self._file.name)

    def close(self) -> None:
        """Gives the memory back, once no process maps it; may be called again."""
        self._file.close()
        if self._folder is not None:
            self._folder.cleanup()


def _sealed(source: BufferedReader) -> tuple[BufferedReader | BufferedRandom, tempfile.TemporaryDirectory[str] | None]:
    if sys.platform != "linux":
        folder = tempfile.TemporaryDirectory(prefix="symphony-")  # mode 0700
        path = Path(folder.name) / "model.gguf"
        with path.open("xb") as target:
            shutil.copyfileobj(source, target)
        return path.open("rb"), folder
    copy = os.fdopen(os.memfd_create("model", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "w+b")
    shutil.copyfileobj(source, copy, 1 << 20)
    copy.flush()
    fcntl.fcntl(copy, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return copy, None


def _missing(path: Path) -> ModelMissing:
    return ModelMissing(f"there is no model file at {path}", hint=f"check the path; {_REINSTALL}", path=str(path))
