"""The parts that routes and pages share, made once per process by `app.create_app`. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from starlette.requests import Request

from api.cards import Cards
from api.limits import RateLimiter
from api.metrics import Metrics
from api.onchain import OnChain
from api.reader import Reader
from api.settings import ApiSettings
from api.texts import Texts
from api.tokens import Tokens
from symphony_chain.content.store import ContentStore
from symphony_chain.deploy import Deployment
from symphony_chain.rpc import Rpc

if TYPE_CHECKING:
    from api.drafts import Drafts
    from api.events import Hub
    from api.orders import OrderRelay
    from api.relay import TxRelay


@dataclass(frozen=True)
class Services:
    """Everything that a request may need."""

    settings: ApiSettings
    deployment: Deployment
    reader: Reader
    rpc: Rpc
    store: ContentStore
    texts: Texts
    cards: Cards
    tokens: Tokens
    onchain: OnChain
    hub: Hub
    relay: TxRelay
    orders: OrderRelay
    drafts: Drafts
    limiter: RateLimiter
    metrics: Metrics
    clock: Callable[[], float]


def services(request: Request) -> Services:
    """The services of the app that handles a request."""
    return cast(Services, request.app.state.services)


def client_of(request: Request) -> str:
    """What the rate limit counts by: the peer's address. Proxy headers are not believed."""
    return request.client.host if request.client else "unknown"


def limit_writes(request: Request) -> None:
    """Dependency of every route that writes: takes one token of the client."""
    services(request).limiter.take(client_of(request))
