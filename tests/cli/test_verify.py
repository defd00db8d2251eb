"""`symphony.verify`: honest chains hold to the last wei, and every kind of lie is found and named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from eth_abi import abi as eth_abi

from symphony.verify import Receipt, RpcReader, load_history, verify_task
from symphony.verify.history import topic
from symphony.verify.reader import Topics
from symphony_chain.abi import MARKET, PLANS, REGISTRY, encode, function, signatures
from symphony_chain.deploy import Deployment
from symphony_chain.market import encode_multicall
from symphony_chain.model.tally import ScoreRules
from symphony_chain.rpc import Log, Tx
from symphony_chain.rpc import Receipt as TxReceipt
from symphony_chain.types import Kind, State
from tests.cli.conftest import World, invoke
from tests.indexer.scenario import ETHER, Posted

#: What an escrow comes apart into.
OUT_OF_ESCROW = ("returned_wei", "paid_wei", "fee_wei", "refund_wei", "burnt_wei")
Alter = Callable[[Log], Log]


class LyingReader:
    """A reader whose node alters logs, consistently in queries and in receipts."""

    def __init__(self, honest: RpcReader, alter: Alter) -> None:
        self._honest, self._alter = honest, alter

    @property
    def deployment(self) -> Deployment:
        return self._honest.deployment

    def logs(self, address: str, topics: Topics) -> list[Log]:
        return [self._alter(log) for log in self._honest.logs(address, topics)]

    def block_time_s(self, number: int) -> int:
        return self._honest.block_time_s(number)

    def transaction(self, tx_hash: bytes) -> Tx | None:
        return self._honest.transaction(tx_hash)

    def receipt(self, tx_hash: bytes) -> TxReceipt | None:
        receipt = self._honest.receipt(tx_hash)
        return replace(receipt, logs=tuple(self._alter(log) for log in receipt.logs)) if receipt else None

    def state(self, task_id: bytes) -> State:
        return self._honest.state(task_id)

    def closing(self, task_id: bytes) -> tuple[State, int, bytes]:
        return self._honest.closing(task_id)

    def rules(self) -> ScoreRules:
        return self._honest.rules()

    def has_code(self, address: str) -> bool:
        return self._honest.has_code(address)


def reader(world: World) -> RpcReader:
    return RpcReader(world.rpc, world.scenario.deployment)


def in_state(world: World, state: State) -> Posted:
    market = reader(world)
    return next(posted for posted in world.scenario.posted if market.state(posted.task_id) is state)


def with_value(name: str, contract: str, field: str, change: Callable[[object], object]) -> Alter:
    """Alters one unindexed field of every log of one event."""
    signature = next(s for s in signatures(contract, "event") if s.name == name)
    plain = [
        (n, t)
        for n, t, indexed in zip(signature.names, signature.types, signature.indexed, strict=True)
        if not indexed
    ]

    def alter(log: Log) -> Log:
        if log.topics[0] != signature.hash:
            return log
        values = list(eth_abi.decode([t for _, t in plain], log.data))
        place = [n for n, _ in plain].index(field)
        values[place] = change(values[place])
        return replace(log, data=eth_abi.encode([t for _, t in plain], values))

    return alter


def test_every_outcome_of_an_honest_chain_holds(world: World) -> None:
    seen = set()
    for posted in world.scenario.posted:
        receipt = verify_task(reader(world), posted.task_id)
        assert not receipt.mismatches
        seen.add(receipt.state)
        assert receipt.money["escrow_wei"] == posted.task.escrow_wei
        if receipt.final:
            assert sum(receipt.money[name] for name in OUT_OF_ESCROW) == posted.task.escrow_wei
    assert seen >= {State.SETTLED, State.INCONCLUSIVE, State.VOID, State.EXPIRED, State.CANCELLED}
    assert any(not state.is_final for state in seen)


def test_a_settled_receipt_tells_answers_weights_and_pay(world: World) -> None:
    posted = world.scenario.posted[0]
    receipt = verify_task(reader(world), posted.task_id)
    assert receipt.winner == "42" and receipt.final and receipt.ok
    assert [seat.won for seat in receipt.seats] == [True, True, False]
    # Two seats gave 42 and earn the whole price, the third the base: 20 %; of each a hundredth is burnt.
    price = 2 * ETHER
    full, base = price * 99 // 100, price * 2_000 // 10_000 * 99 // 100
    assert [seat.pay_wei for seat in receipt.seats] == [full, full, base]
    assert receipt.money["burnt_wei"] == (2 * price + price // 5) // 100 and receipt.money["bonds_lost_wei"] == 0
    assert all(seat.weight >= 1 for seat in receipt.seats)


def test_texts_are_hashed_before_they_are_believed(world: World) -> None:
    posted = world.scenario.posted[0]
    receipt = verify_task(reader(world), posted.task_id, lambda digest, limit: b"something else")
    names = {check.name for check in receipt.mismatches}
    assert "header is what the chain names" in names and "answer hashes to its digest" in names


def test_an_unpublished_answer_is_checked_when_a_gateway_has_it(world: World) -> None:
    posted = world.scenario.posted[0]
    known = {hashlib.sha256(text).digest(): text for text in (b"42", b"41")}
    without = verify_task(reader(world), posted.task_id)
    with_texts = verify_task(reader(world), posted.task_id, lambda digest, limit: known.get(digest))
    assert "answer hashes to its digest" in {check.name for check in without.unchecked}
    assert (
        "answer hashes to its digest" not in {check.name for check in with_texts.unchecked} and with_texts.ok
    )


def told(world: World, wanted: Callable[[Posted], bool]) -> Receipt:
    """The verified receipt of the first task that fits."""
    posted = next(posted for posted in world.scenario.posted if wanted(posted))
    return verify_task(reader(world), posted.task_id)


def test_an_evaluation_is_recomputed(world: World) -> None:
    receipt = told(world, lambda posted: posted.task.shared_bps == 333)
    assert receipt.ok and [seat.score_bps for seat in receipt.seats] == [7_777, 10_000, 0]
    money = receipt.money
    assert money["fee_wei"] == ETHER // 9 + 1 and money["bonds_lost_wei"] == ETHER // 10
    assert money["shared_wei"] == sum(seat.shared_wei or 0 for seat in receipt.seats) > 0
    made = {check.name for check in receipt.checks if check.ok}
    assert {"scored in time", "scores are the evaluator's", "score given"} <= made
    silent = told(world, lambda posted: posted.task.shared_bps == 10_000)
    assert silent.ok and silent.money["fee_wei"] == 0 and silent.money["shared_wei"] == silent.money["paid_wei"]


def test_scores_that_are_not_the_evaluators_are_found(world: World) -> None:
    posted = next(posted for posted in world.scenario.posted if posted.task.shared_bps == 333)

    def forge(tx: Tx) -> Tx:
        call = function(MARKET, "evaluate")
        if tx.data[:4] != call.hash[:4]:
            return tx
        task, scores, signature = eth_abi.decode(call.types, tx.data[4:])
        return replace(tx, data=encode(MARKET, "evaluate", task, scores + 1, signature))

    receipt = verify_task(Relayed(reader(world), forge), posted.task_id)
    assert {"scores are the evaluator's", "score given"} <= {check.name for check in receipt.mismatches}
    unread = verify_task(Relayed(reader(world), lambda tx: replace(tx, to="0x" + "22" * 20)), posted.task_id)
    assert unread.ok and "scores are the evaluator's" in {check.name for check in unread.unchecked}


def test_seats_of_an_open_task_are_checked_one_by_one(world: World) -> None:
    receipt = told(world, lambda posted: posted.task.open)
    assert receipt.ok and [seat.agent_id for seat in receipt.seats] == [2, 1]
    assert receipt.money["returned_wei"] == 0 and receipt.money["refund_wei"] >= receipt.money["escrow_wei"] // 3
    assert [check.ok for check in receipt.checks if check.name == "taken while it was free"] == [True, True]


def test_children_lower_the_weight_of_a_plan(world: World) -> None:
    posted = next(posted for posted in world.scenario.posted if posted.task.kind == Kind.PLAN)
    receipt = verify_task(reader(world), posted.task_id)
    lowered, other = receipt.seats
    assert receipt.ok and lowered.weight < lowered.award_weight and other.weight == other.award_weight
    # A stranger has had Plans speak of this task too, for a market of its own.
    where, plans = world.scenario.deployment, load_history(reader(world), posted.task_id).plans
    said = world.rpc.get_logs(from_block=0, address=where.plans, topics=[None, None, posted.task_id])
    assert len(said) > len(plans) == 2 and {entry.event.market for entry in plans} == {where.market}
    heavier = with_value("PlanRevealed", PLANS, "weight", lambda weight: int(str(weight)) + 1)
    lied = verify_task(LyingReader(reader(world), heavier), posted.task_id)
    assert "weight of the plan" in {check.name for check in lied.mismatches}
    fewer = with_value("PlanRevealed", PLANS, "children", lambda _: [])
    lied = verify_task(LyingReader(reader(world), fewer), posted.task_id)
    assert "children are those committed to" in {check.name for check in lied.mismatches}


def test_hired_bids_are_read(world: World) -> None:
    history = next(
        history
        for posted in world.scenario.posted
        if (history := load_history(reader(world), posted.task_id)).awarded is not None
        and history.awarded.log.tx_hash == history.posted.log.tx_hash
    )
    receipt = verify_task(reader(world), history.task_id)
    assert receipt.ok and "price is the highest seated ask" in {check.name for check in receipt.checks if check.ok}


def first_seat_weight(seats: object) -> object:
    words = list(seats)  # type: ignore[call-overload]
    return [words[0] + (1 << 192), *words[1:]]


def more_pay(results: object) -> object:
    words = list(results)  # type: ignore[call-overload]
    return [words[0] + (1 << 64), *words[1:]] if words else words


def more_earned(results: object) -> object:
    words = list(results)  # type: ignore[call-overload]
    return [words[0], words[1] + 1, *words[2:]] if words else words


LIES = [
    (with_value("TaskAwarded", MARKET, "seats", first_seat_weight), "seat's weight"),
    (
        with_value("TaskAwarded", MARKET, "price", lambda wei: int(str(wei)) + 1),
        "price is the highest seated ask",
    ),
    (
        with_value("TaskAwarded", MARKET, "returned", lambda wei: int(str(wei)) + 1),
        "returned to the requester at award",
    ),
    (with_value("AnswerCommitted", MARKET, "commitment", lambda _: bytes(31) + b"\1"), "commitment opens"),
    (with_value("AnswerRevealed", MARKET, "salt", lambda _: bytes(32)), "commitment opens"),
    (
        with_value("AnswerRevealed", MARKET, "answer", lambda text: b"43" if text else b""),
        "answer hashes to its digest",
    ),
    (with_value("TaskSettled", MARKET, "results", more_pay), "pay"),
    (with_value("TaskSettled", MARKET, "results", more_earned), "earned word after"),
    (with_value("TaskSettled", MARKET, "winner", lambda _: bytes(32)), "winning answer"),
    (with_value("TaskSettled", MARKET, "weights", lambda weights: int(str(weights)) + 1), "winner's weight"),
    (with_value("TaskSettled", MARKET, "weights", lambda weights: int(str(weights)) + (1 << 32)), "total weight"),
    (with_value("TaskSettled", MARKET, "weights", lambda weights: int(str(weights)) | 1 << 64), "scored in time"),
    (with_value("TaskSettled", MARKET, "fee", lambda wei: int(str(wei)) + 1), "fee to the evaluator"),
    (
        with_value("TaskSettled", MARKET, "results", more_pay),
        "the contract's receipt is of this winner and these results",
    ),
    (with_value("TaskSettled", MARKET, "refund", lambda wei: int(str(wei)) + 1), "refund to the requester"),
    (with_value("TaskSettled", MARKET, "burnt", lambda wei: int(str(wei)) + 1), "burnt"),
    (with_value("CapabilitiesDeclared", REGISTRY, "word", lambda _: 100), "seat's weight"),
    (with_value("AgentWalletChanged", REGISTRY, "wallet", lambda _: "0x" + "11" * 20), "seat's wallet"),
]


@pytest.mark.parametrize(("alter", "named"), LIES, ids=[f"{i}-{name}" for i, (_, name) in enumerate(LIES)])
def test_a_lie_in_the_events_is_found_and_named(world: World, alter: Alter, named: str) -> None:
    posted = world.scenario.posted[0]
    receipt = verify_task(LyingReader(reader(world), alter), posted.task_id)
    assert not receipt.ok
    assert named in {check.name for check in receipt.mismatches}


def test_altered_parameters_are_another_task(world: World) -> None:
    posted = world.scenario.posted[0]

    def alter(log: Log) -> Log:
        if log.topics[0] != topic("TaskPosted"):
            return log
        return replace(log, data=log.data[:-1] + bytes([log.data[-1] ^ 1]))  # the last byte of the salt

    receipt = verify_task(LyingReader(reader(world), alter), posted.task_id)
    assert "task id is the digest of its parameters" in {check.name for check in receipt.mismatches}


def test_a_hidden_reveal_changes_the_outcome(world: World) -> None:
    posted = world.scenario.posted[0]
    hidden = load_history(reader(world), posted.task_id).reveals[0].log

    class Hiding(LyingReader):
        def logs(self, address: str, topics: Topics) -> list[Log]:
            return [log for log in super().logs(address, topics) if log != hidden]

    receipt = verify_task(Hiding(reader(world), lambda log: log), posted.task_id)
    assert {"revealed", "pay"} <= {check.name for check in receipt.mismatches}


def test_an_event_that_no_receipt_has_is_found(world: World) -> None:
    posted = in_state(world, State.SETTLED)
    honest = reader(world)

    class Inventing(LyingReader):
        def receipt(self, tx_hash: bytes) -> TxReceipt | None:
            receipt = super().receipt(tx_hash)
            return replace(receipt, logs=()) if receipt else None

    receipt = verify_task(Inventing(honest, lambda log: log), posted.task_id)
    assert "event is in its transaction's receipt" in {check.name for check in receipt.mismatches}


def test_an_outcome_that_the_contract_denies_is_found(world: World) -> None:
    posted = world.scenario.posted[0]

    class Denying(LyingReader):
        def state(self, task_id: bytes) -> State:
            return State.VOID

    receipt = verify_task(Denying(reader(world), lambda log: log), posted.task_id)
    assert "the contract agrees on the outcome" in {check.name for check in receipt.mismatches}


class Relayed(LyingReader):
    """The award as a relayer may send it: inside a batch, or through a contract of its own."""

    def __init__(self, honest: RpcReader, wrap: Callable[[Tx], Tx]) -> None:
        super().__init__(honest, lambda log: log)
        self._wrap = wrap

    def transaction(self, tx_hash: bytes) -> Tx | None:
        tx = super().transaction(tx_hash)
        return self._wrap(tx) if tx else None


def test_an_award_inside_a_batch_is_read(world: World) -> None:
    posted = world.scenario.posted[0]
    batched = Relayed(reader(world), lambda tx: replace(tx, data=encode_multicall([b"\1\2\3\4", tx.data])))
    receipt = verify_task(batched, posted.task_id)
    assert receipt.ok and "price is the highest seated ask" not in {check.name for check in receipt.unchecked}


def test_an_award_through_another_contract_is_said_to_be_unreadable(world: World) -> None:
    posted = world.scenario.posted[0]
    receipt = verify_task(Relayed(reader(world), lambda tx: replace(tx, to="0x" + "22" * 20)), posted.task_id)
    assert receipt.ok and "price is the highest seated ask" in {check.name for check in receipt.unchecked}


def test_bids_whose_signatures_are_not_the_wallets_are_found(world: World) -> None:
    posted = world.scenario.posted[0]

    def forge(tx: Tx) -> Tx:
        if tx.data[:4] != function(MARKET, "award").hash[:4]:
            return tx
        task, bids, signature = eth_abi.decode(function(MARKET, "award").types, tx.data[4:])
        forged = [(terms, bytes(65)) for terms, _ in bids]
        return replace(tx, data=encode(MARKET, "award", task, forged, signature))

    receipt = verify_task(Relayed(reader(world), forge), posted.task_id)
    assert "bid is signed, in time and under the ceiling" in {check.name for check in receipt.mismatches}


def test_a_receipt_that_does_not_hold_exits_with_4(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alter, honest = with_value("TaskSettled", MARKET, "results", more_pay), RpcReader.logs
    monkeypatch.setattr(RpcReader, "logs", lambda self, *args: [alter(log) for log in honest(self, *args)])
    task_id = "0x" + world.scenario.posted[0].task_id.hex()
    done = invoke("vote", "verify", task_id, "--json", *world.chain)
    assert done.code == 4 and not done.json["ok"] and done.error["code"] == "vote.mismatch"
    assert {"pay", "event is in its transaction's receipt"} <= set(done.error["context"]["failed"])
    text = invoke("vote", "verify", task_id, *world.chain)
    assert text.code == 4 and "DOES NOT HOLD" in text.out and "FAIL pay (seat 0)" in text.out
