"""`/v1/agents` and `/v1/skills`: agents by id and DID, DID documents, registration files, the skill page."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.paging import DEFAULT_LIMIT, Cursor, Limit, checked_limit, with_links
from api.respond import answer, block_header
from api.routes.lookup import AgentPath, accuracy, agent_detail, named_agents, registered_agent
from api.schema.accuracy import Accuracy
from api.schema.agent import AgentDetail, AgentSummary
from api.schema.base import Hex, Model, Page
from api.services import services
from symphony_chain.did import did_document
from symphony_chain.errors import InvalidInput, NotFound
from symphony_chain.skills import DEFAULT_PAGE_ID, DEFAULT_TAGS
from symphony_chain.spec.registration import DID_SERVICE

router = APIRouter(prefix="/v1", tags=["agents"])


class SkillPage(Model):
    """A skill page: sixteen tags, lane 0 first."""

    page_id: Hex
    tags: tuple[str, ...]


@router.get("/skills", response_model=SkillPage)
def get_skills(request: Request) -> Response:
    """The tags that a draft's `skills` may name."""
    return answer(request, SkillPage(page_id="0x" + DEFAULT_PAGE_ID.hex(), tags=DEFAULT_TAGS))


@router.get("/agents", response_model=Page[AgentSummary])
def list_agents(request: Request, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT) -> Response:
    """Agents by id."""
    parts = services(request)
    page = parts.reader.agents(cursor=cursor, limit=checked_limit(limit))
    return answer(request, with_links(request, named_agents(parts, page)))


@router.get("/agents/{name}", response_model=AgentDetail)
def get_agent(request: Request, name: AgentPath) -> Response:
    """One agent by id or DID, whole."""
    return answer(request, agent_detail(services(request), name))


@router.get("/agents/{name}/accuracy", response_model=Accuracy)
def get_accuracy(request: Request, name: AgentPath) -> Response:
    """Its scored seats, oldest first, with the running mean of their scores, and what its bids claimed against them."""
    parts = services(request)
    return answer(request, accuracy(parts, registered_agent(parts, name)))


@router.get("/agents/{name}/did.json", response_model=dict[str, Any])
def get_did_document(request: Request, name: AgentPath) -> Response:
    """Its DID document: keys from the chain, endpoints from its registration file where that is at hand."""
    agent = registered_agent(services(request), name)
    gateway = agent.registration["symphony"].get("gateway") if agent.registration else None
    try:
        document = did_document(agent.did, agent_wallet=agent.wallet, gateway_url=gateway, services=_endpoints(agent))
    except InvalidInput:  # endpoints are the agent's own words; its keys are the chain's
        document = did_document(agent.did, agent_wallet=agent.wallet, gateway_url=None)
    return JSONResponse(document, media_type="application/did+json", headers=block_header(request))


@router.get("/agents/{name}/registration", response_model=dict[str, Any])
def get_registration(request: Request, name: AgentPath) -> Response:
    """Its ERC-8004 registration file as the agent wrote it, checked against the digest on chain."""
    agent = registered_agent(services(request), name)
    if agent.registration is None:
        raise NotFound(
            f"the registration file of agent {agent.id} is not at hand",
            hint="fetch it by `file_cid` from the agent's own gateway",
            code="agent.no_registration",
            file_cid=agent.file_cid,
        )
    return JSONResponse(agent.registration, headers=block_header(request))


def _endpoints(agent: AgentDetail) -> dict[str, str]:
    listed = agent.registration["services"] if agent.registration else []
    return {item["name"]: item["endpoint"] for item in listed if item["name"] != DID_SERVICE}
