"""Settings: defaults, then symphony.toml, then ``SYMPHONY_*`` variables; the last one wins. Opens nothing but that
file.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from symphony_chain.errors import UsageError

CONFIG_FILE = "symphony.toml"
PREFIX = "SYMPHONY_"
DEFAULT_RPC_URL = "http://127.0.0.1:8545"


@dataclass(frozen=True)
class Settings:
    """What every command and service needs to find its chain, its files and its keys."""

    rpc_url: str = DEFAULT_RPC_URL
    data_dir: Path = field(default_factory=lambda: default_data_dir())
    addresses_file: Path | None = None  # where `chain deploy` wrote the contracts' addresses
    password_file: Path | None = None

    @property
    def keystore_dir(self) -> Path:
        """Folder of the encrypted keys."""
        return self.data_dir / "keystore"

    @property
    def journal_path(self) -> Path:
        """The transaction journal."""
        return self.data_dir / "tx.sqlite"


def load_settings(environ: Mapping[str, str] = os.environ, file: Path | None = None) -> Settings:
    """Reads the settings.

    ``file`` must exist if given; otherwise symphony.toml in the working directory is read if it is there. Raises
    UsageError ``config.invalid`` for unreadable files, unknown names and values of the wrong kind.
    """
    source = file or Path(CONFIG_FILE)
    values = _from_toml(source) if file is not None or source.exists() else {}
    for name in _NAMES:
        if environ.get(PREFIX + name.upper()):
            values[name] = environ[PREFIX + name.upper()]
    checked = {name: _checked(name, value) for name, value in values.items()}
    checked.setdefault("data_dir", default_data_dir(environ))
    return Settings(**checked)


def default_data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """$XDG_DATA_HOME/symphony, else ~/.local/share/symphony."""
    base = environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "symphony"


_NAMES = tuple(setting.name for setting in fields(Settings))


def _from_toml(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise _invalid(f"cannot read {path}: {error}") from error
    unknown = sorted(set(values) - set(_NAMES))
    if unknown:
        raise _invalid(f"{path} has unknown settings: {', '.join(unknown)}")
    return values


def _checked(name: str, value: Any) -> Any:
    if not isinstance(value, str) or not value:
        raise _invalid(f"{name} must be text, not {value!r}")
    if name == "rpc_url":
        if not value.startswith(("http://", "https://")):
            raise _invalid(f"rpc_url must start with http:// or https://, got {value!r}")
        return value
    return Path(value).expanduser()


def _invalid(message: str) -> UsageError:
    return UsageError(
        message,
        code="config.invalid",
        hint=f"Settings are {', '.join(_NAMES)}, in {CONFIG_FILE} or as {PREFIX}<NAME>.",
    )
