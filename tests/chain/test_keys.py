"""The keystore, passwords, settings and units."""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from symphony_chain.config import DEFAULT_RPC_URL, load_settings
from symphony_chain.errors import Conflict, Failure, InvalidInput, NotFound, UsageError
from symphony_chain.keys import SCRYPT_N, Keystore, read_password
from symphony_chain.units import format_wei, parse_duration, parse_ether

PASSWORD = "correct horse"
FAST = {"kdf": "pbkdf2", "work": 10}


def _store(tmp_path: Path) -> Keystore:
    return Keystore(tmp_path / "keys")


def test_create_list_unlock(tmp_path: Path) -> None:
    store = _store(tmp_path)
    assert store.list() == []
    made = store.create("alice", PASSWORD, **FAST)  # type: ignore[arg-type]
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    assert [path.name for path in store.folder.iterdir()] == [f"{made.address}.json"]  # no temporary file is left
    assert store.list() == [made]
    for name in ("alice", made.address, made.address.lower()):
        assert store.unlock(name, PASSWORD).address == made.address


def test_the_private_key_is_not_in_the_file_and_other_tools_read_it(tmp_path: Path) -> None:
    key = bytes(range(1, 33))
    made = _store(tmp_path).create("bob", PASSWORD, key=key, **FAST)  # type: ignore[arg-type]
    text = made.path.read_text()
    assert key.hex() not in text and PASSWORD not in text
    document = json.loads(text)
    assert document["version"] == 3 and document["address"] == made.address[2:].lower()
    assert bytes(Account.decrypt(document, PASSWORD)) == key


def test_the_default_kdf_is_strong(tmp_path: Path) -> None:
    made = _store(tmp_path).create("slow", PASSWORD)
    crypto = json.loads(made.path.read_text())["crypto"]
    assert crypto["kdf"] == "scrypt" and crypto["kdfparams"]["n"] == SCRYPT_N == 2**18


def test_wrong_password_weak_password_unknown_name(tmp_path: Path) -> None:
    store = _store(tmp_path)
    store.create("alice", PASSWORD, **FAST)  # type: ignore[arg-type]
    with pytest.raises(UsageError) as wrong:
        store.unlock("alice", "something else")
    assert (wrong.value.code, wrong.value.exit_code) == ("key.wrong_password", 2) and wrong.value.hint
    with pytest.raises(UsageError) as weak:
        store.create("bob", "short", **FAST)  # type: ignore[arg-type]
    assert weak.value.code == "key.weak_password"
    with pytest.raises(NotFound) as missing:
        store.unlock("carol", PASSWORD)
    assert missing.value.code == "key.missing" and "alice" in missing.value.hint


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    store = _store(tmp_path)
    key = bytes(range(1, 33))
    made = store.create("alice", PASSWORD, key=key, **FAST)  # type: ignore[arg-type]
    before = made.path.read_bytes()
    for name, again in (("alice", None), ("other", key)):
        with pytest.raises(Conflict) as caught:
            store.create(name, PASSWORD + "2", key=again, **FAST)  # type: ignore[arg-type]
        assert caught.value.code == "key.exists"
    assert made.path.read_bytes() == before and len(store.list()) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"address":"12"}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    store = _store(tmp_path)
    store.folder.mkdir()
    (store.folder / "0xbad.json").write_bytes(content)
    with pytest.raises(Failure, match="0xbad.json") as caught:
        store.list()
    assert caught.value.code == "key.unreadable"


def test_a_file_of_another_key_is_refused(tmp_path: Path) -> None:
    store = _store(tmp_path)
    made = store.create("alice", PASSWORD, **FAST)  # type: ignore[arg-type]
    document = json.loads(made.path.read_text()) | {"address": "11" * 20}
    made.path.write_text(json.dumps(document))
    with pytest.raises(Failure, match="holds the key of"):
        store.unlock("alice", PASSWORD)


def test_an_unwritable_folder_is_explained(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file where the folder should be")
    with pytest.raises(Failure) as caught:
        _store(tmp_path).create("alice", PASSWORD, **FAST)  # type: ignore[arg-type]
    assert caught.value.code == "key.unwritable"


def test_password_sources_in_order(tmp_path: Path) -> None:
    named, by_env = tmp_path / "a", tmp_path / "b"
    named.write_text("from file \n")
    by_env.write_bytes("von dér Umgebung\r\n".encode())
    environ = {"SYMPHONY_PASSWORD_FILE": str(by_env)}
    assert read_password(file=named, environ=environ) == "from file "  # only the newline is cut
    assert read_password(environ=environ) == "von dér Umgebung"
    reader, writer = os.pipe()
    os.write(writer, b"from pipe\n")
    os.close(writer)
    assert read_password(fd=reader, environ=environ) == "from pipe"
    os.close(reader)


def test_no_prompt_without_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("typed\n"))

    def ask(_: str) -> str:
        raise AssertionError("asked without a terminal")

    empty = tmp_path / "empty"
    empty.write_text("\n")
    cases = ({"prompt": True}, {"prompt": False}, {"file": empty}, {"file": tmp_path / "none"}, {"fd": 999})
    for options in cases:
        with pytest.raises(UsageError) as caught:
            read_password(environ={}, ask=ask, **options)  # type: ignore[arg-type]
        assert caught.value.code == "key.password_missing" and "SYMPHONY_PASSWORD_FILE" in caught.value.hint


def test_prompting_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", _Terminal())
    assert read_password(prompt=True, environ={}, ask=lambda _: "secret words") == "secret words"
    typed = iter(["one", "two"])
    with pytest.raises(UsageError) as caught:
        read_password(prompt=True, confirm=True, environ={}, ask=lambda _: next(typed))
    assert caught.value.code == "key.password_mismatch"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_settings_come_from_defaults_then_file_then_environment(tmp_path: Path) -> None:
    file = tmp_path / "symphony.toml"
    file.write_text('rpc_url = "http://a:1"\npassword_file = "/run/pw"\n')
    base = {"XDG_DATA_HOME": "/data"}
    plain = load_settings(base | {"HOME": "/none"}, file)
    assert (plain.rpc_url, plain.password_file) == ("http://a:1", Path("/run/pw"))
    assert plain.keystore_dir == Path("/data/symphony/keystore")
    changed = load_settings(base | {"SYMPHONY_RPC_URL": "https://b", "SYMPHONY_DATA_DIR": "/x"}, file)
    assert (changed.rpc_url, changed.journal_path) == ("https://b", Path("/x/tx.sqlite"))


def test_settings_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings({}).rpc_url == DEFAULT_RPC_URL


@pytest.mark.parametrize("text", ["rpc = 1", "rpc_url = 5", 'rpc_url = "localhost"', "= broken"])
def test_bad_settings_are_explained(tmp_path: Path, text: str) -> None:
    file = tmp_path / "symphony.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_settings({}, file)
    assert caught.value.code == "config.invalid" and "rpc_url" in caught.value.hint
    with pytest.raises(UsageError):
        load_settings({}, tmp_path / "absent.toml")


def test_amounts() -> None:
    wei = {"0.01 ether": 10**16, "5 gwei": 5 * 10**9, "123 wei": 123, "1ETH": 10**18, "0.000000000000000001 ether": 1}
    assert {text: parse_ether(text) for text in wei} == wei
    assert parse_ether(17) == 17
    for bad in ("5", "1.5 wei", "-1 ether", "1e3 gwei", "ether", "", "1 euro", str(2**256) + " wei", -1, True, "١ wei"):
        with pytest.raises(InvalidInput) as caught:
            parse_ether(bad)
        assert caught.value.code == "input.amount"
    assert [format_wei(n) for n in (0, 1, 5 * 10**9, 10**16, -(10**18))] == [
        "0 ether",
        "1 wei",
        "5 gwei",
        "0.01 ether",
        "-1 ether",
    ]


@given(st.integers(min_value=0, max_value=2**256 - 1))
def test_formatted_amounts_read_back(wei: int) -> None:
    assert parse_ether(format_wei(wei)) == wei


def test_durations() -> None:
    assert [parse_duration(d) for d in ("90s", "5m", "1h30m", "2d", 7)] == [90, 300, 5400, 172_800, 7]
    for bad in ("", "5", "m", "1.5h", "-1s", "1h 30m", -1, True):
        with pytest.raises(InvalidInput):
            parse_duration(bad)
