"""How an engine is described: one line that says where the model is, and options for the few cases that need them.

``torch`` and ``llama_cpp`` name the built-in model; everything else is a place: a Hugging Face folder, a GGUF file, or the URL
of an OpenAI-compatible server; ``module:function`` names code of the operator's own. Opens nothing and reads only what it must
to tell these apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from agent_runtime.engines.weights import SAFETENSORS, SAFETENSORS_INDEX
from agent_runtime.errors import ModelMissing
from symphony_chain.errors import InvalidInput

Kind = Literal["torch", "llama_cpp", "openai", "function"]
#: Engines that run the built-in model, by the names under which it can be asked for.
NAMES = ("torch", "llama_cpp")
GGUF_MAGIC = b"GGUF"
USE = "use torch, llama_cpp, a Hugging Face folder, a GGUF file, or the URL of an OpenAI-compatible server"
_URL = re.compile(r"https?://", re.IGNORECASE)
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
#: File endings of weights that are pickled, and so run code when they are read: named in an error, never opened.
_PICKLED = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
_COMMON = frozenset({"spec", "tokens_per_second"})
#: Options of the names alone: a place says itself where the weights are.
_BUILT_IN = frozenset({"weights", "random_weights_seed"})
#: What each kind of engine listens to beside `_COMMON`; an option of another kind is a mistake worth a word.
_OPTIONS: dict[Kind, frozenset[str]] = {
    "torch": frozenset({"weights", "random_weights_seed", "sha256", "context_tokens"}),
    "llama_cpp": frozenset({"weights", "sha256", "context_tokens", "memory_limit_bytes"}),
    "openai": frozenset(
        {"model", "chat", "key_file", "key_env", "context_tokens", "deadline_s", "request_interval_s"}
    ),
    "function": frozenset(),
}


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Which engine thinks. In a configuration file the text of ``spec`` alone is enough: ``"engine": "PATH_OR_URL"``.

    Attributes:
        spec: ``torch`` or ``llama_cpp`` (the built-in model), a Hugging Face folder, a GGUF file, an http(s) URL, or an import
            path ``module:function`` of a function without arguments that gives an engine.
        weights: model folder for the names ``torch`` and ``llama_cpp``; None for the built-in model.
        random_weights_seed: ``torch`` only, for control runs.
        sha256: pin of the weights, as 64 hex digits. A GGUF that this installation does not pin is opened only with it.
        context_tokens: use at most so many tokens of context. None: the model's own, at most 8,192; of a server, 4,096.
        memory_limit_bytes: GGUF only: address space of the child that holds it, beyond the interpreter's own. None: by its size.
        model: URL only: the model's id at the server. None: the only one that it lists.
        chat: URL only: ask for chat completions, one user message, instead of continuing the raw prompt.
        key_file, key_env: URL only: the file, or the name of the environment variable, that holds the key.
        deadline_s: URL only: one completion with all its retries.
        request_interval_s: URL only: least time from one request to the next.
        tokens_per_second: first guess of the speed, until tasks have been measured.
    """

    spec: str = "torch"
    weights: Path | None = None
    random_weights_seed: int | None = None
    sha256: str | None = None
    context_tokens: int | None = None
    memory_limit_bytes: int | None = None
    model: str | None = None
    chat: bool = False
    key_file: Path | None = None
    key_env: str | None = None
    deadline_s: float = 180.0
    request_interval_s: float = 0.0
    tokens_per_second: float = 200.0


def kind_of(config: EngineConfig) -> Kind:
    """The kind of engine that a configuration asks for, with options that fit it.

    Raises:
        InvalidInput: no engine has that name, what lies there is no model, or an option belongs to another kind.
        ModelMissing: nothing is at that path, or something is missing there; the message says what was found.
    """
    kind = _kind(config.spec)
    takes = _COMMON | _OPTIONS[kind] - (frozenset() if config.spec in NAMES else _BUILT_IN)
    strange = [
        item.name
        for item in fields(config)
        if item.name not in takes and getattr(config, item.name) != item.default
    ]
    if strange:
        raise InvalidInput(
            f"the {kind} engine has no {_words(strange[0])}",
            hint=f"leave out {strange[0]}",
        )
    if config.sha256 is not None and not _SHA256.fullmatch(config.sha256):
        raise InvalidInput(
            f"sha256 = {config.sha256!r} is no sha-256", hint="give 64 lower-case hex digits, as `sha256sum FILE` prints them"
        )
    if config.context_tokens is not None and config.context_tokens < 64:
        raise InvalidInput(
            f"{config.context_tokens} tokens of context hold no task", hint="give at least 64, or leave it out"
        )
    if not 0 < config.deadline_s < float("inf") or not 0 <= config.request_interval_s < config.deadline_s:
        raise InvalidInput(
            f"no request fits deadline_s = {config.deadline_s} and request_interval_s = {config.request_interval_s}",
            hint="give seconds: a deadline above 0, and an interval below it",
        )
    return kind


def is_path(spec: str) -> bool:
    """Whether the text stands for a file or folder, whether or not that exists."""
    return spec not in NAMES and not _URL.match(spec) and not _FUNCTION.fullmatch(spec)


def located(spec: str, base: Path) -> str:
    """The same engine seen from anywhere: a path is taken relative to ``base``, everything else stays."""
    return str(base / spec) if is_path(spec) else spec


def _kind(spec: str) -> Kind:
    if spec in NAMES:
        return "torch" if spec == "torch" else "llama_cpp"
    if _URL.match(spec):
        return "openai"
    if not is_path(spec):
        return "function"
    path = Path(spec)
    if path.is_dir():
        return _folder(path)
    if path.is_file():
        return _file(path)
    if "/" not in spec and not path.suffix:
        raise InvalidInput(f"there is no engine named {spec!r}, and no such file or folder", hint=USE)
    raise ModelMissing(f"there is nothing at {spec}", hint=f"check the path; {USE}", path=spec)


def _file(path: Path) -> Kind:
    try:
        with path.open("rb") as file:
            start = file.read(len(GGUF_MAGIC))
    except OSError as error:
        raise ModelMissing(f"{path} cannot be read: {error.strerror}", hint="check the path and its permissions") from error
    if start == GGUF_MAGIC:
        return "llama_cpp"
    if path.suffix == ".safetensors":
        raise InvalidInput(f"{path} is a file of a model folder", hint=f"point the engine at the folder: {path.parent}")
    if path.suffix in _PICKLED:
        raise _pickled(str(path))
    raise InvalidInput(f"{path} is no GGUF file: it begins with {start!r}", hint=USE, path=str(path))


def _folder(folder: Path) -> Kind:
    names = {path.name for path in folder.iterdir()}
    weights = names & {SAFETENSORS, SAFETENSORS_INDEX}
    missing = [name for name in ("config.json", "tokenizer.json") if name not in names]
    if weights and not missing:
        return "torch"
    if "adapter_config.json" in names:
        raise InvalidInput(f"{folder} holds a LoRA adapter, not a model", hint="point the engine at the adapter's base model")
    if not weights and any(name.endswith(_PICKLED) for name in names):
        raise _pickled(f"{folder}/{next(name for name in sorted(names) if name.endswith(_PICKLED))}")
    gguf = sorted(name for name in names if name.endswith(".gguf"))
    if not weights and gguf:
        raise InvalidInput(f"{folder} holds {gguf[0]}, and no safetensors", hint=f"name the file: {folder / gguf[0]}")
    found = ", ".join(sorted(names)[:8]) or "nothing"
    lacking = ", ".join([*([] if weights else [SAFETENSORS]), *missing])
    raise ModelMissing(
        f"{folder} is no model folder: it lacks {lacking} and holds {found}",
        hint="a Hugging Face folder holds config.json, tokenizer.json and safetensors",
        path=str(folder),
    )


def _pickled(path: str) -> InvalidInput:
    return InvalidInput(
        f"{path} holds pickled weights, which run code when they are read; it is not opened",
        hint="convert the model to safetensors, or use a GGUF file",
        path=path,
    )


def _words(name: str) -> str:
    return name.replace("_", " ")
