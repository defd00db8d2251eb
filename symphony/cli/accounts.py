"""Which key a command signs with: a key of the keystore, a keystore file, or a devnet account. Knows nothing of transactions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from symphony.cli.readjson import read_json
from symphony_chain.errors import Failure, NotFound, UsageError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from symphony_chain.rpc import Rpc

DEVNET_PREFIX = "devnet:"


def choose_account(
    name: str | None, keystore: Path, *, password: Callable[[], str], rpc: Callable[[], Rpc]
) -> LocalAccount:
    """The account to act as.

    Args:
        name: a key's name or address, `devnet:N`, or None for the only key there is.
        keystore: a folder of keys, or one keystore v3 file.
        password: asked for only when a key is to be unlocked.
        rpc: the node, asked only to prove that it is a devnet of this machine.

    Raises:
        NotFound, UsageError, Failure: no such key, several keys, wrong password, damaged file.
        WrongChain: a devnet account off a devnet.
    """
    if name is not None and name.startswith(DEVNET_PREFIX):
        return _devnet_account(name, rpc())
    if keystore.is_file():
        return _unlock_file(keystore, name, password)
    from symphony_chain.keys import Keystore

    store = Keystore(keystore)
    found = store.find(name) if name is not None else _only(store)
    return store.unlock(found.address, password())


def _only(store: Keystore) -> KeyInfo:
    keys = store.list()
    if not keys:
        raise NotFound(
            f"there is no key in {store.folder}",
            code="key.missing",
            hint="make one with `symphony key new NAME`, or name a file with --keystore; on a devnet use --from devnet:0",
        )
    if len(keys) > 1:
        raise UsageError(
            f"there are {len(keys)} keys in {store.folder}: {', '.join(key.name for key in keys)}",
            code="key.ambiguous",
            hint="say which with --from NAME",
        )
    return keys[0]


def _devnet_account(name: str, rpc: Rpc) -> LocalAccount:
    from eth_account import Account

    from symphony_chain.devnet.accounts import require_devnet

    accounts = require_devnet(rpc)
    text = name.removeprefix(DEVNET_PREFIX)
    if not text.isdecimal() or int(text) >= len(accounts):
        raise UsageError(
            f"there is no devnet account {text!r}",
            code="key.no_devnet_account",
            hint=f"devnet accounts are {DEVNET_PREFIX}0 to {DEVNET_PREFIX}{len(accounts) - 1}",
        )
    account: LocalAccount = Account.from_key(accounts[int(text)][1])
    return account


def _unlock_file(path: Path, name: str | None, password: Callable[[], str]) -> LocalAccount:
    """A keystore v3 file by itself, as wallets and clients export it, whatever its name."""
    from eth_account import Account

    try:
        document = read_json(path.read_bytes())
        address = str(document.get("address", "")).lower().removeprefix("0x")
    except (OSError, ValueError, AttributeError) as error:
        raise _unreadable(path, error) from error
    if name is not None and name.lower().removeprefix("0x") not in (
        address,
        str(document.get("name", "")).lower(),
    ):
        raise NotFound(
            f"{path} holds the key of 0x{address}, not {name!r}",
            code="key.missing",
            hint="leave out --from, or name another --keystore",
        )
    secret = password()
    try:
        account: LocalAccount = Account.from_key(Account.decrypt(document, secret))
    except (ValueError, KeyError, TypeError, NotImplementedError) as error:
        if "MAC mismatch" not in str(error):
            raise _unreadable(path, error) from error
        raise UsageError(
            f"wrong password for the key file {path}",
            code="key.wrong_password",
            hint="check the password file or type it again; there is no way to recover a lost password",
        ) from None
    return account


def _unreadable(path: Path, error: Exception) -> Failure:
    return Failure(
        f"the key file {path} cannot be read: {error}",
        code="key.unreadable",
        hint="it must be a keystore v3 file (JSON); restore it from a backup",
    )


if TYPE_CHECKING:
    from symphony_chain.keys import KeyInfo, Keystore
