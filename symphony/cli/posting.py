"""The requester's side of a task for the command line: post it, host its texts, award and watch it to its end.

The steps themselves are `agent_runtime.requester`'s; here is what surrounds them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from symphony.cli.hosting import MirroredStore, gateway
from symphony.cli.output import Spinner
from symphony.cli.session import MAX_CONTENT_BYTES, Session
from symphony.cli.text import clean, format_amount
from symphony_chain.errors import ChainUnavailable, NotFound, SymphonyError, UnknownOutcome
from symphony_chain.skills import DEFAULT_TAGS, unpack_word
from symphony_chain.types import Task

if TYPE_CHECKING:
    from agent_runtime.requester import Outcome, PostedTask, Progress, Requester
    from agent_runtime.task_request import TaskRequest


class Interrupted(SymphonyError):
    """Ctrl-C after something was posted: it goes on without us, and can be taken up again."""

    code = "interrupted"
    exit_code: ClassVar[int] = 130


@dataclass(frozen=True, slots=True)
class Hosting:
    """Where a task's texts are: this machine's gateway (`host`, `port`, and its `public_url` where that differs), and mirrors."""

    host: str
    port: int
    public_url: str | None
    mirrors: tuple[str, ...]


@contextmanager
def requester(session: Session, hosting: Hosting, spinner: Spinner) -> Iterator[Requester]:
    """A requester of the session's key whose texts are served while it is open."""
    from agent_runtime.requester import Requester

    def told(progress: Progress) -> None:
        detail = " ".join(f"{key}={value}" for key, value in progress.detail.items())
        spinner.say(f"{progress.stage} {detail}")
        session.out.note(f"block {progress.block_number}: {progress.stage} {detail}".rstrip())

    settings = session.settings
    sender, deployment = session.sender, session.deployment
    with (
        MirroredStore(settings.content_path, max_bytes=MAX_CONTENT_BYTES, mirrors=hosting.mirrors) as store,
        gateway(store, host=hosting.host, port=hosting.port) as url,
    ):
        urls = (*hosting.mirrors, hosting.public_url or url)
        journal = settings.data_dir / "requester.sqlite"
        with Requester(
            session.rpc, deployment, sender, store, journal=journal, gateway_urls=urls, progress=told
        ) as opened:
            yield opened


def post_once(opened: Requester, request: TaskRequest, key: str) -> PostedTask:
    """Posts under an idempotency key; what cuts it off says how to repeat it without posting twice."""
    again = (
        f"repeat the command with --key {key}: it finds out what became of the task and never posts it twice"
    )
    try:
        return opened.post(request, key)
    except KeyboardInterrupt:
        raise Interrupted("interrupted while posting", hint=again, key=key) from None
    except (ChainUnavailable, UnknownOutcome) as error:
        error.hint = f"{error.hint} {again}".strip()
        error.context["key"] = key
        raise


def watch_command(session: Session, task_id: bytes) -> str:
    """The command that goes on with a task of this session's key."""
    key = f" --from {session.flags.sender}" if session.flags.sender else ""
    return f"symphony task watch 0x{task_id.hex()}{key}"


def drive(session: Session, opened: Requester, posted: PostedTask) -> Outcome:
    """Awards and watches to the end; whatever stops it says how to go on."""
    again = f"`{watch_command(session, posted.task_id)}` goes on where this stopped"
    try:
        return opened.drive(posted)
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; task 0x{posted.task_id.hex()} is posted",
            hint=again,
            task_id="0x" + posted.task_id.hex(),
        ) from None
    except ChainUnavailable as error:
        error.hint = f"{error.hint} {again}".strip()
        error.context["task_id"] = "0x" + posted.task_id.hex()
        raise


def restored(session: Session, task_id: bytes, task: Task) -> tuple[TaskRequest, tuple[str, ...]]:
    """The request behind a task whose header and body are in the local content store, and the header's endpoints.

    Raises:
        NotFound `task.no_specification`: they are not here.
    """
    from agent_runtime.task_request import TaskRequest
    from symphony_chain.content.cid import Cid
    from symphony_chain.content.errors import ContentError
    from symphony_chain.spec import MAX_BODY_BYTES, MAX_HEADER_BYTES, BeaconHeader, TaskBody

    try:
        header = BeaconHeader.parse(session.store.get(Cid.from_digest(task.header), MAX_HEADER_BYTES))
        body = TaskBody.parse(session.store.get(header.body.cid, MAX_BODY_BYTES))
    except ContentError as error:
        raise NotFound(
            f"the texts of task 0x{task_id.hex()[:12]} are not in {session.settings.content_path}",
            hint="give the --data-dir it was posted from, or only look on with --read-only",
            code="task.no_specification",
        ) from error
    request = TaskRequest(
        prompt=body.prompt,
        answer_format=header.answer_format,
        skills={
            tag: weight
            for tag, weight in zip(DEFAULT_TAGS, unpack_word(task.requirement), strict=True)
            if weight
        },
        k=task.k,
        ceiling_wei=task.ceiling_wei,
        min_seats=task.min_seats,
        base_bps=task.base_bps,
        quorum_bps=task.quorum_bps,
        min_match_bps=task.min_match_bps,
        bond_wei=task.bond_wei,
        shared_bps=task.shared_bps,
        token=task.token,
        title=header.title,
        inputs=body.documents,
        constraints=body.constraints,
        cot_count=header.cot_count,
        open=task.open,
        router=task.router,
        evaluator=task.evaluator,
        evaluation_window_s=task.evaluation_window_s,
        evaluation_fee_wei=task.evaluation_fee_wei,
    )
    return request, header.bid_endpoint


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """The end of a task for JSON."""
    return {
        "task_id": outcome.task_id,
        "state": outcome.state,
        "answer": outcome.answer,
        "answer_digest": outcome.answer_digest or None,
        "winner_weight": outcome.winner_weight,
        "total_weight": outcome.total_weight,
        "price_wei": outcome.price_wei,
        "paid_wei": outcome.paid_wei,
        "refund_wei": outcome.refund_wei,
        "burnt_wei": outcome.burnt_wei,
        "fee_wei": outcome.fee_wei,
        "evaluated": outcome.evaluated,
        "seats": outcome.seats,
        "took_s": outcome.closed_s - outcome.posted_s,
    }


def outcome_lines(outcome: Outcome, token: str) -> list[str]:
    """The end of a task as text; ``token`` is what it pays in."""
    lines = [f"{outcome.state.name.lower()} after {outcome.closed_s - outcome.posted_s} s"]
    if outcome.answer is not None:
        lines.append(f"answer  {clean(outcome.answer)}")
    if outcome.total_weight:
        lines.append(f"weight  {outcome.winner_weight} of {outcome.total_weight}")
    lines += ["scores  the evaluator's"] if outcome.evaluated else []
    money: list[tuple[str, int]] = [("paid", outcome.paid_wei), ("back", outcome.refund_wei)]
    money += [(name, wei) for name, wei in (("burnt", outcome.burnt_wei), ("fee", outcome.fee_wei)) if wei]
    return [*lines, *(f"{name:<7} {format_amount(wei, token)}" for name, wei in money)]
