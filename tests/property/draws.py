"""What the market's state machine draws: words, money, signatures' forms, and the parameters of tasks. Knows no machine."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from symphony_chain.skills import pack_word
from symphony_chain.types import ZERO_ADDRESS, Kind
from tests.property.world import ACTORS, CONTRACT, FORMS, PAGES

MAX_LIVE = 4
MAX_AGENTS = 6
FAR_FUTURE_S = 4_000_000_000

actors = st.sampled_from([*ACTORS, CONTRACT])
seldom = st.integers(0, 5).map(lambda n: n == 0)
agent_ids = st.integers(1, MAX_AGENTS + 1)
lanes = st.sampled_from([0, 300, 5_000, 10_000])
words = st.builds(lambda a, b: pack_word({0: a, 1: b}), lanes, lanes)
bad_words = st.sampled_from([10_001, 0xFFFF, 10_001 << 240, 0x8000 << 16])
forms = st.sampled_from(["plain"] * 6 + list(FORMS))
picks = st.integers(0, 7)
wei = st.sampled_from([0, 1, 7, 1_000, 10**18])
shifts = st.integers(-1, 1)
answers = st.sampled_from([b"17", b"17", b"True", b"x" * 256])
#: How a task is paid for: coins for exactly the escrow, a wei less, a few more, half of them, none (balance pays).
payments = st.sampled_from(["exact", "less", "surplus", "half", "balance", "balance"])
#: An evaluator's sixteen scores; the last kind is beyond range.
scores = st.lists(st.sampled_from([0, 10_000, 3_333, 9_999]), min_size=16, max_size=16) | st.just([10_001] + [0] * 15)


@dataclass(frozen=True)
class Shape:
    """The parameters of a task that matter to its life."""

    router: str
    token: int  # which of the world's
    ceiling_wei: int
    bond_wei: int
    kind: int
    requirement: int
    seats: tuple[int, int]  # k, minSeats
    open: bool
    base_bps: int
    quorum_bps: int
    min_match_bps: int
    page_id: bytes
    windows_s: tuple[int, int, int]
    evaluator: str
    evaluation: tuple[int, int]  # window, fee
    shared_bps: int


shapes = st.builds(
    Shape,
    router=actors | st.just(ZERO_ADDRESS),
    token=st.sampled_from([0, 0, 1, 2]),
    ceiling_wei=st.sampled_from([1_000, 1_000, 3, 1]),
    bond_wei=st.sampled_from([0, 0, 5]),
    kind=st.sampled_from([Kind.ANSWER, Kind.ANSWER, Kind.PLAN, Kind.EVALUATE, Kind.ROLLOUT]),
    requirement=words.filter(bool),
    seats=st.sampled_from([(3, 1), (3, 1), (3, 2), (2, 1), (5, 1), (1, 1), (2, 2)]),
    open=st.sampled_from([False, False, True]),
    base_bps=st.sampled_from([2_000, 0, 3_333, 10_000]),
    quorum_bps=st.sampled_from([5_001, 5_000, 1, 6_667, 10_000]),
    min_match_bps=st.sampled_from([0, 0, 0, 0, 0, 5_000]),
    page_id=st.sampled_from([PAGES[0], PAGES[0], PAGES[1]]),
    windows_s=st.tuples(st.integers(5, 15), st.integers(5, 15), st.integers(5, 15)),
    evaluator=actors | st.just(ZERO_ADDRESS) | st.just(ZERO_ADDRESS),
    evaluation=st.tuples(st.integers(5, 15), st.sampled_from([0, 100, 7])),
    shared_bps=st.sampled_from([0, 0, 333, 10_000]),
)
#: One changed field each: what `post` must refuse (or take, at the edge of a range).
MUTATIONS = [
    {"kind": 4}, {"evaluator": ACTORS[1]}, {"evaluator": ACTORS[1], "evaluation_window_s": 4},
    {"evaluator": ZERO_ADDRESS, "evaluation_window_s": 5}, {"evaluator": ZERO_ADDRESS, "evaluation_fee_wei": 1},
    {"shared_bps": 10_001}, {"parent": b"\x01" * 32}, {"requirement": 0}, {"requirement": 10_001}, {"ceiling_wei": 0},
    {"base_bps": 10_001}, {"base_bps": 10_000}, {"min_match_bps": 10_001}, {"min_match_bps": 10_000}, {"k": 0}, {"k": 17},
    {"k": 16}, {"min_seats": 0}, {"min_seats": 17}, {"quorum_bps": 0}, {"quorum_bps": 10_001}, {"quorum_bps": 10_000},
    {"reveal_window_s": 4}, {"reveal_window_s": 30 * 86_400 + 1}, {"bid_end_s": 1}, {"bid_end_s": FAR_FUTURE_S},
    {"commit_end_s": 1}, {"commit_end_s": FAR_FUTURE_S}, {"ceiling_wei": (1 << 96) - 1},
]  # fmt: skip
