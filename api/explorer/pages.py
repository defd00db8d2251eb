"""The pages: each reads the same documents as `/v1` and renders them. Foreign text passes `inert` and autoescaping."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, FastAPI, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from api.assemble import trace_of
from api.explorer import ledger_pages, model_pages
from api.explorer.render import FOLDER, ROWS, query, render
from api.explorer.search import find
from api.explorer.thoughts import reasoning_of
from api.middleware import CSP
from api.paging import Cursor
from api.problems import Problem, set_error_page
from api.reader import TaskFilter
from api.routes.lookup import (
    AddressQuery,
    AgentPath,
    BlockPath,
    HashPath,
    account_detail,
    accuracy,
    agent_detail,
    block_detail,
    named_agents,
    task_detail,
    titled_tasks,
    transaction,
)
from api.routes.tasks import AgentQuery
from api.schema.task import StateName
from api.services import services
from api.words import OPEN_STATES
from symphony_chain.errors import NotFound, SymphonyError
from symphony_chain.rpc_types import checksum
from symphony_chain.skills import DEFAULT_TAGS

HOME_ROWS = 8
AGENT_ROWS = 5
#: Paths whose errors stay JSON even for a browser.
MACHINE_PATHS = ("/v1", "/ipfs", "/routing", "/openapi.json", "/static")
router = APIRouter(include_in_schema=False)
#: The task page may ask a node that its reader names; wallets announce themselves with an icon in a data: URL.
_TALKS_TO_A_WALLET = {"Content-Security-Policy": f"{CSP}; img-src 'self' data:"}
_ASKS_A_NODE = {"Content-Security-Policy": f"{CSP}; img-src 'self' data:; connect-src 'self' https: http:"}


def install_explorer(app: FastAPI) -> None:
    """Adds pages, static files and the HTML form of errors to an app."""
    app.include_router(router)
    app.include_router(ledger_pages.router)
    app.include_router(model_pages.router)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    set_error_page(app, _error_page)


@router.get("/")
def home(request: Request) -> Response:
    """Beacons now, latest tasks, agents, blocks, and how the index fares."""
    parts = services(request)
    reader = parts.reader
    latest = titled_tasks(parts, reader.tasks(TaskFilter(), cursor=None, limit=HOME_ROWS))
    beacons = titled_tasks(parts, reader.tasks(TaskFilter("open"), cursor=None, limit=6))
    return render(
        request,
        "home.html",
        json_url="/v1/stats",
        totals=reader.totals(),
        tasks=latest.items,
        beacons=beacons.items,
        agents=named_agents(parts, reader.agents(cursor=None, limit=HOME_ROWS)).items,
        blocks=reader.blocks(cursor=None, limit=HOME_ROWS).items,
    )


@router.get("/tasks")
def tasks(
    request: Request,
    state: Annotated[StateName | None, Query()] = None,
    requester: AddressQuery = None,
    agent: AgentQuery = None,
    cursor: Cursor = None,
) -> Response:
    """Tasks, filtered, page by page."""
    parts = services(request)
    only = TaskFilter(state, checksum(requester) if requester else None, agent)
    page = titled_tasks(parts, parts.reader.tasks(only, cursor=cursor, limit=ROWS))
    chosen = {"state": state, "requester": requester, "agent": agent}
    filters = {name: value for name, value in chosen.items() if value is not None}
    return render(
        request,
        "tasks.html",
        json_url=query("/v1/tasks", filters | {"cursor": cursor}),
        page=page,
        filters=filters,
        first=cursor is None,
        next_url=query("/tasks", filters | {"cursor": page.next}) if page.next else None,
        totals=parts.reader.totals(),
        open_states=OPEN_STATES,
    )


@router.get("/tasks/{task_id}")
def task(request: Request, task_id: HashPath) -> Response:
    """One task: question, timeline, funnel, seats, vote, money."""
    parts = services(request)
    found = task_detail(parts, task_id)
    opened = [(seat, trace_of(seat, parts.texts)) for seat in found.seat_list if seat.evidence_digest]
    thoughts = [(seat, reasoning_of(seat, found.header, trace) if trace else None) for seat, trace in opened]
    return render(
        request, "task.html", json_url=f"/v1/tasks/{found.id}", headers=_ASKS_A_NODE, task=found, thoughts=thoughts
    )


@router.get("/post")
def post(request: Request) -> Response:
    """Posting a task with a wallet."""
    return render(request, "post.html", json_url="/v1/skills", headers=_TALKS_TO_A_WALLET, tags=DEFAULT_TAGS)


@router.get("/rewards")
def rewards(request: Request, address: Annotated[str | None, Query(max_length=80)] = None) -> Response:
    """An address's money and the pay of its agents; with a wallet, claimed and withdrawn."""
    text = address.strip() if address else ""
    found = account_detail(services(request), text) if text else None
    json_url = f"/v1/accounts/{found.address}" if found else None
    return render(request, "rewards.html", json_url=json_url, headers=_TALKS_TO_A_WALLET, account=found)


@router.get("/agents")
def agents(request: Request, cursor: Cursor = None) -> Response:
    """Agents with their capabilities."""
    parts = services(request)
    page = named_agents(parts, parts.reader.agents(cursor=cursor, limit=ROWS))
    return render(
        request,
        "agents.html",
        json_url=query("/v1/agents", {"cursor": cursor}),
        page=page,
        next_url=query("/agents", {"cursor": page.next}) if page.next else None,
        first=cursor is None,
    )


@router.get("/agents/{name}")
def agent(request: Request, name: AgentPath) -> Response:
    """One agent: capabilities, earned curve, accuracy, model cards, seats, balances, what is said of it and what it published."""
    parts = services(request)
    found = agent_detail(parts, name)
    said = parts.reader.feedback(agent_id=found.id, cursor=None, limit=AGENT_ROWS)
    deltas = parts.reader.deltas(agent_id=found.id, cursor=None, limit=AGENT_ROWS)
    url = f"/v1/agents/{found.id}"
    scores = accuracy(parts, found)
    return render(request, "agent.html", json_url=url, agent=found, accuracy=scores, feedback=said, deltas=deltas)


@router.get("/blocks")
def blocks(request: Request, cursor: Cursor = None) -> Response:
    """Blocks since the deployment."""
    page = services(request).reader.blocks(cursor=cursor, limit=ROWS)
    return render(
        request,
        "blocks.html",
        json_url=query("/v1/blocks", {"cursor": cursor}),
        page=page,
        next_url=query("/blocks", {"cursor": page.next}) if page.next else None,
        first=cursor is None,
    )


@router.get("/blocks/{name}")
def block(request: Request, name: BlockPath) -> Response:
    """One block with our transactions."""
    found = block_detail(services(request), name)
    return render(request, "block.html", json_url=f"/v1/blocks/{found.block.number}", block=found)


@router.get("/tx/{tx_hash}")
def tx(request: Request, tx_hash: HashPath) -> Response:
    """One transaction with its decoded events, or where it stands at the node."""
    parts = services(request)
    try:
        return render(request, "tx.html", json_url=f"/v1/tx/{tx_hash}", tx=transaction(parts, tx_hash), waiting=None)
    except NotFound:
        waiting = parts.relay.look_up(bytes.fromhex(tx_hash[2:]))
        if waiting is None:
            raise
        return render(request, "tx.html", json_url=f"/v1/tx/{tx_hash}", tx=None, waiting=waiting)


@router.get("/search")
def search(request: Request, q: Annotated[str, Query(max_length=200)] = "") -> Response:
    """Goes to whatever an id, address, DID, height, hash or CID names."""
    return RedirectResponse(find(services(request), q.strip()), 303)


@router.get("/problems/{code}")
def problem(request: Request, code: str) -> Response:
    """What a problem's `type` leads to: the meaning of its code."""
    meaning = _MEANINGS.get(code) or _MEANINGS.get(code.partition(".")[0])
    return render(request, "problem.html", code=code, meaning=meaning)


def _meanings() -> dict[str, str]:
    """Code → first sentence of its class, for every error class that the process knows."""
    found: dict[str, str] = {"internal": "The server failed; its log says why."}
    stack: list[type[SymphonyError]] = [SymphonyError]
    while stack:
        kind = stack.pop()
        stack += kind.__subclasses__()
        found.setdefault(kind.code, " ".join((kind.__doc__ or "").split("\n\n")[0].split()))
    return found


_MEANINGS = _meanings()


def _error_page(request: Request, problem: Problem) -> Response | None:
    """The HTML form of a problem for a browser that asked for a page; None where JSON is right."""
    path = request.url.path
    if any(path == prefix or path.startswith(prefix + "/") for prefix in MACHINE_PATHS):
        return None
    if "text/html" not in request.headers.get("accept", ""):
        return None
    return render(request, "error.html", status_code=problem.status, problem=problem)
