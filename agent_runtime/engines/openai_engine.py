"""The engine of any OpenAI-compatible server: text goes out by HTTP, completions come back one request a sample.

Servers differ in what they do with ``n`` (some give one choice and say nothing), so a sample is a request, with a seed of its
own. Some also bend the model's distribution unless they are told not to, and some refuse to be told; log-probabilities are the
same. Both are asked for until a server says that it does not know them. What a server sends is checked, bounded and stripped of
the key before anybody sees it. Knows no task, no answer format.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NoReturn

from agent_runtime.engines.config import EngineConfig
from agent_runtime.engines.protocol import EngineInfo, Sample, check_request, usable_context
from agent_runtime.engines.sampling import StopFinder, sample_rng
from agent_runtime.engines.server import Server, base_url, read_key
from agent_runtime.errors import EngineMalformed, EngineRefused
from symphony_chain.errors import InvalidInput

#: Context of a server that the operator says nothing about.
CONTEXT_TOKENS = 4096
#: The API takes no more stop strings; further ones are looked for here.
MOST_STOPS = 4
BYTES_PER_TOKEN = 3
OPEN_DEADLINE_S = 20.0
#: Sampling without anything on top of temperature, in the words of llama.cpp's and vLLM's servers: the former penalises what was
#: said before by a tenth even at temperature 0, the latter takes whatever the model's files suggest.
PLAIN_SAMPLING = {"top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0, "repetition_penalty": 1.0}
SCORES = {"logprobs": 1}
CHAT_SCORES = {"logprobs": True, "top_logprobs": 1}  # without a number llama.cpp's server gives none


class OpenAIEngine:
    """See ``protocol.Engine``. Text ends where the server ends it; tokens have no ids, and log-probabilities where the server
    offers them.

    Args:
        config: ``spec`` is the base URL, with or without ``/v1``.
        clock, pause: monotonic seconds, and a sleep, for tests.
    Raises:
        InvalidInput: the URL cannot be used, the model is not served, or several are and none was named.
        ConfigInvalid: no key can be read, or it would travel in the clear.
        EngineFailed and its kinds: the server does not answer as it should.
    """

    def __init__(
        self,
        config: EngineConfig,
        *,
        clock: Callable[[], float] = monotonic,
        pause: Callable[[float], None] = sleep,
    ) -> None:
        url = base_url(config.spec)
        self._server = Server(
            url,
            key=read_key(url, config.key_file, config.key_env),
            deadline_s=config.deadline_s,
            interval_s=config.request_interval_s,
            clock=clock,
            pause=pause,
        )
        self._chat = config.chat
        # What the API's core does not know: each is dropped when the server refuses it.
        self._extras: dict[str, Any] = PLAIN_SAMPLING | (CHAT_SCORES if config.chat else SCORES)
        try:
            self._model = self._choose_model(config.model)
        except BaseException:
            self.close()
            raise
        address = f"symphony.server/1:{url}#{self._model}"
        self.info = EngineInfo(
            "openai",
            hashlib.sha256(address.encode()).hexdigest(),
            "remote",
            "unknown",
            usable_context(None, config.context_tokens or CONTEXT_TOKENS),
            digest_of="address",
        )

    def count_tokens(self, prompt: str) -> int:
        """An estimate, on the high side for English: a third of the bytes. Only the server has the tokenizer."""
        return math.ceil(len(prompt.encode()) / BYTES_PER_TOKEN)

    def load_adapter(self, path: Path | None) -> None:
        """A server's models are its own affair: only None is taken."""
        if path is not None:
            raise InvalidInput(
                "an adapter cannot be sent to a server", hint="serve the model with its adapter, and name it as the model"
            )

    def close(self) -> None:
        """Close the connections; harmless when called twice."""
        self._server.close()

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
        """See ``protocol.Engine.generate``; a prompt is too long where the server says so.

        Raises:
            EngineFailed and its kinds: a sample could not be had within the deadline.
        """
        check_request(n, temperature, max_tokens)
        finder = StopFinder(stop, lambda ids: "")
        shared = {
            "model": self._model,
            "temperature": temperature,
            "top_p": 1,
            "max_tokens": max_tokens,
            **({"stop": list(stop)[:MOST_STOPS]} if stop else {}),
        }
        return [
            [
                self._sample(prompt, shared | {"seed": sample_rng(seed, p, s).getrandbits(31)}, finder)
                for s in range(n)
            ]
            for p, prompt in enumerate(prompts)
        ]

    def _sample(self, prompt: str, shared: dict[str, Any], finder: StopFinder) -> Sample:
        path = "chat/completions" if self._chat else "completions"
        asked = {"messages": [{"role": "user", "content": prompt}]} if self._chat else {"prompt": prompt}
        while True:
            try:
                return self._read(self._server.post(path, shared | asked | self._extras), finder)
            except EngineRefused as error:
                refused = [name for name in self._extras if name in error.message]
                if not refused:
                    raise
                self._extras = {name: value for name, value in self._extras.items() if name not in refused}

    def _choose_model(self, wanted: str | None) -> str:
        """The model's id at the server: the one that was named, if it is served, or the only one there is."""
        try:
            listed = self._server.get("models", deadline_s=OPEN_DEADLINE_S)
        except EngineRefused:
            if wanted is None:
                raise
            return wanted  # not every server lists its models
        entries = listed.get("data")
        if not isinstance(entries, list):
            self._malformed("its list of models has no `data`")
        ids = [entry["id"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
        shown = ", ".join(self._server.said(item) for item in ids[:8]) + (", …" if len(ids) > 8 else "") or "no model"
        if wanted is None and len(ids) == 1:
            return str(ids[0])
        if wanted is None:
            raise InvalidInput(f"{self._server.url} serves {shown}", hint="name one of them as the engine's model")
        if wanted not in ids:
            raise InvalidInput(f"{self._server.url} does not serve {wanted!r}; it serves {shown}", hint="name one of them")
        return wanted

    def _read(self, document: dict[str, Any], finder: StopFinder) -> Sample:
        """The one choice of an answer, checked."""
        choices = document.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            self._malformed("an answer without a choice")
        text = self._text(choice)
        if choice.get("finish_reason") == "content_filter":
            raise EngineRefused(f"{self._server.url} held an answer back: its content filter", hint="reword the task")
        logprobs = _logprobs(choice.get("logprobs"))
        usage = document.get("usage")
        count = usage.get("completion_tokens") if isinstance(usage, dict) else None
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= 1 << 24:
            count = len(logprobs) or self.count_tokens(text)
        kept = finder.cut(text)
        cut_off = choice.get("finish_reason") == "length" and kept == text
        return Sample(kept, (-1,) * count, logprobs, "length" if cut_off else "stop")

    def _text(self, choice: dict[str, Any]) -> str:
        text = choice.get("text")
        if self._chat:
            message = choice.get("message")
            if not isinstance(message, dict):
                self._malformed("a chat answer without a message")
            if message.get("refusal"):
                raise EngineRefused(
                    f"the model at {self._server.url} refuses: {self._server.said(message['refusal'])}", hint="reword the task"
                )
            text = message.get("content")
        if not isinstance(text, str):
            self._malformed("an answer without text")
        return self._server.without_key(text)

    def _malformed(self, what: str) -> NoReturn:
        raise EngineMalformed(f"{self._server.url} sends {what}", hint="is this an OpenAI-compatible server?")


def _logprobs(found: Any) -> tuple[float, ...]:
    """Log-probabilities of the tokens in either form of the API; nothing where they are not offered, or make no sense."""
    if not isinstance(found, dict):
        return ()
    values = found.get("token_logprobs")
    if values is None and isinstance(found.get("content"), list):
        values = [entry.get("logprob") if isinstance(entry, dict) else None for entry in found["content"]]
    if not isinstance(values, list) or not all(isinstance(value, int | float) and value < 0.01 for value in values):
        return ()
    return tuple(min(0.0, float(value)) for value in values)
