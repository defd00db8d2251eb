"""Errors of the agent runtime; each derives from the one tree in ``symphony_chain.errors``.

Knows nothing of when they are raised.
"""

from __future__ import annotations

from symphony_chain.errors import Conflict, Failure, InvalidInput, NotFound, UsageError


class ModelMissing(NotFound):
    """A model file that was asked for is not on this machine."""

    code = "model.missing"


class ModelCorrupt(Failure):
    """A model file is there, but its bytes are not the ones that the manifest pins, or cannot be read as a model."""

    code = "model.corrupt"


class EngineFailed(Failure):
    """The engine's library is missing or gave up while it was computing."""

    code = "engine.failed"


class PromptTooLong(InvalidInput):
    """The prompt leaves no room for an answer in the model's context."""

    code = "engine.prompt_too_long"


class ConfigInvalid(UsageError):
    """A worker's configuration file is missing, malformed, or asks for something impossible."""

    code = "worker.config_invalid"


class ProtectionFailed(Failure):
    """The slashing-protection database cannot be read or written; nothing was signed or sent."""

    code = "protection.unusable"


class ProtectionLocked(Conflict):
    """Another process on this machine works with this operator key."""

    code = "protection.locked"


class DoubleCommit(Conflict):
    """A second, different commitment for a seat was asked for; refused for ever."""

    code = "protection.double_commit"


class Doppelganger(Conflict):
    """The chain holds a commitment of this operator key that this database does not know: the key works elsewhere too."""

    code = "protection.doppelganger"


class NoAnswer(Failure):
    """No chain of thought came to an answer in the task's format, so the seat has nothing to commit."""

    code = "reasoning.no_answer"
