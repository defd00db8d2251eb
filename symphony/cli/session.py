"""One command's tools, opened when first used and closed at its end: node, deployment, key, journal, content store.

Also the options that commands share. Knows nothing of what a command does with them.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

import click

from symphony.cli.output import Output
from symphony.cli.settings import Flags, Resolved, resolve
from symphony_chain.errors import SymphonyError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from symphony.verify.reader import RpcReader
    from symphony_chain.content.store import ContentStore
    from symphony_chain.deploy import Deployment
    from symphony_chain.market import MarketClient
    from symphony_chain.registry import RegistryClient
    from symphony_chain.rpc import Rpc
    from symphony_chain.tx import TxSender
    from symphony_chain.tx_journal import TxJournal

MAX_CONTENT_BYTES = 1 << 30


class Session:
    """What a command may need; nothing is opened before it is asked for.

    Raises (from any property): ChainUnavailable, WrongChain, NotFound, UsageError, as the parts do.
    """

    def __init__(self, flags: Flags, out: Output | None = None) -> None:
        self.flags = flags
        self.out = out if out is not None else Output(as_json=flags.as_json, quiet=flags.quiet)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    @cached_property
    def settings(self) -> Resolved:
        return resolve(self.flags)

    @cached_property
    def rpc(self) -> Rpc:
        from symphony_chain.rpc import Rpc

        return self._stack.enter_context(Rpc(self.settings.rpc_url))

    @cached_property
    def deployment(self) -> Deployment:
        """The address book, proved to be of this node's chain."""
        from symphony_chain.deploy import Deployment

        deployment = Deployment.load(self.settings.deployment_path)
        deployment.require(self.rpc)
        return deployment

    @property
    def market(self) -> MarketClient:
        from symphony_chain.market import MarketClient

        return MarketClient(self.rpc, self.deployment.market)

    @property
    def registry(self) -> RegistryClient:
        from symphony_chain.registry import RegistryClient

        return RegistryClient(self.rpc, self.deployment.registry)

    @cached_property
    def reader(self) -> RpcReader:
        from symphony.verify.reader import RpcReader

        return RpcReader(self.rpc, self.deployment)

    @cached_property
    def account(self) -> LocalAccount:
        """The unlocked key of this command."""
        from symphony.cli.accounts import choose_account

        return choose_account(
            self.flags.sender, self.settings.keystore, password=lambda: self.password(), rpc=lambda: self.rpc
        )

    @cached_property
    def sender(self) -> TxSender:
        """Sends from `account`, journaled in the data folder."""
        from symphony_chain.tx import TxSender

        return TxSender(self.rpc, self.account, self.journal)

    @cached_property
    def journal(self) -> TxJournal:
        from symphony_chain.tx_journal import TxJournal

        journal = TxJournal(self.settings.journal_path)
        self._stack.callback(journal.close)
        return journal

    @cached_property
    def store(self) -> ContentStore:
        from symphony_chain.content.store import ContentStore

        return self._stack.enter_context(
            ContentStore(self.settings.content_path, max_bytes=MAX_CONTENT_BYTES)
        )

    def password(self, *, confirm: bool = False) -> str:
        """The keystore's password: from a file, or asked for at a terminal."""
        from symphony_chain.keys import read_password

        return read_password(
            file=self.settings.password_file, prompt=not self.flags.no_input, confirm=confirm
        )

    def confirm(self, question: str, *, yes: bool) -> None:
        """Asks before money moves.

        Raises:
            UsageError: there is nobody to ask, and `--yes` was not given. click.Abort: the answer was no.
        """
        if yes:
            return
        if self.flags.no_input or not sys.stdin.isatty():
            from symphony_chain.errors import UsageError

            raise UsageError(
                f"not confirmed: {question}",
                code="usage.confirm",
                hint="give --yes to go ahead without being asked",
            )
        click.confirm(question, err=True, abort=True)


def checked_address(text: str) -> str:
    """An address of an argument, with its checksum.

    Raises:
        click.UsageError: it is none.
    """
    from eth_utils.address import is_address, to_checksum_address

    if not is_address(text) or not text.startswith("0x"):
        raise click.UsageError(f"{text!r} is not an address")
    return str(to_checksum_address(text))


_COMMON = (
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout."),
    click.option("--quiet", is_flag=True, help="No progress on stderr."),
    click.option("--no-input", is_flag=True, help="Never ask anything."),
    click.option(
        "--data-dir", type=click.Path(path_type=Path), help="Folder of all local files.  [default: .symphony]"
    ),
)
_CHAIN = (
    click.option(
        "--rpc", metavar="URL", help="JSON-RPC address of the node.  [default: http://127.0.0.1:8545]"
    ),
    click.option("--deployment", type=click.Path(path_type=Path), help="File with the contracts' addresses."),
)
_KEY = (
    click.option(
        "--keystore", type=click.Path(path_type=Path), help="Folder of keys, or one keystore v3 file."
    ),
    click.option(
        "--password-file", type=click.Path(path_type=Path), help="File that holds the key's password."
    ),
)
_SENDER = (
    click.option(
        "--from", "sender", metavar="KEY", help="Key to act as: name, address, or devnet:N on a devnet."
    ),
)
Command = Callable[..., None]


def options(*, chain: bool = False, keys: bool = False, sends: bool = False) -> Callable[[Command], Command]:
    """The shared options of a command, and its `Session` as first argument.

    Args:
        chain: it talks to a node. keys: it reads the keystore. sends: it signs (implies both).
    """
    wanted = [
        *_COMMON,
        *(_CHAIN if chain or sends else ()),
        *(_KEY if keys or sends else ()),
        *(_SENDER if sends else ()),
    ]
    names = {field.name for field in fields(Flags)}

    def decorate(function: Command) -> Command:
        @functools.wraps(function)
        def run(**given: Any) -> None:
            flags = Flags(**{name: given.pop(name) for name in sorted(names & set(given))})
            with Session(flags) as session:
                try:
                    function(session, **given)
                except (SymphonyError, KeyboardInterrupt) as error:
                    if not session.out.answered:
                        raise
                    _end_after_answer(session, error)

        wrapped: Command = run
        for option in reversed(wanted):
            wrapped = option(wrapped)
        return wrapped

    return decorate


def _end_after_answer(session: Session, error: SymphonyError | KeyboardInterrupt) -> NoReturn:
    """A service that had said it is ready: stdout holds its one document already, so the end is told on stderr."""
    if isinstance(error, KeyboardInterrupt):
        raise click.exceptions.Exit(130)
    session.out.error(error)
    raise click.exceptions.Exit(error.exit_code)
