"""Match, weight and step: Solidity equals the Python model, on drawn words and on the shared vectors.

The library is internal, so a probe contract that exposes it is compiled here.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from eth_abi import abi as eth_abi
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from symphony_chain.errors import InvalidInput
from symphony_chain.model import tally
from symphony_chain.skills import FULL_SCALE, pack_word
from tests.contract.evm import Evm
from tests.contract.tools import ROOT, need, run_with_input

SENDER = "0x" + "11" * 20
PROBE = "contracts/test/CapabilityProbe.t.sol"
VECTORS = json.loads((ROOT / "tests" / "vectors" / "tally.json").read_text())

lanes = st.sampled_from([0, 1, 15, 16, 499, 500, 501, 9_999, 10_000]) | st.integers(0, FULL_SCALE)
words = st.lists(lanes, min_size=16, max_size=16).map(lambda values: pack_word(dict(enumerate(values))))
requirements = words.filter(bool) | st.builds(
    lambda i, v: pack_word({i: v}), st.integers(0, 15), st.integers(1, 10_000)
)
scores = st.sampled_from([0, FULL_SCALE]) | st.integers(0, FULL_SCALE)


class Probe:
    """The probe contract on a bare EVM."""

    def __init__(self, code: bytes) -> None:
        self.evm = Evm.new([SENDER])
        self.address = self.evm.create(SENDER, code)

    def call(self, signature: str, *words: int, returns: int = 1) -> tuple[int, ...]:
        data = keccak(text=signature)[:4] + b"".join(word.to_bytes(32, "big") for word in words)
        return eth_abi.decode(["uint256"] * returns, self.evm.call(self.address, data))

    def match_and_weight(self, declared: int, earned: int, requirement: int) -> tuple[int, ...]:
        return self.call("matchAndWeight(uint256,uint256,uint256)", declared, earned, requirement, returns=2)

    def step(self, earned: int, requirement: int, score_bps: int) -> int:
        return self.call("step(uint256,uint256,uint256)", earned, requirement, score_bps)[0]


@pytest.fixture(scope="module")
def probe() -> Probe:
    need(ROOT / "node_modules" / "solc")
    sources = {
        name: {"content": (ROOT / name).read_text()} for name in (PROBE, "contracts/libraries/Capability.sol")
    }
    chosen: dict[str, Any] = json.loads((ROOT / "contracts" / "solc-settings.json").read_text())
    wanted = {**chosen, "outputSelection": {"*": {"*": ["evm.bytecode.object"]}}}
    source = {"language": "Solidity", "sources": sources, "settings": wanted}
    done = run_with_input([ROOT / "contracts" / "solc-shim.cjs", "--standard-json"], json.dumps(source))
    assert done.returncode == 0, done.stderr
    output = json.loads(done.stdout)
    return Probe(bytes.fromhex(output["contracts"][PROBE]["CapabilityProbe"]["evm"]["bytecode"]["object"]))


@pytest.mark.node
@settings(max_examples=300, deadline=None)
@given(declared=words, earned=words, requirement=requirements)
def test_match_and_weight(probe: Probe, declared: int, earned: int, requirement: int) -> None:
    expected = tally.match_bps(declared, requirement), tally.seat_weight(declared, earned, requirement)
    assert probe.match_and_weight(declared, earned, requirement) == expected


@pytest.mark.node
@settings(max_examples=300, deadline=None)
@given(earned=words, requirement=requirements, score_bps=scores)
def test_step(probe: Probe, earned: int, requirement: int, score_bps: int) -> None:
    assert probe.step(earned, requirement, score_bps) == tally.step_word(earned, requirement, score_bps)


@pytest.mark.node
@settings(max_examples=200, deadline=None)
@given(
    word=words
    | st.integers(0, (1 << 256) - 1)
    | st.builds(lambda w, i: w | 10_001 << 16 * i, words, st.integers(0, 15))
)
def test_in_range(probe: Probe, word: int) -> None:
    expected = all((word >> 16 * i) & 0xFFFF <= FULL_SCALE for i in range(16))
    assert bool(probe.call("inRange(uint256)", word)[0]) is expected


@pytest.mark.node
def test_solidity_reproduces_the_vectors(probe: Probe) -> None:
    for case in VECTORS["seats"]:
        values = (int(case[name], 16) for name in ("declared", "earned", "requirement"))
        assert probe.match_and_weight(*values) == (case["matchBps"], case["weight"])
    for case in VECTORS["steps"]:
        assert probe.step(int(case["earned"], 16), int(case["requirement"], 16), case["scoreBps"]) == int(
            case["next"], 16
        )


def test_python_reproduces_the_vectors() -> None:
    for case in VECTORS["seats"]:
        declared, earned, requirement = (
            int(case[name], 16) for name in ("declared", "earned", "requirement")
        )
        assert tally.match_bps(declared, requirement) == case["matchBps"]
        assert tally.seat_weight(declared, earned, requirement) == case["weight"]
    for case in VECTORS["steps"]:
        got = tally.step_word(int(case["earned"], 16), int(case["requirement"], 16), case["scoreBps"])
        assert got == int(case["next"], 16)
    for case in VECTORS["votes"]:
        votes = [
            tally.Vote(v["weight"], bytes.fromhex(v["answer"][2:]) if v["answer"] else None)
            for v in case["votes"]
        ]
        result = tally.tally(bytes.fromhex(case["taskId"][2:]), votes, case["quorumBps"], case["minSeats"])
        assert result.outcome.name == case["outcome"]
        assert (result.winner and "0x" + result.winner.hex()) == case["winner"]
        assert (result.winner_weight, result.total_weight, result.supporters) == (
            case["winnerWeight"],
            case["totalWeight"],
            case["supporters"],
        )


def test_vectors_hold_every_outcome_and_ties() -> None:
    assert {case["outcome"] for case in VECTORS["votes"]} == {"SETTLED", "INCONCLUSIVE", "VOID"}

    def tied(case: dict[str, Any]) -> bool:
        weights: dict[str, int] = {}
        for vote in case["votes"]:
            if vote["answer"]:
                weights[vote["answer"]] = weights.get(vote["answer"], 0) + vote["weight"]
        return sorted(weights.values())[-2:].count(case["winnerWeight"]) == 2

    assert sum(tied(case) for case in VECTORS["votes"]) >= 3


@pytest.mark.parametrize(
    "call",
    [
        lambda: tally.match_bps(1, 0),
        lambda: tally.match_bps(10_001, 1),
        lambda: tally.step_word(0, 1, 10_001),
        lambda: tally.seat_weight(1 << 256, 0, 1),
        lambda: tally.Vote(0, None),
        lambda: tally.Vote(1, b"short"),
    ],
)
def test_values_out_of_range_are_refused(call: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        call()
    assert caught.value.hint
