"""How values look on pages: foreign text made inert, short hashes, money, shares, times. Pure.

Escaping of markup is the template engine's; these take care of what escaping leaves: control and direction characters.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from jinja2 import Environment

from api.tokens import Token
from symphony_chain.content.cid import Cid

MAX_TEXT_CHARS = 20_000
_KEPT = "\n\t"


def inert(text: object, max_chars: int = MAX_TEXT_CHARS) -> str:
    """Foreign text with every character that is invisible, or moves others, written as what it is."""
    source = str(text)
    shown = "".join(char if char in _KEPT or _is_plain(char) else _named(char) for char in source[:max_chars])
    hidden = len(source) - max_chars
    return shown + (f" … ({hidden} more characters)" if hidden > 0 else "")


def line(text: object, max_chars: int = 160) -> str:
    """Foreign text on one line, cut with an ellipsis."""
    shown = " ".join(inert(str(text)[: max_chars + 1]).split())
    return shown if len(shown) <= max_chars else shown[: max_chars - 1] + "…"


def _is_plain(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _named(char: str) -> str:
    return f"⟨U+{ord(char):04X}⟩"


def short(value: str) -> str:
    """A hash, address, DID or CID with its middle left out."""
    text = str(value)
    if text.startswith("did:"):
        method, _, address = text.rpartition(":")
        return f"{method}:{short(address)}"
    return text if len(text) <= 14 else f"{text[:8]}…{text[-4:]}"


def amount(wei: int | None, token: Token) -> str:
    """Money rounded to six places, or raw units of a token without decimals; the exact value belongs into the title."""
    if wei is None:
        return "–"
    if token.decimals is None:
        return count(wei)
    value = Decimal(wei).scaleb(-token.decimals)
    if wei and abs(value) < Decimal("0.000001"):
        return "<0.000001" if wei > 0 else ">-0.000001"
    text = f"{value:,.6f}".rstrip("0").rstrip(".")
    return text or "0"


def unit(token: Token) -> str:
    """What a token calls itself, which proves nothing; anything but the chain's coin is shown with its address beside."""
    return line(token.symbol, 12) if token.symbol and token.decimals is not None else "units"


def money(wei: int | None, token: Token) -> str:
    """An amount with its token."""
    return f"{amount(wei, token)} {unit(token)}" + ("" if token.is_native else f" ({short(token.address)})")


def percent(bps: int | None) -> str:
    """Basis points as per cent."""
    return "–" if bps is None else f"{bps / 100:.1f}".removesuffix(".0") + " %"


def iso(timestamp_s: int) -> str:
    """Block time as UTC."""
    try:
        return datetime.fromtimestamp(timestamp_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{timestamp_s} s"


def span(seconds: int) -> str:
    """A duration in its two largest units."""
    seconds = abs(int(seconds))
    for unit_s, name, part_s, part in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= unit_s:
            rest = seconds % unit_s // part_s
            return f"{seconds // unit_s} {name}" + (f" {rest} {part}" if rest else "")
    return f"{seconds} s"


def words(name: str) -> str:
    """A tag or a snake_case name as words."""
    return str(name).replace("_", " ")


def count(number: int) -> str:
    """A number with thin thousands separators."""
    return f"{number:,}".replace(",", "\u2009")


def size(count_bytes: int) -> str:
    """A size in its largest decimal unit (IEC 80000-13)."""
    value = Decimal(count_bytes)
    for name in ("B", "kB", "MB", "GB", "TB", "PB"):
        if value < 1000:
            return f"{value:.1f}".removesuffix(".0") + f" {name}"
        value /= 1000
    return f"{value:.1f}".removesuffix(".0") + " EB"


def cid_of(digest: str) -> str:
    """The raw CID of a 0x-hex sha-256 digest."""
    return str(Cid.from_digest(bytes.fromhex(digest[2:])))


def install_filters(environment: Environment) -> None:
    """Gives a template environment these filters."""
    filters: dict[str, Any] = {
        "inert": inert, "line": line, "short": short, "amount": amount, "unit": unit, "money": money,
        "percent": percent, "iso": iso, "span": span, "words": words, "count": count, "cid": cid_of,
        "size": size,
    }  # fmt: skip
    environment.filters |= filters
