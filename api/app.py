"""Puts the API together: services, routes, gateway, explorer, middleware. Knows each part by its constructor only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from fastapi import FastAPI

from api import problems
from api.cards import Cards
from api.drafts import Drafts
from api.events import Hub
from api.explorer import install_explorer
from api.index_reader import IndexReader
from api.limits import BodyLimit, RateLimiter
from api.metrics import Metrics
from api.middleware import Observed, SecurityHeaders
from api.onchain import OnChain
from api.openapi import describe
from api.orders import OrderRelay, open_sender
from api.reader import Reader
from api.relay import TxRelay
from api.relay_journal import RelayJournal
from api.routes import accounts, agents, chain, ledger, models, ops, tasks, writes
from api.services import Services
from api.settings import ApiSettings
from api.texts import Texts
from api.tokens import Tokens
from symphony_chain.content.gateway import gateway_app
from symphony_chain.content.store import ContentStore
from symphony_chain.deploy import Deployment
from symphony_chain.rpc import Rpc
from symphony_chain.tx_journal import TxJournal

VERSION = "1.0.0"


def create_app(
    settings: ApiSettings,
    *,
    reader: Reader | None = None,
    rpc: Rpc | None = None,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> FastAPI:
    """The API as an ASGI app; its parts are opened here and closed when the app's lifespan ends.

    Args:
        reader, rpc: an index and a node other than those of the settings (tests).
        clock, monotonic: seconds since the epoch, and for rates and durations.

    Raises:
        NotFound, InvalidInput: the deployment file. UsageError: database URL, relayer key. StoreUnusable, Failure.
    """
    parts = _services(settings, reader, rpc, clock, monotonic)
    app = FastAPI(
        title="Symphony API",
        version=VERSION,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        openapi_url="/openapi.json",
        lifespan=_lifespan(parts),
        redirect_slashes=False,
    )
    app.state.services = parts
    problems.install(app)
    for module in (tasks, agents, models, accounts, ledger, chain, ops, writes):
        app.include_router(module.router)
    install_explorer(app)
    _mount_gateway(app, parts)
    describe(app)
    app.add_middleware(BodyLimit, uploads="/v1/content")
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Observed, metrics=parts.metrics, monotonic=monotonic)
    return app


def _services(
    settings: ApiSettings,
    reader: Reader | None,
    rpc: Rpc | None,
    clock: Callable[[], float],
    monotonic: Callable[[], float],
) -> Services:
    deployment = Deployment.load(settings.deployment_path)
    node = rpc or Rpc(settings.rpc_url, timeout_s=5.0, deadline_s=8.0)
    store = ContentStore(settings.content_dir, max_bytes=settings.max_content_bytes, clock=clock)
    index = reader or IndexReader(settings.db_url, deployment)
    journal = RelayJournal(settings.relay_journal, deployment.genesis)
    orders = _orders(settings, deployment, node)
    texts = Texts(store)
    return Services(
        settings=settings,
        deployment=deployment,
        reader=index,
        rpc=node,
        store=store,
        texts=texts,
        cards=Cards(index, texts, monotonic),
        tokens=Tokens(node, monotonic),
        onchain=OnChain(node, deployment, monotonic),
        hub=Hub(index, poll_s=settings.poll_s),
        relay=TxRelay(node, deployment, journal, clock),
        orders=orders,
        drafts=Drafts(node, deployment, orders.offered),
        limiter=RateLimiter(settings.write_rate_per_s, settings.write_burst, monotonic),
        metrics=Metrics(),
        clock=clock,
    )


def _orders(settings: ApiSettings, deployment: Deployment, rpc: Rpc) -> OrderRelay:
    if settings.relayer_keystore is None:
        return OrderRelay(deployment, None)
    journal = TxJournal(settings.content_dir / "orders.sqlite")
    return OrderRelay(
        deployment, open_sender(rpc, settings.relayer_keystore, settings.relayer_password_file, journal), journal
    )


def _lifespan(parts: Services) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(parts.hub.run())
        try:
            yield
        finally:
            parts.hub.close()
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
            _close(parts)

    return lifespan


def _close(parts: Services) -> None:
    parts.relay.close()
    parts.orders.close()
    parts.store.close()
    parts.rpc.close()
    if isinstance(parts.reader, IndexReader):
        parts.reader.close()


def _mount_gateway(app: FastAPI, parts: Services) -> None:
    """`/ipfs` and `/routing` at the root, where IPFS clients look for them; as routes, so that 404s stay ours."""
    app.router.routes.extend(gateway_app(parts.store).routes)
