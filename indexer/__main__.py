"""`python -m indexer`: follows a deployment into a database until SIGTERM or until its parent is gone.

Prints one JSON line when ready; a clear error as one JSON line on stderr otherwise, with the error's exit code.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from indexer.sync import Indexer
from symphony_chain.deploy import Deployment
from symphony_chain.errors import ChainUnavailable, SymphonyError, WrongChain
from symphony_chain.follow import ReorgBeyondFinality
from symphony_chain.rpc import Rpc

PARENT_POLL_S = 0.5


def main(arguments: list[str] | None = None) -> int:
    """Runs the indexer; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m indexer", description="Mirror a Symphony deployment into SQL.")
    parser.add_argument("--rpc", required=True, metavar="URL", help="JSON-RPC address of the node")
    parser.add_argument("--deployment", required=True, type=Path, metavar="PATH", help="the deployment's address book")
    parser.add_argument("--db", required=True, metavar="URL", help="sqlite:////home/me/index.db or postgresql://…")
    parser.add_argument("--rebuild", action="store_true", help="empty the projections first and read the chain anew")
    parser.add_argument("--max-pages", type=int, metavar="N", help="SQLite: largest size of the file in 4-KiB pages")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=_stop_with_parent, args=(stop, os.getppid()), daemon=True).start()
    try:
        _run(options, stop)
    except SymphonyError as error:
        print(json.dumps({"error": error.as_dict()}, default=str), file=sys.stderr, flush=True)
        return error.exit_code
    return 0


def _run(options: argparse.Namespace, stop: threading.Event) -> None:
    deployment = Deployment.load(options.deployment)
    with Rpc(options.rpc) as rpc, Indexer(rpc, deployment, options.db, max_pages=options.max_pages) as indexer:
        try:
            indexed = (indexer.rebuild(stop) if options.rebuild else indexer.sync_once(stop)).indexed
        except (WrongChain, ReorgBeyondFinality):
            raise
        except ChainUnavailable:
            indexed = None  # recorded; run() goes on trying
        ready = {"ready": True, "db": options.db, "state": indexer.state(), "indexed": indexed, "pid": os.getpid()}
        print(json.dumps(ready), flush=True)
        indexer.run(stop)


def _stop_with_parent(stop: threading.Event, parent_pid: int) -> None:
    """A killed supervisor must leave no indexer behind."""
    while not stop.wait(PARENT_POLL_S):
        if os.getppid() != parent_pid:
            stop.set()


if __name__ == "__main__":
    sys.exit(main())
