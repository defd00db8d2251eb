"""Where a command finds its chain, files and keys: flag, SYMPHONY_*, symphony.toml, a running `symphony up`, defaults.

Reads two small files and opens no connection.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from symphony.cli.readjson import read_json
from symphony_chain.config import DEFAULT_RPC_URL, default_data_dir, load_settings
from symphony_chain.errors import InvalidInput, UsageError

#: In the working folder, so that two projects on one machine never share keys, journals or contents by accident.
DEFAULT_DATA_DIR = Path(".symphony")
RUN_FILE = "run.json"


@dataclass(frozen=True, slots=True)
class Flags:
    """What was given on the command line; None where it was not."""

    as_json: bool = False
    quiet: bool = False
    no_input: bool = False
    data_dir: Path | None = None
    rpc: str | None = None
    deployment: Path | None = None
    keystore: Path | None = None
    password_file: Path | None = None
    sender: str | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """The settings in force. `api_url` and `db_url` are those of a running `symphony up`, or None."""

    rpc_url: str
    data_dir: Path
    deployment_path: Path
    keystore: Path
    password_file: Path | None
    api_url: str | None
    db_url: str | None

    @property
    def journal_path(self) -> Path:
        """The transaction journal."""
        return self.data_dir / "tx.sqlite"

    @property
    def content_path(self) -> Path:
        """The local content store."""
        return self.data_dir / "content"


def resolve(flags: Flags, environ: Mapping[str, str] = os.environ) -> Resolved:
    """The settings in force for these flags.

    Raises:
        UsageError: symphony.toml or a variable is malformed (`config.invalid`). InvalidInput: `run.json` is malformed.
    """
    base = load_settings(environ)
    data_dir = flags.data_dir or (
        DEFAULT_DATA_DIR if base.data_dir == default_data_dir(environ) else base.data_dir
    )
    running = _running(data_dir / RUN_FILE)
    named = base.rpc_url != DEFAULT_RPC_URL or bool(environ.get("SYMPHONY_RPC_URL"))
    found = running.get("deployment")
    return Resolved(
        rpc_url=_checked_url(
            flags.rpc or (base.rpc_url if named else running.get("rpc_url") or base.rpc_url)
        ),
        data_dir=data_dir,
        deployment_path=flags.deployment
        or base.addresses_file
        or (Path(found) if found else data_dir / "deployment.json"),
        keystore=flags.keystore or data_dir / "keystore",
        password_file=flags.password_file or base.password_file,
        api_url=running.get("api_url"),
        db_url=running.get("db_url"),
    )


def _running(path: Path) -> dict[str, str]:
    """What a running `symphony up` says of itself; only its text fields."""
    try:
        value: Any = read_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise _malformed(path, error) from error
    if not isinstance(value, dict):
        raise _malformed(path, ValueError("not an object"))
    return {key: item for key, item in value.items() if isinstance(item, str)}


def _malformed(path: Path, error: Exception) -> InvalidInput:
    return InvalidInput(
        f"{path} cannot be read: {error}",
        hint="it belongs to `symphony up`: start that again, or delete the file",
        code="config.run_file",
    )


def _checked_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise UsageError(
            f"the RPC URL must start with http:// or https://, got {url!r}",
            code="config.invalid",
            hint=f"give it like --rpc {DEFAULT_RPC_URL}",
        )
    return url
