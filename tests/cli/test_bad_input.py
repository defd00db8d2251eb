"""Each kind of bad input gives one clear error with a code, a hint and its exit code, and changes nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from symphony_chain.devnet import start_devnet
from symphony_chain.keys import Keystore
from tests.cli.conftest import World, invoke

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse"
DISK_CODES = {
    "tx.journal_unwritable",
    "content.store_unusable",
    "content.full",
    "requester.journal_unwritable",
}
TASK = {"prompt": "1+1", "answer_format": "integer", "skills": {"text2sql": 10_000}}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A keystore with one unfunded key, and its password beside it."""
    Keystore(tmp_path / "keys").create("poor", PASSWORD, kdf="pbkdf2", work=10)
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "wrong").write_text("not the password")
    (tmp_path / "task.json").write_text(json.dumps(TASK))
    return tmp_path / "keys"


def post(world: World, *args: object) -> list[object]:
    return ["task", "post", *args, "--yes", "--json", *world.chain]


def test_wrong_rpc_url() -> None:
    done = invoke("chain", "status", "--rpc", "http://127.0.0.1:1", "--json")
    assert (
        done.code == 5
        and done.error["code"] == "chain.unreachable"
        and "127.0.0.1:1" in done.error["message"]
    )


def test_malformed_rpc_url() -> None:
    done = invoke("chain", "status", "--rpc", "localhost:8545", "--json")
    assert done.code == 2 and done.error["code"] == "config.invalid"


def test_wrong_chain(world: World, tmp_path: Path) -> None:
    other = json.loads(world.deployment.read_text()) | {"genesis": "0x" + "ab" * 32}
    (tmp_path / "other.json").write_text(json.dumps(other))
    done = invoke("chain", "status", "--rpc", world.node.url, "--deployment", "other.json", "--json")
    assert done.code == 5 and done.error["code"] == "chain.wrong"


def test_no_deployment_file(world: World) -> None:
    done = invoke("task", "list", "--rpc", world.node.url, "--json")
    assert done.code == 3 and done.error["code"] == "deployment.missing"


def test_a_deployment_file_that_is_none(world: World, tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text("[]")
    done = invoke("task", "list", "--rpc", world.node.url, "--deployment", "d.json", "--json")
    assert done.code == 2 and done.error["code"] == "deployment.malformed"


def test_wrong_password(world: World, keys: Path) -> None:
    done = invoke(*post(world, "task.json"), "--keystore", keys, "--password-file", "wrong")
    assert done.code == 2 and done.error["code"] == "key.wrong_password"


def test_a_missing_password_is_not_asked_for_without_a_terminal(world: World, keys: Path) -> None:
    done = invoke(*post(world, "task.json"), "--keystore", keys)
    assert done.code == 2 and done.error["code"] == "key.password_missing"


def test_no_key_at_all(world: World, keys: Path) -> None:
    done = invoke(*post(world, "task.json"))
    assert done.code == 3 and done.error["code"] == "key.missing"


def test_several_keys(world: World, keys: Path) -> None:
    Keystore(keys).create("second", PASSWORD, kdf="pbkdf2", work=10)
    done = invoke(*post(world, "task.json"), "--keystore", keys, "--password-file", "password")
    assert done.code == 2 and done.error["code"] == "key.ambiguous"


def test_unfunded_key(world: World, keys: Path) -> None:
    done = invoke(*post(world, "task.json"), "--keystore", keys, "--password-file", "password")
    assert done.code == 4 and done.error["code"] == "tx.unfunded"
    assert int(done.error["context"]["have_wei"]) == 0


def test_a_single_keystore_file_is_enough(world: World, keys: Path, tmp_path: Path) -> None:
    (path,) = keys.glob("*.json")
    path.rename(tmp_path / "UTC--exported-by-a-wallet")
    done = invoke(
        *post(world, "task.json"), "--keystore", "UTC--exported-by-a-wallet", "--password-file", "password"
    )
    assert done.error["code"] == "tx.unfunded", "it was unlocked"
    wrong = invoke(
        *post(world, "task.json"), "--keystore", "UTC--exported-by-a-wallet", "--password-file", "wrong"
    )
    assert wrong.error["code"] == "key.wrong_password"


def test_not_confirmed(world: World, keys: Path) -> None:
    done = invoke("task", "post", "task.json", "--json", *world.chain, "--from", "devnet:5")
    assert done.code == 2 and done.error["code"] == "usage.confirm"


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("{", "not JSON"),
        ("[1]", "one JSON object"),
        (json.dumps(TASK | {"prize": 3}), "'prize'"),
        (json.dumps(TASK | {"answer_format": "essay"}), "answer_format"),
        (json.dumps(TASK | {"skills": {}}), "skills"),
        (json.dumps(TASK | {"skills": {"flying": 10}}), "flying"),
        (json.dumps(TASK | {"ceiling": "much"}), "ceiling"),
        (json.dumps(TASK | {"k": -1}), "k"),
        (json.dumps(TASK | {"prompt": ""}), "prompt"),
        (json.dumps(TASK | {"bid_window": "soon"}), "bid_window"),
        (json.dumps(TASK | {"documents": [{"name": "x"}]}), "documents"),
        ("[" * 100_000, "not JSON"),
    ],
)  # fmt: skip
def test_malformed_task_file(world: World, tmp_path: Path, content: str, names: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    done = invoke(*post(world, "bad.json", "--from", "devnet:5"))
    assert done.code == 2
    assert names in done.error["message"]


def test_no_such_task_file(world: World) -> None:
    done = invoke(*post(world, "nothing.json", "--from", "devnet:5"))
    assert done.code == 3 and done.error["code"] == "task.file_missing"


def test_oversized_prompt(world: World, tmp_path: Path) -> None:
    (tmp_path / "big.json").write_text(json.dumps(TASK | {"prompt": "x" * 40_000}))
    before = world.rpc.get_balance("0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc")
    done = invoke(*post(world, "big.json", "--from", "devnet:5"))
    assert done.code == 2 and "prompt" in done.error["message"]
    assert world.rpc.get_balance("0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc") == before


def test_the_contract_refuses_parameters(world: World, tmp_path: Path) -> None:
    (tmp_path / "short.json").write_text(json.dumps(TASK | {"bid_window": "1s"}))
    done = invoke(*post(world, "short.json", "--from", "devnet:5"))
    assert done.code == 4 and done.error["code"] == "contract.ParameterOutOfRange"
    assert done.error["context"]["args"]["name"] == "bidEnd"


def test_mirror_that_takes_nothing(world: World, keys: Path) -> None:
    done = invoke(*post(world, "task.json", "--content-url", "http://127.0.0.1:1", "--from", "devnet:5"))
    assert done.code == 1 and done.error["code"] == "content.upload"


@pytest.mark.parametrize("text", ["0x12", "hello!", "0x" + "ab" * 33, "-5"])
def test_bad_task_id(world: World, text: str) -> None:
    done = invoke("task", "show", "--json", *world.chain, "--", text)
    assert done.code == 2 and done.error["code"] == "task.bad_id"


def test_unknown_task(world: World) -> None:
    done = invoke("vote", "verify", "0x" + "ab" * 32, "--json", *world.chain)
    assert done.code == 3 and done.error["code"] == "task.unknown"


def test_unknown_agent(world: World) -> None:
    for command in (("agent", "status", 999), ("reward", "claim", 999, "--from", "devnet:1")):
        done = invoke(*command, "--json", *world.chain)
        assert done.code == 3 and done.error["code"] == "agent.unknown"


def test_withdraw_is_for_accounts_not_for_agents(world: World) -> None:
    done = invoke("withdraw", "--agent", 1, "--json", *world.chain)
    assert done.code == 2 and "--agent" in done.error["message"]
    assert "symphony reward claim" in invoke("withdraw", "--help").out
    full = ("withdraw", "--yes", "--from", "devnet:0", "--json", *world.chain)
    assert invoke(*full, "--amount", "0 ether").code == 2
    assert invoke(*full, "--amount", "1000000 ether").error["code"] == "withdraw.too_much"
    empty = invoke("withdraw", "--yes", "--from", "devnet:9", "--json", *world.chain)
    assert empty.error["code"] == "withdraw.nothing" and "symphony reward claim" in empty.error["hint"]


def test_devnet_accounts_stay_on_devnets() -> None:
    done = invoke("chain", "deploy", "--rpc", "http://192.0.2.1:8545", "--from", "devnet:0", "--json")
    assert done.code == 5 and done.error["code"] == "devnet.required"


def test_port_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = invoke("devnet", "--kind", "pyevm", "--port", taken.getsockname()[1], "--json")
    assert done.code == 4 and done.error["code"] == "devnet.port_taken"


def test_gateway_port_taken(world: World, keys: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = invoke(*post(world, "task.json", "--gateway-port", port, "--from", "devnet:5"))
    assert done.code == 4 and done.error["code"] == "gateway.port_taken"


def test_a_key_is_never_overwritten_and_never_readable_by_others(tmp_path: Path) -> None:
    Keystore(tmp_path / ".symphony" / "keystore").create("bob", PASSWORD, kdf="pbkdf2", work=10)
    (tmp_path / "password").write_text(PASSWORD)
    done = invoke("key", "new", "bob", "--password-file", "password", "--json")
    assert done.code == 4 and done.error["code"] == "key.exists"
    (path,) = (tmp_path / ".symphony" / "keystore").glob("*.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PASSWORD not in invoke("key", "list", "--json").out


def test_weak_password(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("short")
    done = invoke("key", "new", "bob", "--password-file", "password", "--json")
    assert done.code == 2 and done.error["code"] == "key.weak_password"
    assert not list(tmp_path.rglob("0x*.json"))


NO_ROOM = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
sys.argv = ["symphony", *sys.argv[1:]]
runpy.run_module("symphony", run_name="__main__")
"""


def test_a_data_folder_that_cannot_be(world: World, keys: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = invoke(*post(world, "task.json", "--from", "devnet:5"), "--data-dir", "file/inside")
    assert done.code == 1 and done.error["code"] in DISK_CODES, done.out


def test_a_full_disk_costs_nothing_and_the_next_run_repairs_it(world: World, keys: Path) -> None:
    """The process may write no file beyond 8 KiB: what a full disk looks like to SQLite and to the content store."""
    address = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"
    before = world.rpc.get_nonce(address)
    command = [*post(world, "task.json", "--from", "devnet:5", "--no-wait")]
    env = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
    full = subprocess.run(
        [sys.executable, "-c", NO_ROOM, *map(str, command)],
        capture_output=True,
        text=True,
        env=env,
        timeout=60,
    )
    error = json.loads(full.stdout)["error"]
    assert full.returncode == 1 and error["code"] in DISK_CODES and error["hint"]
    assert world.rpc.get_nonce(address) == before, "nothing was sent"
    repaired = invoke("chain", "status", "--json", *world.chain)
    assert repaired.code == 0


def test_killed_devnet(tmp_path: Path) -> None:
    (tmp_path / "task.json").write_text(json.dumps(TASK | {"bid_window": "600s"}))
    with start_devnet("pyevm", block_time_s=0.2) as node:
        deployed = invoke("chain", "deploy", "--rpc", node.url, "--from", "devnet:0", "--json")
        assert deployed.code == 0, deployed.out
        assert (
            invoke("chain", "deploy", "--rpc", node.url, "--from", "devnet:0", "--json").json["market"]
            == deployed.json["market"]
        )
        env = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
        command = [
            sys.executable,
            "-m",
            "symphony",
            "task",
            "post",
            "task.json",
            "--from",
            "devnet:1",
            "--yes",
            "--json",
        ]
        running = subprocess.Popen(
            [*command, "--rpc", node.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
        )
        assert running.stderr is not None
        posted = next(line for line in running.stderr if line.startswith("task 0x"))
        os.kill(node.pid, signal.SIGKILL)
        out, _ = running.communicate(timeout=120)
    error = json.loads(out)["error"]
    assert running.returncode == 5 and error["code"] == "chain.unreachable"
    assert "task watch" in error["hint"] and error["context"]["task_id"] == posted.split()[1]
