"""Encrypted keys on disk (Web3 Secret Storage, "keystore v3") and the ways a password may come in.

A password never comes as a command-line argument. Does not know what a key is used for.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import is_address, to_checksum_address

from symphony_chain.errors import Conflict, Failure, NotFound, UsageError

Kdf = Literal["scrypt", "pbkdf2"]
SCRYPT_N = 2**18
MIN_PASSWORD_LENGTH = 8
MAX_PASSWORD_BYTES = 4096
PASSWORD_ENV = "SYMPHONY_PASSWORD_FILE"


@dataclass(frozen=True)
class KeyInfo:
    """One key file: what can be known without its password."""

    address: str
    name: str
    path: Path


class Keystore:
    """A folder (0700) of files ``<address>.json`` (0600)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(
        self, name: str, password: str, *, key: bytes | None = None, kdf: Kdf = "scrypt", work: int = SCRYPT_N
    ) -> KeyInfo:
        """Makes a key (or takes ``key``, 32 bytes) and writes it encrypted.

        ``work`` is scrypt's n or PBKDF2's iterations: the default is for people's keys (about a second); tests and
        devnets may pass less. Raises Conflict ``key.exists``, UsageError ``key.weak_password``.
        """
        if len(password) < MIN_PASSWORD_LENGTH:
            raise UsageError(
                f"the password has fewer than {MIN_PASSWORD_LENGTH} characters",
                code="key.weak_password",
                hint="Choose a longer one.",
            )
        account: LocalAccount = Account.from_key(key) if key is not None else Account.create()
        for known in self.list():
            if known.address == account.address or known.name == name:
                raise Conflict(
                    f"there is already a key {known.name!r} ({known.address})",
                    code="key.exists",
                    hint="Choose another name; key files are never overwritten.",
                    path=str(known.path),
                )
        document = dict(Account.encrypt(account.key, password, kdf=kdf, iterations=work))
        # Some readers expect the address without 0x; the name is an extra field that they ignore.
        document |= {"address": account.address[2:].lower(), "name": name}
        path = self.folder / f"{account.address}.json"
        self._write(path, json.dumps(document, indent=2).encode())
        return KeyInfo(account.address, name, path)

    def list(self) -> list[KeyInfo]:
        """All keys, by name. Failure ``key.unreadable`` for a damaged file: silence would hide a lost key."""
        if not self.folder.is_dir():
            return []
        infos = [self._info(path) for path in self.folder.glob("*.json")]
        return sorted(infos, key=lambda info: (info.name, info.address))

    def find(self, name_or_address: str) -> KeyInfo:
        """A key by name or address; NotFound ``key.missing``."""
        keys = self.list()
        for info in keys:
            if name_or_address == info.name or name_or_address.lower() == info.address.lower():
                return info
        names = ", ".join(info.name for info in keys) or "none"
        raise NotFound(
            f"there is no key {name_or_address!r} in {self.folder}",
            code="key.missing",
            hint=f"Keys here: {names}. `symphony key new` makes one.",
        )

    def unlock(self, name_or_address: str, password: str) -> LocalAccount:
        """Decrypts a key; UsageError ``key.wrong_password``."""
        info = self.find(name_or_address)
        document = _load(info.path)
        try:
            account: LocalAccount = Account.from_key(Account.decrypt(document, password))
        except (ValueError, KeyError, TypeError, NotImplementedError) as error:
            if "MAC mismatch" in str(error):
                raise UsageError(
                    f"wrong password for key {info.name!r} ({info.address})",
                    code="key.wrong_password",
                    hint="Check the password file or type it again; there is no way to recover a lost password.",
                ) from None
            raise _unreadable(info.path, error) from error
        if account.address != info.address:
            raise _unreadable(info.path, ValueError(f"it holds the key of {account.address}"))
        return account

    def _info(self, path: Path) -> KeyInfo:
        document = _load(path)
        address = str(document.get("address", ""))
        if not is_address(address):
            raise _unreadable(path, ValueError("no address in it"))
        checked = str(to_checksum_address(address))
        return KeyInfo(checked, str(document.get("name") or checked), path)

    def _write(self, path: Path, content: bytes) -> None:
        """Atomic and durable: a crash leaves either no file or the whole file."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.chmod(self.folder, 0o700)
            temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                _link(temporary, path)
            finally:
                temporary.unlink()
            _sync_folder(self.folder)
        except OSError as error:
            raise Failure(
                f"cannot write the key file {path}: {error}",
                code="key.unwritable",
                hint="Free disk space and check that the folder is writable; no key was made.",
            ) from error


def read_password(
    *,
    file: Path | None = None,
    fd: int | None = None,
    env: str = PASSWORD_ENV,
    prompt: bool = False,
    confirm: bool = False,
    environ: Mapping[str, str] = os.environ,
    ask: Callable[[str], str] = getpass.getpass,
) -> str:
    """The password from a file, else a descriptor, else the file named by the variable ``env``, else a prompt.

    Only a trailing newline is cut. ``confirm`` asks twice. Without a terminal nothing is asked: UsageError
    ``key.password_missing``.
    """
    if file is not None:
        return _from_file(file)
    if fd is not None:
        try:
            with os.fdopen(fd, "rb", closefd=False) as stream:
                return _clean(stream.read(MAX_PASSWORD_BYTES), f"descriptor {fd}")
        except OSError as error:
            raise _password_missing(f"cannot read descriptor {fd}: {error}") from error
    if environ.get(env):
        return _from_file(Path(environ[env]))
    if not prompt or not sys.stdin.isatty():
        raise _password_missing("a password is needed, and there is no terminal to ask at")
    password = ask("Password: ")
    if confirm and ask("Repeat it: ") != password:
        raise UsageError("the two passwords differ", code="key.password_mismatch", hint="Try again.")
    return password


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return _clean(stream.read(MAX_PASSWORD_BYTES), str(path))
    except OSError as error:
        raise _password_missing(f"cannot read the password file {path}: {error}") from error


def _clean(content: bytes, source: str) -> str:
    try:
        password = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise _password_missing(f"the password in {source} is not UTF-8") from None
    if not password:
        raise _password_missing(f"{source} holds no password")
    return password


def _password_missing(message: str) -> UsageError:
    return UsageError(
        message,
        code="key.password_missing",
        hint=f"Give --password-file, or name a file in {PASSWORD_ENV}; or run it at a terminal.",
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(document, dict):
        raise _unreadable(path, ValueError("not a JSON object"))
    return document


def _unreadable(path: Path, error: Exception) -> Failure:
    return Failure(
        f"the key file {path} cannot be read: {error}",
        code="key.unreadable",
        hint="Restore it from a backup or move it away.",
    )


def _link(source: Path, target: Path) -> None:
    """Gives a finished file its name; unlike a rename, refuses to replace a key that appeared meanwhile."""
    try:
        os.link(source, target)
    except FileExistsError as error:
        raise Conflict(f"{target} exists", code="key.exists", hint="Key files are never overwritten.") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
