"""A requester comes back to the desks that its closed tasks left, and gives tasks that are open together one each."""

from __future__ import annotations

from agent_runtime.requester import PostedTask, Requester
from symphony_chain.content import ContentStore
from symphony_chain.deploy import Deployment
from symphony_chain.rpc import Rpc
from symphony_chain.signing import NAMED_DESKS, task_salt
from symphony_chain.tx import TxSender
from symphony_chain.tx_journal import TxJournal
from tests.runtime.conftest import Buyer, eventually, jump, question


def turn_of(posted: PostedTask) -> int:
    """Which of its requester's desks a task asks for."""
    desk, first = (
        int.from_bytes(salt[-5:], "big") for salt in (posted.task.salt, task_salt(posted.task.requester, 0, b""))
    )
    return (desk - first) % NAMED_DESKS


def test_open_tasks_have_a_desk_each_and_closed_ones_leave_theirs(buyer: Buyer, rpc: Rpc, deployment: Deployment) -> None:
    requester, ask = buyer.requester, question(k=1)
    three = requester.post_all([(ask, f"desk {i}") for i in range(3)])
    assert [turn_of(posted) for posted in three] == [0, 1, 2]
    assert len({posted.task.salt[:27] for posted in three}) == 3, "the rest of a salt is noise"
    assert requester.post(ask, "desk 1").task == three[1].task, "the same key is the same task, at the same desk"

    requester.cancel(three[1].task_id)
    assert turn_of(requester.post(ask, "desk 3")) == 1
    assert turn_of(requester.post(ask, "desk 4")) == 3

    folder = buyer.folder
    with ContentStore(folder / "content", max_bytes=1 << 24) as store, TxJournal(folder / "later.sqlite") as journal:
        sender = TxSender(rpc, buyer.account, journal)
        with Requester(rpc, deployment, sender, store, journal=folder / "requester.sqlite", poll_s=0.05) as later:
            assert turn_of(later.post(ask, "desk 5")) == 4, "what the journal tells of an earlier run counts"
            end_s = max(posted.task.evaluation_end_s for posted in three)
            jump(rpc, 300)
            eventually(lambda: rpc.head().timestamp > end_s + 60, what="the end of every window")
            assert turn_of(later.post(ask, "desk 6")) == 0, "nobody can be seated at a task whose windows are over"
