"""The engine of OpenAI-compatible servers against a real one: llama.cpp's, with the shipped GGUF.

Its traps: ``n`` is taken and ignored; what was said before is penalised even at temperature 0; log-probabilities fail where it
was not started for them; its threads take every core (so it is started with one).
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from agent_runtime.engines import Engine, open_engine
from agent_runtime.engines.weights import GGUF, early_folder, shipped_folder
from agent_runtime.errors import EngineUnauthorised, PromptTooLong
from agent_runtime.model.datasets import held_out_task
from agent_runtime.model.families import FAMILIES
from agent_runtime.model.prompting import format_prompt
from symphony_chain.devnet.process import Child
from symphony_chain.errors import InvalidInput
from symphony_chain.rpc import wait_until

NEEDED = ("llama_cpp", "pydantic_settings", "sse_starlette", "starlette_context")
pytestmark = [
    pytest.mark.llama,
    pytest.mark.skipif(not all(map(find_spec, NEEDED)), reason="needs llama-cpp-python and its server's libraries"),
]
CONTEXT_TOKENS = 1024
KEY = "sk-of-the-test"
GREEDY = {"n": 1, "temperature": 0.0, "seed": 0, "max_tokens": 48}


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[str]:
    """The base URL of a running server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(shipped_folder() / GGUF), "--model_alias", "tiny"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--n_ctx", str(CONTEXT_TOKENS)]
    command += ["--n_threads", "1", "--n_threads_batch", "1", "--verbose", "false", *options]
    url = f"http://127.0.0.1:{port}/v1"
    server = Child(command, log=folder / f"{port}.log", env={"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"})
    try:
        wait_until(lambda: _answers(url, server), 120, 0.1, what="the server")
        yield url
    finally:
        server.stop()


def _answers(url: str, server: Child) -> bool:
    assert server.exit_code() is None, server.output()[-2000:]
    try:
        return httpx.get(f"{url}/models", trust_env=False).status_code in (200, 401)
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def engine(url: str) -> Iterator[Engine]:
    opened = open_engine(url, context_tokens=CONTEXT_TOKENS)
    yield opened
    opened.close()


def prompts(count: int) -> list[str]:
    names = list(FAMILIES)
    return [format_prompt(held_out_task(names[i % len(names)], 1 + i % 2, 900 + i).prompt) for i in range(count)]


def test_greedy_text_and_scores_are_those_of_the_engine_in_a_child(engine: Engine) -> None:
    asked = prompts(12)
    ours = open_engine("llama_cpp")
    theirs, expected = engine.generate(asked, **GREEDY), ours.generate(asked, **GREEDY)  # type: ignore[arg-type]
    ours.close()
    assert [row[0].text for row in theirs] == [row[0].text for row in expected]
    assert [row[0].finish for row in theirs] == [row[0].finish for row in expected]
    for (got,), (want,) in zip(theirs, expected, strict=True):
        assert len(got.logprobs) >= len(want.logprobs) - 1 > 0  # the server does not tell that of the end token
        assert got.logprobs == pytest.approx(want.logprobs[: len(got.logprobs)], abs=0.02)
        assert len(got.token_ids) in (len(want.token_ids), len(want.token_ids) - 1)
    assert {row[0].finish for row in theirs} == {"stop", "length"}, "or the ends were not compared"


def test_n_is_taken_and_ignored_by_the_server_and_kept_by_the_engine(url: str, engine: Engine) -> None:
    body = {"model": "tiny", "prompt": prompts(3)[2], "n": 3, "max_tokens": 4}
    assert len(httpx.post(f"{url}/completions", json=body, trust_env=False).json()["choices"]) == 1
    request = {"n": 6, "temperature": 1.5, "seed": 4, "max_tokens": 12}
    rows = engine.generate(["x y z", prompts(1)[0]], **request)  # type: ignore[arg-type]
    assert [len(row) for row in rows] == [6, 6] and len({sample.text for sample in rows[0]}) > 3
    assert engine.generate(["x y z", prompts(1)[0]], **request) == rows, "seeded"  # type: ignore[arg-type]


def test_a_penalty_for_repetition_is_switched_off(tmp_path: Path) -> None:
    """Left to itself the server writes other greedy texts than the model's. The early model shows it: it is less sure."""
    asked = prompts(22)
    with serving(tmp_path, "--model", str(early_folder() / GGUF)) as url:
        left_alone = []
        for prompt in asked:
            body = {"model": "tiny", "prompt": prompt, "temperature": 0, "max_tokens": 48}
            answer = httpx.post(f"{url}/completions", json=body, trust_env=False).json()
            left_alone.append(answer["choices"][0]["text"])
        served, local = open_engine(url, context_tokens=CONTEXT_TOKENS), open_engine("llama_cpp", weights=early_folder())
        theirs, ours = served.generate(asked, **GREEDY), local.generate(asked, **GREEDY)  # type: ignore[arg-type]
        served.close()
        local.close()
    wanted = [row[0].text for row in ours]
    as_wanted = sum(row[0].text == text for row, text in zip(theirs, wanted, strict=True))
    assert as_wanted >= 20, "all but near ties, which another batch may decide otherwise"
    assert sum(text == other for text, other in zip(left_alone, wanted, strict=True)) < as_wanted


def test_a_stop_string_ends_a_completion(engine: Engine) -> None:
    (whole,) = engine.generate(prompts(1), **GREEDY)[0]  # type: ignore[arg-type]
    mark = whole.text[6:8]
    (cut,) = engine.generate(prompts(1), **GREEDY, stop=[mark])[0]  # type: ignore[arg-type]
    assert (cut.text, cut.finish) == (whole.text[: whole.text.index(mark)], "stop")


def test_a_prompt_that_does_not_fit_is_said_to_be_too_long(engine: Engine) -> None:
    with pytest.raises(PromptTooLong, match="1024"):
        engine.generate(["7" * 1100], **GREEDY)  # type: ignore[arg-type]


def test_chat_goes_through_the_servers_template(url: str) -> None:
    chat = open_engine(url, chat=True)
    (sample,) = chat.generate(prompts(1), **GREEDY)[0]  # type: ignore[arg-type]
    chat.close()
    assert sample.token_ids and len(sample.logprobs) > 0


def test_an_unknown_model_is_named(url: str) -> None:
    with pytest.raises(InvalidInput, match="it serves tiny"):
        open_engine(url, model="huge")


def test_a_server_with_a_key_and_without_scores(tmp_path: Path, engine: Engine) -> None:
    with serving(tmp_path, "--api_key", KEY, "--logits_all", "false") as url:
        with pytest.raises(EngineUnauthorised, match="wants a key"):
            open_engine(url)
        (tmp_path / "wrong").write_text("sk-other")
        with pytest.raises(EngineUnauthorised, match="refuses the key"):
            open_engine(url, key_file=tmp_path / "wrong")
        (tmp_path / "key").write_text(f"{KEY}{os.linesep}")
        keyed = open_engine(url, key_file=tmp_path / "key")
        asked = prompts(4)
        rows = keyed.generate(asked, **GREEDY)  # type: ignore[arg-type]
        keyed.close()
    assert [row[0].text for row in rows] == [row[0].text for row in engine.generate(asked, **GREEDY)]  # type: ignore[arg-type]
    assert all(row[0].logprobs == () and row[0].token_ids for row in rows)
