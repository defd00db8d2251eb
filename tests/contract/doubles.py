"""The contracts of `contracts/test` on an `Evm`: tokens, receivers, signers and jobs that misbehave as real ones do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from eth_abi import abi as eth_abi
from eth_utils.crypto import keccak

from tests.contract.evm import Evm, Outcome

ARTIFACTS = Path(__file__).resolve().parents[1] / "artifacts"


@cache
def _artifact(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ARTIFACTS / f"{name}.json").read_text())
    return loaded


def _types(parameters: list[dict[str, Any]]) -> list[str]:
    return [
        f"({','.join(_types(p['components']))}){p['type'][5:]}" if p["type"].startswith("tuple") else p["type"]
        for p in parameters
    ]


@dataclass(frozen=True)
class Double:
    """One deployed test contract."""

    evm: Evm
    name: str
    address: str

    @classmethod
    def deploy(cls, evm: Evm, sender: str, name: str, *args: Any) -> Double:
        loaded = _artifact(name)
        inputs = next((item["inputs"] for item in loaded["abi"] if item["type"] == "constructor"), [])
        code = bytes.fromhex(loaded["bytecode"][2:]) + eth_abi.encode(_types(inputs), args)
        return cls(evm, name, evm.create(sender, code))

    def data(self, name: str, *args: Any) -> bytes:
        """Calldata of a function."""
        types = _types(self._function(name)["inputs"])
        return keccak(text=f"{name}({','.join(types)})")[:4] + eth_abi.encode(types, args)

    def send(self, sender: str, name: str, *args: Any) -> Outcome:
        return self.evm.send(sender, self.address, self.data(name, *args))

    def must(self, sender: str, name: str, *args: Any) -> Outcome:
        outcome = self.send(sender, name, *args)
        assert outcome.ok, (self.name, name, outcome.output.hex())
        return outcome

    def read(self, name: str, *args: Any) -> Any:
        """A view's first return value."""
        return eth_abi.decode(
            _types(self._function(name)["outputs"]), self.evm.call(self.address, self.data(name, *args))
        )[0]

    def error(self, outcome: Outcome) -> str:
        """Name of the custom error of this contract that a call reverted with."""
        assert not outcome.ok
        names = {
            keccak(text=f"{item['name']}({','.join(_types(item['inputs']))})")[:4]: str(item["name"])
            for item in _artifact(self.name)["abi"]
            if item["type"] == "error"
        }
        return names[outcome.output[:4]]

    def _function(self, name: str) -> dict[str, Any]:
        found = [i for i in _artifact(self.name)["abi"] if i["type"] == "function" and i["name"] == name]
        assert len(found) == 1, f"{self.name} has {len(found)} functions {name}"
        return found[0]
