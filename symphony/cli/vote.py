"""`symphony vote`: recompute a task's vote from the chain alone, and print the receipt. Believes no database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from symphony.cli.session import Session, options
from symphony.cli.text import clean, format_amount, short, table
from symphony_chain.errors import Conflict

if TYPE_CHECKING:
    from symphony.verify import Check, Receipt


@click.group()
def vote() -> None:
    """Recompute a vote from the chain alone."""


@vote.command("verify")
@click.argument("task_id")
@click.option(
    "--content-url",
    "content_urls",
    multiple=True,
    metavar="URL",
    help="Gateway to fetch texts from (repeatable).",
)
@click.option("--all", "show_all", is_flag=True, help="Print every check, not only a summary.")
@options(chain=True)
def verify(session: Session, task_id: str, content_urls: tuple[str, ...], show_all: bool) -> None:
    """Recompute every hash, weight and payout of a task, and print a receipt.

    Exit code 4 if anything differs. TASK_ID may be shortened to its first six or more digits.
    """
    from symphony.cli.texts import text_fetcher
    from symphony.verify import resolve_task_id, verify_task

    with session.out.working("recomputing"), text_fetcher(session, content_urls) as fetch:
        receipt = verify_task(session.reader, resolve_task_id(session.reader, task_id), fetch)
    document = receipt.as_dict()
    if not receipt.ok:
        document["error"] = _mismatch(receipt).as_dict()
    following = "symphony audit" if receipt.final else f"symphony task watch 0x{receipt.task_id.hex()[:12]}"
    session.out.result(document, _lines(receipt, show_all), following if receipt.ok else "")
    if not receipt.ok:
        if not session.out.as_json:
            session.out.error(_mismatch(receipt))
        click.get_current_context().exit(Conflict.exit_code)


def _mismatch(receipt: Receipt) -> Conflict:
    first = receipt.mismatches[0]
    where = f" of {first.subject}" if first.subject else ""
    return Conflict(
        f"{len(receipt.mismatches)} of {len(receipt.checks)} checks failed, first: {first.name}{where}",
        code="vote.mismatch",
        hint="ask a second node with --rpc: if it agrees, the market's code or this node's data is not what it should be",
        failed=sorted({check.name for check in receipt.mismatches}),
    )


def _lines(receipt: Receipt, show_all: bool) -> list[str]:
    lines = [f"task      0x{receipt.task_id.hex()}", f"state     {receipt.state.name.lower()}"]
    lines += [f"title     {clean(receipt.title)}"] if receipt.title is not None else []
    lines += [f"answer    {clean(receipt.winner)}"] if receipt.winner is not None else []
    if receipt.seats:
        lines += ["", *_seat_table(receipt)]
    money = "  ".join(f"{name.removesuffix('_wei')} {format_amount(wei, receipt.token)}" for name, wei in receipt.money.items())
    lines += ["", f"money     {money}"]
    done = len(receipt.checks) - len(receipt.unchecked)
    lines.append(
        f"checks    {done} made, {len(receipt.mismatches)} failed, {len(receipt.unchecked)} not possible here"
    )
    shown = receipt.checks if show_all else [*receipt.mismatches, *receipt.unchecked]
    lines += [_check_line(check) for check in shown]
    lines.append(_verdict(receipt))
    return lines


def _verdict(receipt: Receipt) -> str:
    if not receipt.ok:
        return "verdict   DOES NOT HOLD"
    return "verdict   holds" if receipt.final else "verdict   holds so far; the task is not closed yet"


def _seat_table(receipt: Receipt) -> list[str]:
    rows = []
    for seat in receipt.seats:
        answer = (
            seat.answer
            if seat.answer is not None
            else short(seat.answer_digest)
            if seat.answer_digest
            else "-"
        )
        pay = format_amount(seat.pay_wei, receipt.token) if seat.pay_wei is not None else "-"
        won = {True: "won", False: "", None: ""}[seat.won]
        rows.append((seat.seat, seat.agent_id, seat.match_bps, seat.weight, clean(answer, 40), won, pay))
    return table(["seat", "agent", "match", "weight", "answer", "", "pay"], rows)


def _check_line(check: Check) -> str:
    mark = {True: "ok  ", False: "FAIL", None: "?   "}[check.ok]
    subject = f" ({check.subject})" if check.subject else ""
    detail = f": {check.note}" if check.note else ""
    if check.ok is False and not check.note:
        detail = f": the chain says {_shown(check.have)}, computed {_shown(check.want)}"
    return f"  {mark} {check.name}{subject}{clean(detail)}"


def _shown(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
