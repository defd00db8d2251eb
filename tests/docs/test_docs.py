"""The documentation is true: its commands run and exist, its links lead somewhere, its make targets are there.

A ```sh block is run unless the comment ``<!-- test: … -->`` above it says why not (`server`: the fixture runs it). Lines with
`make` and `symphony up` are left out: both start what the test is part of.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from symphony.cli import cli
from tests.demo.processes import Command
from tests.docs.pages import PAGES, ROOT, anchors, blocks, command_lines, links, option_names, words

LEFT_OUT = re.compile(r"^(make\b|(\.venv/bin/)?symphony up\b)")
SCRIPT_DEADLINE_S = 1800


def script(page: Path) -> str:
    """All of a page's blocks that are run, as one script."""
    lines = "\n".join(block.text for block in blocks(page) if not block.mark).splitlines()
    return "\n".join(line.replace(".venv/bin/", "") for line in lines if not LEFT_OUT.match(line)).strip()


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which `symphony up` runs."""
    folder = tmp_path_factory.mktemp("newcomer")
    with Command(folder, "up", "--devnet", "pyevm", "--agents", 3, "--json") as command:
        assert len(command.document()["agents"]) == 3
        yield folder
        command.process.send_signal(signal.SIGTERM)
        assert command.wait() == 0, command.err
        assert command.gone()


@pytest.mark.parametrize("page", [p for p in PAGES if script(p)], ids=lambda page: page.stem)
def test_every_command_of_a_page_runs(page: Path, market: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("SYMPHONY_")}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    log = market / f"{page.stem}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-euxo", "pipefail", "-c", script(page)],
            cwd=market,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(SCRIPT_DEADLINE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
    assert code == 0, log.read_text()[-6000:]


def test_the_pages_are_read() -> None:
    """The quickstart's own blocks are found, and only its server is left out."""
    quickstart = ROOT / "docs" / "quickstart.md"
    assert [block.mark for block in blocks(quickstart) if block.mark] == ["not in a test, whose path is set already", "server"]
    assert len(blocks(quickstart)) >= 9 and "symphony vote verify" in script(quickstart)
    assert any(words(line) == ["withdraw"] for line in command_lines(quickstart))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page):
        name, _, anchor = target.partition("#")
        found = page.parent / name if name else page
        assert found.exists(), f"{page.name} links to {target}, which does not exist"
        assert not anchor or anchor in anchors(found), f"{page.name}: {found.name} has no heading for #{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_exist(page: Path) -> None:
    for line in command_lines(page):
        command, path = command_of(line)
        known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        unknown = [name for name in option_names(line) if name not in {*known, "--help"}]
        assert not unknown, f"{page.name}: `symphony {path}` has no {unknown[0]} (in `symphony {line}`)"


def command_of(line: str) -> tuple[click.Command, str]:
    """The command that a line names; fails where there is none."""
    command: click.Command = cli
    path: list[str] = []
    for word in words(line):
        if not isinstance(command, click.Group):
            break
        with click.Context(command) as context:
            found = command.get_command(context, word)
        assert found is not None, f"`symphony {' '.join([*path, word])}` does not exist (in `symphony {line}`)"
        command, path = found, [*path, word]
    return command, " ".join(path)


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        target
        for page in PAGES
        for target in re.findall(r"(?:^|`)make ([a-z][a-z-]*)\b", page.read_text(), re.MULTILINE)
    }
    assert named >= {"demo", "test"} and named <= targets, named - targets


@pytest.mark.parametrize("line", ["fly", "task fly", "task post --wings"])
def test_a_made_up_command_is_found_out(line: str) -> None:
    with pytest.raises(AssertionError):
        command, _ = command_of(line)
        assert option_names(line) and set(option_names(line)) <= {name for p in command.params for name in p.opts}
