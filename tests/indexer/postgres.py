"""A PostgreSQL server of the tests' own: a throw-away cluster on a free loopback port, run by a user that is not root.

Nothing of it survives, so it may be careless with its disk.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from symphony_chain.rpc import wait_until

SUPERUSER = "symphony"
CARELESS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "listen_addresses=127.0.0.1")


class Cluster:
    """A running server; each database of it has a name of its own."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._numbers = itertools.count()

    def create(self) -> str:
        """URL of a new, empty database."""
        name = f"index_{next(self._numbers)}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        return self._url(name)

    def _url(self, name: str) -> str:
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{name}"


def binaries() -> Path:
    """Where the server's programs are; skips, visibly, where they are not installed."""
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    found = str(newest[-1]) if newest else shutil.which("initdb")
    if found is None:
        pytest.skip("PostgreSQL is not installed: run scripts/setup_test.sh, or `apt-get install postgresql`")
    return Path(found).resolve().parent


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A server for as long as the context lasts."""
    programs, folder = binaries(), Path(tempfile.mkdtemp(prefix="symphony-postgres-"))
    as_user = _unprivileged(folder)
    data = folder / "data"
    try:
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", SUPERUSER, "--auth=trust", "--locale=C", "-E", "UTF8", "--no-sync"],
            check=True,
            capture_output=True,
            cwd=folder,
            timeout=120,
            **as_user,
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            cluster = Cluster(probe.getsockname()[1])
        settings = [word for setting in (*CARELESS, f"unix_socket_directories={folder}") for word in ("-c", setting)]
        with open(folder / "log", "wb") as log:
            server = subprocess.Popen(
                [programs / "postgres", "-D", data, "-p", str(cluster.port), *settings],
                stdout=log,
                stderr=log,
                cwd=folder,
                **as_user,
            )
        try:
            wait_until(lambda: _answers(cluster, server, folder / "log"), 60, what="the PostgreSQL server")
            yield cluster
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
            server.wait(60)
    finally:
        shutil.rmtree(folder)


def _unprivileged(folder: Path) -> dict[str, Any]:
    """Options of a process that is not root (a server refuses to be), and owns the folder."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _answers(cluster: Cluster, server: subprocess.Popen[bytes], log: Path) -> bool:
    assert server.poll() is None, log.read_text()
    try:
        psycopg.connect(cluster._url("postgres"), connect_timeout=1).close()
    except psycopg.OperationalError:
        return False
    return True
