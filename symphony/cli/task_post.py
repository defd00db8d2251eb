"""`symphony task post` and `task watch`: ask the market a question, award seats, see it through to the end.

Reading needs no key; awarding needs the requester's key and the task's texts in the local data folder.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from symphony.cli.amounts import DURATION, SKILL
from symphony.cli.session import Session, options
from symphony.cli.text import format_amount
from symphony_chain.errors import Conflict, NotFound
from symphony_chain.types import ZERO_ADDRESS

if TYPE_CHECKING:
    from agent_runtime.task_request import TaskRequest
    from symphony.cli.posting import Hosting
    from symphony.verify.history import TaskHistory

content_url = click.option(
    "--content-url", "content_urls", multiple=True, metavar="URL", help="Gateway of task texts (repeatable)."
)


def _hosting(function: Any) -> Any:
    """Options that say where agents read the task's texts."""
    wanted = (
        content_url,
        click.option(
            "--gateway-host",
            default="127.0.0.1",
            show_default=True,
            help="Where this machine's gateway listens.",
        ),
        click.option(
            "--gateway-port",
            type=click.IntRange(0, 65_535),
            default=0,
            help="Its port.  [default: any free one]",
        ),
        click.option("--gateway-url", metavar="URL", help="Its public address, where that differs."),
    )
    for option in reversed(wanted):
        function = option(function)
    return function


@click.command("post")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--prompt", help="The question; - reads it from standard input.")
@click.option(
    "--format",
    "answer_format",
    metavar="FORMAT",
    help="integer, boolean, text, decimal:2, choice:A,B, or JSON.",
)
@click.option(
    "--skill", "skills", type=SKILL, multiple=True, metavar="TAG[=BPS]", help="A skill it needs (repeatable)."
)
@click.option("--title", help="Short public title.  [default: the prompt's first words]")
@click.option("--seats", "k", type=click.IntRange(1, 16), help="Seats that vote.  [default: 3]")
@click.option(
    "--min-seats", type=click.IntRange(1, 16), help="Least seats to go on with.  [default: more than half]"
)
@click.option("--token", metavar="ADDRESS",
              help="ERC-20 of all amounts, which are then its smallest units.  [default: native coins]")
@click.option("--ceiling", metavar="AMOUNT", help="Most that one seat may be paid.  [default: 0.001 ether]")
@click.option(
    "--quorum",
    "quorum_bps",
    type=click.IntRange(1, 10_000),
    help="Weight to win, in basis points.  [default: 5000]",
)
@click.option("--bond", metavar="AMOUNT", help="What a seat stakes, and loses by not revealing.  [default: none]")
@click.option("--open/--no-open", "open", default=None,
              help="Without an award, agents that match may take the seats at the ceiling.  [default: no-open]")
@click.option("--router", metavar="ADDRESS", help="Who may award besides you; see `symphony router run`.")
@click.option("--evaluator", metavar="ADDRESS", help="Who may score the seats instead of the vote.")
@click.option("--evaluation-window", metavar="DURATION", help="Time for the scores, after the reveals.  [default: 120s]")
@click.option("--evaluation-fee", metavar="AMOUNT", help="What the evaluator gets for them.  [default: none]")
@click.option("--shared", "shared_bps", type=click.IntRange(0, 10_000),
              help="Share of all pay for the reward pool, in basis points.  [default: 0]")
@click.option("--bid-window", metavar="DURATION", help="Time for bids.  [default: 60s]")
@click.option("--commit-window", metavar="DURATION", help="Time to think and commit.  [default: 180s]")
@click.option("--reveal-window", metavar="DURATION", help="Time to reveal.  [default: 120s]")
@click.option(
    "--wait/--no-wait", default=True, help="Award and watch to the end, or only post.  [default: wait]"
)
@click.option("--key", help="Idempotency key: the same key never posts twice.  [default: a new one]")
@click.option("--yes", is_flag=True, help="Do not ask before money is escrowed.")
@_hosting
@options(sends=True)
def post(session: Session, file: Path | None, wait: bool, key: str | None, yes: bool, **given: Any) -> None:
    """Post a task, collect bids, award seats, and watch it to its end.

    The task comes from a JSON FILE, from options, or from both (options win). The escrow is seats times ceiling and
    the evaluator's fee; what is not paid returns to your balance in the market. What a task in an ERC-20 lacks there is
    approved and deposited first.
    """
    import secrets

    from symphony.cli.posting import (
        drive,
        outcome_document,
        outcome_lines,
        post_once,
        requester,
        watch_command,
    )
    from symphony.cli.taskfile import read_task_file, task_request

    hosting, fields = _split(session, given)
    request = task_request({**(read_task_file(file) if file else {}), **fields})
    used = key or f"cli/{secrets.token_hex(6)}"
    escrow_wei = _check_request(session, request)
    escrow = format_amount(escrow_wei, request.token)
    session.confirm(f"Escrow {escrow} of {session.account.address}?", yes=yes)
    if not hosting.mirrors:
        session.out.note("no --content-url: only agents that know this machine's gateway can read the task")
    with session.out.working("posting") as spinner, requester(session, hosting, spinner) as opened:
        posted = post_once(opened, request, used)
        task_id = "0x" + posted.task_id.hex()
        session.out.note(f"task {task_id}")
        outcome = drive(session, opened, posted) if wait else None
    if outcome is None:
        document = {"task_id": posted.task_id, "state": "open", "key": used, "escrow_wei": escrow_wei}
        lines = [f"task {task_id} is posted, {escrow} escrowed"]
        awards = "nobody awards it otherwise"
        if posted.task.router != ZERO_ADDRESS:
            awards = f"the router {posted.task.router} awards it otherwise"
        session.out.result(document, lines, f"{watch_command(session, posted.task_id)} ({awards})")
        return
    document = {**outcome_document(outcome), "key": used, "escrow_wei": escrow_wei}
    lines = [f"task {task_id}", *outcome_lines(outcome, request.token)]
    session.out.result(document, lines, f"symphony vote verify {task_id[:14]}")


@click.command("watch")
@click.argument("task_id")
@click.option("--read-only", is_flag=True, help="Only look on, even at a task of your own.")
@click.option("--timeout", "timeout_s", type=DURATION, help="Give up looking on after this long.")
@_hosting
@options(sends=True)
def watch(session: Session, task_id: str, read_only: bool, timeout_s: int | None, **given: Any) -> None:
    """Watch a task to its end; a task of your own is also awarded and closed.

    Awarding needs the task's texts in the local data folder, and the requester's key.
    """
    from symphony.verify.history import load_history, resolve_task_id

    history = load_history(session.reader, resolve_task_id(session.reader, task_id))
    mine = not read_only and history.closed is None and _is_mine(session, history.task.requester)
    try:
        document, lines = (
            _drive_own(session, history, given) if mine else _look_on(session, history, timeout_s)
        )
    except NotFound as error:
        if error.code != "task.no_specification" or not history.seats:
            raise
        document, lines = _look_on(
            session, history, timeout_s
        )  # awarded already: nothing is left for us to decide
    session.out.result(document, lines, f"symphony vote verify 0x{history.task_id.hex()[:12]}")


def _drive_own(
    session: Session, history: TaskHistory, given: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    from agent_runtime.requester import PostedTask
    from symphony.cli.hosting import local_port
    from symphony.cli.posting import drive, outcome_document, outcome_lines, requester, restored

    hosting, _ = _split(session, given)
    require_requester(session, history.task.requester)
    request, endpoints = restored(session, history.task_id, history.task)
    if not hosting.port:  # the header names the port that agents will ask
        hosting = replace(hosting, port=local_port(endpoints, hosting.host))
    with session.out.working("watching") as spinner, requester(session, hosting, spinner) as opened:
        key = f"watch/{history.task_id.hex()}"
        outcome = drive(session, opened, PostedTask(history.task, history.task_id, key, request))
    return outcome_document(outcome), [f"task 0x{history.task_id.hex()}", *outcome_lines(outcome, history.task.token)]


def _look_on(
    session: Session, history: TaskHistory, timeout_s: int | None
) -> tuple[dict[str, Any], list[str]]:
    from symphony.cli.taskview import task_document, task_lines
    from symphony.cli.watching import watch_until_final
    from symphony.verify.answers import Texts

    with session.out.working("watching") as spinner:

        def say(line: str) -> None:
            spinner.say(line)
            session.out.note(line)

        ended, state = watch_until_final(session.reader, history.task_id, say, timeout_s=timeout_s)
    head_s, texts = session.rpc.head().timestamp, Texts(None, None)
    return task_document(ended, state, texts, head_s), task_lines(ended, state, texts, head_s)


def _split(session: Session, given: dict[str, Any]) -> tuple[Hosting, dict[str, Any]]:
    """The hosting options, and the task's fields that were given."""
    from symphony.cli.posting import Hosting
    from symphony.cli.texts import gateways

    hosting = Hosting(
        given.pop("gateway_host"),
        given.pop("gateway_port"),
        given.pop("gateway_url"),
        tuple(gateways(session, given.pop("content_urls"))),
    )
    fields = {name: value for name, value in given.items() if value not in (None, ())}
    if "skills" in fields:
        fields["skills"] = dict(fields["skills"])
    if fields.get("prompt") == "-":
        fields["prompt"] = sys.stdin.read()
    return hosting, fields


def _check_request(session: Session, request: TaskRequest) -> int:
    """Header and body must be in order before anything is unlocked, uploaded or escrowed; returns the escrow in wei."""
    from agent_runtime.task_request import build

    head_s = session.rpc.head().timestamp
    built = build(request, requester=ZERO_ADDRESS, timestamp_s=head_s, salt=bytes(32), gateway_urls=())
    return built.task.escrow_wei


def _is_mine(session: Session, requester: str) -> bool:
    """Whether the keys here include the requester's; nothing is unlocked for the question."""
    if session.flags.sender is not None:
        return True
    from symphony_chain.keys import Keystore

    keystore = session.settings.keystore
    folder = keystore if keystore.is_dir() else None
    if folder is None:
        return keystore.is_file()
    return any(info.address == requester for info in Keystore(folder).list())


def require_requester(session: Session, requester: str) -> None:
    if session.account.address != requester:
        raise Conflict(
            f"the task is {requester}'s, and this key is {session.account.address}",
            code="task.not_yours",
            hint="say which key with --from",
        )
