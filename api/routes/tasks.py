"""`/v1/tasks`: lists and single tasks with all their parts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.assemble import commits_of, money_of, receipt_of, reveals_of, trace_of, vote_of, with_answers
from api.explain import explain
from api.paging import DEFAULT_LIMIT, Cursor, Limit, checked_limit, with_links
from api.reader import TaskFilter
from api.respond import answer, block_header
from api.routes.lookup import AddressQuery, HashPath, task_detail, task_facts, titled_tasks
from api.schema.base import Page
from api.schema.chain import Event
from api.schema.task import (
    Bid,
    Commit,
    Explain,
    Money,
    Reveal,
    StateName,
    TaskDetail,
    TaskReceipt,
    TaskRecord,
    Vote,
)
from api.services import services
from symphony_chain.errors import NotFound
from symphony_chain.rpc_types import checksum

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])
AgentQuery = Annotated[int | None, Query(ge=0, le=2**32 - 1, description="only tasks that this agent bid on")]


@router.get("", response_model=Page[TaskRecord])
def list_tasks(
    request: Request,
    state: Annotated[StateName | None, Query()] = None,
    requester: AddressQuery = None,
    agent: AgentQuery = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """Tasks, newest first."""
    parts = services(request)
    only = TaskFilter(state, checksum(requester) if requester else None, agent)
    page = parts.reader.tasks(only, cursor=cursor, limit=checked_limit(limit))
    return answer(request, with_links(request, titled_tasks(parts, page)))


@router.get("/{task_id}", response_model=TaskDetail)
def get_task(request: Request, task_id: HashPath) -> Response:
    """One task, whole."""
    return answer(request, task_detail(services(request), task_id))


@router.get("/{task_id}/bids", response_model=Page[Bid])
def get_bids(request: Request, task_id: HashPath) -> Response:
    """Its bids in the order of publication, with what became of them."""
    return answer(request, Page[Bid](items=task_facts(services(request), task_id).bids, next=None))


@router.get("/{task_id}/commits", response_model=Page[Commit])
def get_commits(request: Request, task_id: HashPath) -> Response:
    """Its commitments in seat order."""
    return answer(request, Page[Commit](items=tuple(commits_of(task_facts(services(request), task_id))), next=None))


@router.get("/{task_id}/reveals", response_model=Page[Reveal])
def get_reveals(request: Request, task_id: HashPath) -> Response:
    """Its opened answers in seat order."""
    parts = services(request)
    facts = with_answers(task_facts(parts, task_id), parts.texts)
    return answer(request, Page[Reveal](items=tuple(reveals_of(facts)), next=None))


@router.get("/{task_id}/vote", response_model=Vote)
def get_vote(request: Request, task_id: HashPath) -> Response:
    """The weighted vote as far as it has come; 404 before the award."""
    parts = services(request)
    vote = vote_of(with_answers(task_facts(parts, task_id), parts.texts))
    if vote is None:
        hint = "a vote begins with the award; /explain tells what the task waits for"
        raise NotFound("no seat of this task has been awarded", hint=hint, code="vote.not_found")
    return answer(request, vote)


@router.get("/{task_id}/seats/{seat}/trace", response_model=dict[str, Any])
def get_trace(request: Request, task_id: HashPath, seat: Annotated[int, Path(ge=0, le=15)]) -> Response:
    """A seat's trace as its agent wrote it, checked against the digest on chain: engine, sampling, every chain of thought."""
    parts = services(request)
    found = [s for s in task_facts(parts, task_id).seats if s.seat == seat]
    document = trace_of(found[0], parts.texts) if found else None
    if document is None:
        raise NotFound(
            f"the trace of seat {seat} is not at hand",
            hint="it is named on chain once the seat has opened its answer, and read from its agent's gateway",
            code="trace.not_at_hand",
        )
    return JSONResponse(document, headers=block_header(request))


@router.get("/{task_id}/explain", response_model=Explain)
def get_explain(request: Request, task_id: HashPath) -> Response:
    """Why it is where it is: the funnel with reasons, and who may act next."""
    return answer(request, explain(task_facts(services(request), task_id)))


@router.get("/{task_id}/payouts", response_model=Money)
def get_payouts(request: Request, task_id: HashPath) -> Response:
    """Where every wei of its escrow is."""
    return answer(request, money_of(task_facts(services(request), task_id)))


@router.get("/{task_id}/receipt", response_model=TaskReceipt)
def get_receipt(request: Request, task_id: HashPath) -> Response:
    """Its receipt, as other contracts take it for proof; 404 while it lives, and where nobody was ever seated."""
    receipt = receipt_of(task_facts(services(request), task_id))
    if receipt is None:
        hint = "only tasks that were closed with seats leave one; /explain tells what the task waits for"
        raise NotFound("this task has no receipt", hint=hint, code="receipt.not_found")
    return answer(request, receipt)


@router.get("/{task_id}/timeline", response_model=Page[Event])
def get_timeline(request: Request, task_id: HashPath) -> Response:
    """Its events in chain order."""
    return answer(request, Page[Event](items=task_facts(services(request), task_id).timeline, next=None))
