"""Addresses written by strangers: only public HTTPS ones are contacted, at the address that was checked."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from symphony_chain.content.errors import UnsafeUrl
from symphony_chain.content.urlguard import check_url, is_public

PUBLIC = "93.184.216.34"


def test_the_connection_goes_to_the_checked_address() -> None:
    target = check_url(
        "https://agent.example:8443/base/", allow_local=False, resolve=lambda host, port: [PUBLIC]
    )
    assert target.base_url == f"https://{PUBLIC}:8443/base"
    assert (target.host_header, target.server_name) == ("agent.example:8443", "agent.example")
    plain = check_url("https://agent.example", allow_local=False, resolve=lambda host, port: [PUBLIC])
    assert (plain.base_url, plain.host_header) == (f"https://{PUBLIC}:443", "agent.example")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "not an address",
    ],
)
def test_private_addresses_are_refused(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(UnsafeUrl) as caught:
        check_url("https://agent.example", allow_local=False, resolve=lambda host, port: [PUBLIC, address])
    assert caught.value.code == "content.unsafe_url" and caught.value.hint


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_addresses_pass(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://agent.example",
        "ftp://agent.example",
        "https://user:secret@agent.example",
        "https://agent.example?x=1",
        "https://agent.example#x",
        "https://agent.example:99999",
        "https://",
        "https://[::1",
        "//agent.example",
        "https://agent example",
        "https://" + "a" * 600,
        "https://agent.example\r\nHost: x",
        "https://ägent.example",
    ],
)
def test_bad_urls_are_refused(url: str) -> None:
    with pytest.raises(UnsafeUrl):
        check_url(url, allow_local=False, resolve=lambda host, port: [PUBLIC])


def test_names_that_do_not_resolve() -> None:
    def fail(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    with pytest.raises(UnsafeUrl, match="does not resolve"):
        check_url("https://agent.example", allow_local=False, resolve=fail)
    with pytest.raises(UnsafeUrl):
        check_url("https://agent.example", allow_local=False, resolve=lambda host, port: [])


def test_local_addresses_only_where_allowed() -> None:
    assert check_url("http://127.0.0.1:8080/", allow_local=True).base_url == "http://127.0.0.1:8080"
    with pytest.raises(UnsafeUrl):
        check_url("https://127.0.0.1:8080", allow_local=False)
