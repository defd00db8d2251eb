"""The award of one task after another: collect bids, choose, send, one look per block. Requesters and the router share it.

Derived from the chain's picture and the journal alone, so a restarted process goes on. Knows no money and no requests.
"""

from __future__ import annotations

from agent_runtime.chain_book import ChainBook, TaskView
from agent_runtime.outbox import Outbox
from agent_runtime.requester_bids import choose_bids
from agent_runtime.routing.screen import Router
from symphony_chain.canonical import sha256
from symphony_chain.market import encode_award
from symphony_chain.rpc_types import Block
from symphony_chain.types import Bid

#: So long before bidding ends, fewer bids than seats are enough: so many blocks of the chain, and at least so many seconds. What
#: is sent now is mined with the next block, or one later.
AWARD_MARGIN_BLOCKS, AWARD_MARGIN_S = 3, 4
#: The same for a requester that leaves the award to a router: a block after the router's own last moment, and one before the end.
LAST_RESORT_BLOCKS, LAST_RESORT_S = 2, 2


class Awarder:
    """Awards tasks that its key may award.

    Args:
        outbox: of the requester's or the router's key.
        router: orders the bids.
    """

    def __init__(self, book: ChainBook, outbox: Outbox, market: str, router: Router) -> None:
        self._book = book
        self._outbox = outbox
        self._market = market
        self._router = router
        self._enough_at_s: dict[bytes, int] = {}
        self._sent: dict[bytes, bytes] = {}

    def choose(self, view: TaskView, timestamp_s: int) -> list[Bid]:
        """Both stages of routing: the bids for `award`, best first."""
        return choose_bids(self._book, view, timestamp_s, self._router)

    def step(self, view: TaskView, head: Block, *, linger_s: int | None) -> None:
        """One look at a task that is open: awards it when it is time, and follows what was sent.

        Args:
            linger_s: wait for better bids once there are k; None leaves the award to somebody else, and steps in only when it
                has not come shortly before bidding ends.
        """
        data = self._sent.get(view.task_id)
        if data is None:
            bids = self.choose(view, head.timestamp)
            if not self._is_time(view, len(bids), head.timestamp, linger_s):
                return
            data = self._sent[view.task_id] = encode_award(view.task, bids)
        key = award_key(view.task_id, data)
        write = self._outbox.write("award", key, self._market, data, head_number=head.number)
        if write.status == "refused":
            del self._sent[view.task_id]  # too few of them were valid: more bids may come

    def reset(self) -> None:
        """After a reorganisation: other bids may be there."""
        self._sent.clear()

    def keep(self, task_ids: set[bytes]) -> None:
        """Drops what is held for all tasks but these."""
        self._sent = {task_id: data for task_id, data in self._sent.items() if task_id in task_ids}
        self._enough_at_s = {task_id: at_s for task_id, at_s in self._enough_at_s.items() if task_id in task_ids}

    def _is_time(self, view: TaskView, bids: int, timestamp_s: int, linger_s: int | None) -> bool:
        """k bids and a short wait for better ones; near the end whatever is enough."""
        task = view.task
        if bids < task.min_seats:
            return False
        block_s, left_s = self._book.block_time_s, task.bid_end_s - timestamp_s
        window_s = task.bid_end_s - view.posted.timestamp
        if linger_s is None:
            last_resort_s = min(max(LAST_RESORT_S, LAST_RESORT_BLOCKS * block_s), window_s // 3)
            return left_s <= (max(last_resort_s, window_s // 4) if bids >= task.k else last_resort_s)
        if left_s <= min(max(AWARD_MARGIN_S, AWARD_MARGIN_BLOCKS * block_s), window_s // 2):
            return True
        if bids < task.k:
            return False
        return timestamp_s >= self._enough_at_s.setdefault(view.task_id, timestamp_s) + linger_s


def award_key(task_id: bytes, data: bytes) -> str:
    """Names one award in the journal: another choice is another transaction."""
    return f"award/{sha256(data).hex()[:16]}/{task_id.hex()}"
