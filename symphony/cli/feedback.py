"""`symphony feedback`: rate an agent whose work you paid for (ERC-8004), and read what others said. Knows no index."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from symphony.cli.session import Session, checked_address, options
from symphony.cli.text import clean, table
from symphony_chain.errors import Conflict, UsageError

if TYPE_CHECKING:
    from symphony.verify.closed import Closed
    from symphony_chain.reputation import Summary
    from symphony_chain.types import SeatResult


class _Rating(click.ParamType[Decimal]):
    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            self.fail(f"{str(value)[:60]!r} is not a number", param, ctx)
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int) or not -18 <= exponent <= 38:
            self.fail(f"{str(value)[:60]!r} is not a number with at most 18 decimals", param, ctx)
        return number


@click.group()
def feedback() -> None:
    """Rate agents whose work you paid for; read ratings."""


@feedback.command("add")
@click.argument("task_id")
@click.option("--value", type=_Rating(), required=True, help="The rating: any number, such as 87 or -1.5.")
@click.option("--agent", "agent_id", type=click.IntRange(1), help="Whom to rate.  [default: the only one that answered]")
@click.option("--tag1", default="", help="What is rated, at most 64 bytes.")
@click.option("--tag2", default="", help="More of it, at most 64 bytes.")
@click.option("--endpoint", default="", help="Endpoint of the agent that is rated.")
@click.option("--uri", default="", help="Where to read more.")
@click.option("--file", type=click.Path(path_type=Path), help="What is at that URI: its keccak256 goes on chain.")
@options(sends=True)
def add(
    session: Session,
    task_id: str,
    value: Decimal,
    agent_id: int | None,
    tag1: str,
    tag2: str,
    endpoint: str,
    uri: str,
    file: Path | None,
) -> None:
    """Rate an agent that answered a settled task of yours: one rating a seat.

    It proves the seat and gives the rating in one transaction.
    """
    from symphony.cli.task_post import require_requester
    from symphony.cli.writing import send
    from symphony.verify.closed import closed_task
    from symphony.verify.history import load_history, resolve_task_id
    from symphony_chain.reputation import Feedback, ReputationClient, encode_give_feedback, encode_rate

    if file is not None and not uri:
        raise UsageError("--file says what is at --uri, and there is none", hint="give both, or neither")
    with session.out.working("reading the chain"):
        history = load_history(session.reader, resolve_task_id(session.reader, task_id))
        closed = closed_task(session.reader, history)
    require_requester(session, history.task.requester)
    seat = _seat(closed, agent_id)
    said = Feedback(*_scaled(value), tag1, tag2, endpoint, uri, _keccak(file) if file else bytes(32))
    where = session.deployment.reputation
    client = ReputationClient(session.rpc, where)
    if seat.seat not in client.opened(closed.task_id):
        data = encode_rate(closed.receipt, seat.seat, said)
    elif client.credits(seat.agent_id, history.task.requester):  # somebody opened it for us
        data = encode_give_feedback(seat.agent_id, said)
    else:
        raise Conflict(
            f"you rated agent {seat.agent_id} for task 0x{closed.task_id.hex()[:12]} already",
            hint=f"one rating a seat; `symphony feedback list {seat.agent_id}` shows it",
            code="feedback.given",
        )
    sent = send(session, where, data, purpose="feedback")
    document = {
        "agent_id": seat.agent_id,
        "task_id": closed.task_id,
        "seat": seat.seat,
        "client": history.task.requester,
        **_rating(said.value, said.decimals, tag1, tag2),
        "endpoint": endpoint,
        "uri": uri,
        "digest": said.digest,
        **sent,
    }
    lines = [f"agent {seat.agent_id} rated {value} for seat {seat.seat}", f"transaction {sent['tx_hash']}"]
    session.out.result(document, lines, f"symphony feedback list {seat.agent_id}")


@feedback.command("list")
@click.argument("agent_id", type=click.IntRange(1))
@click.option("--client", "clients", metavar="ADDRESS", multiple=True, help="Only of this client (repeatable).")
@click.option("--tag1", default="", help="Only with this first tag.")
@click.option("--tag2", default="", help="Only with this second tag.")
@click.option("--revoked", is_flag=True, help="Also what was taken back.")
@options(chain=True)
def list_feedback(
    session: Session, agent_id: int, clients: tuple[str, ...], tag1: str, tag2: str, revoked: bool
) -> None:
    """What clients said of an agent, read from the contract; and what its settled seats say.

    Anybody who pays for a task may rate: whom to believe is your choice of clients.
    """
    from symphony.cli.reward import owner_and_wallet
    from symphony_chain.reputation import ReputationClient

    owner_and_wallet(session, agent_id)
    client, market = ReputationClient(session.rpc, session.deployment.reputation), session.deployment.market
    with session.out.working("reading the chain"):
        named = tuple(checked_address(address) for address in clients)
        people = named or tuple(a for a in client.clients(agent_id) if a != market)
        said = client.feedback(agent_id, people, tag1, tag2, include_revoked=revoked) if people else ()
        mean = client.summary(agent_id, people, tag1, tag2) if people else None
        settled = client.summary(agent_id, [market])
    document = {
        "agent_id": agent_id,
        "summary": _mean(mean),
        "settlements": _mean(settled),
        "feedback": [
            {"client": f.client, "index": f.index, **_rating(f.value, f.decimals, f.tag1, f.tag2), "revoked": f.revoked}
            for f in said
        ],
    }
    rows = [(f"{_number(f.value, f.decimals)}{' (revoked)' if f.revoked else ''}", clean(f.tag1), clean(f.tag2), f.client)
            for f in said]  # fmt: skip
    lines = table(["value", "tag", "tag", "client"], rows) if rows else ["no feedback"]
    lines += ["", f"mean of {mean.count}: {mean.mean:f}"] if mean is not None and mean.count else []
    if settled.count:
        lines.append(f"of {settled.count} settled seats {settled.mean:f} % won")
    session.out.result(document, lines, f"symphony agent status {agent_id}")


def _seat(closed: Closed, agent_id: int | None) -> SeatResult:
    """The seat that is meant; it must have revealed."""
    answered = [r for r in closed.receipt.results if r.revealed]
    found = [r for r in answered if agent_id in (None, r.agent_id)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(str(r.agent_id) for r in answered)
    if agent_id is None and answered:
        raise UsageError(
            f"agents {names} answered this task", hint="say whom to rate with --agent", code="feedback.which_agent"
        )
    raise Conflict(
        f"agent {agent_id} did not answer this task" if answered else "nobody answered this task",
        hint=f"agents {names} did" if answered else "only a seat that revealed can be rated",
        code="feedback.no_seat",
    )


def _scaled(number: Decimal) -> tuple[int, int]:
    """A number as whole units and decimals."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)  # the option type refused the others
    units = int("".join(map(str, digits))) * (-1 if sign else 1)
    return (units, -exponent) if exponent < 0 else (units * 10**exponent, 0)


def _number(value: int, decimals: int) -> str:
    return f"{Decimal(f'{value}e-{decimals}'):f}"


def _rating(value: int, decimals: int, tag1: str, tag2: str) -> dict[str, Any]:
    return {"value": _number(value, decimals), "decimals": decimals, "tag1": tag1, "tag2": tag2}


def _mean(summary: Summary | None) -> dict[str, Any]:
    """`mean` is a decimal string; None without ratings."""
    if summary is None or not summary.count:
        return {"count": 0, "mean": None}
    return {"count": summary.count, "mean": _number(summary.value, summary.decimals)}


def _keccak(path: Path) -> bytes:
    from eth_utils.crypto import keccak

    from symphony.cli.contents import read_file

    return keccak(read_file(path))
