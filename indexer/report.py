"""What an audit found: one `Difference` per cell, row, or statement of the chain that does not hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from symphony_chain.types import NATIVE

#: The column of a difference that is about a whole row.
ROW = "(row)"


@dataclass(frozen=True, slots=True)
class Difference:
    """`have` is what stands there, `want` what the chain and the model say. Table ``chain``: an event against the model;
    table ``contract``: the contract's storage against the events."""

    table: str
    key: Any
    column: str
    have: Any
    want: Any


@dataclass(frozen=True, slots=True)
class TokenMoney:
    """One token: what the market owes and has burnt by the events, and what it holds (None: the token does not say)."""

    token: str
    owed_wei: int
    held_wei: int | None

    @property
    def is_short(self) -> bool:
        return self.held_wei is None or self.held_wei < self.owed_wei

    @property
    def surplus_wei(self) -> int | None:
        """Coins that were forced on the market and belong to nobody; negative where it is short."""
        return None if self.held_wei is None else self.held_wei - self.owed_wei

    def as_json(self) -> dict[str, str | None]:
        """Amounts as decimal strings."""
        amounts = {"owed_wei": self.owed_wei, "held_wei": self.held_wei, "surplus_wei": self.surplus_wei}
        return {"token": self.token} | {name: None if wei is None else str(wei) for name, wei in amounts.items()}


@dataclass(frozen=True, slots=True)
class AuditReport:
    """Result of an audit up to `block`; `money` has the native coin (the zero address) and every token that was ever used."""

    ok: bool
    block: int
    checked_rows: int
    checked_cells: int
    differences: tuple[Difference, ...]
    money: tuple[TokenMoney, ...]

    @property
    def native(self) -> TokenMoney:
        return next(money for money in self.money if money.token == NATIVE)

    @property
    def owed_wei(self) -> int:
        """Of the native coin."""
        return self.native.owed_wei

    @property
    def held_wei(self) -> int:
        """Of the native coin, which always says."""
        return self.native.held_wei or 0

    @property
    def surplus_wei(self) -> int:
        return self.held_wei - self.owed_wei

    def as_json(self) -> dict[str, Any]:
        """The report as one JSON document; money as decimal strings, that of the native coin at the top."""
        native = {name: wei for name, wei in self.native.as_json().items() if name != "token"}
        return asdict(self) | native | {"money": [money.as_json() for money in self.money]}
