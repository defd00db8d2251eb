"""`symphony key`: make and list encrypted keys. Nothing here prints a private key."""

from __future__ import annotations

import click

from symphony.cli.session import Session, options
from symphony.cli.text import table


@click.group()
def key() -> None:
    """Make and list encrypted keys (keystore v3)."""


@key.command("new")
@click.argument("name")
@options(keys=True)
def new(session: Session, name: str) -> None:
    """Make a key NAME and encrypt it with a password.

    The password comes from --password-file, from the file named by SYMPHONY_PASSWORD_FILE, or is asked for twice.
    """
    from symphony_chain.keys import Keystore

    password = session.password(confirm=True)
    with session.out.working("encrypting the key"):
        made = Keystore(session.settings.keystore).create(name, password)
    session.out.result(
        {"name": made.name, "address": made.address, "path": made.path},
        [f"key {made.name}: {made.address}", f"file {made.path} (back it up: nobody can restore it)"],
        f"send ether to {made.address}, then `symphony task post --help`",
    )


@key.command("list")
@options(keys=True)
def list_keys(session: Session) -> None:
    """List the keys of the keystore."""
    from symphony_chain.keys import Keystore

    found = Keystore(session.settings.keystore).list()
    document = {"keys": [{"name": k.name, "address": k.address, "path": k.path} for k in found]}
    if found:
        lines = table(["name", "address"], [(k.name, k.address) for k in found])
    else:
        lines = [f"no keys in {session.settings.keystore}"]
    session.out.result(document, lines, "" if found else "make one with `symphony key new NAME`")
