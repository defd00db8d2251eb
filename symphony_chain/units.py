"""Amounts and durations as people write them. Wei are int; decimals are exact. Knows no chain."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation, localcontext

from symphony_chain.errors import InvalidInput

WEI_PER = {"wei": 1, "gwei": 10**9, "ether": 10**18, "eth": 10**18}
SECONDS_PER = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
MAX_WEI = 2**256 - 1
_AMOUNT = re.compile(r"\s*(-?[0-9][0-9_]*(?:\.[0-9]+)?)\s*([a-z]+)\s*", re.ASCII | re.IGNORECASE)
_UNITS = re.compile(r"\s*([0-9][0-9_]*)\s*(?:units?)?\s*", re.ASCII | re.IGNORECASE)
_DURATION_PART = re.compile(r"([0-9]+)([smhd])", re.ASCII)


def parse_ether(amount: str | int) -> int:
    """Wei of "0.01 ether", "5 gwei", "123 wei"; an int is wei already. InvalidInput ``input.amount`` otherwise."""
    if isinstance(amount, int) and not isinstance(amount, bool):
        return _in_range(amount, str(amount))
    if not isinstance(amount, str):
        raise _bad_amount(amount, "is not an amount")
    match = _AMOUNT.fullmatch(amount)
    unit = match.group(2).lower() if match else ""
    if match is None or unit not in WEI_PER:
        raise _bad_amount(amount, "is not an amount")
    try:
        with localcontext(prec=120):
            wei = Decimal(match.group(1).replace("_", "")) * WEI_PER[unit]
    except InvalidOperation:
        raise _bad_amount(amount, "is not an amount") from None
    if wei != wei.to_integral_value():
        raise _bad_amount(amount, "has a fraction of a wei")
    return _in_range(int(wei), amount)


def parse_units(amount: str | int) -> int:
    """A token's smallest units: a whole number, alone or as "250000 units". InvalidInput ``input.amount`` otherwise."""
    if isinstance(amount, int) and not isinstance(amount, bool):
        return _in_range(amount, str(amount))
    match = _UNITS.fullmatch(amount) if isinstance(amount, str) else None
    if match is None:
        raise InvalidInput(
            f"{amount!r} is not an amount of a token",
            code="input.amount",
            hint="write a whole number of the token's smallest units, such as 250000",
        )
    return _in_range(int(match.group(1).replace("_", "")), str(amount))


def format_wei(wei: int) -> str:
    """The shortest exact form: "0.01 ether", "5 gwei", "123 wei"; ``parse_ether`` reads it back."""
    if abs(wei) >= 10**14 or wei == 0:
        return f"{_decimal(wei, 18)} ether"
    if abs(wei) >= 10**6:
        return f"{_decimal(wei, 9)} gwei"
    return f"{wei} wei"


def parse_duration(duration: str | int) -> int:
    """Seconds of "90s", "5m", "1h30m", "2d"; an int is seconds already. InvalidInput ``input.duration`` otherwise."""
    if isinstance(duration, int) and not isinstance(duration, bool) and duration >= 0:
        return duration
    text = duration.strip() if isinstance(duration, str) else ""
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise InvalidInput(
            f"{duration!r} is not a duration", code="input.duration", hint='Write it like "90s", "5m", "1h30m" or "2d".'
        )
    return sum(int(number) * SECONDS_PER[unit] for number, unit in parts)


def _decimal(wei: int, places: int) -> str:
    sign, digits = ("-" if wei < 0 else ""), str(abs(wei)).rjust(places + 1, "0")
    fraction = digits[-places:].rstrip("0")
    return sign + digits[:-places] + (f".{fraction}" if fraction else "")


def _in_range(wei: int, amount: str) -> int:
    if not 0 <= wei <= MAX_WEI:
        raise _bad_amount(amount, "is out of range")
    return wei


def _bad_amount(amount: object, why: str) -> InvalidInput:
    return InvalidInput(
        f"{amount!r} {why}",
        code="input.amount",
        hint='Write an amount with its unit: "0.01 ether", "5 gwei" or "123 wei".',
    )
