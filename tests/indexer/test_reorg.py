"""Real reorganisations on real devnets: afterwards every table equals, by digest, an index made from nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.audit import audit
from indexer.meta import Health
from indexer.sync import Indexer
from symphony_chain.follow import NodeBehind, ReorgBeyondFinality
from symphony_chain.rpc import Rpc
from tests.indexer.conftest import Databases, databases_of, devnet_world, fresh_digest
from tests.indexer.scenario import Scenario

STATES = ("posted", "bid", "awarded", "committed", "revealed", "settled")


#: Devnet and database; PostgreSQL with the faster devnet of those that are here.
SETTINGS = [
    ("pyevm", "sqlite"),
    pytest.param(("anvil", "sqlite"), marks=pytest.mark.anvil),
    pytest.param(("auto", "postgres"), marks=pytest.mark.postgres),
]


@pytest.fixture(scope="module", params=SETTINGS, ids=lambda setting: "-".join(setting))
def setting(request: pytest.FixtureRequest) -> tuple[str, str]:
    kinds: tuple[str, str] = request.param
    return kinds


@pytest.fixture(scope="module")
def chain(setting: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    with devnet_world(tmp_path_factory.mktemp("chain"), setting[0]) as world:
        world.register_four()
        world.mine(12)  # so that no reorganisation below takes the agents away
        yield world


@pytest.fixture(scope="module")
def databases(
    setting: tuple[str, str], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Databases:
    return databases_of(setting[1], request, tmp_path_factory)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("depth", [1, 3, 10])
def test_tables_equal_a_rebuild_after_a_reorg(chain: Scenario, db: str, tmp_path: Path, state: str, depth: int) -> None:
    with Indexer(chain.rpc, chain.deployment, db) as indexer:
        chain.fill(depth)  # empty blocks could be mined again as they were, and then nothing is orphaned
        chain.to_state(state)
        before = indexer.sync_once()
        orphaned = indexer.digest()
        chain.rpc.call("anvil_reorg", depth, [])
        progress = indexer.sync_once()
        assert progress.dropped == depth and progress.indexed == before.indexed
        assert indexer.digest() == fresh_digest(chain, tmp_path) != orphaned
    report = audit(chain.rpc, chain.deployment, db)
    assert report.ok, report.differences[:5]


def test_life_goes_on_after_a_reorg(chain: Scenario, db: str, tmp_path: Path) -> None:
    with Indexer(chain.rpc, chain.deployment, db) as indexer:
        chain.to_state("committed")
        indexer.sync_once()
        chain.rpc.call("anvil_reorg", 4, [])
        chain.to_state("settled")
        assert indexer.sync_once().dropped == 4
        assert indexer.digest() == fresh_digest(chain, tmp_path)


def test_repeated_reorgs_during_a_life(chain: Scenario, db: str, tmp_path: Path) -> None:
    with Indexer(chain.rpc, chain.deployment, db) as indexer:
        for depth, state in enumerate(STATES, start=1):
            chain.to_state(state)
            indexer.sync_once()
            chain.rpc.call("anvil_reorg", depth, [])
            chain.mine(depth % 3)
            assert indexer.sync_once().dropped == depth
        assert indexer.digest() == fresh_digest(chain, tmp_path)


def test_a_restart_amid_a_reorg_ends_the_same(chain: Scenario, db: str, tmp_path: Path) -> None:
    chain.to_state("revealed")
    with Indexer(chain.rpc, chain.deployment, db) as indexer:
        indexer.sync_once()
    chain.rpc.call("anvil_reorg", 5, [])
    with Indexer(chain.rpc, chain.deployment, db, batch_blocks=2) as indexer:
        assert indexer.sync_once().dropped == 5
        assert indexer.digest() == fresh_digest(chain, tmp_path)


def test_a_tip_orphaned_during_a_long_absence_is_repaired(chain: Scenario, db: str, tmp_path: Path) -> None:
    chain.to_state("committed")
    with Indexer(chain.rpc, chain.deployment, db) as indexer:
        indexer.sync_once()
    chain.rpc.call("anvil_reorg", 2, [])
    chain.mine(80)
    with Indexer(chain.rpc, chain.deployment, db) as indexer:
        assert indexer.sync_once().dropped == 2
        assert indexer.digest() == fresh_digest(chain, tmp_path)


def test_blocks_read_as_final_while_catching_up_stay(chain: Scenario, db: str, tmp_path: Path) -> None:
    chain.fill(30)
    first = chain.rpc.block_number() - 25
    with Indexer(chain.rpc, chain.deployment, db, finality_depth=8, batch_blocks=first + 1) as indexer:
        indexer._take(next(iter(indexer._new_follower().poll())))
        before = indexer.digest()
        chain.rpc.call("anvil_reorg", 28, [])
        with pytest.raises(ReorgBeyondFinality):
            indexer.sync_once()
        assert indexer.digest() == before


def test_beyond_finality_stops_and_a_rebuild_repairs(chain: Scenario, db: str, tmp_path: Path) -> None:
    with Indexer(chain.rpc, chain.deployment, db, finality_depth=8) as indexer:
        chain.to_state("settled")
        indexer.sync_once()
        before = indexer.digest()
        chain.rpc.call("anvil_reorg", 12, [])
        with pytest.raises(ReorgBeyondFinality) as error:
            indexer.sync_once()
        assert error.value.exit_code == 5 and "rebuild" in error.value.hint
        assert indexer.digest() == before and indexer.state() is Health.REORG_FINAL
        indexer.rebuild()
        assert indexer.digest() == fresh_digest(chain, tmp_path)
        assert indexer.state() is Health.FOLLOWING


def test_a_node_that_goes_back_deletes_nothing(chain: Scenario, db: str, tmp_path: Path) -> None:
    rpc: Rpc = chain.rpc
    with Indexer(rpc, chain.deployment, db) as indexer:
        snapshot = rpc.call("evm_snapshot")
        chain.to_state("awarded")
        tip = indexer.sync_once().indexed
        before = indexer.digest()
        rpc.call("evm_revert", snapshot)
        assert rpc.block_number() < tip
        with pytest.raises(NodeBehind):
            indexer.sync_once()
        assert indexer.digest() == before and indexer.state() is Health.NODE_BEHIND
        chain.mine(tip - rpc.block_number() + 1)
        assert indexer.sync_once().dropped > 0
        assert indexer.digest() == fresh_digest(chain, tmp_path)
        assert indexer.state() is Health.FOLLOWING


def test_a_reorg_under_every_kind_of_row(setting: tuple[str, str], db: str, tmp_path: Path) -> None:
    """The newest sixty blocks of the whole story: tokens, pool, feedback, releases, deltas, open seats, wallets."""
    with devnet_world(tmp_path, setting[0]) as world, Indexer(world.rpc, world.deployment, db) as indexer:
        world.play_all()
        indexer.sync_once()
        orphaned = indexer.digest()
        world.rpc.call("anvil_reorg", 60, [])
        assert indexer.sync_once().dropped == 60
        assert indexer.digest() == fresh_digest(world, tmp_path) != orphaned
        report = audit(world.rpc, world.deployment, db)
    assert report.ok, report.differences[:5]
