"""Our vote as the evaluator of an ERC-8183 job: policies, the documents of a vote, views over RPC, calldata. Sends nothing.

What the contract does and cannot check: `contracts/interfaces/IQuorumEvaluator.sol`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from eth_abi import abi as eth_abi
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from symphony_chain.abi import decode_output, encode, function
from symphony_chain.canonical import sha256
from symphony_chain.content.cid import Cid
from symphony_chain.errors import InvalidInput
from symphony_chain.rpc import BlockId, Rpc
from symphony_chain.spec.body import TaskBody
from symphony_chain.spec.header import BeaconHeader
from symphony_chain.types import NATIVE, Receipt, Task

QUORUM = "QuorumEvaluator"
#: Stands in a policy's body for the case: where a vote's body names job, jobId and deliverable.
CASE_PLACEHOLDER = f"0x{0:040x}/0x{0:064x}/0x{0:064x}"


def case_text(job: str, job_id: int, deliverable: bytes) -> str:
    """What a vote's body says in the placeholder's stead."""
    return f"{job.lower()}/0x{job_id:064x}/0x{deliverable.hex()}"


@dataclass(frozen=True, slots=True)
class Policy:
    """Which vote judges a job.

    `task` is the task of every vote on it, but `requester`, `header` and `salt` are ignored, and `bid_end_s` and `commit_end_s`
    are seconds from its posting. The rest are the header's bytes around the body's CID, and the body's around the case.
    """

    task: Task
    header_head: bytes
    header_tail: bytes
    body_head: bytes
    body_tail: bytes

    @classmethod
    def of(cls, task: Task, header: BeaconHeader, body: TaskBody) -> Self:
        """The policy of a question. `body` holds CASE_PLACEHOLDER once; what `header` says of its body is replaced.

        Raises:
            InvalidInput: no placeholder, or several; answers other than true and false; or documents that agents would refuse.
        """
        if header.answer_format.get("type") != "boolean":
            raise InvalidInput("a verdict is true or false", hint='set the header\'s answer format to {"type": "boolean"}')
        sample = body.to_json()
        body_parts = sample.split(CASE_PLACEHOLDER.encode())
        head = replace(header, body=body.ref()).to_json()
        header_parts = head.split(str(Cid.from_digest(sha256(sample))).encode())
        if len(body_parts) != 2 or len(header_parts) != 2:
            raise InvalidInput(
                "the question must name its case exactly once",
                hint="put symphony_chain.quorum.CASE_PLACEHOLDER into the prompt or into a document",
            )
        return cls(task, *header_parts, *body_parts)

    def words(self) -> tuple[Any, ...]:
        """As calldata carries it."""
        return (self.task.words(), self.header_head, self.header_tail, self.body_head, self.body_tail)

    @property
    def digest(self) -> bytes:
        """What the contract keeps of it: keccak256(abi.encode(policy))."""
        return keccak(eth_abi.encode([function(QUORUM, "judge").types[2]], [self.words()]))

    def documents(self, job: str, job_id: int, deliverable: bytes) -> tuple[bytes, bytes]:
        """Header and body of a vote, byte for byte as the contract makes them; put both into the content store."""
        body = self.body_head + case_text(job, job_id, deliverable).encode() + self.body_tail
        return self.header_head + str(Cid.from_digest(sha256(body))).encode() + self.header_tail, body

    def task_of(self, job: str, job_id: int, deliverable: bytes, purse: str, posted_at_s: int) -> Task:
        """The task that `judge` posts in a block of this time, for the owner of this purse."""
        header, _ = self.documents(job, job_id, deliverable)
        return replace(
            self.task,
            requester=purse,
            bid_end_s=posted_at_s + self.task.bid_end_s,
            commit_end_s=posted_at_s + self.task.commit_end_s,
            header=sha256(header),
            salt=keccak(eth_abi.encode(["address", "uint256", "bytes32"], [job, job_id, deliverable])),
        )


@dataclass(frozen=True, slots=True)
class Case:
    """What the contract keeps of a job: digests, zero where there is nothing yet or the job is decided."""

    policy: bytes
    deliverable: bytes
    task_id: bytes


class QuorumClient:
    """Reads of one evaluator at `block` (default latest)."""

    def __init__(self, rpc: Rpc, address: str) -> None:
        self.rpc = rpc
        self.address = address

    def _read(self, block: BlockId, name: str, *args: Any) -> tuple[Any, ...]:
        return decode_output(QUORUM, name, self.rpc.eth_call(self.address, encode(QUORUM, name, *args), block))

    def case(self, job: str, job_id: int, block: BlockId = "latest") -> Case:
        return Case(*self._read(block, "caseOf", job, job_id))

    def purse(self, payer: str, block: BlockId = "latest") -> str:
        """The market account whose money is the payer's: fill it with `market.encode_deposit(purse, …)`."""
        return str(to_checksum_address(self._read(block, "purseOf", payer)[0]))


def encode_set_policy(job: str, job_id: int, policy: Policy) -> bytes:
    """For the job's client, while the job is Open; once."""
    return encode(QUORUM, "setPolicy", job, job_id, policy.words())


def encode_present(job: str, job_id: int, deliverable: bytes) -> bytes:
    """For the job's provider, once it has submitted; once."""
    return encode(QUORUM, "present", job, job_id, deliverable)


def encode_judge(job: str, job_id: int, policy: Policy) -> bytes:
    """Posts a vote. Send `policy.task.escrow_wei` along where it is in the native coin, or have it in the caller's purse."""
    return encode(QUORUM, "judge", job, job_id, policy.words())


def encode_resolve(job: str, job_id: int, receipt: Receipt) -> bytes:
    """Carries the verdict of a settled vote to the job."""
    return encode(QUORUM, "resolve", job, job_id, receipt.as_tuple())


def encode_withdraw_purse(to: str, amount_wei: int, token: str = NATIVE) -> bytes:
    """Pays out of the caller's purse."""
    return encode(QUORUM, "withdraw", token, to, amount_wei)


def encode_sweep(token: str) -> bytes:
    """Fetches what jobs have paid their evaluator, for the caller."""
    return encode(QUORUM, "sweep", token)
