"""Guard for addresses that strangers wrote: which provider URLs may be contacted, and at which IP address.

A provider's URL comes from the chain or from a DID document, so an attacker chooses it. Unless local
addresses are allowed (devnets, tests) it must be HTTPS and every address that its name resolves to must be
public; the connection then goes to the address that was checked, so a second DNS answer cannot lead it
elsewhere. Knows nothing of what is fetched.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from symphony_chain.content.errors import UnsafeUrl

MAX_URL_CHARS = 512
Resolver = Callable[[str, int], Sequence[str]]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_HINT = "a gateway is https://host[:port][/path] on a public address; devnets and tests may allow local ones"


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect: ``base_url`` (host replaced by the checked address), the Host header and the TLS
    server name."""

    base_url: str
    host_header: str
    server_name: str


def system_resolver(host: str, port: int) -> Sequence[str]:
    """All addresses of a name by the operating system's resolver (which bounds its own time)."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def check_url(url: str, *, allow_local: bool, resolve: Resolver = system_resolver) -> Target:
    """The target of a provider's base URL, or ``UnsafeUrl``."""
    scheme, host, port, path = _split(url)
    literal = f"[{host}]" if ":" in host else host
    default = 443 if scheme == "https" else 80
    host_header = literal if port == default else f"{literal}:{port}"
    if allow_local:
        return Target(f"{scheme}://{host_header}{path}", host_header, host)
    if scheme != "https":
        raise UnsafeUrl(f"{url} is not https", hint=_HINT)
    address = _public_address(url, host, port, resolve)
    shown = f"[{address}]" if ":" in address else address
    return Target(f"{scheme}://{shown}:{port}{path}", host_header, host)


def is_public(address: str) -> bool:
    """Whether an IP address is reachable on the open internet and embeds no private one."""
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _split(url: str) -> tuple[str, str, int, str]:
    if (
        not isinstance(url, str)
        or len(url) > MAX_URL_CHARS
        or not url.isascii()
        or not url.isprintable()
        or " " in url
    ):
        raise UnsafeUrl("a provider URL has at most 512 printable ASCII characters", hint=_HINT)
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as exc:
        raise UnsafeUrl(f"{url} is not a URL: {exc}", hint=_HINT) from exc
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UnsafeUrl(f"{url} is not an http(s) URL", hint=_HINT)
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise UnsafeUrl(f"{url} carries credentials, a query or a fragment", hint=_HINT)
    return parts.scheme, parts.hostname, port, parts.path.rstrip("/")


def _public_address(url: str, host: str, port: int, resolve: Resolver) -> str:
    try:
        addresses = list(resolve(host, port))
    except (OSError, UnicodeError) as exc:
        raise UnsafeUrl(f"{url}: the name does not resolve ({exc})", hint=_HINT) from exc
    # One private address among public ones is enough to refuse: which of them is used is the attacker's to
    # arrange.
    if not addresses or not all(is_public(address) for address in addresses):
        raise UnsafeUrl(f"{url} leads to a loopback, private or reserved address", hint=_HINT)
    return addresses[0]
