"""`/v1/accounts` and `/v1/tokens`: whose money is where, and what it is called."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from api.respond import answer
from api.routes.lookup import account_detail, checked_address
from api.schema.account import AccountDetail, TokenInfo
from api.services import services

router = APIRouter(prefix="/v1", tags=["accounts"])
AddressPath = Annotated[str, Path(description="0x and 40 hex digits", max_length=80)]


@router.get("/accounts/{address}", response_model=AccountDetail)
def get_account(request: Request, address: AddressPath) -> Response:
    """An address in the market: its balances, and the agents that it owns or operates with their unclaimed pay."""
    return answer(request, account_detail(services(request), address))


@router.get("/tokens/{address}", response_model=TokenInfo)
def get_token(request: Request, address: AddressPath) -> Response:
    """Symbol and decimals of a token, as it says itself; nulls where it says nothing, or the node is away."""
    token = services(request).tokens.get(checked_address(address))
    return answer(request, TokenInfo(address=token.address, symbol=token.symbol, decimals=token.decimals))
