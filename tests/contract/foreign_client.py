"""A client that nobody here wrote, at work on our registries: agent0-sdk, an ERC-8004 SDK. Run in its own environment by
`test_foreign_client.py`; knows no module of ours.

    python foreign_client.py      reads jobs and prints answers, one JSON document a line. A job is {"do", "rpc", "chain",
                                  "identity", "reputation", "key", …}; an answer is what was asked for, or {"error"}

Only calls that need a node and nothing else: search and history want a subgraph, uploads and files an IPFS service.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from agent0_sdk import SDK
from web3.exceptions import ContractCustomError

DEADLINE_S = 60


class Files:
    """Where the SDK would have an IPFS client: registration files by their URI, as a gateway of ours served them."""

    def __init__(self, files: dict[str, str]) -> None:
        self._files = files

    def get(self, uri: str) -> str:
        return self._files[uri]


class Client:
    """The SDK with one key."""

    def __init__(self, job: dict[str, Any]) -> None:
        registries = {"IDENTITY": job["identity"], "REPUTATION": job["reputation"]}
        self.chain = job["chain"]
        self.sdk = SDK(self.chain, job["rpc"], signer=job["key"], registryOverrides={self.chain: registries})

    def register(self, job: dict[str, Any]) -> dict[str, Any]:
        """A new agent with its registration file on chain, and metadata; then its operator wallet."""
        agent = self.sdk.createAgent(job["name"], "registered by a stranger", "https://example.org/face.png")
        agent.setMetadata(job["metadata"])
        agent.registerOnChain().wait_mined(timeout=DEADLINE_S)
        handle = agent.setWallet(job["wallet"], new_wallet_signer=job["wallet_key"], deadline=job["deadline_s"])
        handle.wait_mined(timeout=DEADLINE_S)
        return {"id": agent.agentId, "uri": agent.agentURI}

    def load(self, job: dict[str, Any]) -> dict[str, Any]:
        """All that the SDK says of an agent of the chain."""
        self.sdk.ipfs_client = Files(job.get("files", {}))
        agent = self.sdk.loadAgent(job["id"])
        return {
            "name": agent.name,
            "description": agent.description,
            "uri": agent.agentURI,
            "owners": agent.owners,
            "owner": self.sdk.getAgentOwner(job["id"]),
            "mine": self.sdk.isAgentOwner(job["id"]),
            "wallet": agent.getWallet(),
            "endpoints": {endpoint.type.value: endpoint.value for endpoint in agent.endpoints},
            "active": agent.active,
        }

    def look(self, job: dict[str, Any]) -> dict[str, Any]:
        """What the registry itself says of an agent, without its file."""
        number = int(job["id"].split(":")[-1])
        call, registry = self.sdk.web3_client.call_contract, self.sdk.identity_registry
        return {
            "owner": self.sdk.getAgentOwner(job["id"]),
            "uri": call(registry, "tokenURI", number),
            "wallet": call(registry, "getAgentWallet", number),
            "metadata": {key: call(registry, "getMetadata", number, key).hex() for key in job["keys"]},
        }

    def hand_over(self, job: dict[str, Any]) -> dict[str, Any]:
        """Transfers an agent."""
        self.sdk.transferAgent(job["id"], job["to"]).wait_mined(timeout=DEADLINE_S)
        return {"owner": self.sdk.getAgentOwner(job["id"]), "wallet": self.sdk.loadAgent(job["id"]).getWallet()}

    def rename(self, job: dict[str, Any]) -> dict[str, Any]:
        """Writes a new registration file into an agent that is there."""
        agent = self.sdk.loadAgent(job["id"])
        agent.updateInfo(name=job["name"])
        agent.registerOnChain().wait_mined(timeout=DEADLINE_S)
        return {"uri": agent.agentURI, "name": self.sdk.loadAgent(job["id"]).name}

    def rate(self, job: dict[str, Any]) -> dict[str, Any]:
        """Gives feedback; a refusal is told as the contract's error data."""
        try:
            handle = self.sdk.giveFeedback(job["id"], job["value"], tag1=job.get("tag1"), tag2=job.get("tag2"))
        except ValueError as error:
            # The SDK wraps what the node said; the contract's own words are beneath.
            refusal = error.__context__
            if not isinstance(refusal, ContractCustomError):
                raise
            return {"refused": refusal.data}
        given = handle.wait_mined(timeout=DEADLINE_S).result
        return {"value": given.value, "tags": given.tags}

    def read(self, job: dict[str, Any]) -> dict[str, Any]:
        """One feedback, and the summary over some clients."""
        said = self.sdk.getFeedback(job["id"], job["client"], job["index"])
        # `SDK.getReputationSummary` itself names no clients, which the standard's own contract refuses too.
        summary = self.sdk.feedback_manager.getReputationSummary(job["id"], clientAddresses=job["clients"])
        return {
            "value": said.value,
            "tags": said.tags,
            "revoked": said.isRevoked,
            "count": summary["count"],
            "average": summary["averageValue"],
        }

    def revoke(self, job: dict[str, Any]) -> dict[str, Any]:
        """Takes a feedback back."""
        result = self.sdk.revokeFeedback(job["id"], job["index"]).wait_mined(timeout=DEADLINE_S).result
        return {"revoked": result.isRevoked}


def answer(job: dict[str, Any]) -> dict[str, Any]:
    try:
        done: dict[str, Any] = getattr(Client(job), job["do"])(job)
    except Exception as error:  # noqa: BLE001  # the test judges what the SDK says
        return {"error": f"{type(error).__name__}: {error}"}
    return done


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
