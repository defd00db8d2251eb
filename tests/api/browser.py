"""Chromium for tests: a tab that remembers what went wrong in it, and a wallet that announces itself there (EIP-6963)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount

from symphony_chain.rpc import Rpc

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NEEDS_CHROMIUM = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")]
WAIT_MS = 20_000
GWEI = 10**9
#: Announces a provider whose every request goes to the test; a request may be answered by an error with a code.
_WALLET = """
const provider = { request: async ({ method, params }) => {
  const { result, error } = await window.testWallet(method, params ?? []);
  if (error) throw Object.assign(new Error(error.message), { code: error.code });
  return result;
} };
const square = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'><rect width='8' height='8' fill='teal'/></svg>";
const info = {
  uuid: "6a3e4f1e-0000-4000-8000-000000000001", name: "Test Wallet", rdns: "org.example.wallet",
  icon: "data:image/svg+xml," + square,
};
const detail = Object.freeze({ info, provider });
const announce = () => dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
addEventListener("eip6963:requestProvider", announce);
announce();
"""


class Tab:
    """A tab that remembers what went wrong in it."""

    def __init__(self, browser: Any, url: str, **context: Any) -> None:
        self.url = url
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda m: self.faults.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def go(self, path: str) -> Any:
        answer = self.page.goto(self.url + path)
        self.page.wait_for_selector("body[data-live=yes]")
        return answer

    def give_wallet(self, wallet: Wallet) -> None:
        """Every page of this tab finds the wallet from now on."""
        self.context.expose_function("testWallet", wallet.request)
        self.context.add_init_script(_WALLET)


class Wallet:
    """A wallet with one devnet key; everything else it asks its node. `refuse` names methods that its user declines."""

    def __init__(self, rpc: Rpc, account: LocalAccount, chain_id: int = 31337) -> None:
        self.rpc = rpc
        self.account = account
        self.chain_id = chain_id
        self.asked: list[str] = []
        self.refuse: set[str] = set()
        self.node: Callable[[str, list[Any]], Any] = lambda method, params: rpc.call(method, *params)

    def request(self, method: str, params: list[Any]) -> dict[str, Any]:
        self.asked.append(method)
        if method in self.refuse:
            return {"error": {"code": 4001, "message": "User rejected the request."}}
        try:
            return {"result": self._answer(method, params)}
        except Exception as error:
            return {"error": {"code": -32000, "message": str(error)}}

    def _answer(self, method: str, params: list[Any]) -> Any:
        match method:
            case "eth_requestAccounts" | "eth_accounts":
                return [self.account.address]
            case "eth_chainId":
                return hex(self.chain_id)
            case "wallet_switchEthereumChain":
                raise ValueError("unknown chain")
            case "eth_signTypedData_v4":
                assert params[0] == self.account.address
                return "0x" + self.account.sign_typed_data(full_message=json.loads(params[1])).signature.hex()
            case "eth_sendTransaction":
                return self._send(params[0])
        return self.node(method, params)

    def _send(self, call: dict[str, str]) -> str:
        assert call["from"] == self.account.address
        filled = {
            "to": call["to"],
            "data": call["data"],
            "value": int(call["value"], 16),
            "chainId": self.chain_id,
            "nonce": self.rpc.get_nonce(self.account.address),
            "gas": 1_000_000,
            "maxFeePerGas": 100 * GWEI,
            "maxPriorityFeePerGas": GWEI,
            "type": 2,
        }
        return "0x" + self.rpc.send_raw(bytes(self.account.sign_transaction(filled).raw_transaction)).hex()
