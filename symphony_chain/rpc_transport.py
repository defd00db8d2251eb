"""JSON-RPC 2.0 over one HTTP connection pool, with a total deadline per operation and one shape for every
node's errors.

Knows no Ethereum types; ``rpc.Rpc`` gives answers a meaning.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import httpx
import orjson

from symphony_chain.errors import ChainUnavailable, DeadlineExceeded, RpcError, RpcRevert

T = TypeVar("T")
BATCH_LIMIT = 200  # calls per HTTP request: keeps answers small enough for every node's body limit
RETRY_PAUSES_S = (0.1, 0.3)
# Never repeated after a failure: a second try could act twice or hide what the first one did.
WRITE_PREFIXES = ("eth_send", "evm_", "anvil_", "hardhat_")


def wait_until(
    predicate: Callable[[], T | None],
    deadline_s: float,
    poll_s: float = 0.1,
    *,
    what: str = "the condition",
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Polls until ``predicate`` returns something true and returns it; raises DeadlineExceeded after
    ``deadline_s``.
    """
    end_s = clock() + deadline_s
    while True:
        value = predicate()
        if value:
            return value
        left_s = end_s - clock()
        if left_s <= 0:
            raise DeadlineExceeded(
                f"{what} did not come about within {deadline_s:g} s", hint="Is the chain producing blocks?"
            )
        sleep(min(poll_s, left_s))


class JsonRpcTransport:
    """Sends calls and batches to one URL.

    Args:
        url: http(s) address of the node.
        timeout_s: limit of one HTTP step (connect, each read).
        deadline_s: limit of one operation with its retries.
        transport: httpx transport, for tests.
        clock, sleep: monotonic seconds and pause, for tests.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 10.0,
        deadline_s: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url
        self.timeout_s = timeout_s
        self.deadline_s = deadline_s
        self._clock = clock
        self._sleep = sleep
        # trust_env=False: a proxy setting must not swallow calls to a node on loopback.
        self._client = httpx.Client(transport=transport, trust_env=False, headers={"content-type": "application/json"})

    def close(self) -> None:
        """Closes the connection pool."""
        self._client.close()

    def call(self, method: str, *params: Any) -> Any:
        """Result of one call; raises RpcRevert, RpcError or ChainUnavailable (``chain.unreachable``)."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return self._result(self._post(body, self._clock() + self.deadline_s, retry=_is_read(method)), method)

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]], *, deadline_s: float | None = None) -> list[Any]:
        """Results of many calls in order; the first error among them is raised.

        ``deadline_s`` can only shorten the client's own deadline, for a caller that has less time left.
        """
        end_s = self._clock() + min(self.deadline_s, self.deadline_s if deadline_s is None else deadline_s)
        results: list[Any] = []
        for start in range(0, len(calls), BATCH_LIMIT):
            results += self._batch(calls[start : start + BATCH_LIMIT], end_s)
        return results

    def _batch(self, calls: Sequence[tuple[str, Sequence[Any]]], end_s: float) -> list[Any]:
        body = [{"jsonrpc": "2.0", "id": i, "method": m, "params": list(p)} for i, (m, p) in enumerate(calls)]
        answers = self._post(body, end_s, retry=all(_is_read(method) for method, _ in calls))
        if not isinstance(answers, list):  # the node refused the batch as a whole
            return [self._result(answers, calls[0][0])]
        by_id = {answer.get("id"): answer for answer in answers}
        return [self._result(by_id.get(i, {}), method) for i, (method, _) in enumerate(calls)]

    def _post(self, body: Any, end_s: float, *, retry: bool) -> Any:
        payload = orjson.dumps(body)
        pauses = iter(RETRY_PAUSES_S if retry else ())
        while True:
            try:
                return self._attempt(payload, end_s)
            except (httpx.TransportError, httpx.InvalidURL, _BadAnswer) as error:
                pause_s = next(pauses, None)
                if pause_s is None or self._clock() + pause_s >= end_s:
                    raise self._unreachable(str(error) or type(error).__name__) from error
                self._sleep(pause_s)

    def _attempt(self, payload: bytes, end_s: float) -> Any:
        step_s = max(0.001, min(self.timeout_s, end_s - self._clock()))
        with self._client.stream("POST", self.url, content=payload, timeout=step_s) as response:
            # Read in pieces so that a node that drips bytes cannot hold us past the total deadline.
            pieces = []
            for piece in response.iter_bytes():
                pieces.append(piece)
                if self._clock() > end_s:
                    raise httpx.ReadTimeout("no complete answer within the deadline")
        try:
            answer = orjson.loads(b"".join(pieces))
        except orjson.JSONDecodeError:
            raise _BadAnswer(f"HTTP {response.status_code}, not JSON: is this a JSON-RPC address?") from None
        if not isinstance(answer, (dict, list)):
            raise _BadAnswer("the answer is not JSON-RPC")
        return answer

    def _result(self, answer: Any, method: str) -> Any:
        if "error" in answer and answer["error"] is not None:
            raise error_from_json(answer["error"], method)
        if "result" not in answer:
            raise self._unreachable(f"no result in the answer to {method}")
        return answer["result"]

    def _unreachable(self, reason: str) -> ChainUnavailable:
        return ChainUnavailable(
            f"cannot reach the chain at {self.url}: {reason}",
            code="chain.unreachable",
            hint=f"Check that a node runs at {self.url}, or name another one (SYMPHONY_RPC_URL); "
            "`symphony devnet` starts one.",
            url=self.url,
        )


class _BadAnswer(Exception):
    """The server answered, but not in JSON-RPC (a proxy's error page, a wrong port)."""


def _is_read(method: str) -> bool:
    return not method.startswith(WRITE_PREFIXES)


def error_from_json(error: Any, method: str) -> RpcError | RpcRevert:
    """One exception for every node's error object.

    anvil and pyevm put revert data in ``error.data``; Hardhat nests it as ``error.data.data``; some nodes
    give it only inside the message.
    """
    if not isinstance(error, dict):
        return RpcError(f"{method}: {error}", rpc_code=-32603, method=method)
    message = str(error.get("message", "unknown error"))
    rpc_code = int(error.get("code", -32603))
    data = _revert_data(error.get("data"))
    if rpc_code == 3 or data or "revert" in message.lower():
        return RpcRevert(f"{method}: {message}", data=data, hint="The contract refused this call.", method=method)
    hint = (
        "This node does not offer that method; use another node."
        if rpc_code == -32601
        else "The node refused the call."
    )
    return RpcError(f"{method}: {message}", rpc_code=rpc_code, hint=hint, method=method)


def _revert_data(data: Any) -> bytes:
    if isinstance(data, dict):
        return _revert_data(data.get("data"))
    if isinstance(data, str) and data.startswith("0x"):
        try:
            return bytes.fromhex(data[2:])
        except ValueError:
            return b""
    return b""
