"""The process of the embedded devnet: ``python -m symphony_chain.devnet.pyevm``.

Prints one JSON line {"url": …} when it answers. Ends on SIGTERM or SIGINT, and, where asked to, with its
parent.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import sys
import threading

from symphony_chain.devnet.guard import die_with_parent
from symphony_chain.devnet.pyevm.dev_methods import DevMethods
from symphony_chain.devnet.pyevm.methods import EthMethods
from symphony_chain.devnet.pyevm.node import Node
from symphony_chain.devnet.pyevm.server import Dispatcher, RpcServer

PORT_TAKEN_EXIT = 98  # EADDRINUSE, so that the launcher can tell


def main() -> int:
    """Parses options, serves and mines until told to end."""
    parser = argparse.ArgumentParser(prog="python -m symphony_chain.devnet.pyevm", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8545, help="0 takes a free one")
    parser.add_argument("--block-time", type=float, default=1.0, help="seconds; 0 mines on every transaction")
    parser.add_argument("--genesis-time", type=int, default=None, help="timestamp of block 0; default now")
    parser.add_argument(
        "--parent", type=int, default=None, help="end with this process, or when stdin closes"
    )
    options = parser.parse_args()
    if options.parent is not None:
        die_with_parent(options.parent)
        threading.Thread(target=_end_with_stdin, daemon=True).start()

    node = Node(
        block_time_s=options.block_time, salt=secrets.token_bytes(32), genesis_time=options.genesis_time
    )
    table = EthMethods(node).table() | DevMethods(node).table()
    try:
        server = RpcServer(options.host, options.port, Dispatcher(table))
    except OSError as error:
        print(f"cannot listen on {options.host}:{options.port}: {error}", file=sys.stderr)
        return PORT_TAKEN_EXIT
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: node.stop())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"url": server.url}), flush=True)
    node.run_miner()  # in the main thread: if mining fails, the process ends instead of serving a dead chain
    server.shutdown()
    server.server_close()
    return 0


def _end_with_stdin() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
