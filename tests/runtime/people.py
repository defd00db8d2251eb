"""Workers in threads of the test process."""

from __future__ import annotations

import threading
from types import TracebackType

from eth_account.signers.local import LocalAccount

from agent_runtime.config import WorkerConfig
from agent_runtime.engines.protocol import Engine
from agent_runtime.worker import Worker
from symphony_chain.deploy import Deployment
from symphony_chain.keys import Keystore
from symphony_chain.rpc import Rpc
from tests.runtime.conftest import PASSWORD


def keys_of(config: WorkerConfig) -> tuple[LocalAccount, LocalAccount]:
    """Owner and operator of a test worker."""
    keystore = Keystore(config.keystore_dir)
    return keystore.unlock("owner", PASSWORD), keystore.unlock("operator", PASSWORD)


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
