"""The JSON-RPC error of the embedded node, in the shapes that anvil gives. Knows no method."""

from __future__ import annotations

from typing import Any

INVALID_PARAMS = -32602
METHOD_NOT_FOUND = -32601
INTERNAL = -32603
TRANSACTION_REJECTED = -32003
EXECUTION_REVERTED = 3


class RpcFault(Exception):
    """Raised by a method; becomes the ``error`` object of the answer."""

    def __init__(self, code: int, message: str, data: bytes | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def as_json(self) -> dict[str, Any]:
        """The error object; ``data`` only where there is some."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            body["data"] = "0x" + self.data.hex()
        return body
