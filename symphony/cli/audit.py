"""`symphony audit`: compare an index with the chain, cell by cell. The recomputation is `indexer.audit`'s."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from symphony.cli.session import Session, options
from symphony.cli.text import clean, format_amount, table
from symphony_chain.errors import Conflict, NotFound
from symphony_chain.types import NATIVE

if TYPE_CHECKING:
    from indexer.report import AuditReport, TokenMoney

SHOWN = 20


@click.command()
@click.option(
    "--db", "db_url", metavar="URL", help="Database of the index.  [default: that of a running `symphony up`]"
)
@options(chain=True)
def audit(session: Session, db_url: str | None) -> None:
    """Recompute an index from the chain and name every cell that differs.

    And say, token by token, what the market owes and what it holds. Exit code 4 if any cell differs; a token that takes money
    from its holders is short by its own fault, which is told, and no difference.
    """
    from indexer.audit import audit as run_audit

    url = db_url or session.settings.db_url
    if url is None:
        raise NotFound(
            "no index to audit",
            code="audit.no_index",
            hint="give --db URL (sqlite:///path), or start `symphony up`, which runs an index",
        )
    with session.out.working("recomputing every row from the chain"):
        report = run_audit(session.rpc, session.deployment, url)
    document: dict[str, Any] = {
        "ok": report.ok,
        "checked_rows": report.checked_rows,
        "differences": report.differences,
        "money": [{**money.as_json(), "state": _state(money)} for money in report.money],
    }
    if not report.ok:
        document["error"] = _differs(report).as_dict()
    session.out.result(document, _lines(report))
    if not report.ok:
        if not session.out.as_json:
            session.out.error(_differs(report))
        click.get_current_context().exit(Conflict.exit_code)


def _differs(report: AuditReport) -> Conflict:
    return Conflict(
        f"{len(report.differences)} cells differ from the chain",
        code="audit.mismatch",
        hint="rebuild the index with `python -m indexer --rebuild`, and find out who wrote to the database",
        tables=sorted({difference.table for difference in report.differences}),
    )


def _lines(report: AuditReport) -> list[str]:
    lines = [
        clean(f"  {d.table}[{d.key}].{d.column}: the index has {d.have!r}, the chain says {d.want!r}")
        for d in report.differences[:SHOWN]
    ]
    left = len(report.differences) - SHOWN
    lines += [f"  and {left} more"] if left > 0 else []
    return [
        f"{report.checked_rows} rows recomputed from the chain, {len(report.differences)} cells differ",
        *lines,
        "",
        *_money(report.money),
    ]


def _money(money: Sequence[TokenMoney]) -> list[str]:
    """The native coin, then tokens that are short or do not say, then the rest: anybody may bring tokens, and many."""
    told = sorted(money, key=lambda m: (m.token != NATIVE, not m.is_short))
    left = len(told) - SHOWN
    lines = table(["market owes", "holds", "stands"], [_row(m) for m in told[:SHOWN]])
    return [*lines, f"  and {left} more tokens (--json)"] if left > 0 else lines


def _row(money: TokenMoney) -> tuple[str, str, str]:
    owed = format_amount(money.owed_wei, money.token)
    if money.held_wei is None or money.surplus_wei is None:
        return owed, "-", "unknown: the token does not say"
    over = format_amount(abs(money.surplus_wei), money.token)
    stands = f"SHORT by {over}" if money.is_short else f"covered, and {over} over" if money.surplus_wei else "covered"
    return owed, format_amount(money.held_wei, money.token), stands


def _state(money: TokenMoney) -> str:
    return "unknown" if money.held_wei is None else "short" if money.is_short else "covered"
