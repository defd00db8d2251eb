"""`python -m api` as a child process of a test: started, waited for, ended."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.settings import ApiSettings

ROOT = Path(__file__).resolve().parents[2]


def command(settings: ApiSettings, *more: str) -> list[str]:
    values = ["--db", settings.db_url, "--rpc", settings.rpc_url, "--deployment", str(settings.deployment_path)]
    return [sys.executable, "-m", "api", *values, "--content", str(settings.content_dir), *more]


@contextmanager
def served(settings: ApiSettings, *more: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """URL and process of a running API."""
    child = subprocess.Popen(command(settings, *more), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        first = child.stdout.readline()  # the API's own ready line; "" if it ended instead
        assert first, "the API did not start"
        yield json.loads(first)["url"], child
    finally:
        if child.poll() is None:
            child.terminate()
        try:
            child.wait(15)
        finally:
            child.kill()
            child.stdout.close()
