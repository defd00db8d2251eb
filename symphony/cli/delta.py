"""`symphony delta`: the lines of sparse model updates on chain. Knows nothing of what is in an update."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from symphony.cli.contents import keep_help
from symphony.cli.session import Session, options
from symphony.cli.text import short, table
from symphony_chain.errors import Conflict, NotFound

if TYPE_CHECKING:
    from symphony_chain.content.unixfs import Added
    from symphony_chain.deltas import Delta


class _Digest(click.ParamType[bytes]):
    name = "cid"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        from symphony_chain.content.cid import Cid
        from symphony_chain.content.errors import MalformedCid

        text = str(value)
        try:
            return bytes.fromhex(text[2:]) if text.startswith("0x") and len(text) == 66 else Cid.parse(text).digest
        except (MalformedCid, ValueError):
            self.fail(f"{text[:100]!r} is neither a CID nor a digest of 0x and 64 hex digits", param, ctx)


agent_argument = click.argument("agent_id", type=click.IntRange(1))
base_help = "Base model, by the CID or digest of its release."


@dataclass(frozen=True, slots=True)
class Line:
    """All deltas of one agent on one base model as the logs tell them, and the head that the contract keeps."""

    agent_id: int
    base_model: bytes
    deltas: tuple[tuple[int, Delta], ...]  # with their blocks, oldest first
    head: bytes

    @property
    def holds(self) -> bool:
        """Whether the hashes of the deltas lead from nothing to the head."""
        from symphony_chain.deltas import is_line

        return is_line((delta for _, delta in self.deltas), self.head)

    def as_json(self) -> dict[str, Any]:
        return {
            "agent_id": self.agent_id,
            "base_model": self.base_model,
            "head": self.head,
            "deltas": [_document(index, delta, block) for index, (block, delta) in enumerate(self.deltas, 1)],
        }


@click.group()
def delta() -> None:
    """Publish, list and verify sparse model updates."""


@delta.command("publish")
@agent_argument
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--base-model", type=_Digest(), required=True, help=base_help)
@click.option("--keep/--no-keep", default=True, help=f"{keep_help}  [default: keep]")
@options(sends=True)
def publish(session: Session, agent_id: int, file: Path, base_model: bytes, keep: bool) -> None:
    """Add FILE, a delta's manifest, to the line of an agent on a base model; for the agent's owner or operator.

    It follows the head that the chain has now. Where another delta is faster, nothing is published.
    """
    from symphony.cli.contents import add_file
    from symphony.cli.writing import send
    from symphony_chain.deltas import Delta, DeltaClient, encode_publish

    where = session.deployment.deltas
    parent = DeltaClient(session.rpc, where).head(agent_id, base_model)
    with session.out.working("reading the file"):
        added = add_file(session, file, "delta", keep=keep)
    made = Delta(agent_id, base_model, parent, added.cid.digest, added.size_bytes, added.cid.codec)
    sent = send(session, where, encode_publish(made), purpose="publish")
    if keep:
        session.store.pin(added.cid)
    document = {
        "agent_id": agent_id,
        "base_model": base_model,
        "parent": parent,
        "head": made.head,
        "cid": str(added.cid),
        "digest": made.digest,
        "size_bytes": made.size_bytes,
        **sent,
    }
    lines = [f"{added.cid}, {added.size_bytes} bytes, is the head of agent {agent_id} on {short(base_model)}"]
    lines += [f"head {short(made.head, 16)}", f"transaction {sent['tx_hash']}"]
    session.out.result(document, lines, f"symphony delta verify {agent_id}")


@delta.command("list")
@click.argument("agent_id", type=click.IntRange(1), required=False)
@click.option("--base-model", type=_Digest(), help=base_help)
@options(chain=True)
def list_deltas(session: Session, agent_id: int | None, base_model: bytes | None) -> None:
    """List the lines of an agent, or of all agents, with every delta from the first."""
    with session.out.working("reading the chain"):
        lines = _lines(session, agent_id, base_model)
    rows = [row for line in lines for row in _rows(line)]
    text = table(["agent", "base model", "no", "bytes", "content"], rows) if rows else ["no deltas"]
    following = f"symphony delta verify {lines[0].agent_id}" if lines else "symphony delta publish --help"
    session.out.result({"lines": [line.as_json() for line in lines]}, text, following)


@delta.command("verify")
@agent_argument
@click.option("--base-model", type=_Digest(), help=base_help + "  [default: all that the agent has]")
@click.option("--file", type=click.Path(path_type=Path), help="Find this file among the deltas, by its content.")
@options(chain=True)
def verify(session: Session, agent_id: int, base_model: bytes | None, file: Path | None) -> None:
    """Recompute an agent's lines from the logs, hash by hash, and compare them with the heads in the contract.

    Exit code 4 if one differs, or if FILE is none of the deltas.
    """
    from symphony.cli.contents import hash_file

    with session.out.working("reading the chain"):
        lines = _lines(session, agent_id, base_model)
        added = hash_file(file) if file is not None else None
    if not lines:
        raise NotFound(
            f"agent {agent_id} has no deltas" + (f" on 0x{base_model.hex()}" if base_model else ""),
            hint="`symphony delta list` shows the agents that have",
            code="delta.none",
        )
    places = _places(lines, added) if added is not None else []
    wrong = _mismatch(lines, file, added, places)
    document: dict[str, Any] = {
        "ok": wrong is None,
        "agent_id": agent_id,
        "lines": [{**line.as_json(), "ok": line.holds} for line in lines],
        "file": {"path": file, "cid": str(added.cid), "size_bytes": added.size_bytes, "found": places} if added else None,
    }
    if wrong is not None:
        document["error"] = wrong.as_dict()
    text = [
        f"base model 0x{line.base_model.hex()}: {len(line.deltas)} deltas, head {short(line.head, 16)}, "
        + ("holds" if line.holds else "DOES NOT HOLD")
        for line in lines
    ]
    text += [f"{file} is delta {p['index']} on 0x{p['base_model'].hex()}" for p in places]
    session.out.result(document, text)
    if wrong is not None:
        if not session.out.as_json:
            session.out.error(wrong)
        click.get_current_context().exit(Conflict.exit_code)


def _lines(session: Session, agent_id: int | None, base_model: bytes | None) -> list[Line]:
    """By agent and base model, in the order of their first deltas."""
    from symphony.verify.history import topic
    from symphony_chain.deltas import DELTAS, DeltaClient
    from symphony_chain.ledger_events import DeltaPublished, decode

    where = session.deployment.deltas
    client, head = DeltaClient(session.rpc, where), session.rpc.block_number()
    agent = agent_id.to_bytes(32, "big") if agent_id is not None else None
    found: dict[tuple[int, bytes], list[tuple[int, Delta]]] = {}
    for log in session.reader.logs(where, [topic("DeltaPublished", DELTAS), agent, base_model]):
        event = decode(log)
        # A block that came meanwhile is left out: the heads are read as of `head`.
        if isinstance(event, DeltaPublished) and log.block_number <= head:
            line = found.setdefault((event.delta.agent_id, event.delta.base_model), [])
            line.append((log.block_number, event.delta))
    return [Line(*key, tuple(deltas), client.head(*key, block=head)) for key, deltas in found.items()]


def _places(lines: list[Line], added: Added) -> list[dict[str, Any]]:
    """Where in the lines a content is: the same bytes may have been published twice."""
    wanted = (added.cid.digest, added.cid.codec, added.size_bytes)
    return [
        {"base_model": line.base_model, "index": index}
        for line in lines
        for index, (_, d) in enumerate(line.deltas, 1)
        if (d.digest, d.codec, d.size_bytes) == wanted
    ]


def _mismatch(
    lines: list[Line], file: Path | None, added: Added | None, places: list[dict[str, Any]]
) -> Conflict | None:
    broken = [line for line in lines if not line.holds]
    if broken:
        return Conflict(
            f"the deltas on 0x{broken[0].base_model.hex()} do not lead to the head 0x{broken[0].head.hex()}",
            hint="this node's logs are not whole or not true: ask another with --rpc",
            code="delta.mismatch",
        )
    if added is not None and not places:
        return Conflict(
            f"{file} ({added.cid}, {added.size_bytes} bytes) is none of the deltas",
            hint="it was changed, or it is another agent's: `symphony delta list` shows every content",
            code="delta.foreign_file",
            cid=str(added.cid),
        )
    return None


def _document(index: int, delta: Delta, block: int) -> dict[str, Any]:
    from symphony.cli.contents import cid_text

    return {
        "index": index,
        "parent": delta.parent,
        "cid": cid_text(delta.digest, delta.codec),
        "digest": delta.digest,
        "size_bytes": delta.size_bytes,
        "block": block,
    }


def _rows(line: Line) -> list[tuple[object, ...]]:
    return [
        (line.agent_id, short(line.base_model), d["index"], d["size_bytes"], d["cid"] or "-")
        for d in line.as_json()["deltas"]
    ]
