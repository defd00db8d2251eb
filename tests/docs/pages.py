"""Reads our Markdown: pages, shell blocks with their marks, links, headings, commands. Runs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])

_BLOCK = re.compile(r"(?:^<!-- test: (?P<mark>.*?) -->\n)?^```sh\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_WORD = re.compile(r"[a-z][a-z-]*")
_OPTION = re.compile(r"--[a-z][a-z-]*")


@dataclass(frozen=True)
class Block:
    """A ```sh block; `mark` is the text of the comment ``<!-- test: … -->`` above it, "" without one."""

    mark: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The shell blocks of a page, in order."""
    return [Block(found["mark"] or "", found["text"]) for found in _BLOCK.finditer(page.read_text())]


def links(page: Path) -> list[str]:
    """Targets of the page's links to files of ours."""
    prose = _FENCE.sub("", page.read_text())
    return [target for target in _LINK.findall(prose) if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """The names under which a page's headings can be linked to."""
    titles = _HEADING.findall(_FENCE.sub("", page.read_text()))
    explicit = set(re.findall(r'<a (?:id|name)="([^"]+)"', page.read_text()))
    return explicit | {re.sub(r"[^\w\- ]", "", title.lower().replace("`", "")).strip().replace(" ", "-") for title in titles}


def command_lines(page: Path) -> Iterator[str]:
    """Every text in code, inline or in blocks, that begins with the command `symphony`."""
    text = page.read_text()
    lines = [line for fence in _FENCE.findall(text) for line in fence.replace("\\\n", " ").splitlines()]
    lines += _CODE.findall(_FENCE.sub("", text))
    for line in lines:
        for part in re.split(r"\||&&|;|\$\(", line):
            found = re.match(r"\s*(?:\.venv/bin/)?symphony\s+(.*)", part.split(" #")[0])
            if found:
                yield found[1].strip("`) ")


def words(line: str) -> list[str]:
    """The command's words before its first argument or option: ``task post``."""
    out = []
    for word in line.split():
        if not _WORD.fullmatch(word):
            break
        out.append(word)
    return out


def option_names(line: str) -> list[str]:
    """The long options in a command line; quoted texts are no options."""
    return _OPTION.findall(re.sub(r"\"[^\"]*\"|'[^']*'", "", line))
