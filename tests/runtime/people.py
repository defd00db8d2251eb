"""Workers in threads of the test process."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

from eth_account.signers.local import LocalAccount

from agent_runtime.config import WorkerConfig
from agent_runtime.engines.protocol import Engine
from agent_runtime.worker import Worker
from symphony_chain import reward_events
from symphony_chain.abi import MARKET, REGISTRY, signatures
from symphony_chain.deploy import Deployment
from symphony_chain.events import decode
from symphony_chain.keys import Keystore
from symphony_chain.reward_events import Recorded
from symphony_chain.rpc import BlockId, Rpc
from tests.runtime.conftest import PASSWORD


def keys_of(config: WorkerConfig) -> tuple[LocalAccount, LocalAccount]:
    """Owner and operator of a test worker."""
    keystore = Keystore(config.keystore_dir)
    return keystore.unlock(config.owner, PASSWORD), keystore.unlock(config.operator, PASSWORD)


def events_of(rpc: Rpc, deployment: Deployment, kind: type, *, until: BlockId = "latest", **wanted: object) -> list[Any]:
    """Every event of a kind on the chain with these values, up to a block."""
    hashes = [s.hash for contract in (MARKET, REGISTRY) for s in signatures(contract, "event") if s.name == kind.__name__]
    places = [deployment.market, deployment.registry]
    logs = rpc.get_logs(from_block=0, to_block=until, address=places, topics=[hashes])
    events = [decode(log) for log in logs]
    return [e for e in events if all(getattr(e, name) == value for name, value in wanted.items())]


def records_of(rpc: Rpc, deployment: Deployment, task_id: bytes) -> list[Recorded]:
    """Every record of a task in the reward pool."""
    events = [reward_events.decode(log) for log in rpc.get_logs(from_block=0, address=deployment.pool)]
    return [e for e in events if isinstance(e, Recorded) and e.task_id == task_id]


class RunningWorker:
    """A worker at work; leaving the block stops it. ``error`` is what ended it early."""

    def __init__(self, config: WorkerConfig, engine: Engine) -> None:
        self.config = config
        self.error: BaseException | None = None
        self._rpc = Rpc(config.rpc_url)
        owner, operator = keys_of(config)
        deployment = Deployment.load(config.deployment)
        self.worker = Worker(config, engine, self._rpc, deployment, owner=owner, operator=operator)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=config.name)

    def _run(self) -> None:
        try:
            self.worker.run(self._stop)
        except BaseException as error:
            self.error = error

    def __enter__(self) -> RunningWorker:
        try:
            self.worker.start()
        except BaseException:
            self._rpc.close()
            raise
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ends it as SIGTERM does."""
        self._stop.set()
        self._thread.join()
        self.worker.close()
        self._rpc.close()

    def ended(self) -> bool:
        return not self._thread.is_alive()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        if self.error is not None and kind is None:
            raise self.error
