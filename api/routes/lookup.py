"""Finds what a path names, or raises the error that becomes a 404. Shared by JSON routes and pages."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Path, Query

from api.accuracy import accuracy_of
from api.assemble import detail_of
from api.cards import cards_of
from api.errors import AmbiguousAgent
from api.reader import TaskFacts
from api.schema.account import AccountDetail
from api.schema.accuracy import Accuracy
from api.schema.agent import AgentDetail, AgentSummary
from api.schema.base import Page
from api.schema.card import CardDetail
from api.schema.chain import BlockDetail, TransactionDetail
from api.schema.ledger import Pool, TokenSolvency
from api.schema.task import TaskDetail, TaskRecord
from api.services import Services
from symphony_chain.content.cid import Cid
from symphony_chain.did import did_ethr, parse_did
from symphony_chain.errors import InvalidInput, NotFound
from symphony_chain.rpc_types import checksum

_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
MAX_AGENT_ID = 2**32 - 1
MAX_HEIGHT = 2**53 - 1

HashPath = Annotated[str, Path(description="0x and 64 hex digits", max_length=80)]
AgentPath = Annotated[str, Path(description="agent id, or did:ethr DID", max_length=120)]
AddressQuery = Annotated[str | None, Query(pattern=r"^0x[0-9a-fA-F]{40}$")]
BlockPath = Annotated[str, Path(description="height or hash", max_length=80)]


def checked_hash(text: str, what: str) -> str:
    """The hash in lower case; InvalidInput unless it is 32 bytes of 0x-hex."""
    if not _HASH.fullmatch(text):
        raise InvalidInput(f"this is not a {what}", hint="it is 0x and 64 hex digits", code="input.hash")
    return text.lower()


def checked_address(text: str) -> str:
    """The address with its checksum; InvalidInput unless it is 20 bytes of 0x-hex."""
    if not _ADDRESS.fullmatch(text):
        raise InvalidInput("this is not an address", hint="it is 0x and 40 hex digits", code="input.address")
    return checksum(text)


def account_detail(parts: Services, text: str) -> AccountDetail:
    """An address in the market, as of the indexed head; every address has an account, if an empty one."""
    address = checked_address(text)
    balances, found = parts.reader.account(address)
    agents = [agent.model_copy(update={"name": _name(parts, digest)}) for agent, digest in found]
    return AccountDetail(
        address=address, balances=tuple(balances), agents=tuple(agents), block=parts.reader.status().indexed
    )


def _name(parts: Services, file_digest: str | None) -> str | None:
    document = parts.texts.registration(bytes.fromhex(file_digest[2:])) if file_digest else None
    return document["name"] if document else None


def task_facts(parts: Services, task_id: str) -> TaskFacts:
    """What the index knows of a task."""
    facts = parts.reader.task(checked_hash(task_id, "task id"))
    if facts is None:
        raise NotFound(
            f"no task {task_id} in the index", hint="it may not be mined or indexed yet; see /v1/ready", code="task.not_found"
        )
    return facts


def task_detail(parts: Services, task_id: str) -> TaskDetail:
    """A task's whole document, its deadlines judged by the indexed head's time."""
    facts = task_facts(parts, task_id)
    indexed = parts.reader.status().indexed
    return detail_of(facts, parts.texts, indexed.timestamp_s if indexed else 0)


def agent_id(parts: Services, name: str) -> int:
    """The agent that an id or a DID names."""
    if name.isascii() and name.isdigit():
        if int(name) > MAX_AGENT_ID:
            raise InvalidInput("this is not an agent id", hint="ids are at most 32 bits", code="input.agent")
        return int(name)
    did = parse_did(name)
    if did.chain_id != parts.deployment.chain_id:
        raise NotFound(
            f"this is chain {parts.deployment.chain_id}, the DID is of chain {did.chain_id}",
            hint="ask an API of that chain",
            code="agent.not_found",
        )
    found = parts.reader.agents_of(did.address)
    if len(found) > 1:
        raise AmbiguousAgent(
            f"{did} owns {len(found)} agents", hint="name one by its id", agent_ids=found[:100]
        )
    if not found:
        raise NotFound(f"no agent of {did}", hint="agents are listed at /v1/agents", code="agent.not_found")
    return found[0]


def agent_detail(parts: Services, name: str) -> AgentDetail:
    """An agent's whole document, with its registration file and the first of its model cards, if they are at hand."""
    agent = registered_agent(parts, name)
    return agent.model_copy(update={"models": cards_of(parts.texts, agent.registration)})


def registered_agent(parts: Services, name: str) -> AgentDetail:
    """An agent's document with its registration file, if that is at hand, and without model cards."""
    wanted = agent_id(parts, name)
    agent = parts.reader.agent(wanted)
    if agent is None:
        raise NotFound(f"no agent {wanted}", hint="agents are listed at /v1/agents", code="agent.not_found")
    document = parts.texts.registration(bytes.fromhex(agent.file_digest[2:])) if agent.file_digest else None
    return agent.model_copy(
        update={
            "did": did_ethr(parts.deployment.chain_id, agent.owner),
            "registration": document,
            "name": document["name"] if document else None,
            "file_cid": str(Cid.from_digest(bytes.fromhex(agent.file_digest[2:]))) if agent.file_digest else None,
        }
    )


def accuracy(parts: Services, agent: AgentDetail) -> Accuracy:
    """An agent's scored seats, and what its bids claimed against them."""
    return accuracy_of(agent, parts.reader.scored_seats(agent.id))


def card_detail(parts: Services, digest: str) -> CardDetail:
    """A model card that is at hand."""
    return parts.cards.detail(bytes.fromhex(checked_hash(digest, "digest")[2:]))


def named_agents(parts: Services, page: Page[AgentSummary]) -> Page[AgentSummary]:
    """Agents of a list with the names in their registration files."""
    return page.model_copy(update={"items": tuple(_named(parts, agent) for agent in page.items)})


def _named(parts: Services, agent: AgentSummary) -> AgentSummary:
    return agent.model_copy(update={"name": _name(parts, agent.file_digest)})


def titled_tasks(parts: Services, page: Page[TaskRecord]) -> Page[TaskRecord]:
    """Tasks of a list with the titles in their headers."""
    return page.model_copy(update={"items": tuple(_titled(parts, task) for task in page.items)})


def _titled(parts: Services, task: TaskRecord) -> TaskRecord:
    header = parts.texts.header(bytes.fromhex(task.header[2:]))
    return task.model_copy(update={"title": header["title"]}) if header else task


def block_detail(parts: Services, name: str) -> BlockDetail:
    """A block by height or hash."""
    if name.isascii() and name.isdigit():
        number: int | None = int(name)
        if len(name) > 16 or int(name) > MAX_HEIGHT:
            raise InvalidInput("this is not a height", hint="give a height or a block hash", code="input.block")
    else:
        number = parts.reader.block_number(checked_hash(name, "height or block hash"))
    block = parts.reader.block(number) if number is not None else None
    if block is None:
        raise NotFound(
            f"no block {name} in the index",
            hint="blocks before the deployment are not kept, orphaned ones are forgotten, new ones take a moment",
            code="block.not_found",
        )
    return block


def transaction(parts: Services, tx_hash: str) -> TransactionDetail:
    """A transaction that left an event of ours."""
    found = parts.reader.transaction(checked_hash(tx_hash, "transaction hash"))
    if found is None:
        raise NotFound(
            f"no transaction {tx_hash} in the index",
            hint="only transactions that left an event of the market or the registry are kept",
            code="tx.not_found",
        )
    return found


def pool_detail(parts: Services) -> Pool:
    """The reward pool's constants and its books of this market."""
    terms, indexed = parts.onchain.pool_terms(), parts.reader.status().indexed
    epoch = indexed.timestamp_s // terms.epoch_s if terms and indexed else None
    return Pool(address=parts.deployment.pool, terms=terms, epoch=epoch, books=tuple(parts.reader.pool_books()))


def solvency(parts: Services, *, cursor: str | None, limit: int) -> Page[TokenSolvency]:
    """What the market owes and holds, at the indexed head; nothing before the first block."""
    owed, block = parts.reader.owed(cursor=cursor, limit=limit)
    return parts.onchain.solvency(owed, block) if block else Page[TokenSolvency](items=(), next=None)
