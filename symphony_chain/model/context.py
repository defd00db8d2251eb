"""What a call brings to the model, and how the model refuses. Knows no state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symphony_chain.errors import ContractError


@dataclass(frozen=True, slots=True)
class Call:
    """The circumstances of one call.

    Args:
        sender: checksummed `msg.sender`.
        now_s: the block's timestamp.
        value_wei: coins sent along.
        signer: who signed the attached message; None: no signature attached; the zero address: a malformed one.
    """

    sender: str
    now_s: int
    value_wei: int = 0
    signer: str | None = None


class ModelRevert(ContractError):
    """The model's revert: the contract's error by name, and its arguments by theirs."""

    def __init__(self, name: str, /, **arguments: Any) -> None:
        inner = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        super().__init__(f"the contract refuses: {name}({inner})", code=f"contract.{name}", error=name)
        self.name = name
        self.arguments = arguments
