"""Bad input where a person meets it: one clear error, a hint, a non-zero exit code, nothing half-done, no money lost.

Names without a file are tests of this one; `cli` is tests/cli/test_bad_input.py, and so on.

| bad input | tests |
|---|---|
| wrong RPC URL | cli `test_wrong_rpc_url`, `test_malformed_rpc_url`; indexer test_process.py |
| wrong chain | cli `test_wrong_chain`; chain test_tx.py; indexer test_process.py |
| missing model file | `test_missing_model`; engines test_torch_engine.py |
| corrupt weights | `test_changed_weights`, `test_one_folder_through_three_failures`; engines test_torch_engine.py |
| unfunded key | cli `test_unfunded_key`; chain test_tx.py |
| wrong password | cli `test_wrong_password`, `test_a_single_keystore_file_is_enough`; chain test_keys.py |
| malformed task file | `test_task_files` (many tasks); cli `test_malformed_task_file` (one task) |
| oversized prompt | `test_task_files`; cli `test_oversized_prompt`; spec test_documents.py |
| port taken | `test_ports_taken`; cli `test_port_taken`, `test_gateway_port_taken` |
| killed devnet | `test_killed_devnet`; cli `test_killed_devnet`; chain test_tx.py |
| full disk | `test_one_folder_through_three_failures`; indexer test_process.py; chain test_tx.py; content test_store_limits.py |
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from pathlib import Path

import pytest

from agent_runtime.engines.weights import shipped_folder
from symphony_chain.rpc import wait_until
from tests.demo.processes import DEADLINE_S, Command
from tests.demo.test_demo import state_of

UP = ("up", "--devnet", "pyevm", "--agents", 1, "--json")
DEMO = ("demo", "--devnet", "pyevm", "--agents", 1, "--limit", 1, "--json")


def refused(folder: Path, *args: object, max_file_bytes: int | None = None) -> tuple[int, dict[str, object]]:
    """Exit code and error of a command that must fail, and leave no process."""
    with Command(folder, *args, max_file_bytes=max_file_bytes) as command:
        code = command.wait()
        error = command.error()
        assert command.gone()
    return code, error


def test_missing_model(tmp_path: Path) -> None:
    code, error = refused(tmp_path, *UP, "--model", tmp_path / "nowhere")
    assert (code, error["code"]) == (3, "model.missing") and str(tmp_path / "nowhere") in str(error["message"])


def test_changed_weights(tmp_path: Path) -> None:
    shutil.copytree(shipped_folder(), tmp_path / "model")
    with (tmp_path / "model" / "model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    code, error = refused(tmp_path, *DEMO, "--model", "model")
    assert (code, error["code"]) == (1, "model.corrupt") and "sha-256" in str(error["message"])


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (None, 3, "no task file"),
        ("", 2, "no task"),
        ("{", 2, "line 1"),
        ('{"family": "flying", "level": 1, "seed": 1}', 2, "flying"),
        ('{"examples": [{"input": 3}]}', 2, "example 1"),
        ('{"family": "sums", "prompt": "1+1", "answer": "two", "answer_format": {"type": "integer"}}', 2, "line 1"),
        ('{"family": "sums", "prompt": "%s", "answer": "2", "answer_format": {"type": "integer"}}' % ("x" * 40_000), 2, "prompt"),
        (b"\xff\xfe\x00", 2, "UTF-8"),
    ],
)  # fmt: skip
def test_task_files(tmp_path: Path, content: str | bytes | None, code: int, words: str) -> None:
    """A file of tasks is refused before anything is started."""
    path = tmp_path / "tasks.jsonl"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    got, error = refused(tmp_path, "demo", "--tasks", path, "--json")
    assert got == code and words in str(error["message"])
    assert not (tmp_path / ".symphony").exists()


def test_ports_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert refused(tmp_path, *UP, "--devnet-port", port)[1]["code"] == "devnet.port_taken"
        code, error = refused(tmp_path, *UP, "--api-port", port)
    assert (code, error["code"]) == (4, "api.port_taken") and str(port) in str(error["message"])


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, error = refused(tmp_path, *UP, "--data-dir", "file/inside")
    assert (code, error["code"]) == (1, "data.unwritable")


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    code, error = refused(tmp_path, *DEMO, "--report", "no/such/folder.json")
    assert (code, error["code"]) == (2, "demo.report")
    assert not (tmp_path / ".symphony").exists(), "told before the run, not after it"


def pid_of(command: Command, words: str) -> int:
    """The process of a command whose arguments hold these words."""
    (found,) = [p for p in command.alive() if words in Path(f"/proc/{p}/cmdline").read_text().replace("\0", " ")]
    return found


def test_killed_devnet(tmp_path: Path) -> None:
    """Amid a demo: a clear error soon, and no orphans; the next demo begins anew."""
    with Command(tmp_path, *DEMO) as command:
        state_of(command)
        log = tmp_path / ".symphony" / "demo" / "logs" / "agent-1.log"
        wait_until(lambda: '"event": "bid"' in log.read_text(), DEADLINE_S, 0.1, what="a bid")
        os.kill(pid_of(command, "symphony_chain.devnet.pyevm"), signal.SIGKILL)
        assert command.wait() == 5
        error = command.error()
        assert command.gone()
    assert error["code"] == "devnet.ended" and "start again" in error["hint"]


def test_one_folder_through_three_failures(tmp_path: Path) -> None:
    """A full disk, broken weights, a killed agent: each is told, and each next run works with what the last one left."""
    code, error = refused(tmp_path, *UP, max_file_bytes=64 * 1024)
    assert code != 0 and error["code"] != "internal"
    assert any(word in str(error["message"]) for word in ("full", "disk", "write", "large")), error

    shutil.copytree(shipped_folder(), tmp_path / "model")
    (tmp_path / "model" / "manifest.json").unlink()  # nothing pins the file: only the agent's engine can tell
    os.truncate(tmp_path / "model" / "model.safetensors", 1000)
    code, error = refused(tmp_path, *UP, "--model", "model")
    assert (code, error["code"]) == (1, "model.corrupt"), "the agent's own error and exit code"
    assert "agent-1" in str(error["message"]) and "agent-1.log" in str(error["hint"])

    with Command(tmp_path, *UP) as command:
        assert command.document()["agents"] == [1]
        os.kill(pid_of(command, "agent_runtime.worker"), signal.SIGKILL)
        assert command.wait() == 1, "a market does not go on without one of its parts"
        assert command.gone()
    last = json.loads(command.err.splitlines()[-1])["error"]  # stdout has had its one document
    assert last["code"] == "service.failed" and "agent-1 was ended by SIGKILL" in last["message"]
