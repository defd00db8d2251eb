"""`symphony task evaluate`: the evaluator's scores for a task's seats. What they do to pay and reputation is the contract's."""

from __future__ import annotations

from typing import Any

import click

from symphony.cli.session import Session, options
from symphony.cli.text import format_amount
from symphony_chain.errors import Conflict, UsageError


class _Scores(click.ParamType[tuple[int, ...]]):
    name = "scores"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in str(value).split(",")]
        if not all(word.isdecimal() and int(word) <= 10_000 for word in words):
            self.fail(f"{value!r}: give one score a seat, 0 to 10000 basis points, as in 10000,0,2500", param, ctx)
        return tuple(int(word) for word in words)


@click.command("evaluate")
@click.argument("task_id")
@click.option("--scores", "scores_bps", type=_Scores(), required=True, metavar="BPS,…",
              help="One score a seat in order, 0 to 10000; a seat that never revealed scores 0 anyhow.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask.")
@options(sends=True)
def evaluate(session: Session, task_id: str, scores_bps: tuple[int, ...], yes: bool) -> None:
    """Score the seats of a task whose evaluator you are, and settle it; your fee goes to your balance.

    It is time when all seats have revealed, or the reveal window is over, until the evaluation window ends. Without
    scores the vote alone decides.
    """
    from symphony.cli.writing import send
    from symphony.verify.history import load_history, resolve_task_id
    from symphony_chain.market import encode_evaluate

    history = load_history(session.reader, resolve_task_id(session.reader, task_id))
    task, seats = history.task, history.seats
    if session.account.address != task.evaluator:
        raise Conflict(
            f"the evaluator of the task is {task.evaluator}, and this key is {session.account.address}",
            code="task.not_evaluator",
            hint="say which key with --from",
        )
    if len(scores_bps) != len(seats):
        raise UsageError(
            f"{len(scores_bps)} scores for {len(seats)} seats",
            code="task.scores",
            hint="give one score a seat, in the order of `symphony task show`",
        )
    session.confirm(f"Score the {len(seats)} seats of task 0x{history.task_id.hex()[:12]}?", yes=yes)
    sent = send(session, session.deployment.market, encode_evaluate(task, scores_bps), purpose="evaluate")
    ended = load_history(session.reader, history.task_id).closed
    state = session.reader.state(history.task_id)
    document = {"task_id": history.task_id, "state": state, "scores_bps": scores_bps, "fee_wei": task.evaluation_fee_wei, **sent}
    lines = [f"scored; the task is {state.name.lower()}", f"transaction {sent['tx_hash']}"]
    if ended is not None and task.evaluation_fee_wei:
        lines.insert(1, f"{format_amount(task.evaluation_fee_wei, task.token)} is in your balance")
    session.out.result(document, lines, f"symphony vote verify 0x{history.task_id.hex()[:12]}")
