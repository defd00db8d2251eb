"""Salts: of seats, which hide answers, and of tasks, which name the desk where the market keeps the seats."""

from __future__ import annotations

import pytest

from symphony_chain.signing import NAMED_DESKS, derive_salt, task_salt

ANNA, BOB = "0x" + "aB" * 20, "0x" + "cd" * 20
NOISE = bytes(range(1, 28))


def desk_of(salt: bytes) -> int:
    """As `TaskMarket` reads it: the mask of the low bits."""
    return int.from_bytes(salt, "big") & NAMED_DESKS


def test_a_task_salt_is_noise_and_a_desk() -> None:
    salt = task_salt(ANNA, 0, NOISE)
    assert len(salt) == 32 and salt[:27] == NOISE
    assert int.from_bytes(salt[27:], "big") == desk_of(salt), "the last five bytes are the desk alone"
    assert task_salt(ANNA.lower(), 0, NOISE) == salt, "however the address is written"
    assert task_salt(ANNA, 0, NOISE[::-1])[27:] == salt[27:] and task_salt(ANNA, 0, NOISE[::-1]) != salt


def test_every_turn_of_a_requester_has_its_own_desk() -> None:
    first = desk_of(task_salt(ANNA, 0, NOISE))
    desks = [desk_of(task_salt(ANNA, turn, NOISE)) for turn in range(64)]
    assert desks == [(first + turn) % NAMED_DESKS for turn in range(64)]
    assert desk_of(task_salt(ANNA, NAMED_DESKS, NOISE)) == first, "they go round"
    assert not set(desks) & {desk_of(task_salt(BOB, turn, NOISE)) for turn in range(64)}


@pytest.mark.parametrize("noise", [b"", b"\x07", NOISE + b"more"])
def test_a_task_salt_has_32_bytes_whatever_the_noise(noise: bytes) -> None:
    salt = task_salt(BOB, 3, noise)
    assert len(salt) == 32 and salt[:27].endswith(noise[:27])


def test_a_seats_salt_is_128_bits_of_key_and_task() -> None:
    key, task_id = b"\x01" * 32, b"\x02" * 32
    salt = derive_salt(key, task_id)
    assert len(salt) == 32 and salt[:16] == bytes(16)
    others = {derive_salt(b"\x03" * 32, task_id), derive_salt(key, b"\x04" * 32)}
    assert derive_salt(key, task_id) == salt and len({salt, *others}) == 3
