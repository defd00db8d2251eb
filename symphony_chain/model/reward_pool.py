"""Reference model of `contracts/RewardPool.sol`, for one honest market: the same steps, errors and events, told epoch by epoch.

What the contract skips (quiet epochs) is walked here, and what it keeps as running figures is added up anew each time. Written to
be read, not to be fast.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace

from symphony_chain.model.context import Call, ModelRevert
from symphony_chain.model.market import MarketModel
from symphony_chain.model.tally import shared_wei
from symphony_chain.reward_events import Finalised, Recorded, RewardEvent, Shared
from symphony_chain.types import NATIVE, Receipt, State


@dataclass(slots=True)
class Epoch:
    """What was recorded into an epoch (`pot_wei`), of that by seats that share in it (`given_wei`); once it is final, what is
    left for seats not paid yet, and what these gave.
    """

    pot_wei: int = 0
    given_wei: int = 0
    reserve_wei: int = 0
    unpaid_wei: int = 0


@dataclass(slots=True)
class Book:
    """One token's money: by epochs, what comes over to the first that is not final, and all of it together."""

    next_epoch: int = 0
    carry_wei: int = 0
    owed_wei: int = 0
    epochs: dict[int, Epoch] = field(default_factory=lambda: defaultdict(Epoch))

    def pot_wei(self, epoch: int) -> int:
        return self.epochs[epoch].pot_wei if epoch in self.epochs else 0


class RewardPoolModel:
    """The pool as a state machine on top of the market's model.

    Args:
        market: whose settlements it deals with; shares move money there.
        market_address, address: of the market and of this pool.
        epoch_s: length of an epoch of block time.
        delay, spread: epochs from a pot to its first release, and parts that it is released in.
    """

    def __init__(
        self, market: MarketModel, market_address: str, address: str, epoch_s: int, delay: int, spread: int
    ) -> None:
        self.market = market
        self.market_address = market_address
        self.address = address
        self.epoch_s = epoch_s
        self.delay = delay
        self.spread = spread
        self.books: dict[str, Book] = defaultdict(Book)
        self.recorded: dict[bytes, set[int]] = {}  # task → seats with a share to come
        self.events: list[RewardEvent] = []

    def record(self, call: Call, receipt: Receipt) -> None:
        task_id, closed_at_s = self._check(receipt)
        if task_id in self.recorded:
            raise ModelRevert("AlreadyRecorded", taskId=task_id)
        gifts = [shared_wei(receipt.task, result) for result in receipt.results]
        amount_wei = sum(gifts)
        if amount_wei == 0:
            raise ModelRevert("NothingGiven", taskId=task_id)
        epoch, current = closed_at_s // self.epoch_s, call.now_s // self.epoch_s
        sharing = epoch in (current, current - 1)
        if not sharing:
            epoch = current
        self.recorded[task_id] = {seat for seat, gift in enumerate(gifts) if gift and sharing}
        book = self.books[receipt.task.token]
        book.epochs[epoch].pot_wei += amount_wei
        if sharing:
            book.epochs[epoch].given_wei += amount_wei
        book.owed_wei += amount_wei
        token = receipt.task.token
        self.events.append(Recorded(self.market_address, token, task_id, epoch, amount_wei, sharing))

    def advance(self, call: Call, token: str, count: int) -> int:
        """Finalises up to `count` epochs in which something changes, and the quiet ones before them."""
        book = self.books[token]
        done = 0
        while done < count:
            epoch = self._next_change(book)
            if epoch is None or epoch + 1 >= call.now_s // self.epoch_s:
                break
            # Nothing was ever released before the first change.
            for quiet in range(book.next_epoch or epoch, epoch):
                book.carry_wei += self.released_wei(book, quiet)
            self._finalise(book, token, epoch)
            done += 1
        return done

    def share(self, call: Call, receipt: Receipt, seat: int) -> int:
        """Pays a seat its epoch's fraction of what it gave."""
        task_id, closed_at_s = self._check(receipt)
        if seat not in self.recorded.get(task_id, ()):
            raise ModelRevert("NothingToShare", taskId=task_id, seat=seat)
        token, result, number = receipt.task.token, receipt.results[seat], closed_at_s // self.epoch_s
        book = self.books[token]
        if number >= book.next_epoch:
            raise ModelRevert("NotFinal", epoch=number, next=book.next_epoch)
        epoch, given_wei = book.epochs[number], shared_wei(receipt.task, result)
        amount_wei = given_wei * epoch.reserve_wei // epoch.unpaid_wei
        self.recorded[task_id].remove(seat)
        epoch.reserve_wei -= amount_wei
        epoch.unpaid_wei -= given_wei
        book.owed_wei -= amount_wei
        self.events.append(
            Shared(self.market_address, task_id, result.agent_id, token, seat, given_wei, amount_wei)
        )
        if amount_wei:
            self._pay(call, token, result.agent_id, amount_wei)
        return amount_wei

    # --- what is where ---

    def released_wei(self, book: Book, epoch: int) -> int:
        """Parts of all pots that fall to an epoch; what the division leaves over goes with the first part."""
        parts = sum(book.pot_wei(epoch - self.delay - i) // self.spread for i in range(self.spread))
        return parts + book.pot_wei(epoch - self.delay) % self.spread

    def rate_wei(self, token: str) -> int:
        """What is released to every epoch from the next until something changes."""
        book = self.books[token]
        last = book.next_epoch - 1 - self.delay
        return sum(book.pot_wei(last - i) // self.spread for i in range(self.spread))

    def placed_wei(self, token: str) -> int:
        """All that is held for a token, counted by place: unreleased parts, carry, reserves. Conservation: it is `owed_wei`."""
        book = self.books[token]
        released = 0
        for epoch, e in book.epochs.items():
            parts = min(max(book.next_epoch - epoch - self.delay, 0), self.spread)
            released += parts * (e.pot_wei // self.spread) + (e.pot_wei % self.spread if parts else 0)
        held = sum(e.pot_wei + e.reserve_wei for e in book.epochs.values())
        return held - released + book.carry_wei

    # --- inside ---

    def _check(self, receipt: Receipt) -> tuple[bytes, int]:
        task_id = self.market.task_id_of(receipt.task)
        outcome, closed_at_s, digest = self.market.receipt(task_id)
        if outcome is State.NONE or digest != receipt.digest():
            raise ModelRevert("NoSuchReceipt", taskId=task_id)
        return task_id, closed_at_s

    def _next_change(self, book: Book) -> int | None:
        """The first epoch from `next` on that has seats, or where the release of a pot begins or has ended."""
        changes = {
            epoch + later for epoch in book.epochs for later in (0, self.delay, self.delay + self.spread)
        }
        return min((epoch for epoch in changes if epoch >= book.next_epoch), default=None)

    def _finalise(self, book: Book, token: str, number: int) -> None:
        released_wei = book.carry_wei + self.released_wei(book, number)
        given_wei = book.epochs[number].given_wei if number in book.epochs else 0
        reserved_wei = min(released_wei, given_wei)
        if number in book.epochs:
            book.epochs[number].reserve_wei, book.epochs[number].unpaid_wei = reserved_wei, given_wei
        book.carry_wei = released_wei - reserved_wei
        book.next_epoch = number + 1
        self.events.append(
            Finalised(self.market_address, token, number, released_wei, given_wei, reserved_wei)
        )

    def _pay(self, call: Call, token: str, agent_id: int, amount_wei: int) -> None:
        """Out of the market and in again; a token with a fee keeps it twice."""
        ours = replace(call, sender=self.address, value_wei=0, signer=None)
        holdings = self.market.tokens.holdings_wei
        before_wei = holdings[token, self.address]
        self.market.withdraw(ours, self.address, token, self.address, amount_wei)
        arrived_wei = holdings[token, self.address] - before_wei
        if token == NATIVE:
            holdings[token, self.address] -= arrived_wei
            ours = replace(ours, value_wei=arrived_wei)
        self.market.fund_agent(ours, agent_id, token, arrived_wei)
