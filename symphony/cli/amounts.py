"""Option types: amounts of ether, durations, skills, answer formats. Knows nothing of the commands that take them."""

from __future__ import annotations

from typing import Any

import click

from symphony.cli.readjson import read_json
from symphony_chain.errors import InvalidInput
from symphony_chain.units import parse_duration, parse_ether


class _Ether(click.ParamType[int]):
    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_ether(value)
        except InvalidInput as error:
            self.fail(f"{error.message}. {error.hint}", param, ctx)


class _Duration(click.ParamType[int]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_duration(value)
        except InvalidInput as error:
            self.fail(f"{error.message}. {error.hint}", param, ctx)


class _Skill(click.ParamType[tuple[str, int]]):
    name = "tag[=bps]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        tag, _, number = str(value).partition("=")
        if not number:
            return tag, 10_000
        if not number.isdecimal() or int(number) > 10_000:
            self.fail(f"{value!r}: a skill is TAG or TAG=BPS with 0 to 10000 basis points", param, ctx)
        return tag, int(number)


class _Format(click.ParamType[dict[str, Any]]):
    name = "format"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        try:
            return parse_format(str(value))
        except InvalidInput as error:
            self.fail(f"{error.message}. {error.hint}", param, ctx)


def parse_format(text: str) -> dict[str, Any]:
    """An answer format from its short form: `integer`, `boolean`, `text`, `decimal:2`, `choice:A,B,C`, or its JSON."""
    from symphony_chain.spec import validate_format

    kind, _, rest = text.partition(":")
    if text.lstrip().startswith("{"):
        try:
            value = read_json(text.encode())
        except ValueError as error:
            raise InvalidInput(
                f"the answer format is not JSON: {error}", hint="see docs/formats.md"
            ) from error
    elif kind == "decimal":
        value = {"type": kind, "places": int(rest) if rest.isdecimal() else rest}
    elif kind == "choice":
        value = {"type": kind, "labels": [label.strip() for label in rest.split(",")]}
    else:
        value = {"type": text}
    return validate_format(value)


ETHER = _Ether()
DURATION = _Duration()
SKILL = _Skill()
FORMAT = _Format()
