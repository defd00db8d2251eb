"""`symphony doctor`: what is missing is named with its cure, and only what matters makes it fail."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from symphony.cli import checkup
from symphony_chain.keys import Keystore
from tests.cli.conftest import Ran, World, invoke


def finding(done: Ran, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in done.json["findings"] if item["name"] == name)
    return found


def test_a_node_asked_for_by_name_must_answer() -> None:
    done = invoke("doctor", "--rpc", "http://127.0.0.1:1", "--json")
    assert done.code == 1 and finding(done, "chain")["status"] == "fail" and finding(done, "chain")["fix"]


def test_a_healthy_chain_and_market_are_seen(world: World) -> None:
    done = invoke("doctor", "--json", *world.chain)
    assert finding(done, "chain")["status"] == "ok" and finding(done, "market")["status"] == "ok"


def test_a_market_of_another_chain_fails(world: World, tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text(
        json.dumps(json.loads(world.deployment.read_text()) | {"genesis": "0x" + "ab" * 32})
    )
    done = invoke("doctor", "--json", "--rpc", world.node.url, "--deployment", "d.json")
    assert done.code == 1 and finding(done, "market")["status"] == "fail"


def test_a_clock_that_is_off_is_a_warning(world: World) -> None:
    found = {
        f.name: f for f in checkup.chain(world.node.url, world.deployment, required=True, now=lambda: 0.0)
    }
    assert found["clock"].status == "warn" and found["clock"].fix


def test_keys_that_others_can_read_fail(tmp_path: Path) -> None:
    path = Keystore(tmp_path / "keys").create("bob", "correct horse", kdf="pbkdf2", work=10).path
    path.chmod(0o644)
    done = invoke("doctor", "--keystore", "keys", "--json")
    assert done.code == 1 and finding(done, "keystore")["fix"] == f"chmod 600 keys/{path.name}"


def test_damaged_weights_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from agent_runtime.engines import weights

    copy = tmp_path / "weights"
    shutil.copytree(weights.shipped_folder(), copy)
    with (copy / weights.SAFETENSORS).open("r+b") as file:
        file.write(b"damaged!")
    monkeypatch.setattr(weights, "shipped_folder", lambda: copy)
    found = {f.name: f for f in checkup.model()}
    assert (
        found[f"model {weights.SAFETENSORS}"].status == "fail"
        and found[f"model {weights.GGUF}"].status == "ok"
    )


def test_a_missing_part_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup.shutil, "which", lambda name: None)
    found = {f.name: f for f in checkup.machine()}
    assert found["chromium"].status == "warn" and "chromium" in found["chromium"].fix
    assert found["devnet pyevm"].status == "ok"
