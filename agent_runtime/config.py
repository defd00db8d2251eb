"""A worker's configuration: one JSON file, read strictly; unknown names and impossible values are refused by name.

Knows what a worker needs, and opens nothing but that file. Paths in the file are relative to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from eth_utils.address import is_checksum_address

from agent_runtime.bidding import BidPolicy
from agent_runtime.engines.config import EngineConfig, located
from agent_runtime.errors import ConfigInvalid
from agent_runtime.reasoning.cot import ThinkingPolicy
from agent_runtime.reasoning.escalation import EscalationPolicy
from symphony_chain.errors import InvalidInput
from symphony_chain.skills import DEFAULT_TAGS, FULL_SCALE


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """Everything that a worker process is told.

    Attributes:
        deployment: the deployment file (`Deployment.save`).
        data_dir: the worker's own folder: journal, record, content store.
        keystore_dir, owner, operator: encrypted keys, by name or address. The operator key bids and commits; the owner key
            registers the agent and is paid. They differ.
        protection_dir: slashing protection; one folder for all workers of a keystore (default: inside it).
        password_file: for both keys; None takes the file named by ``SYMPHONY_PASSWORD_FILE``.
        skills: tag of the default page → declared basis points.
        adapter: LoRA adapter on the engine's model: a peft folder for torch, a GGUF file for llama.cpp.
        calibration: file that `symphony eval --calibration` wrote for this engine and way of thinking; its measured shares are
            the priors of bids, and thoughts know their probability of being right.
        engine: what thinks; the text of its ``spec`` alone (a path or a URL) is enough.
        content_urls: gateways to ask for headers and bodies, and to give copies of the registration file and of traces.
        gateway_host, gateway_port, gateway_url: where the worker's own content gateway listens (port 0: any free one), and the
            public URL to announce for it (None: the listening address).
        max_store_bytes: limit of the content store.
        operator_topup_wei: the owner fills the operator's gas money up to this when it is below half; 0 never does.
        bond_float_wei: the owner fills the agent's account at the market, which backs bonds, up to this when less than half of
            it is left; 0 never does, and tasks with a bond are refused.
        claim_min_wei: accrued pay is claimed for the owner when there is this much of it, in the token's smallest unit; in native
            coins, beyond the float.
        settle_stagger_blocks: seat i settles a finished task if nobody has i · this many blocks after it could be; the last seat
            waits so many for the others' reveals, to settle with its own.
        poll_s: longest pause between two passes.
        patience_s: how long the node may be away before the process ends.
    """

    name: str
    rpc_url: str
    deployment: Path
    data_dir: Path
    keystore_dir: Path
    owner: str
    operator: str
    skills: Mapping[str, int]
    password_file: Path | None = None
    protection_dir: Path | None = None
    description: str = ""
    device: str = "cpu"
    memory_bytes: int = 0
    engine: EngineConfig = field(default_factory=EngineConfig)
    thinking: ThinkingPolicy = field(default_factory=ThinkingPolicy)
    bidding: BidPolicy = field(default_factory=BidPolicy)
    adapter: Path | None = None
    calibration: Path | None = None
    content_urls: tuple[str, ...] = ()
    gateway_host: str = "127.0.0.1"
    gateway_port: int = 0
    gateway_url: str | None = None
    max_store_bytes: int = 1 << 30
    operator_topup_wei: int = 0
    bond_float_wei: int = 0
    claim_min_wei: int = 1
    settle_stagger_blocks: int = 2
    poll_s: float = 0.25
    patience_s: float = 60.0

    @property
    def protection_folder(self) -> Path:
        return self.protection_dir or self.keystore_dir / "protection"

    @property
    def journal_path(self) -> Path:
        return self.data_dir / "tx.sqlite"

    @property
    def record_path(self) -> Path:
        return self.data_dir / "worker.sqlite"

    @property
    def content_path(self) -> Path:
        return self.data_dir / "content"

    def as_json(self) -> dict[str, Any]:
        """The file's content; `load_config` reads it back."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self) if getattr(self, f.name) is not None}

    def save(self, path: Path) -> None:
        """Writes the file."""
        path.write_text(json.dumps(self.as_json(), indent=1, sort_keys=True) + "\n")


def load_config(path: Path) -> WorkerConfig:
    """The configuration in a file.

    Raises:
        ConfigInvalid: naming the file and the first value that is off.
    """
    try:
        raw = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise _invalid(f"there is no configuration file {path}", "`symphony agent run --help` shows how to make one") from None
    except (OSError, ValueError) as error:
        raise _invalid(f"cannot read {path}: {error}", "it must be one JSON object") from error
    try:
        config: WorkerConfig = _build(WorkerConfig, raw, "", path.resolve().parent)
    except (TypeError, ValueError, InvalidInput) as error:
        raise _invalid(f"{path}: {error}", "see docs/agents.md for the fields") from error
    _check(config, path)
    return config


def read_engine(value: Any, base: Path) -> EngineConfig:
    """The engine that a value of a JSON file describes: one line, or an object; paths are relative to ``base``.

    Raises:
        TypeError, ValueError: naming the field that is off.
    """
    engine: EngineConfig = _value(EngineConfig, value, "engine", base)
    return engine


def _build(cls: Any, raw: Any, where: str, base: Path) -> Any:
    if not isinstance(raw, dict):
        raise TypeError(f"{where or 'the file'} must be an object")
    hints = get_type_hints(cls)
    unknown = sorted(set(raw) - set(hints))
    if unknown:
        raise ValueError(f"unknown field {where}{unknown[0]}")
    values = {name: _value(hints[name], value, where + name, base) for name, value in raw.items()}
    missing = [f.name for f in fields(cls) if f.name not in values and _required(f)]
    if missing:
        raise ValueError(f"field {where}{missing[0]} is missing")
    return cls(**values)


def _required(item: Any) -> bool:
    from dataclasses import MISSING

    return item.default is MISSING and item.default_factory is MISSING


def _value(hint: Any, value: Any, where: str, base: Path) -> Any:
    if hint is EngineConfig:
        built = _build(hint, {"spec": value} if isinstance(value, str) else value, where + ".", base)
        return replace(built, spec=located(built.spec, base))
    if hint in (ThinkingPolicy, BidPolicy):
        return _build(hint, value, where + ".", base)
    if hint == EscalationPolicy | None:
        return _build(EscalationPolicy, value, where + ".", base)
    if hint in (Path, Path | None) and isinstance(value, str) and value:
        return base / value
    if hint in (str, str | None) and isinstance(value, str):
        return value
    if hint is bool and isinstance(value, bool):
        return value
    if hint in (int, int | None) and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    if hint == tuple[str, ...] and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if hint == Mapping[str, int] and isinstance(value, dict):
        return dict(value)
    raise TypeError(f"{where} = {value!r} is not of the right kind")


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value.absolute())
    if isinstance(value, EngineConfig | ThinkingPolicy | BidPolicy | EscalationPolicy):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value) if getattr(value, f.name) is not None}
    return list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value


def _check(config: WorkerConfig, path: Path) -> None:
    for tag, bps in config.skills.items():
        if tag not in DEFAULT_TAGS:
            raise _invalid(f"{path}: unknown skill {tag!r}", f"the page has: {', '.join(DEFAULT_TAGS)}")
        if isinstance(bps, bool) or not isinstance(bps, int) or not 0 <= bps <= FULL_SCALE:
            raise _invalid(f"{path}: skill {tag} = {bps!r}", f"give basis points, 0…{FULL_SCALE}")
    if not config.skills:
        raise _invalid(f"{path}: no skills", "an agent without skills never matches a task")
    if config.owner == config.operator:
        raise _invalid(
            f"{path}: owner and operator are one key", "the operator key lies on the agent's machine: give it its own"
        )
    if not 1 <= config.thinking.samples <= config.thinking.most_samples <= 64 or config.thinking.max_tokens < 1:
        raise _invalid(f"{path}: thinking.samples must be 1…64, extra ones included, and max_tokens at least 1", "")
    for token, rate in config.bidding.rates.items():
        if not is_checksum_address(token) or isinstance(rate, bool) or not isinstance(rate, int) or rate < 1:
            raise _invalid(
                f"{path}: bidding.rates {token!r} = {rate!r}",
                "give an ERC-20's address with its checksum, and whole units per model token, at least 1",
            )
    if config.bidding.max_seats < 1 or config.bidding.prior_strength < 1 or config.engine.tokens_per_second <= 0:
        raise _invalid(f"{path}: bidding.max_seats, prior_strength and engine.tokens_per_second must be above 0", "")


def _invalid(message: str, hint: str) -> ConfigInvalid:
    return ConfigInvalid(message, hint=hint)
