"""The RPC client: retries, deadlines, error shapes, batches."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import orjson
import pytest

from symphony_chain.errors import ChainUnavailable, DeadlineExceeded, RpcError, RpcRevert
from symphony_chain.rpc import Rpc, block_id, wait_until
from symphony_chain.rpc_transport import RETRY_PAUSES_S


class FakeClock:
    """Monotonic seconds that only sleeping, or a slow answer, moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def _rpc(handler: Callable[[httpx.Request], httpx.Response], clock: FakeClock | None = None, **options: float) -> Rpc:
    clock = clock or FakeClock()
    return Rpc("http://node.test", transport=httpx.MockTransport(handler), clock=clock, sleep=clock.sleep, **options)


def _ok(request: httpx.Request, result: object) -> httpx.Response:
    return httpx.Response(200, json={"jsonrpc": "2.0", "id": orjson.loads(request.content)["id"], "result": result})


def test_reads_are_retried_and_writes_are_not() -> None:
    attempts: list[str] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        attempts.append(orjson.loads(request.content)["method"])
        raise httpx.ConnectError("connection refused")

    rpc = _rpc(refuse)
    with pytest.raises(ChainUnavailable) as caught:
        rpc.chain_id()
    assert caught.value.code == "chain.unreachable" and "http://node.test" in caught.value.hint
    assert attempts == ["eth_chainId"] * (1 + len(RETRY_PAUSES_S))
    attempts.clear()
    with pytest.raises(ChainUnavailable):
        rpc.send_raw(b"\x02")
    with pytest.raises(ChainUnavailable):
        rpc.call("evm_mine")
    assert attempts == ["eth_sendRawTransaction", "evm_mine"]


def test_a_read_that_fails_once_succeeds() -> None:
    failures = iter([httpx.ReadTimeout("slow")])

    def flaky(request: httpx.Request) -> httpx.Response:
        for failure in failures:
            raise failure
        return _ok(request, "0x10")

    assert _rpc(flaky).block_number() == 16


def test_a_dripping_node_cannot_pass_the_deadline() -> None:
    clock = FakeClock()

    class Drip(httpx.SyncByteStream):
        def __iter__(self):  # type: ignore[no-untyped-def]
            while True:
                clock.now += 1
                yield b" "

    rpc = _rpc(lambda _: httpx.Response(200, stream=Drip()), clock, deadline_s=5.0)
    with pytest.raises(ChainUnavailable, match="deadline"):
        rpc.block_number()
    assert clock.now <= 6


@pytest.mark.parametrize("body", [b"<html>502</html>", b'"text"', b"{}"])
def test_answers_that_are_not_json_rpc_are_unreachable(body: bytes) -> None:
    with pytest.raises(ChainUnavailable) as caught:
        _rpc(lambda _: httpx.Response(502, content=body)).chain_id()
    assert caught.value.code == "chain.unreachable"


def test_a_url_that_is_none_is_unreachable() -> None:
    for url in ("localhost:8545", "ftp://x", "http://", "http://127.0.0.1:1"):
        with Rpc(url, deadline_s=0.01) as rpc, pytest.raises(ChainUnavailable) as caught:
            rpc.chain_id()
        assert url in caught.value.message


@pytest.mark.parametrize(
    "error",
    [
        {"code": 3, "message": "execution reverted: custom error", "data": "0xdeadbeef"},  # anvil, pyevm
        {
            "code": -32603,
            "message": "VM Exception: reverted",
            "data": {"message": "x", "data": "0xdeadbeef"},
        },  # Hardhat
        {"code": -32000, "message": "execution reverted", "data": "0xdeadbeef"},  # geth, older
    ],
)
def test_revert_shapes(error: dict[str, object]) -> None:
    rpc = _rpc(lambda _: httpx.Response(200, json={"id": 1, "error": error}))
    with pytest.raises(RpcRevert) as caught:
        rpc.eth_call("0x" + "11" * 20, b"")
    assert caught.value.data == b"\xde\xad\xbe\xef" and caught.value.exit_code == 4
    assert caught.value.as_dict()["context"]["data"] == "0xdeadbeef"


def test_other_errors_keep_the_nodes_code() -> None:
    rpc = _rpc(lambda _: httpx.Response(200, json={"id": 1, "error": {"code": -32601, "message": "no such method"}}))
    with pytest.raises(RpcError, match="eth_chainId: no such method") as caught:
        rpc.chain_id()
    assert caught.value.rpc_code == -32601
    bare = _rpc(lambda _: httpx.Response(200, json={"id": 1, "error": {"code": 3, "message": "execution reverted"}}))
    with pytest.raises(RpcRevert) as revert:
        bare.eth_call("0x" + "11" * 20, b"")
    assert revert.value.data == b""


def test_batches_keep_order_and_are_split() -> None:
    sizes: list[int] = []

    def shuffled(request: httpx.Request) -> httpx.Response:
        calls = orjson.loads(request.content)
        sizes.append(len(calls))
        return httpx.Response(200, json=[{"id": call["id"], "result": call["params"][0]} for call in reversed(calls)])

    calls = [("echo", (number,)) for number in range(450)]
    assert _rpc(shuffled).batch(calls) == list(range(450))
    assert sizes == [200, 200, 50]
    assert _rpc(shuffled).batch([]) == []


def test_a_batch_raises_its_first_error() -> None:
    answers = [{"id": 0, "result": "0x1"}, {"id": 1, "error": {"code": -32000, "message": "second"}}]
    with pytest.raises(RpcError, match="second"):
        _rpc(lambda _: httpx.Response(200, json=answers)).batch([("a", ()), ("b", ())])
    with pytest.raises(ChainUnavailable, match="no result"):
        _rpc(lambda _: httpx.Response(200, json=answers[:1])).batch([("a", ()), ("b", ())])


def test_block_ids() -> None:
    assert [block_id(5), block_id("safe"), block_id(b"\x01" * 32)] == ["0x5", "safe", {"blockHash": "0x" + "01" * 32}]


def test_wait_until() -> None:
    clock = FakeClock()
    assert wait_until(lambda: clock.now >= 3 and "done", 10, 1, clock=clock, sleep=clock.sleep) == "done"
    with pytest.raises(DeadlineExceeded, match="the moon did not"):
        wait_until(lambda: None, 2, 0.5, what="the moon", clock=clock, sleep=clock.sleep)
    assert clock.now == 5
