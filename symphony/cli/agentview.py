"""Agents as people want to see them: the ledger's word on each, and a local worker's own record beside it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symphony.cli.text import clean, format_wei, table
from symphony_chain.abi import REGISTRY, signatures
from symphony_chain.errors import NotFound
from symphony_chain.events import Registered, decode
from symphony_chain.skills import DEFAULT_PAGE_ID, DEFAULT_TAGS, unpack_word

if TYPE_CHECKING:
    from symphony.cli.session import Session


def agent_states(session: Session, agent_id: int | None, owners: set[str] | None) -> list[dict[str, Any]]:
    """Every agent (or one, or those of some owners), by number."""
    first = next(s.hash for s in signatures(REGISTRY, "event") if s.name == "Registered")
    topics = [first] if agent_id is None else [first, agent_id.to_bytes(32, "big")]
    events = [decode(log) for log in session.reader.logs(session.deployment.registry, topics)]
    local = _local_records(session)
    states = [_state(session, event.agent_id, local) for event in events if isinstance(event, Registered)]
    return [state for state in states if owners is None or state["owner"] in owners]


def unknown_agent(agent_id: int) -> NotFound:
    return NotFound(
        f"there is no agent {agent_id}",
        code="agent.unknown",
        hint="`symphony agent status` lists the agents of your key",
    )


def _state(session: Session, agent_id: int, local: dict[str, dict[str, Any]]) -> dict[str, Any]:
    owner, wallet = session.registry.owner_and_wallet(agent_id)
    account = session.market.account(agent_id)
    declared = unpack_word(session.registry.declared(agent_id, DEFAULT_PAGE_ID))
    earned = unpack_word(session.market.earned(agent_id, DEFAULT_PAGE_ID))
    record = local.get(wallet, {})
    return {
        "agent_id": agent_id,
        "name": record.get("name"),
        "owner": owner,
        "wallet": wallet,
        "wallet_balance_wei": session.rpc.get_balance(wallet),
        "skills": {
            tag: {"declared_bps": declared[lane], "earned_bps": earned[lane]}
            for lane, tag in enumerate(DEFAULT_TAGS)
            if declared[lane] or earned[lane]
        },
        "accrued_wei": account.accrued_wei,
        "seats": account.seats,
        "won": account.won,
        "no_shows": account.no_shows,
        "decisions": record.get("decisions"),
        "recent": record.get("recent"),
        "reviews": record.get("reviews"),
    }


def _local_records(session: Session) -> dict[str, dict[str, Any]]:
    """Operator address → what the worker of this data folder wrote down."""
    from agent_runtime.config import load_config
    from symphony_chain.errors import SymphonyError
    from symphony_chain.keys import Keystore

    records: dict[str, dict[str, Any]] = {}
    head = session.rpc.get_block("latest")
    assert head is not None  # every chain has a latest block
    for path in sorted((session.settings.data_dir / "agents").glob("*/*.json")):
        try:
            config = load_config(path)
            operator = Keystore(config.keystore_dir).find(config.operator).address
        except SymphonyError as error:
            session.out.note(f"{path}: {error.message}")
            continue
        records[operator] = {"name": config.name, **_decisions(config.record_path, head.timestamp)}
    return records


def _decisions(path: Path, now_s: int) -> dict[str, Any]:
    if not path.exists():
        return {}
    from agent_runtime.worker_store import WorkerStore

    with WorkerStore(path, clock=time.time, read_only=True) as store:
        recent = [
            {"task_id": d.task_id, "verdict": d.verdict, "reason": d.reason, "detail": d.detail}
            for d in store.decisions(5)
        ]
        return {"decisions": store.counts(), "recent": recent, "reviews": len(store.waiting(now_s))}


def agent_lines(agent: dict[str, Any]) -> list[str]:
    """One agent as text."""
    lines = [
        f"agent    {agent['agent_id']}" + (f" ({clean(agent['name'])})" if agent["name"] else ""),
        f"owner    {agent['owner']}",
        f"operator {agent['wallet']} with {format_wei(agent['wallet_balance_wei'])} for gas",
        f"seats    {agent['seats']}, won {agent['won']}, never revealed {agent['no_shows']}",
        f"pay      {format_wei(agent['accrued_wei'])} waiting",
    ]
    rows = [(tag, skill["declared_bps"], skill["earned_bps"]) for tag, skill in agent["skills"].items()]
    lines += ["", *table(["skill", "declared", "earned"], rows)] if rows else []
    if agent["decisions"]:
        counts = ", ".join(f"{reason} {count}" for reason, count in agent["decisions"].items())
        lines += ["", f"decisions {clean(counts)}"]
    if agent["reviews"]:
        lines += ["", f"reviews  {agent['reviews']} waiting: symphony agent review {clean(agent['name'])}"]
    return lines
