"""The process of a worker: arguments, keys, engine, one JSON line when ready, clean end on SIGTERM or with the parent.

    python -m agent_runtime.worker --config FILE [--parent PID]

Exit codes are those of the error tree; the error is one JSON line on stderr. Heavy libraries are imported here, by the engine.
Knows nothing of what a worker does.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from agent_runtime.config import WorkerConfig, load_config
from agent_runtime.engines import open_engine
from agent_runtime.worker import Worker
from symphony_chain.deploy import Deployment
from symphony_chain.errors import SymphonyError
from symphony_chain.keys import Keystore, read_password
from symphony_chain.rpc import Rpc

PR_SET_PDEATHSIG = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one worker until it is told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m agent_runtime.worker", description="Runs one agent.")
    parser.add_argument("--config", type=Path, required=True, help="JSON file, see docs/agents.md")
    parser.add_argument("--parent", type=int, default=0, help="end when this process, which must be the parent, ends")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if options.parent:
        _follow_parent(options.parent, stop)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("agent_runtime").setLevel(os.environ.get("SYMPHONY_LOG_LEVEL", "INFO"))
    try:
        _run(load_config(options.config), stop)
    except SymphonyError as error:
        print(json.dumps({"event": "error", **error.as_dict()}, default=str), file=sys.stderr, flush=True)
        return error.exit_code
    return 0


def _run(config: WorkerConfig, stop: threading.Event) -> None:
    deployment = Deployment.load(config.deployment)
    keystore = Keystore(config.keystore_dir)
    password = read_password(file=config.password_file)
    owner, operator = (keystore.unlock(name, password) for name in (config.owner, config.operator))
    with Rpc(config.rpc_url) as rpc:
        deployment.require(rpc)  # before the model is loaded: a wrong address should show at once
        engine = open_engine(config.engine)
        try:
            with Worker(config, engine, rpc, deployment, owner=owner, operator=operator) as worker:
                worker.start()
                ready = {"ready": True, "agent_id": worker.agent_id, "gateway": worker.gateway_url, "pid": os.getpid()}
                print(json.dumps(ready), flush=True)
                worker.run(stop)
        finally:
            engine.close()


def _follow_parent(parent_pid: int, stop: threading.Event) -> None:
    """Asks Linux for SIGTERM when the parent ends, and watches it where that is not possible."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)

    def watch() -> None:
        while not stop.wait(1.0):
            if os.getppid() != parent_pid:
                stop.set()

    if os.getppid() != parent_pid:  # it ended before we asked
        stop.set()
    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
