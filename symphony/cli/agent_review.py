"""`symphony agent review`: the questions that an agent asks its person, and the verdicts. Acting on them is the worker's."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from symphony.cli.session import Session, options
from symphony.cli.text import clean
from symphony_chain.errors import Conflict, NotFound, UsageError

if TYPE_CHECKING:
    from agent_runtime.worker_store import Review, WorkerStore


@click.command("review")
@click.argument("name")
@click.argument("task_id", required=False)
@click.option("--approve", is_flag=True, help="Commit the answer that the chains voted for.")
@click.option("--answer", metavar="TEXT", help="Commit this answer instead; the trace says that a person gave it.")
@click.option("--refuse", is_flag=True, help="Commit nothing: the seat counts as never revealed, and its bond is lost.")
@options()
def review(session: Session, name: str, task_id: str | None, approve: bool, answer: str | None, refuse: bool) -> None:
    """What the agent NAME will not commit without a person; with a task (or the beginning of its id) and a verdict, decide it.

    The worker acts on the verdict with its next step, and after a restart too. Without one the seat's time runs out.
    """
    from agent_runtime.config import load_config
    from agent_runtime.worker_store import WorkerStore
    from symphony.cli.agent import find_config
    from symphony_chain.rpc import Rpc

    if approve + refuse + (answer is not None) != (task_id is not None):
        raise UsageError(
            "a verdict is one of --approve, --answer and --refuse, about one task",
            hint="give a task and one of the three, or neither to list what waits",
            code="review.verdict",
        )
    config = load_config(find_config(session, name))
    with Rpc(config.rpc_url) as rpc:
        head = rpc.get_block("latest")
    assert head is not None  # every chain has a latest block
    now_s = head.timestamp
    with WorkerStore(_record(config.record_path, name), clock=time.time) as store:
        waiting = store.waiting(now_s)
        if task_id is None:
            _list(session, name, waiting, now_s)
            return
        asked = _asked(waiting, task_id, name)
        verdict, own = _verdict(asked, approve, answer)
        _decide(store, asked, verdict, own)
    document = {"task_id": asked.task_id, "seat": asked.seat, "verdict": verdict, "seconds_left": asked.commit_end_s - now_s}
    session.out.result(document, [f"{verdict}: seat {asked.seat} of task 0x{asked.task_id.hex()}"])


def _record(path: Path, name: str) -> Path:
    if not path.exists():
        raise NotFound(
            f"the agent {name!r} has no record yet: {path}", hint="run it first: `symphony agent run`", code="review.no_record"
        )
    return path


def _list(session: Session, name: str, waiting: list[Review], now_s: int) -> None:
    document: dict[str, Any] = {
        "reviews": [
            {
                "task_id": item.task_id,
                "seat": item.seat,
                "prompt": item.prompt,
                "answer": None if item.answer is None else item.answer.decode(),
                "share_bps": item.share_bps,
                "risk": item.risk,
                "seconds_left": item.commit_end_s - now_s,
            }
            for item in waiting
        ]
    }
    lines: list[str] = []
    for item in waiting:
        share = f"{item.share_bps / 100:.0f} % of the vote"
        answer = "none" if item.answer is None else f"{clean(item.answer.decode(), 400)} ({share})"
        rows = [
            ("task", f"0x{item.task_id.hex()}"),
            ("asked", clean(item.prompt, 2_000)),
            ("answer", answer),
            ("risk", f"{item.risk:.2f}"),
            ("left", f"{item.commit_end_s - now_s} s"),
        ]
        lines += [f"{key:<8}{value}" for key, value in rows] + [""]
    first = f"symphony agent review {name} 0x{waiting[0].task_id.hex()[:12]} --approve" if waiting else ""
    session.out.result(document, lines or ["nothing waits for a person"], first)


def _asked(waiting: list[Review], task_id: str, name: str) -> Review:
    wanted = task_id.lower().removeprefix("0x")
    found = [item for item in waiting if wanted and item.task_id.hex().startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{len(found)} tasks begin with {task_id}", hint="give more of the id", code="review.ambiguous")
    raise NotFound(
        f"no task {task_id[:80]} waits for a person",
        hint=f"`symphony agent review {name}` lists those that wait; a decided or late one waits no more",
        code="review.unknown",
    )


def _verdict(asked: Review, approve: bool, answer: str | None) -> tuple[str, bytes | None]:
    """The verdict's name, and the person's own answer in canonical form."""
    from symphony_chain.spec import BeaconHeader, canonical

    if answer is not None:
        header = BeaconHeader.parse(asked.header)
        own = canonical(answer, header.answer_format)
        if len(own) > header.answer_max_bytes:
            raise UsageError(
                f"the answer has {len(own)} bytes, the task takes {header.answer_max_bytes}",
                hint="make it shorter",
                code="review.verdict",
            )
        return "answered", own
    if approve and asked.answer is None:
        raise UsageError(
            "there is nothing to approve: no chain came to an answer",
            hint="give --answer TEXT, or --refuse",
            code="review.verdict",
        )
    return ("approved" if approve else "refused"), None


def _decide(store: WorkerStore, asked: Review, verdict: str, own: bytes | None) -> None:
    if not store.decide_review(asked.task_id, asked.seat, verdict, own):
        raise Conflict(
            f"task 0x{asked.task_id.hex()} was decided just now by somebody else",
            hint="the first verdict stands",
            code="review.decided",
        )
