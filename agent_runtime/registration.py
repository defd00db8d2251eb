"""Brings an agent's entry in the registry to what its configuration says: file, skills, operator wallet, gas money.

Idempotent: every step looks at the chain first, and a step that was sent before a crash is found in the journal. Knows no tasks.
"""

from __future__ import annotations

from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from agent_runtime.chain_book import ChainBook
from agent_runtime.config import WorkerConfig
from agent_runtime.engines.protocol import EngineInfo
from agent_runtime.faults import Fault
from agent_runtime.outbox import Outbox
from symphony_chain.canonical import sha256
from symphony_chain.content import ContentStore
from symphony_chain.deploy import Deployment
from symphony_chain.did import did_ethr
from symphony_chain.errors import Failure
from symphony_chain.events import Registered, decode
from symphony_chain.registry import (
    RegistryClient,
    encode_declare,
    encode_register,
    encode_set_agent_wallet,
    encode_set_file,
)
from symphony_chain.rpc import Rpc
from symphony_chain.rpc_types import Receipt
from symphony_chain.signing import sign_agent_wallet
from symphony_chain.skills import DEFAULT_PAGE_ID, word_of_tags
from symphony_chain.spec import NodeInfo, Registration, RegistrationRef, Service
from symphony_chain.spec.registration import DID_SERVICE

#: The registry takes wallet proofs that end at most five minutes ahead.
WALLET_DEADLINE_S = 240


@dataclass(frozen=True)
class Identity:
    """Who registers, and with what; ``cards``: digests of its models' cards, which its content store has."""

    config: WorkerConfig
    deployment: Deployment
    owner: LocalAccount
    operator: LocalAccount
    engine: EngineInfo
    gateway_url: str
    cards: tuple[bytes, ...] = ()


def registration_file(identity: Identity, agent_id: int | None) -> Registration:
    """The agent's public file; it names its own registration once there is one."""
    config, deployment = identity.config, identity.deployment
    registry = f"eip155:{deployment.chain_id}:{deployment.registry}"
    return Registration(
        name=config.name,
        description=config.description,
        services=(Service(DID_SERVICE, did_ethr(deployment.chain_id, identity.owner.address)),),
        node=NodeInfo(
            device=config.device,
            memory_bytes=config.memory_bytes,
            model_digests=_model_digests(identity.engine),
            max_parallel_tasks=config.bidding.max_seats,
            gateway_url=identity.gateway_url,
            model_cards=identity.cards,
        ),
        registrations=() if agent_id is None else (RegistrationRef(agent_id, registry),),
    )


def _model_digests(engine: EngineInfo) -> tuple[bytes, ...]:
    """Of weights that this node holds; the address of somebody's server, or a recipe, is no model that it owns."""
    return (bytes.fromhex(engine.model_sha256),) if engine.digest_of == "weights" else ()


class Registrar:
    """Registers one agent.

    Args:
        outbox: writes of the owner key.
        book: the chain's picture, up to date.
    """

    def __init__(
        self, identity: Identity, rpc: Rpc, book: ChainBook, outbox: Outbox, content: ContentStore, fault: Fault
    ) -> None:
        self._identity = identity
        self._rpc = rpc
        self._book = book
        self._outbox = outbox
        self._content = content
        self._fault = fault
        self._registry = RegistryClient(rpc, identity.deployment.registry)
        self._word = word_of_tags(identity.config.skills)

    def ensure(self) -> int:
        """The agent's id, once everything on chain is as configured.

        Raises:
            ContractError, UnknownOutcome, ChainUnavailable: run again, it resumes.
            Conflict ``tx.unfunded``: the owner needs coins.
        """
        self._outbox.drain()  # what an earlier run sent must show in what is read now
        self._top_up()
        agent_id = self._find()
        if agent_id is None:
            agent_id = self._register()
        self._set_wallet(agent_id)
        self._declare(agent_id)
        self._set_file(agent_id)
        return agent_id

    def _find(self) -> int | None:
        """An agent of this owner and operator that the chain already shows (after the loss of the journal, say)."""
        owner, operator = self._identity.owner.address, self._identity.operator.address
        found = [a.agent_id for a in self._book.agents() if a.owner == owner and a.operator == operator]
        return min(found, default=None)

    def _register(self) -> int:
        digest = self._store(registration_file(self._identity, None))
        # An earlier run may have registered with another file (its gateway's port was free then): the prefix finds it.
        prefix = f"register/{self._identity.operator.address}/"
        data = encode_register(digest, DEFAULT_PAGE_ID, self._word)
        receipts = self._outbox.mined(prefix) or [self._send("register", prefix, data)]
        for event in (decode(log) for log in receipts[0].logs):
            if isinstance(event, Registered):
                return event.agent_id
        raise Failure("the registration was mined without its event", hint="is this the right registry contract?")

    def _set_wallet(self, agent_id: int) -> None:
        operator = self._identity.operator
        if self._registry.owner_and_wallet(agent_id)[1] == operator.address:
            return
        deadline_s = self._rpc.head().timestamp + WALLET_DEADLINE_S
        owner = self._identity.owner.address
        signature = sign_agent_wallet(operator, self._identity.deployment.domain, agent_id, owner, deadline_s)
        data = encode_set_agent_wallet(agent_id, operator.address, deadline_s, signature)
        self._send("wallet", f"wallet/{agent_id}/", data)

    def _declare(self, agent_id: int) -> None:
        have = self._registry.declared(agent_id, DEFAULT_PAGE_ID)
        if have != self._word:
            self._send("declare", f"declare/{agent_id}/", encode_declare(agent_id, DEFAULT_PAGE_ID, self._word))

    def _set_file(self, agent_id: int) -> None:
        file = registration_file(self._identity, agent_id)
        digest = self._store(file)
        if self._registry.file_digest(agent_id) != digest:
            self._send("set_file", f"set_file/{agent_id}/", encode_set_file(agent_id, digest))

    def _top_up(self) -> None:
        """Gas money for the operator key."""
        want_wei = self._identity.config.operator_topup_wei
        operator = self._identity.operator.address
        have_wei = self._rpc.get_balance(operator)
        if want_wei and have_wei < want_wei // 2:
            value_wei = want_wei - have_wei
            key = self._key(f"topup/{operator}/", value_wei.to_bytes(32, "big"))
            self._outbox.complete("topup", key, operator, b"", value_wei=value_wei)

    def _store(self, file: Registration) -> bytes:
        self._fault("registration.before_file")
        self._content.pin(self._content.add(file.to_json(), "registration").cid, "worker")
        self._fault("registration.after_file")
        return file.digest

    def _send(self, op: str, prefix: str, data: bytes) -> Receipt:
        return self._outbox.complete(op, self._key(prefix, data), self._identity.deployment.registry, data)

    def _key(self, prefix: str, data: bytes) -> str:
        """What is done, and at which nonce: the same step later (back to an old value, say) is another transaction."""
        nonce = self._rpc.get_nonce(self._identity.owner.address, "latest")
        return f"{prefix}{nonce}/{sha256(data).hex()[:16]}"
