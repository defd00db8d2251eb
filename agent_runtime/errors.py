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
    """The engine's library is missing, or gave up while it was computing."""

    code = "engine.failed"


class EngineCrashed(EngineFailed):
    """The child process that holds the model was ended: by a crash, by its memory limit, or because it showed no sign of life."""

    code = "engine.crashed"


class EngineUnreachable(EngineFailed):
    """The model server gave no usable answer within the deadline: it is away, too slow, or failing inside."""

    code = "engine.unreachable"


class EngineUnauthorised(EngineFailed):
    """The model server wants a key, or another one."""

    code = "engine.unauthorised"


class EngineRateLimited(EngineFailed):
    """The model server asked to wait for longer than the deadline allows."""

    code = "engine.rate_limited"


class EngineRefused(EngineFailed):
    """The model server understood the request and will not serve it: an unknown model, a filter, a redirect."""

    code = "engine.refused"


class EngineMalformed(EngineFailed):
    """What answered the request is too large, or not the answer of an OpenAI-compatible server."""

    code = "engine.malformed"


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


class NeedsReview(Failure):
    """A seat's risk is so high that a person must decide; without a verdict it does not commit."""

    code = "reasoning.needs_review"


class ReviewRefused(Failure):
    """A person looked at the seat's answer and refused it, so the seat does not commit."""

    code = "reasoning.review_refused"


class CalibrationInvalid(InvalidInput):
    """A calibration that cannot be read, fitted, or used with this model and way of sampling."""

    code = "calibration.invalid"
