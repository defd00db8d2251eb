"""Runs one worker in this process for `agent register` and `agent run`: unlocks its keys, opens its engine, starts it."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent_runtime.worker import Worker
    from symphony.cli.session import Session


def registered(session: Session, path: Path) -> int:
    """Starts the worker of a configuration, which registers it, and stops it; returns the agent's number."""
    with _started(session, path) as worker:
        return worker.agent_id


def work(session: Session, path: Path) -> None:
    """Runs the worker until SIGTERM or Ctrl-C (both are a clean end for a service)."""
    stop = threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    log_to_stderr(session)
    with _started(session, path) as worker:
        document = {
            "agent_id": worker.agent_id,
            "gateway_url": worker.gateway_url,
            "pid": os.getpid(),
            "ready": True,
        }
        lines = [f"agent {worker.agent_id} is at work, its gateway is {worker.gateway_url}; Ctrl-C ends it"]
        session.out.result(document, lines, f"symphony agent status {worker.agent_id}")
        worker.run(stop)


@contextmanager
def _started(session: Session, path: Path) -> Iterator[Worker]:
    from agent_runtime.config import load_config
    from agent_runtime.engines import open_engine
    from agent_runtime.worker import Worker
    from symphony_chain.deploy import Deployment
    from symphony_chain.keys import Keystore
    from symphony_chain.rpc import Rpc

    config = load_config(path)
    deployment, keystore = Deployment.load(config.deployment), Keystore(config.keystore_dir)
    password = session.password()
    owner, operator = (keystore.unlock(name, password) for name in (config.owner, config.operator))
    with Rpc(config.rpc_url) as rpc:
        deployment.require(rpc)  # before the model is loaded: a wrong address should show at once
        engine = open_engine(config.engine)
        try:
            with Worker(config, engine, rpc, deployment, owner=owner, operator=operator) as worker:
                worker.start()
                yield worker
        finally:
            engine.close()


def log_to_stderr(session: Session) -> None:
    """A service's log: one JSON object a line."""
    if session.flags.quiet:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("agent_runtime")
    logger.addHandler(handler)
    logger.setLevel(os.environ.get("SYMPHONY_LOG_LEVEL", "INFO"))
