"""Reference model of `contracts/ReleaseRegistry.sol`: the same steps, errors and events. Knows nothing of other contracts."""

from __future__ import annotations

from eth_utils.crypto import keccak

from symphony_chain.ledger_events import LedgerEvent, ReleasePublished, ReleaseYanked
from symphony_chain.model.context import Call, ModelRevert
from symphony_chain.releases import MAX_NAME_BYTES, MAX_VERSION_BYTES, Published, Release
from symphony_chain.types import ZERO_ADDRESS


class ReleaseModel:
    """Releases by (publisher, name, version); `events` grows with every success."""

    def __init__(self) -> None:
        self.releases: dict[tuple[str, str, str], Published] = {}
        self.latest: dict[tuple[str, str], str] = {}
        self.events: list[LedgerEvent] = []

    def publish(self, call: Call, release: Release, deadline_s: int = 0) -> None:
        """`call.signer` signed the release and the deadline."""
        _authorize(call, release.publisher, deadline_s)
        _within("name", release.name, MAX_NAME_BYTES)
        _within("version", release.version, MAX_VERSION_BYTES)
        if not any(release.digest):
            raise ModelRevert("ZeroDigest")
        key = (release.publisher, release.name, release.version)
        if key in self.releases:
            raise ModelRevert("ReleaseExists", **_named(key))
        self.releases[key] = Published(release.digest, release.codec, release.size_bytes, call.now_s, False)
        self.latest[release.publisher, release.name] = release.version
        self.events.append(ReleasePublished(keccak(text=release.name), release))

    def yank(self, call: Call, publisher: str, name: str, version: str, deadline_s: int = 0) -> None:
        """`call.signer` signed publisher, name, version and the deadline."""
        _authorize(call, publisher, deadline_s)
        key = (publisher, name, version)
        found = self.releases.get(key)
        if found is None:
            raise ModelRevert("NoSuchRelease", **_named(key))
        if found.yanked:
            raise ModelRevert("AlreadyYanked", **_named(key))
        self.releases[key] = Published(
            found.digest, found.codec, found.size_bytes, found.published_at_s, True
        )
        self.events.append(ReleaseYanked(publisher, keccak(text=name), name, version))


def _authorize(call: Call, publisher: str, deadline_s: int) -> None:
    if call.signer is None:
        if call.sender != publisher:
            raise ModelRevert("NotAuthorized", caller=call.sender, expected=publisher)
        return
    if call.now_s > deadline_s:
        raise ModelRevert("SignatureExpired", deadline=deadline_s)
    if call.signer != publisher or publisher == ZERO_ADDRESS:
        raise ModelRevert("BadSignature", expected=publisher)


def _within(field: str, text: str, most: int) -> None:
    length = len(text.encode())
    if not 1 <= length <= most:
        raise ModelRevert(
            "LengthOutOfRange", field=field.encode().ljust(32, b"\0"), length=length, min=1, max=most
        )


def _named(key: tuple[str, str, str]) -> dict[str, str]:
    return dict(zip(("publisher", "name", "version"), key, strict=True))
