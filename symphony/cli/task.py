"""`symphony task`: look into tasks, explain and cancel them; posting and watching are in `task_post`, scoring in `task_evaluate`.

Reading needs no key and no local file.
"""

from __future__ import annotations

import click

from symphony.cli.session import Session, options
from symphony.cli.task_evaluate import evaluate
from symphony.cli.task_post import content_url, post, require_requester, watch
from symphony.cli.text import format_amount, table
from symphony_chain.errors import Conflict
from symphony_chain.types import NATIVE

STATES = [
    "open",
    "free",
    "unawarded",
    "awarded",
    "revealing",
    "evaluating",
    "closing",
    "settled",
    "inconclusive",
    "void",
    "expired",
    "cancelled",
]


@click.group()
def task() -> None:
    """Post, watch and look into tasks."""


@task.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only tasks in this state.")
@click.option("--requester", metavar="ADDRESS", help="Only tasks of this requester.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="At most so many, newest first.",
)
@options(chain=True)
def list_tasks(session: Session, state: str | None, requester: str | None, limit: int) -> None:
    """List tasks, newest first."""
    from symphony.cli.taskview import line_state
    from symphony.verify.history import list_tasks as read_tasks

    with session.out.working("reading the chain"):
        head_s = session.rpc.head().timestamp
        found = [(line, line_state(line, head_s)) for line in read_tasks(session.reader)]
    chosen = [
        (line, now)
        for line, now in found
        if (state is None or now.name.lower() == state)
        and (requester is None or line.task.requester.lower() == requester.lower())
    ]
    shown = chosen[:limit]
    document = {
        "tasks": [
            {
                "task_id": line.task_id,
                "state": now,
                "requester": line.task.requester,
                "seats": line.seats,
                "k": line.task.k,
                "escrow_wei": line.task.escrow_wei,
                "price_wei": line.price_wei,
                "posted_block": line.posted_block,
            }
            for line, now in shown
        ],
        "total": len(chosen),
    }
    rows = [
        (
            "0x" + line.task_id.hex()[:12],
            now.name.lower(),
            f"{len(line.seats)}/{line.task.k}",
            format_amount(line.task.escrow_wei, line.task.token),
        )
        for line, now in shown
    ]
    lines = table(["task", "state", "seats", "escrow"], rows) if rows else ["no tasks"]
    lines += [f"and {len(chosen) - limit} more (--limit)"] if len(chosen) > limit else []
    session.out.result(document, lines, "symphony task show ID" if rows else "symphony task post --help")


@task.command("show")
@click.argument("task_id")
@content_url
@options(chain=True)
def show(session: Session, task_id: str, content_urls: tuple[str, ...]) -> None:
    """Where a task stands, who must act next, and by when."""
    from symphony.cli.taskview import effective_state, task_document, task_lines
    from symphony.cli.texts import text_fetcher
    from symphony.verify.answers import check_texts
    from symphony.verify.checks import Checks
    from symphony.verify.history import load_history, resolve_task_id

    with session.out.working("reading the chain"), text_fetcher(session, content_urls) as fetch:
        history = load_history(session.reader, resolve_task_id(session.reader, task_id))
        state = effective_state(history, session.reader.state(history.task_id))
        texts = check_texts(history, fetch, Checks())
        head_s = session.rpc.head().timestamp
    short_id = "0x" + history.task_id.hex()[:12]
    following = f"symphony vote verify {short_id}" if state.is_final else f"symphony task watch {short_id}"
    session.out.result(
        task_document(history, state, texts, head_s), task_lines(history, state, texts, head_s), following
    )


@task.command("cancel")
@click.argument("task_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options(sends=True)
def cancel(session: Session, task_id: str, yes: bool) -> None:
    """Cancel a task that nobody was awarded yet; its escrow returns to your balance."""
    from symphony.cli.writing import send
    from symphony.verify.history import load_history, resolve_task_id
    from symphony_chain.market import encode_cancel

    history = load_history(session.reader, resolve_task_id(session.reader, task_id))
    state = session.reader.state(history.task_id)
    if history.seats or state.is_final:
        raise Conflict(
            f"task 0x{history.task_id.hex()} is {state.name.lower()}: it can no longer be cancelled",
            code="task.not_cancellable",
            hint="only a task without seats can be; `symphony task show` tells what happens next",
            state=state.name.lower(),
        )
    require_requester(session, history.task.requester)
    session.confirm(f"Cancel task 0x{history.task_id.hex()[:12]}?", yes=yes)
    sent = send(session, session.deployment.market, encode_cancel(history.task), purpose="cancel")
    refund_wei = history.task.escrow_wei
    session.out.result(
        {"task_id": history.task_id, "state": "cancelled", "refund_wei": refund_wei, **sent},
        [
            f"cancelled; {format_amount(refund_wei, history.task.token)} is in your balance",
            f"transaction {sent['tx_hash']}",
        ],
        "symphony withdraw" + ("" if history.task.token == NATIVE else f" --token {history.task.token}"),
    )


@task.command("explain")
@click.argument("task_id")
@options(chain=True)
def explain(session: Session, task_id: str) -> None:
    """Why a task's seats are taken as they are: from all agents to the seats, with the reasons of the rest."""
    from symphony.cli.explaining import explain as look
    from symphony.cli.explaining import funnel_lines, local_decisions
    from symphony.cli.taskview import MEANING, effective_state, next_turn
    from symphony.verify.history import load_history, resolve_task_id

    with session.out.working("reading the chain"):
        history = load_history(session.reader, resolve_task_id(session.reader, task_id))
        state = effective_state(history, session.reader.state(history.task_id))
        funnel = look(session.reader, history)
    decisions, turn = local_decisions(session.settings.data_dir, history.task_id), next_turn(history, state)
    document = {
        "task_id": history.task_id,
        "state": state,
        **funnel.as_json(),
        "decisions": decisions,
        "next": {"who": turn.who, "does": turn.does, "until_s": turn.until_s} if turn else None,
    }
    lines = [f"{state.name.lower()}: {MEANING[state]}", *funnel_lines(funnel, decisions)]
    lines += [f"next: {turn.who} {turn.does}"] if turn else []
    session.out.result(document, lines, f"symphony task show 0x{history.task_id.hex()[:12]}")


task.add_command(post)
task.add_command(evaluate)
task.add_command(watch)
