"""What a requester wants, before there is a task; and how it becomes header, body and the task's parameters. Pure.

Times are windows in seconds, counted from the head's timestamp at posting. Knows no chain and no store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from eth_utils.address import is_address, to_checksum_address

from symphony_chain.canonical import canonical_json, sha256
from symphony_chain.errors import InvalidInput
from symphony_chain.skills import DEFAULT_PAGE_ID, word_of_tags
from symphony_chain.spec import BeaconHeader, Document, TaskBody
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Kind, Task

MAX_TITLE_CHARS = 80


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """One question to the market.

    Attributes:
        prompt, inputs, constraints: the task body.
        answer_format: see `symphony_chain.spec.formats`.
        skills: tag of the default page → how much it counts, 0…10000; at least one above 0.
        k, min_seats: seats wanted and least number to go on with (None: more than half of k).
        ceiling_wei: most that one seat may be paid; k times this, and the evaluator's fee, is escrowed.
        token: ERC-20 contract of all amounts; zero: native coins.
        base_bps, quorum_bps, min_match_bps, bond_wei, shared_bps: see `Task`.
        bid_window_s, commit_window_s, reveal_window_s: the three windows.
        linger_s: how long to wait for more bids once there are k.
        give_up: what happens without enough bids: cancel at once, or leave it to expire and settle it then.
        open: without an award, agents that match may take the seats at the ceiling until the commit window ends.
        router: who may award besides the requester.
        evaluator, evaluation_window_s, evaluation_fee_wei: who may score the seats instead of the vote, how long after the
            reveals, and what it gets for it.
    """

    prompt: str
    answer_format: Mapping[str, Any]
    skills: Mapping[str, int]
    k: int = 3
    ceiling_wei: int = 10**15
    base_bps: int = 2_000
    quorum_bps: int = 5_000
    min_match_bps: int = 1
    min_seats: int | None = None
    bond_wei: int = 0
    shared_bps: int = 0
    token: str = NATIVE
    bid_window_s: int = 60
    commit_window_s: int = 180
    reveal_window_s: int = 120
    linger_s: int = 2
    give_up: Literal["cancel", "expire"] = "cancel"
    title: str = ""
    inputs: tuple[Document, ...] = ()
    constraints: tuple[str, ...] = ()
    cot_count: int = 5
    open: bool = False
    router: str = ZERO_ADDRESS
    evaluator: str = ZERO_ADDRESS
    evaluation_window_s: int = 120
    evaluation_fee_wei: int = 0
    bid_endpoint: tuple[str, ...] = field(default=())

    @property
    def least_seats(self) -> int:
        return self.k // 2 + 1 if self.min_seats is None else self.min_seats

    def digest(self) -> bytes:
        """sha-256 of everything asked for: two requests under one idempotency key must be equal."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        plain |= {name: str(plain[name]) for name in ("ceiling_wei", "bond_wei", "evaluation_fee_wei")}
        plain |= {"answer_format": dict(self.answer_format), "skills": dict(self.skills)}
        plain |= {"inputs": [[d.name, d.text] for d in self.inputs], "constraints": list(self.constraints)}
        # Where the files lie is no part of the question: a restarted gateway may listen elsewhere.
        del plain["bid_endpoint"]
        return sha256(canonical_json(plain))


@dataclass(frozen=True, slots=True)
class Built:
    """A request as documents and parameters."""

    header: BeaconHeader
    body: TaskBody
    task: Task


def build(request: TaskRequest, *, requester: str, timestamp_s: int, salt: bytes, gateway_urls: tuple[str, ...]) -> Built:
    """The task that a request becomes when posted in a block of about that time.

    Raises:
        InvalidInput: naming what is off (prompt too long, unknown skill, malformed format, …).
    """
    body = TaskBody(request.prompt, request.inputs, None, request.constraints)
    header = BeaconHeader(
        title=request.title or _title(request.prompt),
        body=body.ref(),
        answer_format=request.answer_format,
        skills=tuple(tag for tag, weight in request.skills.items() if weight),
        cot_count=request.cot_count,
        ttl_s=request.bid_window_s,
        bid_endpoint=gateway_urls + request.bid_endpoint,
    )
    bid_end_s = timestamp_s + request.bid_window_s
    evaluator = _address(request.evaluator, "evaluator")
    task = Task(
        requester=requester,
        router=_address(request.router, "router"),
        token=_address(request.token, "token"),
        ceiling_wei=request.ceiling_wei,
        base_bps=request.base_bps,
        bond_wei=request.bond_wei,
        kind=Kind.ANSWER,
        page_id=DEFAULT_PAGE_ID,
        requirement=_requirement(request),
        min_match_bps=request.min_match_bps,
        k=request.k,
        min_seats=request.least_seats,
        quorum_bps=request.quorum_bps,
        open=request.open,
        bid_end_s=bid_end_s,
        commit_end_s=bid_end_s + request.commit_window_s,
        reveal_window_s=request.reveal_window_s,
        evaluator=evaluator,
        evaluation_window_s=0 if evaluator == ZERO_ADDRESS else request.evaluation_window_s,
        evaluation_fee_wei=request.evaluation_fee_wei,
        shared_bps=request.shared_bps,
        parent=bytes(32),
        header=header.digest,
        salt=salt,
    )
    return Built(header, body, task)


def _requirement(request: TaskRequest) -> int:
    try:
        word = word_of_tags(request.skills)
    except ValueError as error:
        raise InvalidInput(str(error), hint="give tag=basis points", code="task.unknown_skill") from error
    if word == 0:
        raise InvalidInput("the task asks for no skill", hint="set at least one skill above 0", code="task.no_skill")
    return word


def _address(text: str, name: str) -> str:
    """Checksummed."""
    if not is_address(text):
        raise InvalidInput(f"{name} {text[:80]!r} is not an address", hint="give 0x and 40 hex digits", code="task.address")
    return str(to_checksum_address(text))


def _title(prompt: str) -> str:
    """First words of the prompt, on one line."""
    line = " ".join(prompt.split())
    return line if len(line) <= MAX_TITLE_CHARS else line[: MAX_TITLE_CHARS - 1].rsplit(" ", 1)[0] + "…"
