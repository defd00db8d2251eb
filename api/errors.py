"""Errors that only the API raises; everything else comes from the packages below. Knows nothing of HTTP.

    SymphonyError
     ├── NotOffered          this deployment does not offer it          501
     ├── RateLimited         too many writes from one client            429
     ├── BodyTooLarge        request body over the limit                413
     ├── Forbidden           not from here                              403
     └── IndexNotReady       the index is not at the chain's head       503
"""

from __future__ import annotations

from typing import ClassVar

from symphony_chain.errors import ChainUnavailable, Conflict, Failure, InvalidInput, NotFound, UsageError


class NotOffered(UsageError):
    """The route exists, but this process was started without what it needs."""

    code = "api.not_offered"


class RateLimited(Failure):
    """A client's token bucket is empty; wait and try again."""

    code = "api.rate_limited"
    retry_after_s: int

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            "too many requests from this client",
            hint=f"wait {retry_after_s} s and send the same request again",
            retry_after_s=retry_after_s,
        )
        self.retry_after_s = retry_after_s


class BodyTooLarge(InvalidInput):
    """The request's body is larger than the route takes."""

    code = "api.body_too_large"


class Forbidden(UsageError):
    """The route is not open to this client."""

    code = "api.forbidden"


class IndexNotReady(ChainUnavailable):
    """The index lags behind the chain, or cannot follow it."""

    code = "index.not_ready"


class BadCursor(InvalidInput):
    """A `cursor` or `Last-Event-ID` that this API did not give out."""

    code = "paging.cursor"


class BadLimit(InvalidInput):
    """A `limit` outside of the allowed range; it is never clamped silently."""

    code = "paging.limit"


class NoSuchRoute(NotFound):
    """No route has this path."""

    code = "api.no_route"


class MethodNotAllowed(UsageError):
    """The path exists, but not for this method."""

    code = "api.method_not_allowed"
    exit_code: ClassVar[int] = 2


class IdempotencyConflict(Conflict):
    """An `Idempotency-Key` that was used for another transaction."""

    code = "api.idempotency_mismatch"


class AmbiguousAgent(Conflict):
    """A DID whose address owns several agents; name one by its id."""

    code = "agent.ambiguous"


class InvalidRequest(InvalidInput):
    """A body or parameter that is not of the documented shape; `errors` in the problem lists each fault."""

    code = "request.invalid"
