"""The counterparties of tests are what their names say: a tame one would let every test that uses it pass."""

from __future__ import annotations

import hashlib

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from tests.contract.doubles import Double
from tests.contract.evm import Evm

ANNA, BERT, CARL = (Account.from_key(keccak(text=f"double {i}")).address for i in range(3))
DIGEST = hashlib.sha256(b"message").digest()


@pytest.fixture
def evm() -> Evm:
    return Evm.new([ANNA])


def token(evm: Evm, name: str) -> Double:
    """One with 1000 units of Anna's, of which Carl may move 500."""
    made = Double.deploy(evm, ANNA, name)
    made.must(ANNA, "mint", ANNA, 1_000)
    made.must(ANNA, "approve", CARL, 500)
    return made


@pytest.mark.parametrize(
    ("name", "arrives", "answers"),
    [
        ("PlainToken", 200, True),
        ("NoReturnToken", 200, None),
        ("FalseReturnToken", 0, False),
        ("FeeToken", 198, True),
        ("RebasingToken", 200, True),
        ("PausingToken", 200, True),
        ("BlacklistToken", 200, True),
        ("ReenteringToken", 200, True),
    ],
)
def test_what_a_transfer_moves_and_says(evm: Evm, name: str, arrives: int, answers: bool | None) -> None:
    made = token(evm, name)
    want = b"" if answers is None else int(answers).to_bytes(32, "big")
    assert made.must(ANNA, "transfer", BERT, 200).output == want
    assert made.must(CARL, "transferFrom", ANNA, CARL, 200).output == want
    assert made.read("balanceOf", BERT) == made.read("balanceOf", CARL) == arrives
    if arrives:
        assert not made.send(CARL, "transferFrom", ANNA, CARL, 301).ok  # 300 are left of what it may
        assert not made.send(BERT, "transfer", ANNA, 201).ok


def test_tokens_that_change_their_mind(evm: Evm) -> None:
    shrinking = token(evm, "RebasingToken")
    shrinking.must(BERT, "rebase", 9_000)
    assert shrinking.read("balanceOf", ANNA) == 900
    assert not shrinking.send(ANNA, "transfer", BERT, 901).ok
    shrinking.must(ANNA, "transfer", BERT, 450)
    assert shrinking.read("balanceOf", ANNA) == shrinking.read("balanceOf", BERT) == 450

    pausing = token(evm, "PausingToken")
    pausing.must(BERT, "pause", True)
    assert pausing.error(pausing.send(ANNA, "transfer", BERT, 1)) == "Paused"
    pausing.must(BERT, "pause", False)
    pausing.must(ANNA, "transfer", BERT, 1)

    listing = token(evm, "BlacklistToken")
    listing.must(CARL, "setBlocked", BERT, True)
    assert listing.error(listing.send(ANNA, "transfer", BERT, 1)) == "Blocked"
    listing.must(ANNA, "transfer", CARL, 1)


def test_callers_call_back_once_and_remember(evm: Evm) -> None:
    made = token(evm, "ReenteringToken")
    made.must(ANNA, "arm", made.address, made.data("mint", CARL, 7))
    made.must(ANNA, "transfer", BERT, 1)
    made.must(ANNA, "transfer", BERT, 1)
    assert (made.read("called"), made.read("succeeded"), made.read("balanceOf", CARL)) == (True, True, 7)

    receiver = Double.deploy(evm, ANNA, "ReenteringReceiver")
    receiver.must(ANNA, "arm", made.address, made.data("transfer", ANNA, 1))
    assert evm.send(ANNA, receiver.address, b"", 5).ok
    assert (receiver.read("called"), receiver.read("succeeded")) == (True, False)
    assert evm.coins(receiver.address) == 5


def test_signers(evm: Evm) -> None:
    key = Account.from_key(keccak(text="double 1"))
    wallet = Double.deploy(evm, ANNA, "Wallet1271", key.address)
    valid = bytes.fromhex("1626ba7e").ljust(32, b"\0")
    signature = key.unsafe_sign_hash(DIGEST).signature
    assert wallet.must(CARL, "isValidSignature", DIGEST, bytes(signature)).output == valid
    assert wallet.must(CARL, "isValidSignature", keccak(DIGEST), bytes(signature)).output != valid
    assert wallet.must(CARL, "isValidSignature", DIGEST, bytes(signature)[:64]).output != valid
    assert evm.send(ANNA, wallet.address, b"", 1).ok

    hog = Double.deploy(evm, ANNA, "GasHog1271")
    eaten = hog.send(CARL, "isValidSignature", DIGEST, b"")
    assert not eaten.ok and eaten.gas_used > 29_000_000

    bomb = Double.deploy(evm, ANNA, "ReturnBomb", 2**20)
    for data, value_wei in ((b"", 1), (b"anything", 0)):
        burst = evm.send(ANNA, bomb.address, data, value_wei)
        assert burst.ok and len(burst.output) == 2**20
