"""The engine of OpenAI-compatible servers: what it asks, what it makes of answers, and one clear error for every fault."""

from __future__ import annotations

import hashlib
import logging
import socket
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from agent_runtime.engines import open_engine
from agent_runtime.engines.config import EngineConfig
from agent_runtime.engines.openai_engine import PLAIN_SAMPLING, OpenAIEngine
from agent_runtime.engines.protocol import Sample
from agent_runtime.engines.server import MAX_BYTES, MAX_SAID_CHARS
from agent_runtime.errors import (
    ConfigInvalid,
    EngineFailed,
    EngineMalformed,
    EngineRateLimited,
    EngineRefused,
    EngineUnauthorised,
    EngineUnreachable,
    PromptTooLong,
)
from agent_runtime.reasoning.cot import mean_logprob
from symphony_chain.errors import InvalidInput, SymphonyError
from tests.engines.faulty_server import FaultyServer, Reply, Step, completion, message

KEY = "sk-0123456789abcdef"
PROMPT = "Q: What is 19 + 23?\nA:"
BUSY = Reply(429, {"error": {"message": "slow down"}})


class Clock:
    """A clock that only pauses move on."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now_s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


Open = Callable[..., OpenAIEngine]


@pytest.fixture
def opened(clock: Clock) -> Iterator[Open]:
    """Opens an engine on a faulty server; pauses cost no time."""
    engines = []

    def make(server: FaultyServer, **options: Any) -> OpenAIEngine:
        engines.append(OpenAIEngine(EngineConfig(server.url, **options), clock=clock, pause=clock.pause))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()
        engine.close()  # harmless


def one(engine: OpenAIEngine, **changes: Any) -> Sample:
    """One sample of one prompt."""
    request: dict[str, Any] = {"n": 1, "temperature": 0.0, "seed": 0, "max_tokens": 64} | changes
    return engine.generate([PROMPT], **request)[0][0]


# --- what is asked, and what comes back ---


def test_a_sample_is_a_request_with_a_seed_of_its_own(opened: Open) -> None:
    with FaultyServer([completion()]) as server:
        engine = opened(server)
        rows = engine.generate(["a", "b"], n=3, temperature=0.7, seed=5, max_tokens=9, stop=["\nQ:"])
        again = engine.generate(["a"], n=2, temperature=0.7, seed=5, max_tokens=9)
    assert [[sample.text for sample in row] for row in rows] == [[" 42"] * 3] * 2 and len(again[0]) == 2
    bodies = server.completions
    assert [body["prompt"] for body in bodies[:6]] == ["a"] * 3 + ["b"] * 3
    assert len({body["seed"] for body in bodies[:6]}) == 6
    assert [body["seed"] for body in bodies[6:]] == [body["seed"] for body in bodies[:2]]
    assert all(0 <= body["seed"] < 2**31 for body in bodies)
    first = {key: value for key, value in bodies[0].items() if key not in ("seed", "prompt")}
    core = {"model": "tiny", "temperature": 0.7, "top_p": 1, "max_tokens": 9, "stop": ["\nQ:"]}
    assert first == core | PLAIN_SAMPLING | {"logprobs": 1}
    assert "n" not in first, "servers that do not know it give one choice and say nothing"


def test_scores_are_read_where_they_are_offered(opened: Open) -> None:
    offered = {"tokens": [" 4", "2"], "token_logprobs": [-0.5, -0.25]}
    with FaultyServer([completion(logprobs=offered)]) as server:
        sample = one(opened(server))
    assert sample == Sample(" 42", (-1, -1), (-0.5, -0.25), "stop")
    assert mean_logprob(sample) == -0.375


@pytest.mark.parametrize(
    "odd", [None, {}, {"token_logprobs": [None, -1.0]}, {"token_logprobs": [3.0]}, {"token_logprobs": "none"}, [1]]
)
def test_scores_that_make_no_sense_are_none(odd: Any, opened: Open) -> None:
    with FaultyServer([completion(logprobs=odd, tokens=7)]) as server:
        sample = one(opened(server))
    assert sample.logprobs == () and len(sample.token_ids) == 7 and mean_logprob(sample) == 0.0


@pytest.mark.parametrize("status", [400, 500, 501])
def test_a_server_without_scores_is_asked_for_them_once(status: int, opened: Open, clock: Clock) -> None:
    refusal = Reply(status, {"error": {"message": "logprobs is not supported for models created with logits_all=False"}})
    with FaultyServer([refusal, completion()]) as server:
        engine = opened(server)
        assert [one(engine).text for _ in range(3)] == [" 42"] * 3
    assert ["logprobs" in body for body in server.completions] == [True, False, False, False]
    assert clock.pauses == []


@pytest.mark.parametrize(
    "refusals",
    [
        [{"error": {"message": "Unrecognized request arguments supplied: top_k, min_p, repeat_penalty, repetition_penalty"}}],
        [{"error": {"message": f"Unrecognized request argument supplied: {name}"}} for name in PLAIN_SAMPLING],
        [{"detail": [{"loc": ["body", name], "msg": "extra"} for name in PLAIN_SAMPLING]}],
    ],
)
def test_a_strict_server_is_asked_in_the_apis_own_words(refusals: list[Any], opened: Open) -> None:
    with FaultyServer([*(Reply(422, body) for body in refusals), completion()]) as server:
        engine = opened(server)
        assert [one(engine).text for _ in range(2)] == [" 42"] * 2
    assert len(server.completions) == len(refusals) + 2
    assert not set(PLAIN_SAMPLING) & set(server.completions[-1]) and server.completions[-1]["logprobs"] == 1


def test_chat_is_asked_for_where_the_operator_says_so(opened: Open) -> None:
    reply = message()
    reply.body["choices"][0]["logprobs"] = {"content": [{"token": " 42", "logprob": -0.125}]}
    with FaultyServer([reply]) as server:
        sample = one(opened(server, chat=True))
    assert sample == Sample(" 42", (-1, -1), (-0.125,), "stop")
    (method, path, _, body) = server.requests[-1]
    assert (method, path) == ("POST", "/v1/chat/completions")
    assert body["messages"] == [{"role": "user", "content": PROMPT}] and body["logprobs"] is True and "prompt" not in body


@pytest.mark.parametrize(
    ("finish", "text", "stop", "expected"),
    [
        ("length", "1 2 3", (), ("1 2 3", "length")),
        ("stop", "1 2 3", (), ("1 2 3", "stop")),
        (None, "1 2 3", (), ("1 2 3", "stop")),
        ("length", "1 2\nQ: 3", ("\nQ:",), ("1 2", "stop")),
        ("stop", "a e", ("1", "2", "3", "4", " e"), ("a", "stop")),
        ("stop", "", (), ("", "stop")),
    ],
)
def test_how_a_completion_ends(
    finish: str | None, text: str, stop: tuple[str, ...], expected: tuple[str, str], opened: Open
) -> None:
    with FaultyServer([completion(text, finish)]) as server:
        sample = one(opened(server), stop=stop)
        assert (sample.text, sample.finish) == expected
        assert len(server.completions[0].get("stop", ())) <= 4


@pytest.mark.parametrize("tokens", [None, -1, True, "5", 1 << 40])
def test_a_usage_that_is_none_is_estimated(tokens: Any, opened: Open) -> None:
    with FaultyServer([completion("123456", tokens=tokens)]) as server:
        assert len(one(opened(server)).token_ids) == 2


def test_the_identity_is_an_address_and_says_so(opened: Open) -> None:
    with FaultyServer([completion()]) as server:
        info = opened(server, context_tokens=2048).info
        assert info.model_sha256 == hashlib.sha256(f"symphony.server/1:{server.url}#tiny".encode()).hexdigest()
        assert opened(server).info.context_tokens == 4096
    assert (info.engine, info.digest_of, info.context_tokens) == ("openai", "address", 2048)


def test_a_url_without_a_path_is_that_of_v1(opened: Open) -> None:
    with FaultyServer([completion()]) as server:
        engine = open_engine(server.url.removesuffix("/v1"))
        assert one(engine).text == " 42"  # type: ignore[arg-type]
        assert engine.info == opened(server).info
        engine.close()


@pytest.mark.parametrize("wrong", [{"n": 0}, {"max_tokens": 0}, {"temperature": -1.0}, {"temperature": float("nan")}])
def test_impossible_requests_are_refused_here(wrong: dict[str, float], opened: Open) -> None:
    with FaultyServer([completion()]) as server, pytest.raises(InvalidInput, match="cannot sample"):
        one(opened(server), **wrong)
    assert server.completions == []


def test_adapters_stay_here(opened: Open, tmp_path: Path) -> None:
    with FaultyServer([completion()]) as server:
        engine = opened(server)
        engine.load_adapter(None)
        with pytest.raises(InvalidInput, match="adapter"):
            engine.load_adapter(tmp_path)


# --- which model ---


@pytest.mark.parametrize(
    ("models", "wanted", "error"),
    [
        ({"data": [{"id": "a"}, {"id": "b"}]}, None, "serves a, b"),
        ({"data": [{"id": "a"}, {"id": "b"}]}, "c", "does not serve 'c'; it serves a, b"),
        ({"data": []}, None, "serves no model"),
        ({"data": [{"id": "a"}, {"id": "b"}]}, "b", None),
        ({"data": [{"name": "a"}, 7, {"id": "only"}]}, None, None),
    ],
)
def test_which_model(models: Any, wanted: str | None, error: str | None, opened: Open) -> None:
    with FaultyServer([completion()], models=Reply(body=models)) as server:
        if error is None:
            one(opened(server, model=wanted))
            assert server.completions[0]["model"] == wanted or "only"
        else:
            with pytest.raises(InvalidInput, match=error):
                opened(server, model=wanted)


def test_a_server_that_lists_nothing_needs_a_name(opened: Open) -> None:
    with FaultyServer([completion()], models=Reply(404, b"not here")) as server:
        assert one(opened(server, model="hidden")).text == " 42"
        assert server.completions[0]["model"] == "hidden"
        with pytest.raises(EngineRefused, match="404"):
            opened(server)


# --- faults: each is survived, or one typed error ---


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Ends the connection without a word."""


def garbage(handler: BaseHTTPRequestHandler) -> None:
    """Speaks another protocol."""
    handler.wfile.write(b"\x00\x01SSH-2.0-OpenSSH\r\n\r\n")


FINE = completion()
FAULTS: dict[str, tuple[list[Step], type[SymphonyError] | None, str]] = {
    "one hang-up": ([hang_up, FINE], None, ""),
    "only hang-ups": ([hang_up], EngineUnreachable, "no answer"),
    "another protocol": ([garbage], EngineUnreachable, "no answer"),
    "cut short": ([Reply(body=b'{"choices"', claimed_bytes=500)], EngineUnreachable, "no answer"),
    "cut short once": ([Reply(body=b'{"choices"', claimed_bytes=500), FINE], None, ""),
    "one 500": ([Reply(500, {"error": {"message": "oops"}}), FINE], None, ""),
    "only 500": ([Reply(500, {"error": {"message": "oops"}})], EngineUnreachable, "HTTP 500: oops"),
    "loading": ([Reply(503, b"loading"), Reply(502, b""), Reply(504, b""), FINE], None, ""),
    "always loading": ([Reply(503, {"error": "loading"})], EngineUnreachable, "HTTP 503: loading"),
    "busy once": ([BUSY, FINE], None, ""),
    "always busy": ([BUSY], EngineRateLimited, "slow down"),
    "no key": ([Reply(401, {"error": {"message": "no key"}})], EngineUnauthorised, "wants a key"),
    "forbidden": ([Reply(403, {"detail": "not you"})], EngineUnauthorised, "not you"),
    "no such model": ([Reply(404, {"error": {"message": "no model x"}})], EngineRefused, "no model x"),
    "no such path": ([Reply(405, b"<html>no</html>")], EngineRefused, "<html>no</html>"),
    "a bad request": ([Reply(400, {"error": {"message": "top_p is unknown"}})], EngineRefused, "top_p"),
    "a redirect": ([Reply(307, b"", {"location": "http://127.0.0.1:9/v1"})], EngineRefused, "redirect to http://127.0.0.1:9"),
    "an error that says 200": ([Reply(200, {"error": {"message": "out of credit"}})], EngineRefused, "out of credit"),
    "too long, by code": (
        [Reply(400, {"error": {"message": "no", "code": "context_length_exceeded"}})], PromptTooLong, "cannot hold"),
    "too long, by words": (
        [Reply(400, {"error": {"message": "This model's maximum context length is 1024 tokens"}})], PromptTooLong, "1024"),
    "filtered": ([completion("", "content_filter")], EngineRefused, "content filter"),
    "no JSON": ([Reply(body=b"<html>welcome</html>")], EngineMalformed, "welcome"),
    "a list": ([Reply(body=b"[]")], EngineMalformed, "JSON object"),
    "not UTF-8": ([Reply(body=b'{"choices": "\xff\xfe"}')], EngineMalformed, "JSON object"),
    "deep": ([Reply(body=b"[" * 100_000)], EngineMalformed, "JSON object"),
    "no choices": ([Reply(body={"choices": []})], EngineMalformed, "without a choice"),
    "choices of another kind": ([Reply(body={"choices": {"0": 1}})], EngineMalformed, "without a choice"),
    "no text": ([Reply(body={"choices": [{"text": None}]})], EngineMalformed, "without text"),
    "compressed": ([Reply(body=b"x", headers={"content-encoding": "gzip"})], EngineMalformed, "gzip"),
    "endless": ([Reply(body=b" " * (MAX_BYTES + 1))], EngineMalformed, "bytes"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_faults(name: str, opened: Open, clock: Clock) -> None:
    steps, kind, words = FAULTS[name]
    with FaultyServer(steps) as server:
        engine = opened(server)
        started_s = clock()
        if kind is None:
            assert one(engine).text == " 42"
            return
        with pytest.raises(kind) as caught:
            one(engine)
    assert type(caught.value) is kind and words in caught.value.message and caught.value.hint
    assert len(caught.value.message) < MAX_SAID_CHARS + 200 and caught.value.message.isprintable()
    assert clock() - started_s < 180
    if kind in (EngineUnauthorised, EngineRefused, EngineMalformed, PromptTooLong):
        assert len(server.completions) == 1, "what a second try cannot mend is tried once"


CHAT_FAULTS: dict[str, tuple[Step, type[SymphonyError], str]] = {
    "a refusal": (message(None, refusal="I will not"), EngineRefused, "I will not"),
    "no content": (message(None), EngineMalformed, "without text"),
    "no message": (completion(), EngineMalformed, "without a message"),
}


@pytest.mark.parametrize("name", CHAT_FAULTS)
def test_faults_of_chat(name: str, opened: Open) -> None:
    step, kind, words = CHAT_FAULTS[name]
    with FaultyServer([step]) as server, pytest.raises(kind, match=words):
        one(opened(server, chat=True))


def test_pauses_grow_and_end_before_the_deadline(opened: Open, clock: Clock) -> None:
    with FaultyServer([Reply(503, b"")]) as server:
        engine = opened(server, deadline_s=60.0)
        started_s = clock()
        with pytest.raises(EngineUnreachable):
            one(engine)
    assert 5 <= len(server.completions) == len(clock.pauses) + 1
    assert all(b > a / 2 for a, b in zip(clock.pauses, clock.pauses[1:], strict=False))
    assert clock.pauses[0] <= 0.5 and max(clock.pauses) <= 15 and clock() - started_s <= 60


@pytest.mark.parametrize(
    ("header", "pause_s"),
    [("7", 7.0), ("0", 0.0), ("-3", 0.0), ("soon", 0.0), ("nan", 0.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)],
)
def test_retry_after_is_honoured(header: str, pause_s: float, opened: Open, clock: Clock) -> None:
    busy = Reply(429, b"busy", {"retry-after": header})
    with FaultyServer([busy, completion()]) as server:
        one(opened(server))
    (waited_s,) = clock.pauses
    assert waited_s == pause_s if pause_s else 0 < waited_s <= 0.5


@pytest.mark.parametrize("header", ["3600", "inf", "Wed, 21 Oct 2199 07:28:00 GMT"])
def test_a_wait_beyond_the_deadline_is_said_at_once(header: str, opened: Open, clock: Clock) -> None:
    with FaultyServer([Reply(429, b"busy", {"retry-after": header}), completion()]) as server:
        engine = opened(server)
        with pytest.raises(EngineRateLimited, match="busy"):
            one(engine)
    assert len(server.completions) == 1 and clock.pauses == []


def test_requests_keep_their_distance(opened: Open, clock: Clock) -> None:
    with FaultyServer([completion()]) as server:
        engine = opened(server, request_interval_s=2.0)
        one(engine, n=4)
    assert len(server.completions) == 4 and clock.pauses == [2.0] * 4  # the list of models was the first request


def test_a_server_that_says_nothing_is_left_at_the_deadline() -> None:
    with FaultyServer([lambda handler: server.released.wait(30) and None]) as server:
        engine = open_engine(server.url, deadline_s=0.2)
        with pytest.raises(EngineUnreachable):
            one(engine)  # type: ignore[arg-type]
        engine.close()


def test_a_server_that_drips_is_left_at_the_deadline(opened: Open) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "100000000")
        handler.end_headers()
        while not server.released.is_set():
            handler.wfile.write(b" ")

    ticks = count()
    with FaultyServer([drip]) as server:
        config = EngineConfig(server.url, deadline_s=20.0)
        engine = OpenAIEngine(config, clock=lambda: float(next(ticks)), pause=lambda s: None)
        with pytest.raises((EngineUnreachable, EngineMalformed)):
            one(engine)
        engine.close()


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(EngineUnreachable) as caught:
        open_engine(url, deadline_s=0.2)
    assert caught.value.code == "engine.unreachable" and url in caught.value.message


# --- the key ---


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(KEY + "\n")
    return path


def test_the_key_travels_in_one_header(key_file: Path, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    with FaultyServer([completion()]) as server:
        one(opened(server, key_file=key_file))
        one(opened(server, key_env="SOME_KEY"))
        one(opened(server))
    with_key = [headers.get("Authorization", headers.get("authorization")) for _, _, headers, _ in server.requests]
    assert with_key == [f"Bearer {KEY}"] * 4 + [None] * 2
    assert all(KEY not in str((path, body)) for _, path, _, body in server.requests)


@pytest.mark.parametrize(
    "step",
    [
        Reply(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}),
        Reply(400, {"error": {"message": f"bad: {KEY}"}}),
        Reply(500, f"trace of {KEY}".encode()),
        Reply(302, b"", {"location": f"http://elsewhere/?key={KEY}"}),
        Reply(body=f"<html>{KEY}</html>".encode()),
    ],
)
def test_no_error_or_log_repeats_the_key(
    step: Reply, key_file: Path, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with FaultyServer([step]) as server:
        engine = opened(server, key_file=key_file)
        with pytest.raises(EngineFailed) as caught:
            one(engine)
    told = "".join(traceback.format_exception(caught.value)) + str(caught.value.as_dict()) + caught.value.hint
    assert KEY not in told and KEY not in caplog.text and KEY not in repr(engine)


def test_a_text_that_repeats_the_key_does_not_reach_the_trace(key_file: Path, opened: Open) -> None:
    with FaultyServer([completion(f"the key is {KEY}")]) as server:
        assert one(opened(server, key_file=key_file)).text == "the key is [key]"


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"tab\tkey", "schl\u00fcssel".encode(), b"x" * 5000, b"\x00"])
def test_what_is_no_key_is_refused_without_being_shown(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(ConfigInvalid, match="key") as caught:
        open_engine("https://models.example", key_file=tmp_path / "key")
    assert not content.strip() or content.decode(errors="replace").strip() not in caught.value.message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"key_env": "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE holds no key"),
        ({"key_file": Path("/nonexistent/key")}, "cannot be read"),
        ({"key_file": Path("/nonexistent/key"), "key_env": "X"}, "both given"),
    ],
)
def test_keys_that_are_not_there(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigInvalid, match=words):
        open_engine("https://models.example", **options)


def test_a_key_does_not_leave_this_machine_unencrypted(key_file: Path) -> None:
    with pytest.raises(ConfigInvalid, match="unencrypted"):
        open_engine("http://models.example", key_file=key_file)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@host/v1",
        "http://host/v1?key=secret",
        "http://host/v1#secret",
        "http://:80",
        "http://host:port",
        "http://ho st",
        "http://h\u00f6st",
    ],
)
def test_odd_urls_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_engine(url)
    assert "secret" not in str(caught.value.as_dict())


def test_redirects_and_proxies_lead_nowhere(
    key_file: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a Location nor a proxy of the environment gets to see the request."""
    with FaultyServer([completion("stolen")]) as thief:
        monkeypatch.setenv("HTTP_PROXY", thief.url)
        monkeypatch.setenv("ALL_PROXY", thief.url)
        with FaultyServer([Reply(308, b"", {"location": f"{thief.url}/completions"})]) as server:
            with pytest.raises(EngineRefused, match="redirect"):
                one(opened(server, key_file=key_file))
        assert thief.requests == []
