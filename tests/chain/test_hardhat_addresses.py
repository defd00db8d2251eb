"""`npx hardhat symphony addresses` and the helper behind it, under the Hardhat of node_modules against a real devnet."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from symphony_chain.deploy import CONTRACT_NAMES, DEFAULT_TERMS
from symphony_chain.devnet.binaries import Hardhat, find_hardhat
from tests.indexer.conftest import devnet_world
from tests.indexer.scenario import Scenario

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.node, pytest.mark.hardhat]


@pytest.fixture(scope="module")
def hardhat() -> Hardhat:
    found = find_hardhat()
    if found is None:
        pytest.skip("Hardhat or Node 22 is not installed here")
    return found


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    folder = tmp_path_factory.mktemp("deployed")
    with devnet_world(folder) as world:
        world.register_four()
        world.post()
        yield world


@pytest.fixture
def book(scenario: Scenario, tmp_path: Path) -> Path:
    scenario.deployment.save(tmp_path / "deployment.json")
    return tmp_path / "deployment.json"


def run(hardhat: Hardhat, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("SYMPHONY_")}
    command = [str(hardhat.node), str(hardhat.cli), *words]
    return subprocess.run(command, cwd=hardhat.project, env=plain | variables, capture_output=True, text=True, timeout=300)


def addresses(hardhat: Hardhat, *words: str, **variables: str) -> Any:
    done = run(hardhat, "symphony", "addresses", *words, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_the_task_prints_the_address_book(hardhat: Hardhat, scenario: Scenario, book: Path) -> None:
    deployment = scenario.deployment
    url = scenario.rpc.url
    shown = addresses(hardhat, "--deployment", str(book), SYMPHONY_RPC_URL=url)
    assert (shown["chainId"], shown["genesis"], shown["block"]) == (deployment.chain_id, deployment.genesis, deployment.block)
    assert list(shown["contracts"]) == list(CONTRACT_NAMES)
    for name, contract in shown["contracts"].items():
        assert contract["address"] == getattr(deployment, name)
        artifact = ROOT / "symphony_chain" / "artifacts" / f"{contract['name']}.json"
        # The code that is there is that contract's, immutables apart.
        want, have = json.loads(artifact.read_text())["deployedBytecode"], scenario.rpc.get_code(contract["address"]).hex()
        assert len(want.removeprefix("0x")) == len(have)
    assert addresses(hardhat, SYMPHONY_RPC_URL=url, SYMPHONY_ADDRESSES_FILE=str(book)) == shown
    assert addresses(hardhat, SYMPHONY_RPC_URL=url, SYMPHONY_DATA_DIR=str(book.parent)) == shown


def test_a_running_market_is_found(hardhat: Hardhat, scenario: Scenario, book: Path, tmp_path: Path) -> None:
    """What `symphony up` writes into its data folder is enough."""
    (tmp_path / "run.json").write_text(json.dumps({"rpc_url": scenario.rpc.url, "deployment": str(book)}))
    assert addresses(hardhat, SYMPHONY_DATA_DIR=str(tmp_path))["path"] == str(book)


def test_a_script_reads_the_contracts(hardhat: Hardhat, scenario: Scenario, book: Path) -> None:
    script = str(ROOT / "tests" / "js" / "hardhat_reads.mjs")
    done = run(hardhat, "run", "--no-compile", script, SYMPHONY_RPC_URL=scenario.rpc.url, BOOK=str(book))
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout) == {
        "network": "symphony",
        "minWindow": DEFAULT_TERMS.min_window_s,
        "pool": scenario.deployment.pool,
        "epoch": DEFAULT_TERMS.pool_epoch_s,
        "owner": scenario.agents[0].owner.address,
        "logs": 1,
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "symphony chain deploy"),
        ("{", "is not an address book"),
        ('{"chain_id": 31337}', "registry, plans, pool, market"),
        ("[]", "the chain"),
    ],
)
def test_a_bad_address_book(hardhat: Hardhat, tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "book.json"
    if text is not None:
        path.write_text(text)
    done = run(hardhat, "symphony", "addresses", "--deployment", str(path))
    assert done.returncode == 1 and says in done.stderr and str(path) in done.stderr, done.stderr


def test_the_wrong_chain_is_told(hardhat: Hardhat, scenario: Scenario, book: Path) -> None:
    """Another genesis (here: Hardhat's own network), or no code where the contracts should be."""
    other = run(hardhat, "symphony", "addresses", "--deployment", str(book), "--network", "node")
    assert other.returncode == 1 and re.search(r'network "node" is chain 31337 with genesis 0x\w{16}…', other.stderr)
    nowhere = replace(scenario.deployment, quorum="0x" + "11" * 20)
    nowhere.save(book)
    empty = run(hardhat, "symphony", "addresses", "--deployment", str(book), SYMPHONY_RPC_URL=scenario.rpc.url)
    assert empty.returncode == 1 and "There is no QuorumEvaluator at 0x1111" in empty.stderr


def test_no_node_is_told(hardhat: Hardhat, book: Path) -> None:
    done = run(hardhat, "symphony", "addresses", "--deployment", str(book), SYMPHONY_RPC_URL="http://127.0.0.1:9")
    assert done.returncode == 1 and 'Cannot connect to the network "symphony"' in done.stderr


def test_what_the_page_says_runs(hardhat: Hardhat, scenario: Scenario, book: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "contracts.md").read_text()
    assert set(re.findall(r"npx hardhat ([a-z]+(?: [a-z]+)?)", page)) == {"symphony addresses", "run"}
    described = run(hardhat, "symphony", "addresses", "--help").stdout
    assert "--deployment" in described and "--network" in described
    (example,) = re.findall(r"```js\n(.*?)```", page, re.DOTALL)
    for name in ("node_modules", "hardhat.symphony.js"):  # a script beside them, as the page means it
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "example.mjs").write_text(example)
    done = run(
        hardhat, "run", "--no-compile", str(tmp_path / "example.mjs"),
        SYMPHONY_RPC_URL=scenario.rpc.url, SYMPHONY_ADDRESSES_FILE=str(book),
    )  # fmt: skip
    assert done.returncode == 0 and "TaskPosted" in done.stdout, done.stdout + done.stderr
