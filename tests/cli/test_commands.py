"""Every command: one JSON document, the promised keys, the promised exit code; text for people; nothing heavy at start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from symphony.cli import cli, run
from symphony.cli.text import clean, jsonable
from symphony_chain.keys import Keystore
from symphony_chain.rpc import Rpc, wait_until
from tests.cli.conftest import World, invoke

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse"


def task_id(world: World) -> str:
    return "0x" + world.scenario.posted[0].task_id.hex()


READS = {
    "doctor": ["ok", "findings"],
    "key list": ["keys"],
    "chain status": [
        "chain_id",
        "genesis",
        "block",
        "market",
        "registry",
        "plans",
        "terms",
        "held_wei",
        "clock_drift_s",
    ],
    "task list": ["tasks", "total"],
    "task show {task}": ["task_id", "state", "next", "parameters", "bids", "seats", "events", "final", "free_seats", "evaluated"],
    "task explain {task}": [
        "agents",
        "page_matches",
        "match_enough",
        "bid",
        "usable",
        "seated",
        "reasons",
        "next",
    ],
    "task watch {task} --read-only": ["task_id", "state", "seats"],
    "vote verify {task}": ["ok", "final", "state", "seats", "money", "checks", "mismatches", "unchecked"],
    "agent status": ["agents"],
    "agent status 1": ["agents"],
}


@pytest.mark.parametrize("command", READS)
def test_every_reading_command_gives_one_document(world: World, command: str) -> None:
    words = command.format(task=task_id(world)).split()
    chain = () if words[0] == "key" else world.chain
    done = invoke(*words, "--json", *chain)
    assert done.code in (0, 1) if words[0] == "doctor" else done.code == 0, done.out
    assert set(READS[command]) <= set(done.json)
    text = invoke(*words, *chain)
    assert text.code == done.code and text.out.strip() and not text.out.startswith("{")


def test_every_command_takes_json_and_has_help() -> None:
    def leaves(command: click.Command, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], click.Command]]:
        if isinstance(command, click.Group):
            names = command.list_commands(click.Context(command))
            children = [(name, command.get_command(click.Context(command), name)) for name in names]
            return [leaf for name, child in children if child for leaf in leaves(child, (*path, name))]
        return [(path, command)]

    found = leaves(cli, ())
    assert {"vote verify", "task post", "chain deploy", "withdraw", "audit"} <= {
        " ".join(path) for path, _ in found
    }
    for path, command in found:
        assert "--json" in {option for parameter in command.params for option in parameter.opts}, path
        assert command.help, path


def test_list_filters(world: World) -> None:
    settled = invoke("task", "list", "--state", "settled", "--limit", 2, "--json", *world.chain).json
    assert len(settled["tasks"]) == 2 and {t["state"] for t in settled["tasks"]} == {"settled"}
    revealing = invoke("task", "list", "--state", "revealing", "--json", *world.chain).json
    assert [t["task_id"] for t in revealing["tasks"]] == ["0x" + world.scenario.posted[-1].task_id.hex()]
    # A seat of it is taken and time goes on, but it still is one that others may join, or whose seats were never revealed.
    half = next(p for p in world.scenario.posted if p.task.open and p is world.scenario.posted[-2])
    listed = invoke("task", "list", "--json", *world.chain).json["tasks"]
    assert [(t["state"], t["seats"]) for t in listed if t["task_id"] == "0x" + half.task_id.hex()] == [("awarded", [1])]
    nobody = invoke("task", "list", "--requester", "0x" + "11" * 20, "--json", *world.chain).json
    assert nobody == {"tasks": [], "total": 0}


def test_the_funnel_names_every_reason(world: World) -> None:
    """The scenario's skipped task: the contract passed over five bids, each for a reason."""
    skipped = next(p for p in world.scenario.posted if p.task.bond_wei == 10 * 10**18)
    document = invoke("task", "explain", "0x" + skipped.task_id.hex(), "--json", *world.chain).json
    assert document["seated"] == 1 and document["agents"] == 4
    text = invoke("task", "explain", "0x" + skipped.task_id.hex(), *world.chain).out
    assert "passed over by the contract" in text
    shown = invoke("task", "show", "0x" + skipped.task_id.hex(), "--json", *world.chain).json
    assert {s["reason"] for s in shown["skipped"]} >= {
        "bid_expired",
        "bad_signature",
        "owner_seated",
        "match_too_low",
    }


def test_an_open_task_says_who_must_act_and_by_when(world: World) -> None:
    last = world.scenario.posted[-1]
    document = invoke("task", "show", "0x" + last.task_id.hex(), "--json", *world.chain).json
    assert document["state"] == "revealing" and not document["final"]
    assert document["next"] == {"who": "seats 0, 1, 2", "does": "reveal", "until_s": last.task.reveal_end_s}


def test_watching_gives_up_in_time(world: World) -> None:
    last = world.scenario.posted[-1]
    done = invoke(
        "task", "watch", "0x" + last.task_id.hex(), "--read-only", "--timeout", "0s", "--json", *world.chain
    )
    assert done.code == 1 and done.error["code"] == "deadline.exceeded"


def test_an_agent_by_number(world: World) -> None:
    (agent,) = invoke("agent", "status", 1, "--json", *world.chain).json["agents"]
    assert agent["agent_id"] == 1 and agent["seats"] > 0
    assert agent["skills"]["boolean_expressions"]["declared_bps"] == 9000
    assert invoke("agent", "status", "--mine", "--json", *world.chain).json == {"agents": []}


def test_usage_errors() -> None:
    assert invoke().code == 2
    assert invoke("nonsense", "--json").error["code"] == "usage"
    assert invoke("task", "list", "--limit", "0", "--json").code == 2
    assert invoke("withdraw", "--amount", "lots", "--json").code == 2
    assert invoke("task", "post", "--skill", "a=b", "--json").code == 2
    assert invoke("--version").out.startswith("symphony ")


def test_an_error_that_should_not_happen_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret of line two\nsecond line")

    monkeypatch.setattr("symphony_chain.keys.Keystore.list", broken)
    done = invoke("key", "list", "--json")
    assert done.code == 1 and done.error["code"] == "internal" and "Traceback" not in done.err
    monkeypatch.setenv("SYMPHONY_DEBUG", "1")
    assert "Traceback" in invoke("key", "list", "--json").err


def test_interruption_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("symphony_chain.keys.Keystore.list", interrupted)
    assert invoke("key", "list").code == 130


def test_foreign_text_cannot_move_the_cursor() -> None:
    hostile = "\x1b[31mred\x1b]0;title\x07 \u202egnorw\u2066 a\nb\rc\x00\ud800\u200b"
    made = clean(hostile)
    assert made.isprintable() and "\x1b" not in made and "\u202e" not in made
    assert clean("a" * 50, 10) == "a" * 10 + "…"
    assert clean("Größe 4 €, 中文") == "Größe 4 €, 中文"


def test_money_is_never_a_json_number() -> None:
    document = jsonable({"pay_wei": 1, "seats": 3, "word": 1 << 60, "digest": b"\x01", "ok": True})
    assert document == {"pay_wei": "1", "seats": 3, "word": str(1 << 60), "digest": "0x01", "ok": True}


def test_flag_over_variable_over_file_over_running_market(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from symphony.cli.settings import Flags, resolve

    (tmp_path / ".symphony").mkdir()
    running = {
        "rpc_url": "http://run:1",
        "deployment": "run.d",
        "api_url": "http://api:1",
        "db_url": "sqlite:///x",
        "pid": 7,
    }
    (tmp_path / ".symphony" / "run.json").write_text(json.dumps(running))
    assert resolve(Flags(), {}).rpc_url == "http://run:1"
    assert (
        resolve(Flags(), {}).deployment_path == Path("run.d") and resolve(Flags(), {}).db_url == "sqlite:///x"
    )
    (tmp_path / "symphony.toml").write_text('rpc_url = "http://toml:1"\naddresses_file = "toml.d"\n')
    assert resolve(Flags(), {}).rpc_url == "http://toml:1" and resolve(Flags(), {}).deployment_path == Path(
        "toml.d"
    )
    assert resolve(Flags(), {"SYMPHONY_RPC_URL": "http://env:1"}).rpc_url == "http://env:1"
    assert (
        resolve(Flags(rpc="http://flag:1"), {"SYMPHONY_RPC_URL": "http://env:1"}).rpc_url == "http://flag:1"
    )
    (tmp_path / "symphony.toml").write_text("rcp_url = 3\n")
    assert invoke("key", "list", "--json").error["code"] == "config.invalid"


def test_start_up_imports_nothing_heavy() -> None:
    heavy = ("torch", "transformers", "sqlalchemy", "fastapi", "eth_account", "rich", "httpx", "numpy")
    code = (
        "import sys; from symphony.cli import run; code = run(['--help']); run(['key', 'list', '--help']);"
        f"print([m for m in {heavy!r} if m in sys.modules], code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "[] 0"


def test_the_package_is_a_light_door() -> None:
    code = "import symphony as s, sys; assert 'eth_account' not in sys.modules; print(s.State.SETTLED.name, s.__version__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["SETTLED", "0.1.0"]
    import symphony

    assert all(getattr(symphony, name) is not None for name in symphony.__all__)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_devnet_runs_until_it_is_told_to_end(tmp_path: Path, number: signal.Signals, code: int) -> None:
    # A shell's background job inherits an ignored SIGINT: what runs the tests may be one.
    listen = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); import symphony.cli as c; c.main()"
    command = [sys.executable, "-c", listen, "devnet", "--kind", "pyevm", "--port", "0", "--block-time", "0.5", "--json"]
    env = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    ) as process:
        assert process.stdout is not None
        document = json.loads(process.stdout.readline())
        assert document["kind"] == "pyevm" and len(document["accounts"]) == 10
        with Rpc(document["url"]) as rpc:
            assert rpc.chain_id() == 31337
        process.send_signal(number)
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == code
    wait_until(lambda: not Path(f"/proc/{document['pid']}").exists(), 20, 0.1, what="the end of the node")
    assert rest == "", "one document only"


def test_a_service_that_breaks_down_later_tells_it_on_stderr() -> None:
    command = [sys.executable, "-m", "symphony", "devnet", "--kind", "pyevm", "--port", "0", "--json"]
    env = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    ) as process:
        assert process.stdout is not None
        os.kill(json.loads(process.stdout.readline())["pid"], signal.SIGKILL)
        rest, notes = process.communicate(timeout=60)
    assert process.returncode == 1 and rest == ""
    assert json.loads(notes.splitlines()[-1])["error"]["code"] == "devnet.ended"


def test_an_agent_is_registered_and_run_from_the_command_line(world: World, tmp_path: Path) -> None:
    keys = Keystore(tmp_path / "keys")
    for name in ("owner", "ada-operator"):
        address = keys.create(name, PASSWORD, kdf="pbkdf2", work=10).address
        if name == "owner":
            world.scenario.send(world.scenario.stranger, address, b"", 10**18)
    (tmp_path / "password").write_text(PASSWORD)
    key = ["--keystore", "keys", "--password-file", "password"]
    made = [
        "agent",
        "register",
        "ada",
        "--skill",
        "text2sql=7000",
        "--engine",
        "tests.runtime.scripted:engine",
    ]
    done = invoke(*made, "--from", "owner", "--json", *key, *world.chain)
    assert done.code == 0, done.out + done.err
    agent_id = done.json["agent_id"]
    again = invoke(*made, "--skill", "web_of_lies", "--from", "owner", "--json", *key, *world.chain)
    assert again.json["agent_id"] == agent_id, "the same agent, with new skills"

    (agent,) = invoke("agent", "status", agent_id, "--json", *key, *world.chain).json["agents"]
    assert agent["name"] == "ada" and agent["wallet"] == done.json["operator"]
    assert {tag: skill["declared_bps"] for tag, skill in agent["skills"].items()} == {
        "text2sql": 7000,
        "web_of_lies": 10000,
    }
    mine = invoke("agent", "status", "--mine", "--json", *key, *world.chain).json["agents"]
    assert [a["agent_id"] for a in mine] == [agent_id]

    env = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "symphony", "agent", "run", "ada", "--json", *key, *world.chain]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["agent_id"] == agent_id and ready["gateway_url"].startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0
    missing = invoke("agent", "run", "bob", "--json", *key, *world.chain)
    assert missing.code == 3 and missing.error["code"] == "agent.no_config"


def test_run_returns_codes_and_never_raises() -> None:
    assert run(["task", "show", "0x12", "--rpc", "http://127.0.0.1:1", "--json"]) == 3
