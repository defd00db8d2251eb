"""docs/cli.md and docs/errors.md are what the code says: regenerated, they do not change, and no code is undocumented."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from symphony_chain.errors import SymphonyError

ROOT = Path(__file__).resolve().parents[2]


def test_the_pages_are_current() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/make_docs.py", "--check"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


def test_every_error_class_is_documented_with_its_exit_code() -> None:
    rows = dict(re.findall(r"`([\w.]+)` \| (\d+) \|", (ROOT / "docs" / "errors.md").read_text()))
    queue: list[type[SymphonyError]] = [SymphonyError]
    while queue:
        kind = queue.pop()
        queue.extend(kind.__subclasses__())
        if kind.__module__.split(".")[0] != "tests":
            assert rows[kind.code] == str(kind.exit_code) or kind.code == "interrupted", kind
            assert kind.exit_code in (1, 2, 3, 4, 5, 6, 130)


def test_the_page_names_every_command() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    for command in (
        "symphony task post",
        "symphony vote verify",
        "symphony audit",
        "symphony devnet",
        "symphony agent run",
    ):
        assert f"## `{command}`" in page
