"""The shipped artifacts are what the sources compile to: by hashes without Node, by compiling again with it, by three drivers."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

from symphony_chain.abi import artifact
from tests.contract.tools import ROOT, need, run

ARTIFACTS = ROOT / "symphony_chain" / "artifacts"
CONTRACTS = sorted(path.stem for path in ARTIFACTS.glob("*.json") if path.stem != "manifest")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_manifest_names_every_source_and_artifact_by_its_hash() -> None:
    manifest = json.loads((ARTIFACTS / "manifest.json").read_text())
    assert manifest["sources"] == {name: _sha256(ROOT / name) for name in manifest["sources"]}
    assert manifest["artifacts"] == {
        f"{name}.json": _sha256(ARTIFACTS / f"{name}.json") for name in CONTRACTS
    }
    shipped = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "contracts").rglob("*.sol")
        if "test" not in path.parts
    }
    assert set(manifest["sources"]) == shipped


def test_manifest_names_the_settings() -> None:
    settings = json.loads((ROOT / "contracts" / "solc-settings.json").read_text())
    canonical = json.dumps(settings, indent=1, sort_keys=True) + "\n"
    manifest = json.loads((ARTIFACTS / "manifest.json").read_text())
    assert manifest["settings_sha256"] == hashlib.sha256(canonical.encode()).hexdigest()


def test_contracts_fit_the_chain() -> None:
    """EIP-170: at most 24,576 bytes of code each."""
    for name in CONTRACTS:
        assert 0 < (len(artifact(name)["deployedBytecode"]) - 2) // 2 <= 24_576


@pytest.mark.node
def test_compiling_again_gives_the_same_bytes() -> None:
    need(ROOT / "node_modules" / "solc")
    done = run([sys.executable, ROOT / "scripts" / "build_contracts.py", "--check"])
    assert done.returncode == 0, done.stdout + done.stderr
