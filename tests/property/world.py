"""Bytecode and reference model side by side: every act runs on both, and what they say of it must be equal.

An `Act` is one call with its twin on the model. Signatures are real on the bytecode's side; the model is told who signed by
our Python recovery, so a difference between the two recoveries is a failure too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from symphony_chain import market, registry, signing
from symphony_chain.abi import REGISTRY, encode
from symphony_chain.model.context import Call, ModelRevert
from symphony_chain.model.market import MarketModel, OfferedBid
from symphony_chain.model.registry import RegistryModel
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Bid, State, Task
from tests.contract.evm import GENESIS_TIME_S, Deployed, Outcome, slot_of

MIN_WINDOW_S = 5
KEYS: list[LocalAccount] = [Account.from_key(keccak(text=f"actor {i}")) for i in range(6)]
ACTORS = [key.address for key in KEYS]
KEY_OF = {key.address: key for key in KEYS}
PAGES = (keccak(text="page 0"), keccak(text="page 1"))
_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
#: Storage of TaskMarket, after the two string slots of EIP712; `compare_views` would find an error here at once.
_SEAT, _BALANCE, _ACCOUNT, _EARNED, _BURNT, _NONCE = range(3, 9)
_BASE = Deployed.new(ACTORS, MIN_WINDOW_S)

#: How a signature is dressed before it is handed in.
FORMS = ("plain", "compact", "high-s", "short", "v0")


def dressed(signature: bytes, form: str) -> bytes:
    """The same signature in another form: ERC-2098, its malleable twin, cut short, with v = 0/1."""
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    if form == "compact":
        return r + (s | (v - 27) << 255).to_bytes(32, "big")
    if form == "high-s":
        return r + (_N - s).to_bytes(32, "big") + bytes([55 - v])
    if form == "short":
        return signature[:63]
    if form == "v0":
        return signature[:64] + bytes([v - 27])
    return signature


@dataclass(frozen=True)
class Act:
    """One call on the bytecode (`to`, `data`) and the same step on the model (`run`, given the circumstances)."""

    sender: str
    to: str
    data: bytes
    run: Callable[[Call], object]
    value_wei: int = 0


@dataclass(frozen=True)
class Opening:
    """What a seat will reveal."""

    answer: bytes
    answer_digest: bytes
    evidence: bytes
    salt: bytes


@dataclass
class World:
    """Both sides of one chain, and what actors remember off chain."""

    chain: Deployed = field(default_factory=_BASE.fork)
    tasks: dict[bytes, Task] = field(default_factory=dict)
    offers: dict[bytes, list[OfferedBid]] = field(default_factory=dict)
    openings: dict[tuple[bytes, int], Opening] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.registry = RegistryModel()
        self.market = MarketModel(
            self.registry,
            MIN_WINDOW_S,
            lambda task: signing.task_id(self.domain, task),
            # Neither contract can receive coins.
            accepts=lambda address: address not in (self.chain.registry, self.chain.market),
        )
        self.chain.evm.at(GENESIS_TIME_S)

    @property
    def domain(self) -> signing.Domain:
        return self.chain.domain

    @property
    def now_s(self) -> int:
        return self.chain.evm.time_s

    def do(self, act: Act) -> Outcome:
        """Runs an act on both sides and compares success, error with arguments, and events."""
        outcome = self.chain.evm.send(act.sender, act.to, act.data, act.value_wei)
        seen = len(self.market.events), len(self.registry.events)
        error: tuple[str, dict[str, Any]] | None = None
        try:
            act.run(Call(act.sender, self.now_s, act.value_wei))
        except ModelRevert as revert:
            error = revert.name, revert.arguments
        assert outcome.error == error
        assert outcome.events == [*self.market.events[seen[0] :], *self.registry.events[seen[1] :]]
        return outcome

    def must(self, act: Act) -> Outcome:
        outcome = self.do(act)
        assert outcome.ok, outcome.error
        return outcome

    # --- registry ---

    def register(
        self, owner: str, word: int, page_id: bytes = PAGES[0], file_digest: bytes = b"\x11" * 32
    ) -> Act:
        data = registry.encode_register(file_digest, page_id, word)
        return self._of_registry(owner, data, lambda c: self.registry.register(c, file_digest, page_id, word))

    def register_uri(self, owner: str, uri: str, metadata: tuple[tuple[str, bytes], ...] = ()) -> Act:
        data = encode(REGISTRY, "register(string,(string,bytes)[])", uri, list(metadata))
        return self._of_registry(owner, data, lambda c: self.registry.register_uri(c, uri, metadata))

    def declare(self, sender: str, agent_id: int, page_id: bytes, word: int) -> Act:
        data = registry.encode_declare(agent_id, page_id, word)
        return self._of_registry(sender, data, lambda c: self.registry.declare(c, agent_id, page_id, word))

    def set_wallet(
        self,
        sender: str,
        agent_id: int,
        wallet: str,
        deadline_s: int,
        form: str = "plain",
        signer: str | None = None,
    ) -> Act:
        """`signer` (default: the wallet itself) consents for the agent's present owner."""
        owner = self.registry.owner_and_wallet(agent_id)[0]
        message = {"agentId": agent_id, "newWallet": wallet, "owner": owner, "deadline": deadline_s}
        signature = self._sign(signer or wallet, "AgentWalletSet", message, form)

        def run(call: Call) -> object:
            now = {**message, "owner": self.registry.owner_and_wallet(agent_id)[0]}
            by = self._recover("AgentWalletSet", now, signature)
            return self.registry.set_agent_wallet(replace(call, signer=by), agent_id, wallet, deadline_s)

        return self._of_registry(
            sender, registry.encode_set_agent_wallet(agent_id, wallet, deadline_s, signature), run
        )

    def unset_wallet(self, sender: str, agent_id: int) -> Act:
        data = encode(REGISTRY, "unsetAgentWallet", agent_id)
        return self._of_registry(sender, data, lambda c: self.registry.unset_agent_wallet(c, agent_id))

    def transfer(self, sender: str, from_: str, to: str, agent_id: int) -> Act:
        data = encode(REGISTRY, "transferFrom", from_, to, agent_id)
        return self._of_registry(sender, data, lambda c: self.registry.transfer(c, from_, to, agent_id))

    def approve(self, sender: str, to: str, agent_id: int) -> Act:
        data = encode(REGISTRY, "approve", to, agent_id)
        return self._of_registry(sender, data, lambda c: self.registry.approve(c, to, agent_id))

    # --- money ---

    def deposit(self, sender: str, account: str, value_wei: int) -> Act:
        return self._of_market(
            sender, market.encode_deposit(account), lambda c: self.market.deposit(c, account), value_wei
        )

    def fund_agent(self, sender: str, agent_id: int, value_wei: int) -> Act:
        data = market.encode_fund_agent(agent_id)
        return self._of_market(sender, data, lambda c: self.market.fund_agent(c, agent_id), value_wei)

    def withdraw(self, sender: str, account: str, to: str, amount_wei: int) -> Act:
        data = market.encode_withdraw(account, to, amount_wei)
        return self._of_market(
            sender, data, lambda c: self.market.withdraw(c, account, NATIVE, to, amount_wei)
        )

    def withdraw_signed(
        self,
        sender: str,
        account: str,
        to: str,
        amount_wei: int,
        deadline_s: int,
        signer: str,
        *,
        form: str = "plain",
        nonce: int | None = None,
    ) -> Act:
        def message(nonce: int) -> dict[str, Any]:
            names = ("account", "token", "to", "amount", "nonce", "deadline")
            return dict(zip(names, (account, NATIVE, to, amount_wei, nonce, deadline_s), strict=True))

        used = self.market.nonces[account] if nonce is None else nonce
        signature = self._sign(signer, "Withdraw", message(used), form)

        def run(call: Call) -> object:
            by = self._recover("Withdraw", message(self.market.nonces[account]), signature)
            return self.market.withdraw(replace(call, signer=by), account, NATIVE, to, amount_wei, deadline_s)

        data = market.encode_withdraw(account, to, amount_wei, NATIVE, deadline_s, signature)
        return self._of_market(sender, data, run)

    def claim(self, sender: str, agent_id: int, to: str, token: str = NATIVE) -> Act:
        data = market.encode_claim(agent_id, to, token)
        return self._of_market(sender, data, lambda c: self.market.claim(c, agent_id, token, to))

    def claim_signed(
        self,
        sender: str,
        agent_id: int,
        to: str,
        deadline_s: int,
        signer: str,
        *,
        form: str = "plain",
        nonce: int | None = None,
    ) -> Act:
        def message(nonce: int) -> dict[str, Any]:
            names = ("agentId", "token", "to", "nonce", "deadline")
            return dict(zip(names, (agent_id, NATIVE, to, nonce, deadline_s), strict=True))

        used = self.market.nonces[signer] if nonce is None else nonce
        signature = self._sign(signer, "Claim", message(used), form)

        def run(call: Call) -> object:
            # The contract tries the owner's nonce, then the wallet's: whoever it fits is the signer.
            candidates = self.registry.owner_and_wallet(agent_id)
            signed = [
                a
                for a in candidates
                if self._recover("Claim", message(self.market.nonces[a]), signature) == a
            ]
            by = signed[0] if signed else ZERO_ADDRESS
            return self.market.claim(replace(call, signer=by), agent_id, NATIVE, to, deadline_s)

        data = market.encode_claim(agent_id, to, NATIVE, deadline_s, signature)
        return self._of_market(sender, data, run)

    # --- life of a task ---

    def task_id(self, task: Task) -> bytes:
        task_id = signing.task_id(self.domain, task)
        self.tasks.setdefault(task_id, task)
        return task_id

    def post(self, sender: str, task: Task, signer: str | None = None, form: str = "plain") -> Act:
        message = signing.task_message(task)
        signature, by = self._maybe_signed(signer, "Task", message, form)
        data = market.encode_post(task, signature)
        return self._of_market(sender, data, lambda c: self.market.post(replace(c, signer=by), task))

    def deposit_and_post(self, sender: str, task: Task, value_wei: int) -> Act:
        data = market.encode_deposit_and_post(task)
        return self._of_market(sender, data, lambda c: self.market.deposit_and_post(c, task), value_wei)

    def cancel(self, sender: str, task: Task, signer: str | None = None, form: str = "plain") -> Act:
        signature, by = self._maybe_signed(signer, "Cancel", {"taskId": self.task_id(task)}, form)
        data = market.encode_cancel(task, signature)
        return self._of_market(sender, data, lambda c: self.market.cancel(replace(c, signer=by), task))

    def offer(self, task_id: bytes, bid: Bid, signer: str, form: str = "plain") -> OfferedBid:
        """A signed bid, remembered for a later award."""
        signature = self._sign(signer, "Bid", signing.bid_message(task_id, bid), form)
        signed = replace(bid, signature=signature)
        found = OfferedBid(signed, signing.recover_bid(self.domain, task_id, signed) or ZERO_ADDRESS)
        self.offers.setdefault(task_id, []).append(found)
        return found

    def bid(self, sender: str, task_id: bytes, offer: OfferedBid) -> Act:
        data = market.encode_bid(task_id, offer.bid)
        return self._of_market(sender, data, lambda c: self.market.bid(c, task_id, offer))

    def award(
        self,
        sender: str,
        task: Task,
        offers: Sequence[OfferedBid],
        signer: str | None = None,
        form: str = "plain",
    ) -> Act:
        bids = [offer.bid for offer in offers]
        message = {
            "taskId": self.task_id(task),
            "agentIds": [bid.agent_id for bid in bids],
            "prices": [bid.price_wei for bid in bids],
        }
        signature, by = self._maybe_signed(signer, "Award", message, form)
        data = market.encode_award(task, bids, signature)
        return self._of_market(sender, data, lambda c: self.market.award(replace(c, signer=by), task, offers))

    def commit(
        self,
        sender: str,
        task_id: bytes,
        seat: int,
        commitment: bytes,
        signer: str | None = None,
        form: str = "plain",
    ) -> Act:
        message = {"taskId": task_id, "seat": seat, "commitment": commitment}
        signature, by = self._maybe_signed(signer, "Commit", message, form)
        data = market.encode_commit(task_id, seat, commitment, signature)
        return self._of_market(
            sender, data, lambda c: self.market.commit(replace(c, signer=by), task_id, seat, commitment)
        )

    def reveal(self, sender: str, task_id: bytes, seat: int, opening: Opening, answer: bytes = b"") -> Act:
        values = (task_id, seat, opening.answer_digest, opening.evidence, opening.salt, answer)
        return self._of_market(
            sender, market.encode_reveal(*values), lambda c: self.market.reveal(c, *values)
        )

    def settle(self, sender: str, task: Task) -> Act:
        return self._of_market(sender, market.encode_settle(task), lambda c: self.market.settle(c, task))

    def multicall(self, sender: str, acts: Sequence[Act]) -> Act:
        """All acts as one call of `sender`; none of them may carry a value."""
        assert all(act.to == self.chain.market and act.value_wei == 0 for act in acts)

        def run(call: Call) -> object:
            return self.market.multicall([lambda act=act: act.run(call) for act in acts])

        return self._of_market(sender, market.encode_multicall([act.data for act in acts]), run)

    # --- comparison ---

    def compare_storage(self, task_id: bytes | None) -> None:
        """Every word of the market that a step may touch, straight from storage (views cost a hundred times more)."""
        model = self.market
        for actor in ACTORS:
            key = int(actor, 16)
            assert self._word(_BALANCE, key, 0) == model.balances[actor, NATIVE]
            assert self._word(_NONCE, key) == model.nonces[actor]
        for agent_id in self.registry.agents:
            account = model.accounts[agent_id, NATIVE]
            packed = account.accrued_wei | account.seats << 128 | account.won << 160 | account.no_shows << 192
            assert self._word(_ACCOUNT, agent_id, 0) == packed
            for page_id in PAGES:
                assert (
                    self._word(_EARNED, agent_id, int.from_bytes(page_id, "big"))
                    == model.earned[agent_id, page_id]
                )
        assert self._word(_BURNT, 0) == model.burnt[NATIVE]
        if task_id is not None:
            seats = model.tasks[task_id].seats if task_id in model.tasks else []
            words = [self._word(_SEAT, int.from_bytes(task_id, "big"), i) for i in range(len(seats) + 1)]
            assert words == [seat.word() for seat in seats] + [0]
        assert self.chain.evm.coins(self.chain.market) == model.holdings_wei == model.owed_wei()

    def compare_views(self) -> None:
        """The same through the views that users have, with state and head of every task."""
        calls: list[tuple[str, tuple[Any, ...]]] = [("burntOf", (NATIVE,))]
        want: list[tuple[Any, ...]] = [(self.market.burnt[NATIVE],)]
        for actor in ACTORS:
            calls += [("balanceOf", (actor, NATIVE)), ("nonces", (actor,))]
            want += [(self.market.balances[actor, NATIVE],), (self.market.nonces[actor],)]
        for agent_id in self.registry.agents:
            account = self.market.accounts[agent_id, NATIVE]
            calls.append(("accountOf", (agent_id, NATIVE)))
            want.append((account.accrued_wei, account.seats, account.won, account.no_shows))
            for page_id in PAGES:
                calls.append(("earnedOf", (agent_id, page_id)))
                want.append((self.market.earned[agent_id, page_id],))
        for task_id, record in self.market.tasks.items():
            task = record.task
            ends = (task.bid_end_s, task.commit_end_s, task.reveal_end_s)
            head = (0,) * 5 if record.phase.is_final else (record.price_wei, len(record.seats), *ends)
            calls += [("stateOf", (task_id,)), ("headOf", (task_id,)), ("seatOf", (task_id, 0))]
            want += [
                (self.market.state(task_id, self.now_s),),
                head,
                (record.seats[0].word() if record.seats else 0,),
            ]
        assert self.chain.read_many(calls) == want

    def compare_state(self, task_id: bytes) -> None:
        """What time made of a task."""
        assert self.chain.read("stateOf", task_id) == self.market.state(task_id, self.now_s)

    def compare_registry(self) -> None:
        for agent_id in range(1, len(self.registry.agents) + 2):
            owner, wallet = self.chain.read_registry("ownerAndWallet", agent_id)
            known = self.registry.owner_and_wallet(agent_id)
            assert (owner, wallet) == tuple(address.lower() for address in known)
            for page_id in PAGES:
                assert self.chain.read_registry("declaredOf", agent_id, page_id) == self.registry.declared(
                    agent_id, page_id
                )

    def drain(self, stranger: str) -> None:
        """Liveness: time and permissionless calls end every task and free every coin but the burnt ones."""
        for task_id, record in self.market.tasks.items():
            if not record.phase.is_final:
                self.chain.evm.at(max(self.now_s, record.task.reveal_end_s + 1))
                self.must(self.settle(stranger, record.task))
                assert self.market.state(task_id, self.now_s) in (
                    State.SETTLED,
                    State.INCONCLUSIVE,
                    State.VOID,
                    State.EXPIRED,
                )
        for actor in ACTORS:
            if amount_wei := self.market.balances[actor, NATIVE]:
                self.must(self.withdraw(actor, actor, actor, amount_wei))
        for agent_id, agent in self.registry.agents.items():
            if self.market.accounts[agent_id, NATIVE].accrued_wei:
                self.must(self.claim(agent.owner, agent_id, agent.owner))
        assert self.chain.evm.coins(self.chain.market) == self.market.burnt[NATIVE]

    # --- inside ---

    def _word(self, base: int, *keys: int) -> int:
        return self.chain.evm.slot(self.chain.market, slot_of(base, *keys))

    def _of_market(self, sender: str, data: bytes, run: Callable[[Call], object], value_wei: int = 0) -> Act:
        return Act(sender, self.chain.market, data, run, value_wei)

    def _of_registry(self, sender: str, data: bytes, run: Callable[[Call], object]) -> Act:
        return Act(sender, self.chain.registry, data, run)

    def _sign(self, signer: str, kind: str, message: dict[str, Any], form: str) -> bytes:
        return dressed(signing.sign(KEY_OF[signer], self.domain, kind, message), form)

    def _recover(self, kind: str, message: dict[str, Any], signature: bytes) -> str:
        return signing.recover(self.domain, kind, message, signature) or ZERO_ADDRESS

    def _maybe_signed(
        self, signer: str | None, kind: str, message: dict[str, Any], form: str
    ) -> tuple[bytes, str | None]:
        """Signature to attach, and who it is from; nothing and None without a signer."""
        if signer is None:
            return b"", None
        signature = self._sign(signer, kind, message, form)
        return signature, self._recover(kind, message, signature)
