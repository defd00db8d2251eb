"""Where an agent's seats stand in the reward pool, and the steps that bring them further. Reads the chain alone.

What the pool is, and why, is told in `contracts/interfaces/IRewardPool.sol`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from symphony.cli.session import Session
from symphony.cli.writing import send
from symphony.verify.closed import Closed, closed_tasks_of
from symphony.verify.history import topic
from symphony_chain import reward_events
from symphony_chain.abi import POOL
from symphony_chain.errors import ContractError
from symphony_chain.model.tally import shared_wei
from symphony_chain.rewards import (
    PoolTerms,
    RewardPoolClient,
    encode_advance,
    encode_record,
    encode_share,
)
from symphony_chain.rpc_types import address_topic

#: Epochs with changes that one transaction finalises at most.
ADVANCE = 64
#: Somebody else took the same step first.
LOST_RACES = ("contract.AlreadyRecorded", "contract.NothingToShare")


class Standing(Enum):
    """What becomes of what a seat gave."""

    TO_RECORD = "its task can be recorded"
    LATE = "its task was not recorded in time"
    WAITING = "recorded; its epoch is not final"
    TO_ADVANCE = "its epoch can be finalised"
    TO_SHARE = "its share can be taken"
    SHARED = "it had its share"
    MISSED = "its task was recorded too late"


@dataclass(frozen=True, slots=True)
class Share:
    """One seat that gave something.

    `amount_wei`: what it got, or would get now; None before its epoch is final, and where it will get nothing. `until_s`: block
    time before which its task must be recorded. `from_s`: block time from which its epoch can be finalised.
    """

    closed: Closed
    seat: int
    given_wei: int
    epoch: int
    standing: Standing
    amount_wei: int | None
    until_s: int | None
    from_s: int | None

    @property
    def token(self) -> str:
        return self.closed.receipt.task.token

    def as_json(self) -> dict[str, Any]:
        return {
            "task_id": self.closed.task_id,
            "seat": self.seat,
            "token": self.token,
            "given_wei": self.given_wei,
            "epoch": self.epoch,
            "standing": self.standing,
            "amount_wei": self.amount_wei,
            "until_s": self.until_s,
            "from_s": self.from_s,
        }


class PoolShares:
    """An agent's seats in the pool of the session's deployment."""

    def __init__(self, session: Session, agent_id: int) -> None:
        self._session = session
        self._agent_id = agent_id
        self.address = session.deployment.pool
        self._market = session.deployment.market
        self._client = RewardPoolClient(session.rpc, self.address)
        self.terms: PoolTerms = self._client.terms()
        self.closed = closed_tasks_of(session.reader, agent_id)

    def shares(self) -> list[Share]:
        """Every seat that gave something, as it stands now; oldest first."""
        head_s, paid = self._session.rpc.head().timestamp, self._paid()
        found = []
        for closed in self.closed:
            result = closed.seat_of(self._agent_id)
            assert result is not None  # that is how they were chosen
            given_wei = shared_wei(closed.receipt.task, result)
            if given_wei:
                found.append(self._share(closed, result.seat, given_wei, head_s, paid))
        return found

    def work(self) -> list[dict[str, Any]]:
        """Records, finalises and takes shares where that is due; returns what was sent. A lost race is no error."""
        done: list[dict[str, Any]] = []
        for share in self.shares():
            if share.standing is Standing.TO_RECORD:
                done += self._step("record", encode_record(self._market, share.closed.receipt), share)
        for share in self.shares():
            while share.standing is Standing.TO_ADVANCE and self._next(share.token) <= share.epoch:
                done += self._step("advance", encode_advance(self._market, ADVANCE, share.token), share)
        for share in self.shares():
            if share.standing is Standing.TO_SHARE:
                done += self._step("share", encode_share(self._market, share.closed.receipt, share.seat), share)
        return done

    def _step(self, step: str, data: bytes, share: Share) -> list[dict[str, Any]]:
        try:
            sent = send(self._session, self.address, data, purpose=f"pool {step}")
        except ContractError as error:
            if error.code not in LOST_RACES:
                raise
            self._session.out.note(f"{step} of task 0x{share.closed.task_id.hex()[:12]}: somebody did it already")
            return []
        return [{"step": step, "task_id": share.closed.task_id, "token": share.token, **sent}]

    def _next(self, token: str) -> int:
        return self._client.book(self._market, token).next_epoch

    def _paid(self) -> dict[bytes, int]:
        """Task → what the agent's seat got of the pool."""
        market, agent = address_topic(self._market), self._agent_id.to_bytes(32, "big")
        logs = self._session.reader.logs(self.address, [topic("Shared", POOL), market, None, agent])
        events = (reward_events.decode(log) for log in logs)
        return {event.task_id: event.amount_wei for event in events if isinstance(event, reward_events.Shared)}

    def _share(self, closed: Closed, seat: int, given_wei: int, head_s: int, paid: dict[bytes, int]) -> Share:
        terms, task, market = self.terms, closed.receipt.task, self._market
        epoch = terms.epoch_of(closed.closed_at_s)
        final_at_s = terms.final_at_s(epoch)
        record = self._client.record(market, closed.task_id)
        amount_wei = until_s = from_s = None
        if closed.task_id in paid:
            standing, amount_wei = Standing.SHARED, paid[closed.task_id]
        elif not record.recorded:
            standing = Standing.TO_RECORD if head_s < final_at_s else Standing.LATE
            until_s = final_at_s
        elif seat not in record.seats:
            standing = Standing.MISSED
        elif epoch < self._next(task.token):
            standing = Standing.TO_SHARE
            book = self._client.epoch(market, epoch, task.token)
            amount_wei = given_wei * book.reserve_wei // book.unpaid_wei
        else:
            standing = Standing.TO_ADVANCE if head_s >= final_at_s else Standing.WAITING
            from_s = final_at_s
        return Share(closed, seat, given_wei, epoch, standing, amount_wei, until_s, from_s)
