"""Errors of the agent runtime; each derives from the one tree in ``symphony_chain.errors``.

Knows nothing of when they are raised.
"""

from __future__ import annotations

from symphony_chain.errors import Failure, InvalidInput, NotFound


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
