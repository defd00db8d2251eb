"""What an audit found: one `Difference` per cell, row, or statement of the chain that does not hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

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
class AuditReport:
    """Result of an audit up to `block`. `surplus_wei` are coins that were forced on the market and belong to nobody."""

    ok: bool
    block: int
    checked_rows: int
    checked_cells: int
    differences: tuple[Difference, ...]
    owed_wei: int
    held_wei: int

    @property
    def surplus_wei(self) -> int:
        return self.held_wei - self.owed_wei

    def as_json(self) -> dict[str, Any]:
        """The report as one JSON document; money as decimal strings."""
        out = asdict(self) | {"surplus_wei": self.surplus_wei}
        money = ("owed_wei", "held_wei", "surplus_wei")
        return out | {name: str(out[name]) for name in money}
