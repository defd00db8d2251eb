"""Makes a task ready to be signed: hosts its header and body, fills in times, gives order and transaction. Signs nothing."""

from __future__ import annotations

from collections.abc import Callable

from eth_utils.address import to_checksum_address

from api.schema.write import Draft, DraftRequest, UnsignedTx
from symphony_chain.content.store import ContentStore
from symphony_chain.deploy import Deployment
from symphony_chain.errors import InvalidInput
from symphony_chain.market import MarketClient, encode_deposit_and_post
from symphony_chain.rpc import Rpc
from symphony_chain.signing import task_id, task_message, typed_data
from symphony_chain.skills import DEFAULT_PAGE_ID, word_of_tags
from symphony_chain.spec.body import TaskBody
from symphony_chain.spec.header import BeaconHeader
from symphony_chain.types import NATIVE, ZERO_ADDRESS, Task

PIN_OWNER = "draft"


def make_draft(
    request: DraftRequest,
    *,
    rpc: Rpc,
    deployment: Deployment,
    store: ContentStore,
    endpoint: str,
    random_bytes: Callable[[int], bytes],
) -> Draft:
    """The draft of a request; its header and body are in the store afterwards.

    Raises:
        InvalidInput: a skill or the answer format is unknown, or a text is too long. StoreFull: no room for the texts.
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
    task = _task(request, header.digest, rpc.head().timestamp, random_bytes(32))
    calldata = encode_deposit_and_post(task)  # first: it says clearly which value does not fit the contract
    order_id = task_id(deployment.domain, task)
    transaction = UnsignedTx.model_validate(
        {
            "from": task.requester,
            "to": deployment.market,
            "data": "0x" + calldata.hex(),
            "value": task.escrow_wei,
            "chainId": deployment.chain_id,
        }
    )
    cids = [store.add(document.to_json(), kind).cid for document, kind in ((body, "body"), (header, "header"))]
    for cid in cids:
        store.pin(cid, PIN_OWNER)
    return Draft(
        task_id="0x" + order_id.hex(),
        task=task.as_json(),
        escrow_wei=task.escrow_wei,
        balance_wei=MarketClient(rpc, deployment.market).balance(task.requester),
        typed_data=typed_data(deployment.domain, "Task", _wallet_message(task)),
        transaction=transaction,
        header_cid=str(cids[1]),
        body_cid=str(cids[0]),
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
        token=NATIVE,
        ceiling_wei=int(request.ceiling_wei),
        base_bps=request.base_bps,
        bond_wei=0,
        kind=0,
        page_id=DEFAULT_PAGE_ID,
        requirement=requirement,
        min_match_bps=request.min_match_bps,
        k=request.k,
        min_seats=request.min_seats if request.min_seats is not None else request.k,
        quorum_bps=request.quorum_bps,
        bid_end_s=bid_end_s,
        commit_end_s=bid_end_s + request.commit_window_s,
        reveal_window_s=request.reveal_window_s,
        evaluator=ZERO_ADDRESS,
        evaluation_window_s=0,
        evaluation_fee_wei=0,
        shared_bps=0,
        parent=bytes(32),
        header=header,
        salt=salt,
    )


def _wallet_message(task: Task) -> dict[str, object]:
    """The message as wallets take it: JSON, bytes as 0x-hex, numbers beyond a double as decimal strings."""
    message: dict[str, object] = {}
    for name, value in task_message(task).items():
        if isinstance(value, bytes):
            message[name] = "0x" + value.hex()
        else:
            message[name] = str(value) if isinstance(value, int) and value >= 2**53 else value
    return message
