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

from symphony_chain import events, market, registry, signing
from symphony_chain.abi import MARKET, REGISTRY, encode
from symphony_chain.deploy import Terms
from symphony_chain.model.context import Call, ModelRevert
from symphony_chain.model.market import MarketModel, OfferedBid
from symphony_chain.model.registry import RegistryModel
from symphony_chain.model.tokens import Tokens
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Bid, Opening, Receipt, State, Task
from tests.contract.doubles import Double
from tests.contract.evm import GENESIS_TIME_S, Deployed, Outcome, slot_of

KEYS: list[LocalAccount] = [Account.from_key(keccak(text=f"actor {i}")) for i in range(8)]
ACTORS = [key.address for key in KEYS[:6]]
POOL = KEYS[6].address  # as good as any: the market only credits it
_KEY_1271 = KEYS[7]
PAGES = (keccak(text="page 0"), keccak(text="page 1"))
_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
#: Storage of TaskMarket, Vault's first; `compare_views` would find an error here at once.
_BALANCE, _ACCOUNT, _NONCE, _HEAD, _SEAT, _EARNED = range(6)

#: What every actor holds of every token.
TOKENS_WEI = 10**24
#: Reputation for nothing, and reputation that has a price.
FREE_TERMS = Terms(score_min_wei=0, score_burn_bps=0)
PRICED_TERMS = Terms(score_min_wei=500, score_burn_bps=300)


@dataclass(frozen=True)
class Base:
    """A deployment to fork worlds from, with a wallet contract and tokens on its chain."""

    chain: Deployed
    terms: Terms
    pool: str
    wallet: str
    fee_bps: dict[str, int]  # token → what it keeps of a transfer

    @classmethod
    def new(cls, terms: Terms, pool: str = POOL) -> Base:
        chain = Deployed.new([*ACTORS, POOL], terms=terms, pool=pool)
        evm = chain.evm
        wallet = Double.deploy(evm, ACTORS[0], "Wallet1271", _KEY_1271.address).address
        fee_bps: dict[str, int] = {}
        for name, fee in (("PlainToken", 0), ("FeeToken", 100)):
            token = Double.deploy(evm, ACTORS[0], name)
            fee_bps[token.address] = fee
            for holder in (*ACTORS, wallet):
                token.must(holder, "mint", holder, TOKENS_WEI)
                token.must(holder, "approve", chain.market, 1 << 255)
        evm.give(wallet, TOKENS_WEI)
        evm.persist()
        return cls(chain, terms, pool, wallet, fee_bps)


FREE = Base.new(FREE_TERMS)
PRICED = Base.new(PRICED_TERMS)
#: An actor that is a contract: it signs by ERC-1271, what its key signed in 65 bytes.
CONTRACT = FREE.wallet
EVERYBODY = (*ACTORS, CONTRACT, POOL)
KEY_OF = {**{key.address: key for key in KEYS[:7]}, CONTRACT: _KEY_1271}

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
class Plan:
    """What a planner binds in its evidence digest."""

    trace_digest: bytes
    children: tuple[bytes, ...]

    @property
    def evidence(self) -> bytes:
        return signing.plan_evidence(self.trace_digest, self.children)


@dataclass
class World:
    """Both sides of one chain, and what actors remember off chain."""

    base: Base = field(default_factory=lambda: FREE)
    offers: dict[bytes, list[OfferedBid]] = field(default_factory=dict)
    openings: dict[tuple[bytes, int], Opening] = field(default_factory=dict)
    plans: dict[tuple[bytes, int], Plan] = field(default_factory=dict)
    receipts: dict[bytes, Receipt] = field(default_factory=dict)
    desks: dict[bytes, int] = field(default_factory=dict)  # where the market keeps a task's seats
    _ids: dict[Task, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chain = self.base.chain.fork()
        self.registry = RegistryModel()
        ours = (self.chain.registry, self.chain.plans, self.chain.market)  # none takes coins
        tokens = Tokens(accepts=lambda address: address not in ours, fee_bps=self.base.fee_bps)
        for token in self.base.fee_bps:
            for holder in (*ACTORS, CONTRACT):
                tokens.mint(token, holder, TOKENS_WEI)
        self.market = MarketModel(
            self.registry,
            self.base.terms.min_window_s,
            self.task_id,
            rules=self.base.terms.rules,
            pool=self.base.pool,
            address=self.chain.market,
            tokens=tokens,
        )
        self.chain.evm.at(GENESIS_TIME_S)

    @property
    def domain(self) -> signing.Domain:
        return self.chain.domain

    @property
    def now_s(self) -> int:
        return self.chain.evm.time_s

    @property
    def tokens(self) -> tuple[str, ...]:
        """Everything that money can be here."""
        return (NATIVE, *self.base.fee_bps)

    def do(self, act: Act) -> Outcome:
        """Runs an act on both sides and compares success, error with arguments, and events."""
        outcome = self.chain.evm.send(act.sender, act.to, act.data, act.value_wei)
        seen = len(self.market.events), len(self.registry.events)
        error: tuple[str, dict[str, Any]] | None = None
        try:
            act.run(Call(act.sender, self.now_s, act.value_wei))
        except ModelRevert as revert:
            error = revert.name, revert.arguments
        assert outcome.error == error, (outcome.error, error)
        assert outcome.events == [*self.market.events[seen[0] :], *self.registry.events[seen[1] :]]
        for event in outcome.events:
            if isinstance(event, events.TaskSettled):
                task = self.market.tasks[event.task_id].task
                self.receipts[event.task_id] = Receipt(task, event.winner, event.results)
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

    def deposit(self, sender: str, account: str, amount_wei: int, token: str = NATIVE, value_wei: int | None = None) -> Act:
        """`value_wei`: the coins that come along; by default those that the amount needs."""
        data = market.encode_deposit(account, amount_wei, token)
        value_wei = _value(amount_wei, token) if value_wei is None else value_wei
        return self._of_market(sender, data, lambda c: self.market.deposit(c, account, token, amount_wei), value_wei)

    def fund_agent(self, sender: str, agent_id: int, amount_wei: int, token: str = NATIVE) -> Act:
        data = market.encode_fund_agent(agent_id, amount_wei, token)
        run = lambda c: self.market.fund_agent(c, agent_id, token, amount_wei)  # noqa: E731
        return self._of_market(sender, data, run, _value(amount_wei, token))

    def withdraw(self, sender: str, account: str, to: str, amount_wei: int, token: str = NATIVE) -> Act:
        data = market.encode_withdraw(account, to, amount_wei, token)
        return self._of_market(sender, data, lambda c: self.market.withdraw(c, account, token, to, amount_wei))

    def withdraw_signed(
        self,
        sender: str,
        account: str,
        to: str,
        amount_wei: int,
        deadline_s: int,
        signer: str,
        *,
        token: str = NATIVE,
        form: str = "plain",
        nonce: int | None = None,
    ) -> Act:
        def message(nonce: int) -> dict[str, Any]:
            names = ("account", "token", "to", "amount", "nonce", "deadline")
            return dict(zip(names, (account, token, to, amount_wei, nonce, deadline_s), strict=True))

        used = self.market.nonces[account] if nonce is None else nonce
        signature = self._sign(signer, "Withdraw", message(used), form)

        def run(call: Call) -> object:
            by = self._recover("Withdraw", message(self.market.nonces[account]), signature)
            return self.market.withdraw(replace(call, signer=by), account, token, to, amount_wei, deadline_s)

        data = market.encode_withdraw(account, to, amount_wei, token, deadline_s, signature)
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
        token: str = NATIVE,
        form: str = "plain",
        nonce: int | None = None,
    ) -> Act:
        def message(nonce: int) -> dict[str, Any]:
            names = ("agentId", "token", "to", "nonce", "deadline")
            return dict(zip(names, (agent_id, token, to, nonce, deadline_s), strict=True))

        used = self.market.nonces[signer] if nonce is None else nonce
        signature = self._sign(signer, "Claim", message(used), form)

        def run(call: Call) -> object:
            # The contract tries the owner's nonce, then the wallet's: whoever it fits is the signer.
            candidates = self.registry.owner_and_wallet(agent_id)
            signed = [
                a for a in candidates if self._recover("Claim", message(self.market.nonces[a]), signature) == a
            ]
            by = signed[0] if signed else ZERO_ADDRESS
            return self.market.claim(replace(call, signer=by), agent_id, token, to, deadline_s)

        data = market.encode_claim(agent_id, to, token, deadline_s, signature)
        return self._of_market(sender, data, run)

    # --- life of a task ---

    def task_id(self, task: Task) -> bytes:
        found = self._ids.get(task)
        if found is None:
            found = self._ids[task] = signing.task_id(self.domain, task)
        return found

    def post(
        self, sender: str, task: Task, value_wei: int = 0, *, signer: str | None = None, form: str = "plain"
    ) -> Act:
        signature, by = self._maybe_signed(signer, "Task", signing.task_message(task), form)
        data = market.encode_post(task, signature)
        return self._of_market(sender, data, lambda c: self.market.post(replace(c, signer=by), task), value_wei)

    def hire(
        self,
        sender: str,
        task: Task,
        offers: Sequence[OfferedBid],
        value_wei: int = 0,
        *,
        signer: str | None = None,
        form: str = "plain",
    ) -> Act:
        signature, by = self._maybe_signed(signer, "Hire", self._choice(task, offers), form)
        data = market.encode_hire(task, [offer.bid for offer in offers], signature)
        return self._of_market(sender, data, lambda c: self.market.hire(replace(c, signer=by), task, offers), value_wei)

    def cancel(self, sender: str, task: Task, signer: str | None = None, form: str = "plain") -> Act:
        signature, by = self._maybe_signed(signer, "Cancel", {"taskId": self.task_id(task)}, form)
        data = market.encode_cancel(task, signature)
        return self._of_market(sender, data, lambda c: self.market.cancel(replace(c, signer=by), task))

    def offer(self, task_id: bytes, bid: Bid, signer: str, form: str = "plain") -> OfferedBid:
        """A signed bid, remembered for a later award."""
        message = signing.bid_message(task_id, bid)
        signature = self._sign(signer, "Bid", message, form)
        found = OfferedBid(replace(bid, signature=signature), self._recover("Bid", message, signature))
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
        signature, by = self._maybe_signed(signer, "Award", self._choice(task, offers), form)
        data = market.encode_award(task, [offer.bid for offer in offers], signature)
        return self._of_market(sender, data, lambda c: self.market.award(replace(c, signer=by), task, offers))

    def take(
        self,
        sender: str,
        task: Task,
        agent_id: int,
        signer: str | None = None,
        form: str = "plain",
        ahead_s: int = 0,
    ) -> Act:
        """A signed one is good for `ahead_s` more seconds."""
        deadline_s = self.now_s + ahead_s
        message = {"taskId": self.task_id(task), "agentId": agent_id, "deadline": deadline_s}
        signature, by = self._maybe_signed(signer, "Take", message, form)
        data = market.encode_take(task, agent_id, signature, deadline_s)
        return self._of_market(
            sender, data, lambda c: self.market.take(replace(c, signer=by), task, agent_id, deadline_s)
        )

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

    def reveal(self, sender: str, task_id: bytes, opening: Opening) -> Act:
        data = market.encode_reveal(task_id, opening)
        return self._of_market(sender, data, lambda c: self.market.reveal(c, task_id, opening))

    def reveal_plan(
        self, sender: str, task: Task, opening: Opening, plan: Plan, receipts: Sequence[Receipt] | None = None
    ) -> Act:
        """Through `Plans`; `receipts` are by default the right ones, and some other task's where a child has none."""
        if receipts is None:
            receipts = [self.receipts.get(child, Receipt(task, b"", ())) for child in plan.children]
        given = receipts
        data = market.encode_reveal_plan(self.chain.market, task, opening, plan.trace_digest, plan.children, given)

        def run(call: Call) -> object:
            return self.market.reveal_plan(call, task, opening, plan.trace_digest, plan.children, given)

        return Act(sender, self.chain.plans, data, run)

    def reveal_and_settle(self, sender: str, task: Task, openings: Sequence[Opening]) -> Act:
        data = market.encode_reveal_and_settle(task, openings)
        return self._of_market(sender, data, lambda c: self.market.reveal_and_settle(c, task, openings))

    def evaluate(
        self, sender: str, task: Task, scores_bps: Sequence[int], signer: str | None = None, form: str = "plain"
    ) -> Act:
        """Scores may be out of range here."""
        word = sum(score << (16 * seat) for seat, score in enumerate(scores_bps))
        message = {"taskId": self.task_id(task), "scores": word}
        signature, by = self._maybe_signed(signer, "Evaluate", message, form)
        data = encode(MARKET, "evaluate", task.words(), word, signature)
        return self._of_market(sender, data, lambda c: self.market.evaluate(replace(c, signer=by), task, scores_bps))

    def settle(self, sender: str, task: Task) -> Act:
        return self._of_market(sender, market.encode_settle(task), lambda c: self.market.settle(c, task))

    def multicall(self, sender: str, acts: Sequence[Act]) -> Act:
        """All acts as one call of `sender`; none of them may carry a value."""
        assert all(act.to == self.chain.market and act.value_wei == 0 for act in acts)

        def run(call: Call) -> object:
            return self.market.multicall([lambda act=act: act.run(call) for act in acts])

        return self._of_market(sender, market.encode_multicall([act.data for act in acts]), run)

    def earn(self, agent_id: int, word: int, page_id: bytes = PAGES[0]) -> None:
        """Reputation given by hand, on both sides."""
        slot = slot_of(_EARNED, agent_id, int.from_bytes(page_id, "big"))
        self.chain.evm.poke(self.chain.market, slot, word)
        self.market.earned[agent_id, page_id] = word

    # --- comparison ---

    def compare_storage(self, task_id: bytes | None) -> None:
        """Every word of the market that a step may touch, straight from storage (views cost a hundred times more)."""
        model = self.market
        for account in EVERYBODY:
            key = int(account, 16)
            assert self._word(_NONCE, key) == model.nonces[account]
            for token in self.tokens:
                assert self._word(_BALANCE, key, int(token, 16)) == model.balances[account, token]
        for agent_id in self.registry.agents:
            for token in self.tokens:
                agent = model.accounts[agent_id, token]
                packed = agent.accrued_wei | agent.seats << 128 | agent.won << 160 | agent.no_shows << 192
                assert self._word(_ACCOUNT, agent_id, int(token, 16)) == packed
            for page_id in PAGES:
                earned = self._word(_EARNED, agent_id, int.from_bytes(page_id, "big"))
                assert earned == model.earned[agent_id, page_id]
        if task_id is not None:
            key, record = int.from_bytes(task_id, "big"), model.tasks.get(task_id)
            seats = record.seats if record else []
            head = self._word(_HEAD, key)
            desk = head >> 208 & (1 << 35) - 1 if seats else 0
            assert head - (desk << 208) == (record.word() if record else 0)
            assert [self._word(_SEAT, desk, i) for i in range(len(seats))] == [seat.word() for seat in seats]
            self.desks[task_id] = desk
            others = [self.desks[i] for i, other in model.tasks.items() if other.seats and i in self.desks and i != task_id]
            assert not seats or desk not in others, "two live tasks at one desk"
        self.compare_money()

    def compare_money(self) -> None:
        """Solvency and Conservation: what the market holds is somebody's, or burnt."""
        for token in self.tokens:
            assert self.held_wei(token) == self.market.tokens.held_wei(token)
            assert self.held_wei(token) == self.market.owed_wei(token) + self.market.burnt_wei[token]

    def held_wei(self, token: str = NATIVE) -> int:
        """What the market really holds."""
        if token == NATIVE:
            return self.chain.evm.coins(self.chain.market)
        call = keccak(text="balanceOf(address)")[:4] + bytes(12) + bytes.fromhex(self.chain.market[2:])
        return int.from_bytes(self.chain.evm.call(token, call), "big")

    def compare_views(self) -> None:
        """The same through the views that users have, with state, head and receipt of every task."""
        calls: list[tuple[str, tuple[Any, ...]]] = []
        want: list[tuple[Any, ...]] = []
        for account in EVERYBODY:
            calls.append(("nonces", (account,)))
            want.append((self.market.nonces[account],))
            for token in self.tokens:
                calls.append(("balanceOf", (account, token)))
                want.append((self.market.balances[account, token],))
        for agent_id in self.registry.agents:
            for token in self.tokens:
                agent = self.market.accounts[agent_id, token]
                calls.append(("accountOf", (agent_id, token)))
                want.append((agent.accrued_wei, agent.seats, agent.won, agent.no_shows))
            for page_id in PAGES:
                calls.append(("earnedOf", (agent_id, page_id)))
                want.append((self.market.earned[agent_id, page_id],))
        for task_id, record in self.market.tasks.items():
            calls += [("stateOf", (task_id,)), ("headOf", (task_id,)), ("seatOf", (task_id, 0))]
            want += [
                (self.market.state(task_id, self.now_s),),
                (record.word(),),
                (record.seats[0].word() if record.seats else 0,),
            ]
            calls.append(("receiptOf", (task_id,)))
            want.append(self.market.receipt(task_id))
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
                self.chain.evm.at(max(self.now_s, record.task.evaluation_end_s + 1))
                self.must(self.settle(stranger, record.task))
                assert self.market.state(task_id, self.now_s) in (
                    State.SETTLED,
                    State.INCONCLUSIVE,
                    State.VOID,
                    State.EXPIRED,
                )
        for token in self.tokens:
            for account in EVERYBODY:
                if amount_wei := self.market.balances[account, token]:
                    self.must(self.withdraw(account, account, account, amount_wei, token))
            for agent_id, agent in self.registry.agents.items():
                if self.market.accounts[agent_id, token].accrued_wei:
                    self.must(self.claim(agent.owner, agent_id, agent.owner, token))
            assert self.held_wei(token) == self.market.burnt_wei[token]

    # --- inside ---

    def _choice(self, task: Task, offers: Sequence[OfferedBid]) -> dict[str, Any]:
        return {"taskId": self.task_id(task), "bids": [offer.bid.terms for offer in offers]}

    def _word(self, base: int, *keys: int) -> int:
        return self.chain.evm.slot(self.chain.market, slot_of(base, *keys))

    def _of_market(self, sender: str, data: bytes, run: Callable[[Call], object], value_wei: int = 0) -> Act:
        return Act(sender, self.chain.market, data, run, value_wei)

    def _of_registry(self, sender: str, data: bytes, run: Callable[[Call], object]) -> Act:
        return Act(sender, self.chain.registry, data, run)

    def _sign(self, signer: str, kind: str, message: dict[str, Any], form: str) -> bytes:
        return dressed(signing.sign(KEY_OF[signer], self.domain, kind, message), form)

    def _recover(self, kind: str, message: dict[str, Any], signature: bytes) -> str:
        found = signing.recover(self.domain, kind, message, signature) or ZERO_ADDRESS
        if len(signature) != 65 or signature[64] not in (27, 28):
            return found if found != _KEY_1271.address else ZERO_ADDRESS
        # The wallet contract takes its key's 65 bytes with either s, and only those.
        low = signature
        if int.from_bytes(signature[32:64], "big") > _N // 2:
            low = dressed(signature, "high-s")
        by_code = signing.recover(self.domain, kind, message, low) == _KEY_1271.address
        return CONTRACT if by_code else found

    def _maybe_signed(
        self, signer: str | None, kind: str, message: dict[str, Any], form: str
    ) -> tuple[bytes, str | None]:
        """Signature to attach, and who it is from; nothing and None without a signer."""
        if signer is None:
            return b"", None
        signature = self._sign(signer, kind, message, form)
        return signature, self._recover(kind, message, signature)


def _value(amount_wei: int, token: str) -> int:
    """Coins to send along for an amount of a token."""
    return amount_wei if token == NATIVE else 0
