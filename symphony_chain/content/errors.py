"""Errors of the content layer: every refusal of bytes, blocks, archives and providers has one class and one
code.

    ContentError
     ├── MalformedCid      content.malformed_cid       exit 2
     ├── MalformedBlock    content.malformed_block     exit 2
     ├── MalformedCar      content.malformed_car       exit 2
     ├── HashMismatch      content.hash_mismatch       exit 1
     ├── TooLarge          content.too_large           exit 2
     ├── MissingContent    content.not_found           exit 3
     ├── Unavailable       content.unavailable         exit 3
     ├── UploadRefused     content.upload_refused      exit 1
     ├── StoreFull         content.full                exit 1
     ├── StoreUnusable     content.store_unusable      exit 1
     └── UnsafeUrl         content.unsafe_url          exit 2

Knows nothing of who asked for the content or why.
"""

from __future__ import annotations

from symphony_chain.errors import Failure, InvalidInput, NotFound, SymphonyError, UsageError


class ContentError(SymphonyError):
    """Root of everything that the content layer raises."""

    code = "content"


class MalformedCid(ContentError, InvalidInput):
    """A string or byte string that is not a CID this system uses (CIDv1, sha2-256, raw or dag-pb)."""

    code = "content.malformed_cid"


class MalformedBlock(ContentError, InvalidInput):
    """A block whose hash is right and whose dag-pb or UnixFS structure is not."""

    code = "content.malformed_block"


class MalformedCar(ContentError, InvalidInput):
    """A byte stream that is not CARv1, is cut off, or exceeds the reader's bounds."""

    code = "content.malformed_car"


class HashMismatch(ContentError):
    """Bytes that do not hash to the CID under which they were offered."""

    code = "content.hash_mismatch"


class TooLarge(ContentError, InvalidInput):
    """Content larger than the caller's limit (or than any limit a block may have)."""

    code = "content.too_large"


class MissingContent(ContentError, NotFound):
    """The local store does not hold the content, or not all of it."""

    code = "content.not_found"


class Unavailable(ContentError, NotFound):
    """No provider delivered the content; ``context["attempts"]`` says why, provider by provider."""

    code = "content.unavailable"


class UploadRefused(ContentError, Failure):
    """A gateway does not take a copy of the document."""

    code = "content.upload_refused"


class StoreFull(ContentError, Failure):
    """The disk or the store's own size limit has no room for the content; nothing of it was kept."""

    code = "content.full"


class StoreUnusable(ContentError, Failure):
    """The store's folder or metadata cannot be read or written."""

    code = "content.store_unusable"


class UnsafeUrl(ContentError, UsageError):
    """A provider's address that must not be contacted: not HTTPS, or it leads into a private network."""

    code = "content.unsafe_url"
