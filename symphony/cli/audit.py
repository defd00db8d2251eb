"""`symphony audit`: compare an index with the chain, cell by cell. The recomputation is `indexer.audit`'s."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from symphony.cli.session import Session, options
from symphony.cli.text import clean
from symphony_chain.errors import Conflict, NotFound

if TYPE_CHECKING:
    from indexer.report import AuditReport

SHOWN = 20


@click.command()
@click.option(
    "--db", "db_url", metavar="URL", help="Database of the index.  [default: that of a running `symphony up`]"
)
@options(chain=True)
def audit(session: Session, db_url: str | None) -> None:
    """Recompute an index from the chain and name every cell that differs.

    Exit code 4 if any differs.
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
    ]
