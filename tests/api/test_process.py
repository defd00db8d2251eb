"""The API as a process: ready line, clean end, no orphan, clear errors, an index that comes late or fails."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import httpx
from starlette.testclient import TestClient

from api import create_app
from api.settings import ApiSettings
from indexer.sync import Indexer
from symphony_chain.deploy import Deployment
from symphony_chain.market import encode_deposit
from symphony_chain.rpc import wait_until
from tests.api.server import ROOT, command, served
from tests.api.world import World


def ended(settings: ApiSettings, *more: str) -> tuple[int, dict[str, str]]:
    """Exit code and error of an API that cannot start."""
    done = subprocess.run(command(settings, *more), cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == ""
    error: dict[str, str] = json.loads(done.stderr.splitlines()[-1])["error"]
    return done.returncode, error


def test_serves_and_ends_with_open_streams(told: World) -> None:
    with served(told.settings) as (url, child):
        with httpx.Client(base_url=url, timeout=20, trust_env=False) as http:
            assert http.get("/v1/health").json() == {"status": "ok"}
            with http.stream("GET", "/v1/events") as stream:
                lines = stream.iter_lines()
                assert next(line for line in lines if line.startswith("event:")) == "event: head"
                child.send_signal(signal.SIGTERM)
                assert child.wait(15) == 0
                assert all(not line.startswith("event: gap") for line in lines)  # the stream ends, no error


def test_ends_with_its_parent(told: World, tmp_path: Path) -> None:
    middle = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen({command(told.settings)!r}, cwd={str(ROOT)!r}, stdout=subprocess.PIPE, text=True)\n"
        "print(child.pid, child.stdout.readline(), flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", middle], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None and parent.stdin is not None
    pid, _, ready = parent.stdout.readline().partition(" ")
    assert "url" in ready
    parent.kill()
    parent.wait()
    parent.stdout.close()
    parent.stdin.close()
    wait_until(lambda: not _alive(int(pid)), 20, what="the end of the orphan")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_port_taken(told: World) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        code, error = ended(told.settings, "--port", str(holder.getsockname()[1]))
    assert (code, error["code"]) == (4, "api.port_taken") and "another port" in error["hint"]


def test_missing_deployment(told: World, tmp_path: Path) -> None:
    code, error = ended(replace(told.settings, deployment_path=tmp_path / "none.json"))
    assert (code, error["code"]) == (3, "deployment.missing")


def test_relayer_without_a_key(told: World, tmp_path: Path) -> None:
    code, error = ended(told.settings, "--relayer-keystore", str(tmp_path))
    assert (code, error["code"]) == (2, "api.relayer_keystore")


def test_bad_database_url(told: World) -> None:
    with TestClient(create_app(replace(told.settings, db_url="sqlite://"))) as http:
        answer = http.get("/v1/tasks")
    assert (answer.status_code, answer.json()["code"]) == (400, "index.bad_url")


def test_index_that_comes_later(told: World, tmp_path: Path) -> None:
    settings = replace(told.settings, db_url=f"sqlite:///{tmp_path / 'late.db'}")
    with TestClient(create_app(settings)) as http:
        early = http.get("/v1/tasks")
        assert (early.status_code, early.json()["code"]) == (503, "index.missing") and "retry-after" in early.headers
        assert http.get("/v1/ready").status_code == 503 and http.get("/v1/health").status_code == 200
        assert http.get("/", headers={"accept": "text/html"}).status_code == 503
        with Indexer(told.scenario.rpc, told.scenario.deployment, settings.db_url) as indexer:
            indexer.sync_once()
        assert http.get("/v1/ready").status_code == 200 and http.get("/v1/tasks").json()["items"]


def test_index_of_another_chain(told: World, tmp_path: Path) -> None:
    other = replace(told.scenario.deployment, genesis="0x" + "11" * 32)
    other.save(tmp_path / "other.json")
    assert Deployment.load(tmp_path / "other.json") == other
    with TestClient(create_app(replace(told.settings, deployment_path=tmp_path / "other.json"))) as http:
        answer = http.get("/v1/tasks")
    assert (answer.status_code, answer.json()["code"]) == (503, "chain.wrong")


def test_node_down_leaves_reads_alone(told: World) -> None:
    raw = bytes(told.scenario.stranger.sign_transaction(_deposit(told)).raw_transaction)
    with TestClient(create_app(replace(told.settings, rpc_url="http://127.0.0.1:9"))) as http:
        for path in ("/v1/tasks", "/", "/v1/ready", f"/v1/tasks/0x{told.tasks['settled'].task_id.hex()}"):
            assert http.get(path).status_code == 200
        sent = http.post("/v1/tx", json={"raw": "0x" + raw.hex()})
    assert (sent.status_code, sent.json()["code"]) == (503, "chain.unreachable")


def _deposit(told: World) -> dict[str, object]:
    data = encode_deposit(told.scenario.stranger.address, 1)
    fees = {"gas": 100_000, "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9, "nonce": 0}
    return {"to": told.scenario.deployment.market, "data": data, "value": 1, "chainId": 31337, "type": 2} | fees
