"""`symphony release`: publish versions of models, toolchains, templates and pages under your key; list what others published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from symphony.cli.contents import keep_help
from symphony.cli.session import Session, checked_address, options
from symphony.cli.text import clean, table

if TYPE_CHECKING:
    from symphony_chain.releases import Release

KINDS = "base-model, toolchain, task-template, skill-page, expert-corpus, or a name of your own"


@click.group()
def release() -> None:
    """Publish and list versions of models, tools and templates."""


@release.command("publish")
@click.argument("name")
@click.argument("version")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--kind", required=True, help=f"What it is: {KINDS}.")
@click.option("--keep/--no-keep", default=True, help=f"{keep_help}  [default: keep]")
@options(sends=True)
def publish(session: Session, name: str, version: str, file: Path, kind: str, keep: bool) -> None:
    """Publish FILE as VERSION of NAME under your key: its digest and size go on chain.

    A version is published once, and means the same for ever. Names belong to nobody: readers choose publishers.
    """
    from symphony.cli.contents import add_file
    from symphony.cli.writing import send
    from symphony_chain.releases import Release, encode_publish
    from symphony_chain.texts import label

    kind_label = label(kind)
    with session.out.working("reading the file"):
        added = add_file(session, file, "release", keep=keep)
    publisher = session.account.address
    made = Release(publisher, kind_label, name, version, added.cid.digest, added.cid.codec, added.size_bytes)
    sent = send(session, session.deployment.releases, encode_publish(made), purpose="publish")
    if keep:
        session.store.pin(added.cid)
    document = {**_document(made, sent["block"], yanked=False), **sent}
    lines = [f"{clean(name)} {clean(version)} is {added.cid}, {added.size_bytes} bytes"]
    lines += [f"publisher {publisher}", f"transaction {sent['tx_hash']}"]
    session.out.result(document, lines, f"symphony release list --publisher {publisher}")


@release.command("list")
@click.argument("name", required=False)
@click.option("--publisher", metavar="ADDRESS", help="Only this publisher's.")
@click.option("--kind", help="Only of this kind.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True,
              help="At most so many, newest first.")  # fmt: skip
@options(chain=True)
def list_releases(
    session: Session, name: str | None, publisher: str | None, kind: str | None, limit: int
) -> None:
    """List releases, newest first; all versions of NAME, or of every name.

    Anybody publishes under any name: whom to believe is your choice of publishers.
    """
    with session.out.working("reading the chain"):
        found = _releases(session, name, checked_address(publisher) if publisher else None, kind)
    shown = found[:limit]
    rows = [(r["name"], r["version"] + (" (yanked)" if r["yanked"] else ""), r["kind"], r["size_bytes"], r["cid"] or "-",
             r["publisher"]) for r in shown]  # fmt: skip
    lines = table(["name", "version", "kind", "bytes", "content", "publisher"], rows) if rows else ["no releases"]
    lines += [f"and {len(found) - limit} more (--limit)"] if len(found) > limit else []
    session.out.result({"releases": shown, "total": len(found)}, lines, "" if rows else "symphony release publish --help")


def _releases(
    session: Session, name: str | None, publisher: str | None, kind: str | None
) -> list[dict[str, Any]]:
    from eth_utils.crypto import keccak

    from symphony.verify.history import topic
    from symphony_chain.ledger_events import ReleasePublished, ReleaseYanked, decode
    from symphony_chain.releases import RELEASES
    from symphony_chain.rpc_types import address_topic
    from symphony_chain.texts import label

    by = address_topic(publisher) if publisher else None
    of_name, of_kind = keccak(text=name) if name else None, label(kind) if kind else None
    where, logs = session.deployment.releases, session.reader.logs
    yanks = [decode(log) for log in logs(where, [topic("ReleaseYanked", RELEASES), by, of_name])]
    yanked = {(y.publisher, y.name_hash, y.version) for y in yanks if isinstance(y, ReleaseYanked)}
    found = []
    for log in logs(where, [topic("ReleasePublished", RELEASES), by, of_kind, of_name]):
        event = decode(log)
        if isinstance(event, ReleasePublished):
            mark = (event.release.publisher, event.name_hash, event.release.version)
            found.append(_document(event.release, log.block_number, mark in yanked))
    return found[::-1]


def _document(release: Release, block: int, yanked: bool) -> dict[str, Any]:
    from symphony.cli.contents import cid_text

    return {
        "publisher": release.publisher,
        "name": release.name,
        "version": release.version,
        "kind": release.kind.rstrip(b"\0").decode("ascii", "replace"),
        "cid": cid_text(release.digest, release.codec),
        "digest": release.digest,
        "size_bytes": release.size_bytes,
        "block": block,
        "yanked": yanked,
    }
