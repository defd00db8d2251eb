"""The one error tree of Symphony: what went wrong, a stable code, and what to do about it.

    SymphonyError
     ├── UsageError               bad argument or file               exit 2
     │    └── InvalidInput        malformed task, answer, CID, key   exit 2
     ├── NotFound                 no such task, agent, file          exit 3
     ├── Conflict                 wrong state, duplicate, taken      exit 4
     │    └── ContractError       the contract reverted (decoded)    exit 4
     ├── ChainUnavailable         RPC down, wrong chain, node behind exit 5
     │    └── WrongChain
     ├── UnknownOutcome           sent, not yet known (journaled)    exit 6
     └── Failure                  anything else                      exit 1

The same ``code`` is the CLI's exit class, the problem ``type`` of the API, the log field and the anchor in ``docs/errors.md``.
Knows nothing of the packages that raise.
"""

from __future__ import annotations

from typing import Any, ClassVar


class SymphonyError(Exception):
    """Root of every error shown to a user.

    Args:
        message: one sentence that says what happened, with the values that matter.
        hint: one sentence that says what to do next (may be empty only where nothing can be done).
        code: overrides the class's dotted code with a more precise one.
        context: values for machines (JSON-serialisable).
    """

    code: str = "failure"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", code: str | None = None, **context: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.context = context
        if code is not None:
            self.code = code

    def as_dict(self) -> dict[str, Any]:
        """The error as one JSON document: code, message, hint, context."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "context": self.context}


class Failure(SymphonyError):
    """A failure with no better class."""


class UsageError(SymphonyError):
    """The caller's words are off: argument, option, file path."""

    code = "usage"
    exit_code = 2


class InvalidInput(UsageError):
    """A value that cannot be used as it is: malformed, too large, not canonical."""

    code = "input.invalid"


class NotFound(SymphonyError):
    """The thing named does not exist here."""

    code = "not_found"
    exit_code = 3


class Conflict(SymphonyError):
    """The thing exists, but not in a state that allows this."""

    code = "conflict"
    exit_code = 4


class ContractError(Conflict):
    """A contract reverted; ``context`` holds the decoded error name and arguments."""

    code = "contract.reverted"


class ChainUnavailable(SymphonyError):
    """The chain cannot be reached, or is not in a state to be followed."""

    code = "chain.unavailable"
    exit_code = 5


class WrongChain(ChainUnavailable):
    """The node answers for another chain, genesis or market than the one configured."""

    code = "chain.wrong"


class UnknownOutcome(SymphonyError):
    """A transaction was sent and its fate is not known yet; it stays in the journal and is resolved, never blindly retried."""

    code = "tx.unknown"
    exit_code = 6


class RpcError(SymphonyError):
    """The node answered with a JSON-RPC error that is no revert; ``rpc_code`` is the node's number."""

    code = "rpc.error"

    def __init__(self, message: str, *, rpc_code: int, hint: str = "", code: str | None = None, **context: Any) -> None:
        super().__init__(message, hint=hint, code=code, rpc_code=rpc_code, **context)
        self.rpc_code = rpc_code


class RpcRevert(ContractError):
    """A call or an estimate reverted; ``data`` is the raw revert data (b"" when the node gave none), not yet decoded."""

    code = "contract.reverted"

    def __init__(self, message: str, *, data: bytes, hint: str = "", **context: Any) -> None:
        super().__init__(message, hint=hint, data="0x" + data.hex(), **context)
        self.data = data


class DeadlineExceeded(SymphonyError):
    """Something waited for did not happen within its total deadline."""

    code = "deadline.exceeded"
