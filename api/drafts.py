"""Makes tasks, hires, claims and withdrawals ready to be signed: as an EIP-712 order and as a transaction. Signs nothing.

Of a task it hosts header and body and fills in the times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth_utils.address import to_checksum_address

from api.orders import bid_of, task_from_json
from api.schema.write import (
    ClaimRequest,
    Draft,
    DraftRequest,
    Hire,
    HireRequest,
    Payment,
    UnsignedTx,
    WithdrawRequest,
)
from api.uploads import keep_upload
from symphony_chain.abi import contract_error
from symphony_chain.content.store import ContentStore
from symphony_chain.deploy import Deployment
from symphony_chain.erc20 import encode_approve
from symphony_chain.errors import Conflict, InvalidInput, RpcRevert
from symphony_chain.market import (
    MarketClient,
    encode_claim,
    encode_deposit,
    encode_hire,
    encode_post,
    encode_withdraw,
)
from symphony_chain.registry import RegistryClient
from symphony_chain.rpc import Rpc
from symphony_chain.signing import task_id, task_message, task_salt, typed_data
from symphony_chain.skills import DEFAULT_PAGE_ID, word_of_tags
from symphony_chain.spec.body import TaskBody
from symphony_chain.spec.header import BeaconHeader
from symphony_chain.types import NATIVE, Task

#: How long a signed claim or withdrawal counts.
PAYMENT_S = 3600


@dataclass(frozen=True)
class Drafts:
    """One deployment, its node, and whether signed orders are relayed here."""

    rpc: Rpc
    deployment: Deployment
    relayed: bool

    # --- tasks ---

    def task(
        self,
        request: DraftRequest,
        *,
        store: ContentStore,
        pinned: bool,
        endpoint: str,
        random_bytes: Callable[[int], bytes],
    ) -> Draft:
        """The draft of a task; its header and body are in the store afterwards.

        Args:
            pinned: as for `keep_upload`; a draft costs a stranger nothing, so theirs is not.
        Raises:
            InvalidInput: a skill or the answer format is unknown, or a text is too long. StoreFull: no room for the texts.
            InvalidInput `draft.out_of_range`: the market takes no such task.
        """
        body = TaskBody(prompt=request.prompt)
        header = BeaconHeader(
            title=request.title,
            body=body.ref(),
            answer_format=request.answer_format,
            skills=tuple(sorted(request.skills)),
            cot_count=request.cot_count,
            ttl_s=request.bid_window_s + request.commit_window_s + request.reveal_window_s,
            bid_endpoint=(endpoint,),
        )
        # What else of the requester is open is not known here: one of its first desks is likely to be free.
        salt = task_salt(request.requester, random_bytes(1)[0] % 16, random_bytes(27))
        task = _task(request, header.digest, self.rpc.head().timestamp, salt)
        calldata = encode_post(task)  # first: it says clearly which value does not fit the contract
        self._check(task.requester, calldata)
        texts = (("body", body.to_json()), ("header", header.to_json()))
        body_cid, header_cid = (keep_upload(store, kind, data, pinned=pinned).cid for kind, data in texts)
        balance_wei = MarketClient(self.rpc, self.deployment.market).balance(task.requester, task.token)
        return Draft(
            order={"kind": "post", "task": task.as_json()},
            typed_data=typed_data(self.deployment.domain, "Task", _wallet_message(task_message(task))),
            transaction=self._to_market(task.requester, calldata, task.escrow_wei if task.token == NATIVE else 0),
            relayed=self.relayed,
            task_id="0x" + task_id(self.deployment.domain, task).hex(),
            task=task.as_json(),
            token=task.token,
            escrow_wei=task.escrow_wei,
            balance_wei=balance_wei,
            deposits=self._deposits(task.requester, task.token, task.escrow_wei - balance_wei),
            header_cid=header_cid,
            body_cid=body_cid,
        )

    def hire(self, request: HireRequest) -> Hire:
        """The draft of a task and its award in one.

        Raises:
            InvalidInput: not a task, or a value that the market does not take.
            ContractError: the market would refuse it (too few of the bids stand, the task was posted already, …).
        """
        task, bids = task_from_json(request.task), [bid_of(bid) for bid in request.bids]
        calldata = encode_hire(task, bids)
        self._check(task.requester, calldata)
        asks = [bid.price_wei for bid in bids if bid.price_wei <= task.ceiling_wei]
        cost_wei = max(asks, default=0) * min(task.k, len(asks)) + task.evaluation_fee_wei
        balance_wei = MarketClient(self.rpc, self.deployment.market).balance(task.requester, task.token)
        about = task_id(self.deployment.domain, task)
        message = {"taskId": about, "bids": [str(bid.terms) for bid in bids]}
        return Hire(
            order={"kind": "hire", "task": request.task, "bids": [bid.model_dump() for bid in request.bids]},
            typed_data=typed_data(self.deployment.domain, "Hire", _wallet_message(message)),
            transaction=self._to_market(task.requester, calldata, cost_wei if task.token == NATIVE else 0),
            relayed=self.relayed,
            task_id="0x" + about.hex(),
            token=task.token,
            cost_wei=cost_wei,
            balance_wei=balance_wei,
            deposits=self._deposits(task.requester, task.token, cost_wei - balance_wei),
        )

    def _check(self, requester: str, calldata: bytes) -> None:
        """Asks the market whether it would take the task; it looks at everything else before it looks for the money."""
        try:
            self.rpc.eth_call(self.deployment.market, calldata, sender=requester)
        except RpcRevert as revert:
            error = contract_error(revert.data)
            if error.code == "contract.ParameterOutOfRange":
                raise _out_of_range(error.context["args"]) from revert
            if error.code != "contract.InsufficientBalance":
                raise error from revert

    def _deposits(self, account: str, token: str, missing_wei: int) -> tuple[UnsignedTx, ...]:
        """What brings an amount into an account's balance: a token must be approved first."""
        if missing_wei <= 0:
            return ()
        deposit = self._to_market(
            account, encode_deposit(account, missing_wei, token), missing_wei if token == NATIVE else 0
        )
        if token == NATIVE:
            return (deposit,)
        approve = encode_approve(self.deployment.market, missing_wei)
        return (self._transaction(account, token, approve, 0), deposit)

    # --- money that leaves ---

    def claim(self, request: ClaimRequest) -> Payment:
        """The draft of a claim, good for an hour.

        Raises:
            ContractError: the market would refuse it (nothing to claim, not the agent's owner or operator, …).
        """
        market = MarketClient(self.rpc, self.deployment.market)
        by, token = to_checksum_address(request.by), to_checksum_address(request.token)
        owner, _ = RegistryClient(self.rpc, self.deployment.registry).owner_and_wallet(request.agent_id)
        to = to_checksum_address(request.to) if request.to is not None else owner
        deadline_s = self._deadline_s()
        message = {"agentId": request.agent_id, "token": token, "to": to, "nonce": market.nonce(by), "deadline": deadline_s}
        order = {"kind": "claim", "agent_id": request.agent_id, "token": token, "to": to, "deadline_s": deadline_s}
        amount_wei = market.account(request.agent_id, token).accrued_wei
        return self._payment("Claim", message, order, by, encode_claim(request.agent_id, to, token), token, amount_wei, to)

    def withdraw(self, request: WithdrawRequest) -> Payment:
        """The draft of a withdrawal, good for an hour.

        Raises:
            Conflict `money.nothing`: the balance is empty. ContractError: the market would refuse it.
        """
        market = MarketClient(self.rpc, self.deployment.market)
        account, token = to_checksum_address(request.account), to_checksum_address(request.token)
        to = to_checksum_address(request.to) if request.to is not None else account
        balance_wei = market.balance(account, token)
        amount_wei = int(request.amount_wei) if request.amount_wei is not None else balance_wei
        if amount_wei == 0:
            raise Conflict(
                f"{account} has nothing to withdraw in this token",
                hint="see its balances at /v1/accounts/{address}; an agent's pay is claimed, not withdrawn",
                code="money.nothing",
            )
        deadline_s = self._deadline_s()
        names = {"account": account, "token": token, "to": to}
        message = names | {"amount": amount_wei, "nonce": market.nonce(account), "deadline": deadline_s}
        order = {"kind": "withdraw"} | names | {"amount_wei": str(amount_wei), "deadline_s": deadline_s}
        calldata = encode_withdraw(account, to, amount_wei, token)
        return self._payment("Withdraw", message, order, account, calldata, token, amount_wei, to)

    def _payment(
        self,
        primary_type: str,
        message: dict[str, Any],
        order: dict[str, Any],
        by: str,
        calldata: bytes,
        token: str,
        amount_wei: int,
        to: str,
    ) -> Payment:
        try:
            self.rpc.eth_call(self.deployment.market, calldata, sender=by)
        except RpcRevert as revert:
            raise contract_error(revert.data) from revert
        return Payment(
            order=order,
            typed_data=typed_data(self.deployment.domain, primary_type, _wallet_message(message)),
            transaction=self._to_market(by, calldata, 0),
            relayed=self.relayed,
            token=token,
            amount_wei=amount_wei,
            to=to,
            deadline_s=message["deadline"],
        )

    # --- inside ---

    def _deadline_s(self) -> int:
        return self.rpc.head().timestamp + PAYMENT_S

    def _to_market(self, sender: str, calldata: bytes, value_wei: int) -> UnsignedTx:
        return self._transaction(sender, self.deployment.market, calldata, value_wei)

    def _transaction(self, sender: str, to: str, calldata: bytes, value_wei: int) -> UnsignedTx:
        values = {"from": sender, "to": to, "data": "0x" + calldata.hex(), "value": value_wei}
        return UnsignedTx.model_validate(values | {"chainId": self.deployment.chain_id})


def _out_of_range(args: dict[str, str]) -> InvalidInput:
    """The market's own words in a person's: the parameter's name is ASCII in 32 bytes."""
    name = args["name"]
    at_most = f" and at most {args['max']}" if len(args["max"]) < 40 else ""
    return InvalidInput(
        f"{name} is {args['value']}; this market takes at least {args['min']}{at_most}",
        hint="times are in seconds of block time, shares in basis points, money in the token's smallest unit",
        code="draft.out_of_range",
        **args,
    )


def _task(request: DraftRequest, header: bytes, head_s: int, salt: bytes) -> Task:
    try:
        requirement = word_of_tags(request.skills)
    except ValueError as error:
        raise InvalidInput(str(error), hint="see the tags of the skill page at /v1/skills", code="draft.skill") from error
    if requirement == 0:
        raise InvalidInput("a task needs at least one skill above zero", hint="raise one of `skills`", code="draft.skill")
    bid_end_s = head_s + request.bid_window_s
    return Task(
        requester=to_checksum_address(request.requester),
        router=to_checksum_address(request.router),
        token=to_checksum_address(request.token),
        ceiling_wei=int(request.ceiling_wei),
        base_bps=request.base_bps,
        bond_wei=int(request.bond_wei),
        kind=0,
        page_id=DEFAULT_PAGE_ID,
        requirement=requirement,
        min_match_bps=request.min_match_bps,
        k=request.k,
        min_seats=request.min_seats if request.min_seats is not None else request.k,
        quorum_bps=request.quorum_bps,
        open=request.open,
        bid_end_s=bid_end_s,
        commit_end_s=bid_end_s + request.commit_window_s,
        reveal_window_s=request.reveal_window_s,
        evaluator=to_checksum_address(request.evaluator),
        evaluation_window_s=request.evaluation_window_s,
        evaluation_fee_wei=int(request.evaluation_fee_wei),
        shared_bps=request.shared_bps,
        parent=bytes(32),
        header=header,
        salt=salt,
    )


def _wallet_message(message: dict[str, Any]) -> dict[str, object]:
    """A message as wallets take it: JSON, bytes as 0x-hex, numbers beyond a double as decimal strings."""
    out: dict[str, object] = {}
    for name, value in message.items():
        if isinstance(value, bytes):
            out[name] = "0x" + value.hex()
        elif isinstance(value, int) and not isinstance(value, bool) and value >= 2**53:
            out[name] = str(value)
        else:
            out[name] = value
    return out
