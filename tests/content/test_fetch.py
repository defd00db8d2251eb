"""The fetcher against a matrix of providers: good, dead, empty, lying, cut off, stalled; and over real
sockets."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from content_samples import sample_bytes

from symphony_chain.content import DAG_PB, RAW, Cid, ContentStore
from symphony_chain.content.car import car_header, car_section
from symphony_chain.content.dagpb import Link, encode_file_node
from symphony_chain.content.errors import HashMismatch, MalformedBlock, StoreFull, TooLarge, Unavailable
from symphony_chain.content.fetch import Fetcher
from symphony_chain.content.gateway import gateway_app

BIG = 6 * (1 << 20) + 5
LIMIT = 1 << 24
CAR_TYPE = "application/vnd.ipld.car"
Handler = Callable[[httpx.Request], httpx.Response]


class Net:
    """Fake providers by host name, over one client; counts the requests to each."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.requests: dict[str, int] = {}
        self.client = httpx.Client(transport=httpx.MockTransport(self._handle))

    def _handle(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        self.requests[host] = self.requests.get(host, 0) + 1
        return self.handlers[host](request)

    def add(self, host: str, handler: Handler) -> str:
        self.handlers[host] = handler
        return f"http://{host}"


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net()
    yield made
    made.client.close()


class Body(httpx.SyncByteStream):
    """A body from chunks; an exception among them is raised in its place."""

    def __init__(self, *chunks: bytes | Exception) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk


def answer(request: httpx.Request, *chunks: bytes | Exception, **headers: str) -> httpx.Response:
    kind = CAR_TYPE if request.url.params["format"] == "car" else "application/vnd.ipld.raw"
    return httpx.Response(200, headers={"Content-Type": kind} | headers, stream=Body(*chunks))


def cid_of(request: httpx.Request) -> Cid:
    return Cid.parse(request.url.path.rsplit("/", 1)[1])


def body_of(store: ContentStore, request: httpx.Request) -> bytes:
    """What an honest gateway would send."""
    cid = cid_of(request)
    if request.url.params["format"] == "raw":
        return store.blocks.get(cid)
    order, stack = [], [cid]
    while stack:
        current = stack.pop()
        order.append(current)
        stack.extend(reversed(store.children(current)))
    return car_header(cid) + b"".join(car_section(found, store.blocks.get(found)) for found in order)


def kinds(store: ContentStore) -> dict[str, Handler]:
    """Providers by behaviour, all over the same store."""

    def corrupt(request: httpx.Request) -> httpx.Response:
        data = bytearray(body_of(store, request))
        data[len(data) * 2 // 3] ^= 1
        return answer(request, bytes(data))

    def truncated(request: httpx.Request) -> httpx.Response:
        data = body_of(store, request)
        return answer(request, data[: len(data) // 2])

    def dies(request: httpx.Request) -> httpx.Response:
        data = body_of(store, request)
        return answer(
            request, data[: len(data) // 2], httpx.RemoteProtocolError("peer closed the connection")
        )

    def junk(request: httpx.Request) -> httpx.Response:
        stray = [car_section(Cid.of(bytes([index])), bytes([index])) for index in range(100)]
        return answer(request, car_header(cid_of(request)), *stray)

    def dead(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    def stalls(request: httpx.Request) -> httpx.Response:
        return answer(request, body_of(store, request)[:100], httpx.ReadTimeout("stalled"))

    def refuses(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404)

    def html(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, html="<h1>welcome</h1>")

    def redirects(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"Location": "http://good/"})

    def empty(request: httpx.Request) -> httpx.Response:
        return answer(request, car_header(cid_of(request)))

    def zipped(request: httpx.Request) -> httpx.Response:
        return answer(request, b"\x1f\x8b", **{"Content-Encoding": "gzip"})

    def good(request: httpx.Request) -> httpx.Response:
        return answer(request, body_of(store, request))

    return {
        "good": good,
        "dead": dead,
        "refuses": refuses,
        "html": html,
        "corrupt": corrupt,
        "stalls": stalls,
        "truncated": truncated,
        "dies": dies,
        "junk": junk,
        "redirects": redirects,
        "empty": empty,
        "zipped": zipped,
    }


@pytest.fixture
def world(store: ContentStore, other_store: ContentStore, net: Net) -> Any:
    """(fetch, root): a fetcher into an empty store and a file of seven leaves at providers of every kind."""
    root = store.add(sample_bytes(BIG), "delta").cid
    for name, handler in kinds(store).items():
        net.add(name, handler)
    fetcher = Fetcher(other_store, client=net.client, allow_local=True)

    def fetch(*names: str, cid: Cid = root, max_bytes: int = LIMIT) -> bytes:
        return fetcher.fetch(cid, [f"http://{name}" for name in names], max_bytes=max_bytes, deadline_s=60)

    return fetch, root, fetcher


BAD_KINDS = [
    "dead", "refuses", "html", "corrupt", "stalls", "truncated", "dies", "junk", "redirects", "empty", "zipped",
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_KINDS)
def test_good_after_bad(world: Any, other_store: ContentStore, bad: str) -> None:
    fetch, root, fetcher = world
    assert fetch(bad, "good") == sample_bytes(BIG)
    assert other_store.stat(root).size_bytes == BIG
    assert ("http://corrupt" in fetcher.banned) == (bad == "corrupt")


@pytest.mark.parametrize("bad", BAD_KINDS)
def test_good_after_bad_for_a_single_block(world: Any, store: ContentStore, bad: str) -> None:
    fetch, _, _ = world
    data = sample_bytes(5000)
    assert fetch(bad, "good", cid=store.add(data, "body").cid) == data


def test_all_bad_providers_then_a_good_one(world: Any) -> None:
    fetch, _, _ = world
    assert fetch(*BAD_KINDS, "good") == sample_bytes(BIG)


def test_second_time_comes_from_the_store(world: Any, net: Net) -> None:
    fetch, _, _ = world
    fetch("good")
    asked = dict(net.requests)
    assert fetch("dead") == sample_bytes(BIG)
    assert net.requests == asked


def test_blocks_of_a_dying_provider_are_kept(
    world: Any, net: Net, store: ContentStore, other_store: ContentStore
) -> None:
    fetch, root, _ = world
    with pytest.raises(Unavailable) as caught:
        fetch("refuses", "html")
    assert caught.value.code == "content.unavailable" and caught.value.exit_code == 3
    assert set(caught.value.context["attempts"]) == {"http://refuses", "http://html"}
    first = True

    def dies_once(request: httpx.Request) -> httpx.Response:
        nonlocal first
        first, now = False, first
        return net.handlers["dies"](request) if now else httpx.Response(503)

    net.handlers["once"] = dies_once
    with pytest.raises(Unavailable):
        fetch("once")
    have = 8 - len(other_store.missing(root))
    assert 3 <= have <= 5
    asked: list[str] = []

    def spy(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["format"])
        return answer(request, body_of(store, request))

    net.handlers["spy"] = spy
    assert fetch("spy") == sample_bytes(BIG)
    assert asked == ["raw"] * (8 - have)  # only the leaves that were missing


def test_flaky_providers_are_asked_again_while_there_is_progress(world: Any, net: Net) -> None:
    fetch, _, _ = world
    calls = 0

    def flaky(request: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        return net.handlers["dies" if request.url.params["format"] == "car" or calls % 3 == 0 else "good"](
            request
        )

    net.handlers["flaky"] = flaky
    assert fetch("flaky") == sample_bytes(BIG)
    assert calls > 5


def test_a_liar_is_never_asked_again(world: Any, net: Net, store: ContentStore) -> None:
    fetch, _, fetcher = world
    with pytest.raises(HashMismatch) as caught:
        fetch("corrupt")
    assert caught.value.code == "content.hash_mismatch" and caught.value.hint
    asked = net.requests["corrupt"]
    with pytest.raises(HashMismatch):
        fetch("corrupt", cid=store.add(b"something else", "body").cid)
    assert net.requests["corrupt"] == asked
    assert list(fetcher.banned) == ["http://corrupt"]


def test_mixed_reasons_are_unavailable(world: Any) -> None:
    fetch, _, _ = world
    with pytest.raises(Unavailable) as caught:
        fetch("corrupt", "refuses")
    codes = {attempt["code"] for attempt in caught.value.context["attempts"].values()}
    assert codes == {"content.hash_mismatch", "content.provider_failed"}


def test_no_provider_at_all(world: Any) -> None:
    fetch, _, _ = world
    with pytest.raises(Unavailable, match="no provider"):
        fetch()


def test_too_large_by_its_own_root_is_final(world: Any, net: Net) -> None:
    fetch, _, _ = world
    with pytest.raises(TooLarge) as caught:
        fetch("good", "refuses", max_bytes=BIG - 1)
    assert caught.value.code == "content.too_large"
    assert "refuses" not in net.requests


def test_single_block_above_the_limit(world: Any, store: ContentStore) -> None:
    fetch, _, _ = world
    with pytest.raises(TooLarge):
        fetch("good", cid=store.add(bytes(2000), "body").cid, max_bytes=1999)


def test_endless_body_is_cut_off(world: Any, net: Net) -> None:
    fetch, root, _ = world
    given_out = 0

    class Endless(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            nonlocal given_out
            block = bytes(1000)
            yield car_header(root)
            while True:
                given_out += 1
                yield car_section(Cid.of(block), block)

    net.handlers["endless"] = lambda request: httpx.Response(
        200, headers={"Content-Type": CAR_TYPE}, stream=Endless()
    )
    assert fetch("endless", "good") == sample_bytes(BIG)
    assert given_out < 200


def test_broken_content_is_the_publishers_fault(world: Any, net: Net) -> None:
    fetch, _, fetcher = world
    junk = b"\x0a\x02\x08\x01"
    net.handlers["publisher"] = lambda request: answer(
        request, car_header(Cid.of(junk, DAG_PB)) + car_section(Cid.of(junk, DAG_PB), junk)
    )
    with pytest.raises(MalformedBlock):
        fetch("publisher", "good", cid=Cid.of(junk, DAG_PB))
    assert not fetcher.banned


def test_endless_chain_of_tiny_nodes_stops(world: Any, net: Net, other_store: ContentStore) -> None:
    fetch, _, _ = world
    blocks = {Cid.of(b"x"): b"x"}
    cid = Cid.of(b"x")
    for _ in range(20_000):
        block = encode_file_node([Link(cid, b"", 1)], [1])
        cid = Cid.of(block, DAG_PB)
        blocks[cid] = block
    body = car_header(cid) + b"".join(car_section(name, blocks[name]) for name in reversed(blocks))
    net.handlers["chain"] = lambda request: answer(request, body)
    with pytest.raises(TooLarge, match="more blocks than its size allows"):
        fetch("chain", cid=cid, max_bytes=1000)
    assert other_store.usage().blocks < 3000


def test_deadline_ends_the_fetch(store: ContentStore, other_store: ContentStore, net: Net) -> None:
    root = store.add(sample_bytes(BIG), "delta").cid
    now = 0.0

    def slow(request: httpx.Request) -> httpx.Response:
        nonlocal now
        now += 6
        assert request.extensions["timeout"]["read"] <= 10
        return answer(request, body_of(store, request))

    net.add("slow", slow)
    net.add("late", slow)
    fetcher = Fetcher(other_store, client=net.client, allow_local=True, now=lambda: now)
    with pytest.raises(Unavailable) as caught:
        fetcher.fetch(root, ["http://slow", "http://late"], max_bytes=LIMIT, deadline_s=5)
    assert all("deadline" in attempt["message"] for attempt in caught.value.context["attempts"].values())
    assert net.requests == {"slow": 1}


def test_full_store_is_not_the_providers_fault(store: ContentStore, tmp_path: Any, net: Net) -> None:
    root = store.add(sample_bytes(BIG), "delta").cid
    url = net.add("good", kinds(store)["good"])
    with ContentStore(tmp_path / "tiny", max_bytes=1 << 21) as tiny:
        fetcher = Fetcher(tiny, client=net.client, allow_local=True)
        with pytest.raises(StoreFull):
            fetcher.fetch(root, [url], max_bytes=LIMIT, deadline_s=5)
        assert not fetcher.banned


def test_damaged_local_block_is_fetched_again(world: Any, other_store: ContentStore) -> None:
    fetch, root, _ = world
    fetch("good")
    leaf = other_store.children(root)[3]
    other_store.blocks.path(leaf).write_bytes(b"damaged")
    assert fetch("good") == sample_bytes(BIG)


def test_private_addresses_are_not_contacted(other_store: ContentStore, net: Net) -> None:
    fetcher = Fetcher(other_store, client=net.client, resolve=lambda host, port: ["10.0.0.7"])
    with pytest.raises(Unavailable) as caught:
        fetcher.fetch(Cid.of(b"x"), ["https://inner.example", "http://plain"], max_bytes=10, deadline_s=5)
    codes = {attempt["code"] for attempt in caught.value.context["attempts"].values()}
    assert codes == {"content.unsafe_url"} and net.requests == {}


def test_public_provider_is_reached_at_the_checked_address(other_store: ContentStore, net: Net) -> None:
    seen: list[tuple[str, str, str]] = []

    def spy(request: httpx.Request) -> httpx.Response:
        seen.append((str(request.url), request.headers["host"], request.extensions["sni_hostname"]))
        return answer(request, b"x")

    net.handlers["93.184.216.34"] = spy
    fetcher = Fetcher(other_store, client=net.client, resolve=lambda host, port: ["93.184.216.34"])
    cid = Cid.of(b"x")
    assert fetcher.fetch(cid, ["https://agent.example/"], max_bytes=10, deadline_s=5) == b"x"
    assert seen == [(f"https://93.184.216.34/ipfs/{cid}?format=raw", "agent.example", "agent.example")]


def test_over_real_sockets(
    store: ContentStore, other_store: ContentStore, serve: Callable[[object], str]
) -> None:
    url = serve(gateway_app(store))
    small, large = store.add(b"a task body", "body").cid, store.add(sample_bytes(BIG), "delta").cid
    with socket.socket() as deaf, Fetcher(other_store, allow_local=True, stall_s=0.2) as fetcher:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()  # accepts and never answers
        providers = [f"http://127.0.0.1:{deaf.getsockname()[1]}", "http://127.0.0.1:1", url]
        assert fetcher.fetch(small, providers, max_bytes=100, deadline_s=30) == b"a task body"
        assert fetcher.fetch(large, providers, max_bytes=LIMIT, deadline_s=30) == sample_bytes(BIG)
    assert other_store.has(large) and other_store.stat(small).kind == "fetched" and small.codec == RAW


def test_damage_at_the_gateway_cuts_the_stream(
    store: ContentStore, other_store: ContentStore, serve: Callable[[object], str]
) -> None:
    root = store.add(sample_bytes(BIG), "delta").cid
    store.blocks.path(store.children(root)[3]).write_bytes(b"damaged")
    with Fetcher(other_store, allow_local=True) as fetcher, pytest.raises(Unavailable):
        fetcher.fetch(root, [serve(gateway_app(store))], max_bytes=LIMIT, deadline_s=30)
    assert len(other_store.missing(root)) < 8  # what came before the damage was kept
