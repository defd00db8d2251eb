"""The gateway over ASGI: statuses, headers and bodies of the trustless gateway specification."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from content_samples import sample_bytes

from symphony_chain.content import DAG_PB, Cid, ContentStore
from symphony_chain.content.car import read_car
from symphony_chain.content.gateway import MAX_PUT_BYTES, gateway_app
from symphony_chain.content.unixfs import read_file

BIG = 3 * (1 << 20) + 5
RAW_TYPE = "application/vnd.ipld.raw"
CAR_TYPE = "application/vnd.ipld.car"


def ask(app: Any, path: str, method: str = "GET", **options: Any) -> httpx.Response:
    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.request(method, path, **options)

    return asyncio.run(go())


def blocks_of(response: httpx.Response) -> dict[Cid, bytes]:
    assert response.status_code == 200, response.text
    return dict(read_car([response.content], max_bytes=1 << 30))


@pytest.fixture
def big(store: ContentStore) -> Cid:
    return store.add(sample_bytes(BIG), "delta").cid


def test_raw_block(store: ContentStore) -> None:
    cid = store.add(b"hello gateway", "body").cid
    response = ask(gateway_app(store), f"/ipfs/{cid}?format=raw")
    assert (response.status_code, response.content) == (200, b"hello gateway")
    headers = response.headers
    assert headers["content-type"] == RAW_TYPE and headers["content-length"] == "13"
    assert headers["cache-control"] == "public, max-age=29030400, immutable"
    assert headers["etag"] == f'"{cid}.raw"' and headers["x-content-type-options"] == "nosniff"
    assert headers["content-disposition"] == f'attachment; filename="{cid}.bin"'
    assert headers["x-ipfs-path"] == f"/ipfs/{cid}" and headers["x-ipfs-roots"] == str(cid)
    assert headers["accept-ranges"] == "bytes" and headers["access-control-allow-origin"] == "*"
    by_accept = ask(gateway_app(store), f"/ipfs/{cid}", headers={"Accept": RAW_TYPE})
    assert by_accept.content == b"hello gateway"


def test_archive(store: ContentStore, big: Cid) -> None:
    response = ask(
        gateway_app(store), f"/ipfs/{big}", headers={"Accept": f"{CAR_TYPE}; version=1; order=dfs"}
    )
    assert response.headers["content-type"] == f"{CAR_TYPE}; version=1; order=dfs; dups=n"
    assert response.headers["accept-ranges"] == "none" and response.headers["etag"].startswith('W/"')
    blocks = blocks_of(response)
    assert next(iter(blocks)) == big  # depth first: the root leads
    assert b"".join(read_file(big, blocks.__getitem__, max_bytes=BIG)) == sample_bytes(BIG)


def test_head_has_the_headers_and_no_body(store: ContentStore, big: Cid) -> None:
    for form in ("raw", "car"):
        head = ask(gateway_app(store), f"/ipfs/{big}?format={form}", "HEAD")
        full = ask(gateway_app(store), f"/ipfs/{big}?format={form}")
        assert head.status_code == 200 and head.content == b""
        assert head.headers["etag"] == full.headers["etag"]
        assert head.headers["content-type"] == full.headers["content-type"]


@pytest.mark.parametrize(
    ("wanted", "data_range"),
    [
        ("0:9", (0, 10)),
        ("1048576:1048576", (1 << 20, (1 << 20) + 1)),
        ("-5:*", (BIG - 5, BIG)),
        ("0:-6", (0, BIG - 5)),
    ],
)
def test_entity_bytes_sends_what_the_range_needs(
    store: ContentStore, big: Cid, wanted: str, data_range: tuple[int, int]
) -> None:
    response = ask(gateway_app(store), f"/ipfs/{big}?format=car&dag-scope=entity&entity-bytes={wanted}")
    blocks = blocks_of(response)
    start, end = data_range
    read = b"".join(read_file(big, blocks.__getitem__, max_bytes=BIG, start=start, end=end))
    assert read == sample_bytes(BIG)[start:end]
    leaves = (end - 1) // (1 << 20) - start // (1 << 20) + 1
    assert len(blocks) == 1 + leaves


def test_scope_block_is_the_root_alone(store: ContentStore, big: Cid) -> None:
    assert list(blocks_of(ask(gateway_app(store), f"/ipfs/{big}?format=car&dag-scope=block"))) == [big]
    assert len(blocks_of(ask(gateway_app(store), f"/ipfs/{big}?format=car&dag-scope=entity"))) == 5


def test_repeated_blocks_are_sent_once(store: ContentStore) -> None:
    root = store.add(bytes(4 << 20), "delta").cid
    blocks = blocks_of(ask(gateway_app(store), f"/ipfs/{root}?format=car"))
    assert len(blocks) == 2
    assert b"".join(read_file(root, blocks.__getitem__, max_bytes=4 << 20)) == bytes(4 << 20)


def test_revalidation(store: ContentStore, big: Cid) -> None:
    for form in ("raw", "car"):
        path = f"/ipfs/{big}?format={form}"
        etag = ask(gateway_app(store), path).headers["etag"]
        for sent in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
            assert ask(gateway_app(store), path, headers={"If-None-Match": sent}).status_code == 304
        assert ask(gateway_app(store), path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_ranges_of_a_block(store: ContentStore) -> None:
    path = f"/ipfs/{store.add(b'0123456789', 'body').cid}?format=raw"

    def ranged(header: str) -> tuple[int, bytes, str | None]:
        response = ask(gateway_app(store), path, headers={"Range": header})
        return response.status_code, response.content, response.headers.get("content-range")

    assert ranged("bytes=2-4") == (206, b"234", "bytes 2-4/10")
    assert ranged("bytes=7-") == (206, b"789", "bytes 7-9/10")
    assert ranged("bytes=-3") == (206, b"789", "bytes 7-9/10")
    assert ranged("bytes=5-99")[1] == b"56789"
    assert ranged("bytes=10-")[0::2] == (416, "bytes */10")
    assert ranged("bytes=0-1,3-4")[0] == 200
    assert ranged("lines=1-2")[0] == 200


def test_refusals(store: ContentStore, big: Cid) -> None:
    app = gateway_app(store)
    absent = Cid.of(b"absent")

    def status(path: str, **headers: str) -> int:
        return ask(app, path, headers=headers).status_code

    assert status(f"/ipfs/{absent}?format=raw") == 404
    assert status(f"/ipfs/{absent}?format=car") == 404
    assert status(f"/ipfs/{absent}?format=raw", **{"Cache-Control": "only-if-cached"}) == 412
    assert status("/ipfs/notacid?format=raw") == 400
    assert status(f"/ipfs/{big}") == 400
    assert status(f"/ipfs/{big}", Accept="text/html") == 406
    assert status(f"/ipfs/{big}?format=tar") == 400
    assert status(f"/ipfs/{big}?format=car&dag-scope=none") == 400
    assert status(f"/ipfs/{big}?format=car&entity-bytes=a:b") == 400
    assert status(f"/ipfs/{big}?format=car&car-version=2") == 400
    assert status(f"/ipfs/{big}?format=car&car-dups=y") == 406
    assert status(f"/ipfs/{big}/file.txt?format=car") == 404
    assert status(f"/ipfs/{big}?format=raw") == 200
    assert ask(app, f"/ipfs/{big}", "POST").status_code == 405
    error = ask(app, "/ipfs/notacid?format=raw")
    assert (
        error.headers["cache-control"] == "no-store" and error.headers["access-control-allow-origin"] == "*"
    )


def test_incomplete_file_is_404_not_a_cut_stream(
    store: ContentStore, other_store: ContentStore, big: Cid
) -> None:
    other_store.put_block(big, store.blocks.get(big))
    app = gateway_app(other_store)
    assert ask(app, f"/ipfs/{big}?format=raw").status_code == 200
    assert ask(app, f"/ipfs/{big}?format=car").status_code == 404
    assert len(blocks_of(ask(app, f"/ipfs/{big}?format=car&dag-scope=block"))) == 1


def test_hostile_stored_block_is_an_error_not_a_crash(store: ContentStore) -> None:
    junk = b"\x0a\x02\x08\x01"  # a directory
    store.put_block(Cid.of(junk, DAG_PB), junk)
    assert ask(gateway_app(store), f"/ipfs/{Cid.of(junk, DAG_PB)}?format=car").status_code == 500
    assert ask(gateway_app(store), f"/ipfs/{Cid.of(junk, DAG_PB)}?format=raw").content == junk


def test_filename_cannot_break_the_header(store: ContentStore) -> None:
    cid = store.add(b"x", "body").cid
    response = ask(gateway_app(store), f"/ipfs/{cid}?format=raw&filename=a%22%0d%0aX: y")
    assert response.headers["content-disposition"] == 'attachment; filename="a___X__y"'


def test_probe(store: ContentStore) -> None:
    response = ask(gateway_app(store), "/ipfs/bafkqaaa?format=raw")
    assert (response.status_code, response.content, response.headers["content-type"]) == (200, b"", RAW_TYPE)


def test_preflight(store: ContentStore) -> None:
    response = ask(gateway_app(store), "/ipfs/anything", "OPTIONS")
    assert response.status_code == 204 and "GET" in response.headers["access-control-allow-methods"]


def test_routing(store: ContentStore) -> None:
    cid = Cid.of(b"x")
    urls = [
        "https://agent.example",
        "http://127.0.0.1:8080",
        "http://[::1]:9/",
        "https://agent.example/with/path",
        "?",
    ]
    app = gateway_app(store, providers=lambda asked: urls if asked == cid else [])
    found = ask(app, f"/routing/v1/providers/{cid}")
    records = found.json()["Providers"]
    assert [record["Addrs"] for record in records] == [
        ["/dns/agent.example/tcp/443/https"],
        ["/ip4/127.0.0.1/tcp/8080/http"],
        ["/ip6/::1/tcp/9/http"],
    ]
    assert all(record["Schema"] == "peer" and record["ID"].startswith("Qm") for record in records)
    assert all(record["Protocols"] == ["transport-ipfs-gateway-http"] for record in records)
    lines = ask(app, f"/routing/v1/providers/{cid}", headers={"Accept": "application/x-ndjson"})
    assert lines.headers["content-type"] == "application/x-ndjson" and lines.text.count("\n") == 3
    nobody = ask(app, f"/routing/v1/providers/{Cid.of(b'y')}")
    assert nobody.json() == {"Providers": []} and nobody.headers["cache-control"] == "public, max-age=15"
    assert ask(gateway_app(store), f"/routing/v1/providers/{cid}").json() == {"Providers": []}
    assert ask(app, "/routing/v1/providers/junk").status_code == 400


def test_put_only_where_allowed_and_only_what_it_says(tmp_path: Any) -> None:
    with ContentStore(tmp_path, max_bytes=MAX_PUT_BYTES + 10) as small:
        app = gateway_app(small, accept_put=True)
        cid = Cid.of(b"a task body")
        assert ask(gateway_app(small), f"/ipfs/{cid}", "PUT", content=b"a task body").status_code == 405
        stored = ask(app, f"/ipfs/{cid}", "PUT", content=b"a task body")
        assert (stored.status_code, stored.json()) == (201, {"cid": str(cid), "size_bytes": 11})
        assert ask(app, f"/ipfs/{cid}?format=raw").content == b"a task body"
        assert ask(app, f"/ipfs/{cid}", "PUT", content=b"another").status_code == 400
        assert ask(app, "/ipfs/junk", "PUT", content=b"another").status_code == 400
        assert ask(app, f"/ipfs/{Cid.of(b'', DAG_PB)}", "PUT", content=b"").status_code == 400
        too_big = bytes(MAX_PUT_BYTES + 1)
        assert ask(app, f"/ipfs/{Cid.of(too_big)}", "PUT", content=too_big).status_code == 413
        no_room = bytes(MAX_PUT_BYTES)
        assert ask(app, f"/ipfs/{Cid.of(no_room)}", "PUT", content=no_room).status_code == 507
        assert small.usage().blocks == 1
