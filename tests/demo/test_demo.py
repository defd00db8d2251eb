"""The main job, whole: real tasks, real model, real chain, each part its own process."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent_runtime.config import load_config
from agent_runtime.reasoning.escalation import Level, assess
from symphony_chain.rpc import Rpc, wait_until
from tests.demo.processes import DEADLINE_S, Command
from tests.demo.test_report import KEYS

REASON = "the vote was right on"


def state_of(command: Command) -> dict[str, Any]:
    """What the running market says of itself, once all of it is up."""

    def look() -> dict[str, Any] | None:
        assert command.process.poll() is None, command.out + command.err
        path = command.folder / ".symphony" / "demo" / "run.json"
        return json.loads(path.read_text()) if path.exists() else None

    return wait_until(look, DEADLINE_S, 0.1, what="run.json")


def check_books(report: dict[str, Any]) -> None:
    """Money, audit and counts, whatever the answers were."""
    assert set(report) >= KEYS
    assert report["audit_ok"] and report["audit"]["cells"] > 100
    money = {name: int(wei) for name, wei in report["money"].items() if name.endswith("_wei")}
    assert report["money"]["balanced"]
    assert money["escrowed_wei"] == money["paid_wei"] + money["refunded_wei"] + money["burnt_wei"] > 0
    assert money["withdrawn_wei"] == money["refunded_wei"] and money["held_wei"] == money["owed_wei"]
    assert sum(map(int, report["payouts_wei"].values())) == money["paid_wei"]
    ends = ("settled", "inconclusive", "void", "expired")
    assert sum(report[end] for end in ends) == report["tasks"]
    parts = report["thinking_s"] + report["chain_s"] + report["orchestration_s"]
    assert parts == pytest.approx(report["wall_s"], abs=0.01) and 0 <= report["overhead_fraction"] < 1


def check_honest(command: Command, tasks: int) -> dict[str, Any]:
    """An honest run: every task voted on, and the exit code that its own verdict asks for."""
    code = command.wait()
    report = command.document()
    assert report == json.loads((command.folder / "demo-report.json").read_text())
    check_books(report)
    assert (report["tasks"], report["void"], report["expired"]) == (tasks, 0, 0)
    assert report["settled"] >= 1 and report["thinking_s"] > 0 and int(report["money"]["paid_wei"]) > 0
    # So few tasks may be answered wrong; nothing else may fail.
    assert [failure for failure in report["failures"] if not failure.startswith(REASON)] == []
    assert code == (1 if report["failures"] else 0)
    assert report["correct"] >= 1, "the tasks' first family is one that the model has learnt"
    assert command.gone()
    return report


def test_the_main_job_on_the_embedded_chain(tmp_path: Path) -> None:
    with Command(tmp_path, "demo", "--devnet", "pyevm", "--limit", 4, "--agents", 3, "--json") as command:
        state = state_of(command)
        with httpx.Client(base_url=state["api_url"], timeout=30, trust_env=False) as client:
            assert client.get("/v1/health").status_code == 200
            page = client.get("/")
            assert page.status_code == 200 and "text/html" in page.headers["content-type"]
        assert len(command.alive()) >= 7, "chain, index, API, three agents, and the command"
        report = check_honest(command, 4)
    assert report["devnet"] == "pyevm" and report["explorer"] == state["api_url"]
    assert {"award", "bid", "commit", "post", "reveal", "claim"} <= set(report["gas_per_step"])
    calls = {step: gas["calls"] for step, gas in report["gas_per_step"].items()}
    assert calls.get("settle", 0) + calls.get("revealAndSettle", 0) == 4, "each task is settled once, by either"
    assert "4/4" in command.err and "4 tasks, 3 seats each" in command.err
    assert not (tmp_path / ".symphony" / "demo" / "run.json").exists()
    configs = list((tmp_path / ".symphony" / "demo" / "agents").glob("*/config.json"))
    assert len(configs) == 3
    for config in configs:
        policy = load_config(config).thinking.escalation
        assert policy is not None and policy.extra_samples == 3
        split, silent = (assess(answers, domain=1.0, history=1.0) for answers in ([b"1", b"2", b"3"], [None] * 3))
        assert policy.level(split) is policy.level(silent) is Level.MEDIUM, "thinks again, and asks nobody"


@pytest.mark.anvil
def test_the_main_job_on_anvil_from_a_file(tmp_path: Path) -> None:
    """A BIG-Bench-Hard file as published, and the words for a person."""
    examples = [{"input": f"not ( {a} ) and ( {b} ) is", "target": t} for a, b, t in
                [("True", "True", "False"), ("False", "True", "True"), ("True", "False", "False")]]  # fmt: skip
    path = tmp_path / "boolean_expressions.json"
    path.write_text(json.dumps({"canary": "none", "examples": examples}))
    arguments = ("demo", "--devnet", "anvil", "--agents", 3, "--tasks", path, "--report", "out.json")
    with Command(tmp_path, *arguments) as command:
        code = command.wait()
        report = json.loads((tmp_path / "out.json").read_text())
        assert command.gone()
    check_books(report)
    assert code == (1 if report["failures"] else 0) and report["tasks"] == 3 and report["devnet"] == "anvil"
    assert "every wei accounted for" in command.out and "audit         holds" in command.out
    assert report["families"] == {"boolean_expressions": report["families"]["boolean_expressions"]}


def test_control_random_weights_know_nothing(tmp_path: Path) -> None:
    """Same shape, same run, no training: every task ends, no money is lost, and no answer is right."""
    arguments = ("demo", "--devnet", "pyevm", "--limit", 1, "--agents", 3, "--random-weights", 1, "--json")
    with Command(tmp_path, *arguments) as command:
        state = state_of(command)
        logs = tmp_path / ".symphony" / "demo" / "logs"

        def thought() -> bool:
            assert command.process.poll() is None, command.out + command.err
            text = "".join(path.read_text() for path in logs.glob("agent-*.log"))
            return text.count('"event": "no_commit"') + text.count('"event": "thought"') >= 3

        wait_until(thought, DEADLINE_S, 0.2, what="the end of three seats' thinking")
        with Rpc(state["rpc_url"]) as rpc:
            rpc.call("evm_increaseTime", 600)  # instead of waiting for the deadlines
        assert command.wait() == 1
        report = command.document()
        assert command.gone()
    check_books(report)
    assert report["vote_accuracy"] <= 0.1, "what it writes is hardly ever an answer, let alone three times the same one"
    assert report["settled"] + report["inconclusive"] + report["void"] == 1 and report["expired"] == 0
    assert report["failures"]


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with Command(tmp_path, "demo", "--devnet", "pyevm", "--limit", 1, "--agents", 1, "--json") as first:
        state = state_of(first)
        with Command(tmp_path, "demo", "--limit", 1, "--json") as second:
            assert second.wait() == 4
            error = second.error()
        assert error["code"] == "market.running" and str(first.process.pid) in error["message"]
        os.kill(int(state["pid"]), 9)
        first.wait()
        assert first.gone(), "a killed command leaves no orphans"
    with Command(tmp_path, "demo", "--tasks", "nothing.json", "--json") as third:
        assert third.wait() == 3 and third.error()["hint"], "the folder is free again; the file is missing"


def test_a_market_with_a_router(tmp_path: Path) -> None:
    """The router is a process like the others: it has gas money, and the market ends with an error if it ends."""
    with Command(tmp_path, "up", "--devnet", "pyevm", "--agents", 1, "--router", "--json") as command:
        document = command.document()
        state = json.loads((tmp_path / ".symphony" / "run.json").read_text())
        assert document["router"] == state["router"]
        with Rpc(document["rpc_url"]) as rpc:
            assert rpc.get_balance(document["router"]) > 0
        said = json.loads((tmp_path / ".symphony" / "logs" / "router.log").read_text().splitlines()[0])
        os.kill(said["pid"], 9)
        assert command.wait() == 1
        assert command.gone()
    assert "router was ended by SIGKILL" in command.err or "router ended" in command.err
