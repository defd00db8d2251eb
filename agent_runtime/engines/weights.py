"""Finds model files and proves that they are the pinned ones before anything parses them.

A model folder holds ``config.json``, ``tokenizer.json``, ``model.safetensors`` and a GGUF; ``manifest.json``
pins each by sha-256. GGUF files are read by native code, so only hashes that are pinned in this installation
are ever opened. Imports no model library.
"""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any

from agent_runtime.errors import ModelCorrupt, ModelMissing

MANIFEST = "manifest.json"
SAFETENSORS, GGUF = "model.safetensors", "model-f16.gguf"
_REINSTALL = "reinstall symphony, or run `python scripts/train_model.py export` with a finished training run"


def shipped_folder() -> Path:
    """Folder of the built-in model."""
    return Path(str(resources.files("agent_runtime.model").joinpath("weights")))


def early_folder() -> Path:
    """Folder of the early model: the same run, stopped half-way. Weaker on purpose, to learn from and to compare with."""
    return Path(str(resources.files("agent_runtime.model").joinpath("weights_early")))


def sha256_of(path: Path) -> str:
    """sha-256 of a file, as hex; ``ModelMissing`` where there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise ModelMissing(
            f"there is no model file at {path}", hint=f"check the path; {_REINSTALL}", path=str(path)
        ) from None


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
    manifest = read_manifest(folder)
    pinned = None if manifest is None else manifest["files"].get(name, {}).get("sha256")
    if pinned is not None and pinned != digest:
        raise ModelCorrupt(
            f"{path} has sha-256 {digest[:16]}…, but its manifest pins {pinned[:16]}…",
            hint=f"the file is damaged or was changed; {_REINSTALL}",
            path=str(path),
            sha256=digest,
            pinned=pinned,
        )
    return path, digest


def pinned_gguf_hashes() -> frozenset[str]:
    """sha-256 of every GGUF that this installation pins."""
    pins = set()
    for folder in (shipped_folder(), early_folder()):
        manifest = read_manifest(folder) or {"files": {}}
        pins |= {entry["sha256"] for name, entry in manifest["files"].items() if name.endswith(".gguf")}
    return frozenset(pins)


def pinned_gguf(path: Path, pins: frozenset[str]) -> str:
    """sha-256 of a GGUF file; ``ModelCorrupt`` where it is not one of ``pins``."""
    digest = sha256_of(path)
    if digest not in pins:
        raise ModelCorrupt(
            f"{path} (sha-256 {digest[:16]}…) is not a pinned GGUF file, and is not opened",
            hint=f"use the shipped model; {_REINSTALL}",
            path=str(path),
            sha256=digest,
        )
    return digest
