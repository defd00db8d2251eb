"""Provider records of the Delegated Routing V1 API from gateway URLs.

The API names peers, we know URLs: a record's ID is the sha2-256 multihash of the URL in base58, well formed
as a peer ID but the name of no key. HTTP gateways are never authenticated by it. Knows nothing of content.
"""

from __future__ import annotations

import hashlib
import ipaddress
from urllib.parse import urlsplit

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def provider_records(urls: list[str]) -> list[dict[str, object]]:
    """One ``peer`` record per usable URL; a URL that has no multiaddr (a path, say) is left out."""
    records: list[dict[str, object]] = []
    for url in urls:
        address = multiaddr(url)
        if address is not None:
            protocols = ["transport-ipfs-gateway-http"]
            records.append(
                {"Schema": "peer", "ID": _peer_id(url), "Addrs": [address], "Protocols": protocols}
            )
    return records


def multiaddr(url: str) -> str | None:
    """``/ip4/…/tcp/…/http`` or ``/dns/…/tcp/443/https`` of a gateway's base URL; None where there is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        return None
    return f"/{_host_kind(parts.hostname)}/{parts.hostname}/tcp/{port}/{parts.scheme}"


def _host_kind(host: str) -> str:
    try:
        return f"ip{ipaddress.ip_address(host).version}"
    except ValueError:
        return "dns"


def _peer_id(url: str) -> str:
    number = int.from_bytes(b"\x12\x20" + hashlib.sha256(url.encode()).digest(), "big")
    out = ""
    while number:
        number, digit = divmod(number, 58)
        out = _BASE58[digit] + out
    return out
