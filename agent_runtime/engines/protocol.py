"""What every engine offers: text in, sampled completions with token log-probabilities out.

Prompts are already formatted (``agent_runtime.model.prompting.format_prompt`` for the built-in model).
Imports no model library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from agent_runtime.errors import ModelCorrupt, PromptTooLong
from symphony_chain.errors import InvalidInput

MIN_ANSWER_TOKENS = 32
#: Context of a foreign model that is used unless the operator asks for more: a cache for 128k tokens is no small thing.
MOST_CONTEXT_TOKENS = 8192


@dataclass(frozen=True)
class Sample:
    """One completion.

    ``token_ids`` and ``logprobs`` have one entry per generated token, the end token included where it came; a
    log-probability is the model's own, at temperature 1, whatever temperature drew the token. A server may keep both to
    itself: then ids are -1, and ``logprobs`` is empty. ``text`` ends before a stop string. ``finish`` is ``stop`` (end token
    or stop string) or ``length``.
    """

    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish: str


@dataclass(frozen=True)
class EngineInfo:
    """Identity of what answers: library, a sha-256 that names the model, device, number type, context length in tokens.

    ``digest_of`` says what ``model_sha256`` is the hash of: the ``weights`` that were loaded; the ``recipe`` of random
    weights; or the ``address`` of a server (its URL and the model's id there), whose weights nobody here has seen.
    """

    engine: str
    model_sha256: str
    device: str
    dtype: str
    context_tokens: int
    digest_of: Literal["weights", "recipe", "address"] = "weights"


class Engine(Protocol):
    """An engine holds one model and, at most, one adapter; it is used from one thread at a time."""

    info: EngineInfo

    def generate(
        self,
        prompts: Sequence[str],
        *,
        n: int,
        temperature: float,
        seed: int,
        max_tokens: int,
        stop: Sequence[str] = (),
    ) -> list[list[Sample]]:
        """``n`` samples for each prompt, in order.

        The random numbers of a sample depend on (seed, index of its prompt, index of the sample) alone.
        Temperature 0 is greedy. A completion ends at ``max_tokens`` or at the end of the context, whichever
        comes first.

        Raises:
            PromptTooLong: a prompt leaves fewer than ``MIN_ANSWER_TOKENS`` tokens of context.
            InvalidInput: n or max_tokens below 1, or a negative temperature.
        """

    def count_tokens(self, prompt: str) -> int:
        """Number of tokens of a text."""

    def load_adapter(self, path: Path | None) -> None:
        """Use a LoRA adapter from now on, or none."""

    def close(self) -> None:
        """Give memory and files back; the engine cannot be used afterwards."""


def usable_context(own_tokens: int | None, asked_tokens: int | None) -> int:
    """Context to work with: what is asked for, within the model's own (None: it names none).

    Raises:
        InvalidInput: more is asked for than the model has. ModelCorrupt: it has none to speak of.
    """
    if own_tokens is not None and own_tokens <= MIN_ANSWER_TOKENS:
        raise ModelCorrupt(f"a model with a context of {own_tokens} tokens answers nothing", hint="use another model")
    if asked_tokens is None:
        return min(own_tokens or MOST_CONTEXT_TOKENS, MOST_CONTEXT_TOKENS)
    if own_tokens is not None and asked_tokens > own_tokens:
        raise InvalidInput(
            f"the model has a context of {own_tokens} tokens, not {asked_tokens}", hint="ask for less, or leave it out"
        )
    return asked_tokens


def check_request(n: int, temperature: float, max_tokens: int) -> None:
    """Raises ``InvalidInput`` for sampling parameters that no engine can serve."""
    if n < 1 or max_tokens < 1 or not 0 <= temperature < float("inf"):
        raise InvalidInput(
            f"cannot sample with n={n}, max_tokens={max_tokens}, temperature={temperature}",
            hint="use n and max_tokens of at least 1 and a temperature of at least 0",
        )


def check_room(prompt_tokens: int, context_tokens: int) -> None:
    """Raises ``PromptTooLong`` where a prompt leaves no room for an answer."""
    longest = context_tokens - MIN_ANSWER_TOKENS
    if prompt_tokens > longest:
        raise PromptTooLong(
            f"the prompt has {prompt_tokens} tokens, and this model takes at most {longest}",
            hint="shorten the task, or point the engine at a model with a longer context",
            prompt_tokens=prompt_tokens,
            longest_tokens=longest,
        )
