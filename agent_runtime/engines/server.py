"""HTTP to a model server: one request with its retries, bounded in time and bytes, and one error for each way it can fail.

The key goes into one header and nowhere else: what a server says is cleaned of it before it enters an error or a result.
Redirects are not followed, so that neither the key nor a prompt reaches another host. Knows nothing of completions.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from random import Random
from ssl import SSLContext
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx
import orjson

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
from symphony_chain.errors import InvalidInput

MAX_BYTES = 8 << 20
MAX_KEY_BYTES = 4096
MAX_SAID_CHARS = 300
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0
#: A plain 500 is as often a fault of the request as of the moment: worth a second and a third try.
MOST_ERRORS = 3
_TOO_LONG = re.compile(r"context[ _](length|window|size)|prompt is too long|too many tokens", re.IGNORECASE)
_PASSING = frozenset({408, 425, 429, 502, 503, 504, 529})


class Server:
    """A base URL such as ``http://127.0.0.1:8000/v1``, and the key for it.

    Args:
        deadline_s: of one request with its retries and pauses.
        interval_s: least time between the starts of two requests.
        clock, pause: monotonic seconds, and a sleep, for tests.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None,
        deadline_s: float,
        interval_s: float,
        clock: Callable[[], float],
        pause: Callable[[float], None],
    ) -> None:
        self.url = url
        self._key = key
        self._deadline_s = deadline_s
        self._interval_s = interval_s
        self._clock = clock
        self._pause = pause
        self._next_s = clock()
        self._jitter = Random(url)
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        # trust_env=False: neither a proxy nor a .netrc of the machine may see prompts or change the key.
        self._client = httpx.Client(verify=_tls(), trust_env=False, follow_redirects=False, headers=headers)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def get(self, path: str, *, deadline_s: float) -> dict[str, Any]:
        """The JSON object at a path below the base URL; raises what `post` raises."""
        return self._ask("GET", path, None, min(deadline_s, self._deadline_s))

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON object with which the server answers a JSON object.

        Raises:
            EngineUnreachable: no connection, no complete answer, or failures of the server until the deadline.
            EngineRateLimited: it asks to wait beyond the deadline.
            EngineUnauthorised, EngineRefused, EngineMalformed, PromptTooLong: trying again would not help.
        """
        return self._ask("POST", path, orjson.dumps(dict(body)), self._deadline_s)

    def said(self, text: object) -> str:
        """Words of the server, fit to be shown: on one line, short, and without the key."""
        plain = "".join(c if c.isprintable() else " " for c in self.without_key(str(text)))
        return plain if len(plain) <= MAX_SAID_CHARS else plain[:MAX_SAID_CHARS] + "…"

    def without_key(self, text: str) -> str:
        """The text with the key blotted out, should a server repeat it."""
        return text if self._key is None else text.replace(self._key, "[key]")

    # --- one request and its retries ---

    def _ask(self, method: str, path: str, payload: bytes | None, deadline_s: float) -> dict[str, Any]:
        end_s = self._clock() + deadline_s
        errors, pause_s = 0, FIRST_PAUSE_S
        problem: EngineFailed = EngineUnreachable("the deadline is too short", hint="raise deadline_s")
        while True:
            self._wait(max(0.0, self._next_s - self._clock()), end_s, problem)
            self._next_s = self._clock() + self._interval_s
            try:
                status, headers, content = self._attempt(method, path, payload, end_s)
            except httpx.TransportError as error:
                problem, asked_s = self._away(self.said(error) or type(error).__name__), 0.0
            else:
                if status // 100 == 2:
                    return self._document(content)
                problem = self._judge(status, headers, content)
                asked_s = _retry_after_s(headers.get("retry-after"))
                errors += status not in _PASSING
                if errors >= MOST_ERRORS:
                    raise problem
            self._wait(max(asked_s, pause_s * (0.5 + self._jitter.random() / 2)), end_s, problem)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _wait(self, wait_s: float, end_s: float, problem: EngineFailed) -> None:
        """Pauses; or says now what would only be said at the deadline."""
        if self._clock() + wait_s >= end_s:
            raise problem
        if wait_s > 0:
            self._pause(wait_s)

    def _attempt(
        self, method: str, path: str, payload: bytes | None, end_s: float
    ) -> tuple[int, httpx.Headers, bytes]:
        left_s = max(0.001, end_s - self._clock())
        headers = {} if payload is None else {"content-type": "application/json"}
        with self._client.stream(
            method, f"{self.url}/{path}", content=payload, headers=headers, timeout=left_s
        ) as response:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise EngineMalformed(
                    f"{self.url} sends {self.said(response.headers['content-encoding'])} though it was asked not to",
                    hint="switch compression off in front of the server",
                )
            pieces, size = [], 0
            for piece in response.iter_raw():
                pieces.append(piece)
                size += len(piece)
                if size > MAX_BYTES:
                    raise EngineMalformed(
                        f"{self.url} sends more than {MAX_BYTES} bytes for one completion",
                        hint="is this an OpenAI-compatible server?",
                    )
                # A server that drips bytes must not hold us past the deadline.
                if self._clock() > end_s:
                    raise httpx.ReadTimeout("no complete answer within the deadline")
            return response.status_code, response.headers, b"".join(pieces)

    def _document(self, content: bytes) -> dict[str, Any]:
        try:
            document = orjson.loads(content)
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict):
            raise EngineMalformed(
                f"{self.url} does not answer with a JSON object: {self.said(content[:80].decode(errors='replace'))!r}",
                hint="is this the base URL of an OpenAI-compatible server, such as http://HOST:PORT/v1?",
            )
        if isinstance(document.get("error"), dict):
            self._refuse(200, document["error"].get("message", "no reason given"))
        return document

    # --- what a status means ---

    def _judge(self, status: int, headers: httpx.Headers, content: bytes) -> EngineFailed:
        """The problem to report if no later try helps; raises where none would."""
        message, code = _error_of(content)
        if 300 <= status < 400:
            self._refuse(status, f"a redirect to {headers.get('location', 'nowhere')}, which is not followed")
        if status in (401, 403):
            raise EngineUnauthorised(
                f"{self.url} refuses the key (HTTP {status}): {self.said(message)}"
                if self._key is not None
                else f"{self.url} wants a key (HTTP {status}): {self.said(message)}",
                hint="name the key's place: key_file (a file) or key_env (an environment variable)",
            )
        if status == 429:
            return EngineRateLimited(
                f"{self.url} limits the rate of requests: {self.said(message)}",
                hint="raise request_interval_s or deadline_s, or ask for fewer samples",
            )
        if status in (400, 413, 422) and (code == "context_length_exceeded" or _TOO_LONG.search(message)):
            raise PromptTooLong(
                f"{self.url} cannot hold the prompt and its answer: {self.said(message)}",
                hint="shorten the task, lower max_tokens, or set context_tokens to what the server offers",
            )
        # 500 "… is not supported" is how some servers say 400.
        if (status < 500 and status not in _PASSING) or (status in (500, 501) and "not supported" in message):
            self._refuse(status, message)
        return self._away(f"HTTP {status}: {self.said(message)}")

    def _refuse(self, status: int, message: object) -> NoReturn:
        raise EngineRefused(
            f"{self.url} refuses (HTTP {status}): {self.said(message)}",
            hint="check the URL, the model's id, and whether the server offers this kind of completion",
        )

    def _away(self, why: str) -> EngineUnreachable:
        return EngineUnreachable(
            f"no answer from the model server at {self.url}: {why}",
            hint="is the server running, and the URL right? A slow one needs a larger deadline_s",
            url=self.url,
        )


@cache
def _tls() -> SSLContext:
    """One for all servers: to read the certificates takes longer than a small request."""
    return httpx.create_ssl_context(trust_env=False)


def base_url(spec: str) -> str:
    """The base URL without a slash at its end; ``/v1`` where the operator gave no path.

    Raises:
        InvalidInput: it is none, or carries what does not belong into it. The message never repeats a password.
    """
    try:
        parts = urlsplit(spec)
        port = parts.port
    except ValueError as error:
        raise InvalidInput(f"the server's URL cannot be read: {error}", hint="give http(s)://HOST[:PORT][/PATH]") from None
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise InvalidInput(
            "the server's URL carries credentials, a query or a fragment",
            hint="give the plain base URL; the key comes from key_file or key_env",
        )
    if not parts.hostname or not spec.isascii() or not spec.isprintable() or " " in spec:
        raise InvalidInput("the server's URL names no host", hint="give http(s)://HOST[:PORT][/PATH]")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{parts.path.rstrip('/') or '/v1'}"


def read_key(url: str, file: Path | None, variable: str | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """The key from a file or an environment variable; None where neither is named.

    Raises:
        ConfigInvalid: both are named, the place is empty, what lies there is no key, or the key would leave this machine
            unencrypted. No message holds any of it.
    """
    if file is None and variable is None:
        return None
    if file is not None and variable is not None:
        raise ConfigInvalid("key_file and key_env are both given", hint="name one place of the key")
    if file is not None:
        try:
            with file.open("rb") as stream:
                text = stream.read(MAX_KEY_BYTES + 1).decode("ascii", "replace").strip()
        except OSError as error:
            raise ConfigInvalid(
                f"the key file {file} cannot be read: {error.strerror}", hint="check its path and owner"
            ) from None
    else:
        text = environ.get(str(variable), "").strip()
    place = f"the file {file}" if file is not None else f"the variable {variable}"
    if not text:
        raise ConfigInvalid(f"{place} holds no key", hint="put the key there, and nothing else")
    if len(text) > MAX_KEY_BYTES or not all("!" <= c <= "~" for c in text):
        raise ConfigInvalid(f"what {place} holds is no key", hint="a key is one word of printable ASCII characters")
    parts = urlsplit(url)
    if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
        raise ConfigInvalid(
            f"the key would go to {parts.hostname} unencrypted", hint="use https, or a server on this machine"
        )
    return text


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _error_of(content: bytes) -> tuple[str, str]:
    """Message and code of an error's body in the API's form; its first words where it has another."""
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        document = None
    error = document.get("error", document) if isinstance(document, dict) else None
    if isinstance(error, dict):
        return str(error.get("message") or error.get("detail") or "no reason given"), str(error.get("code"))
    return (error if isinstance(error, str) else content[:200].decode(errors="replace")) or "no reason given", ""


def _retry_after_s(header: str | None) -> float:
    """Seconds of a Retry-After header in either form; 0 where it is missing or nonsense."""
    if header is None:
        return 0.0
    try:
        seconds = float(header)
    except ValueError:
        try:
            moment = parsedate_to_datetime(header)
        except ValueError:
            return 0.0
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
    return max(0.0, seconds) if seconds == seconds else 0.0
