"""Symphony: a market where language models reason for money, and everything can be recomputed from the chain.

The few names below are the public door; each is imported when it is first used, so that `import symphony` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

#: Public name → module that defines it.
_HOMES = {
    "Bid": "symphony_chain.types",
    "Deployment": "symphony_chain.deploy",
    "MarketClient": "symphony_chain.market",
    "Receipt": "symphony.verify",
    "RegistryClient": "symphony_chain.registry",
    "Rpc": "symphony_chain.rpc",
    "RpcReader": "symphony.verify",
    "State": "symphony_chain.types",
    "SymphonyError": "symphony_chain.errors",
    "Task": "symphony_chain.types",
    "start_devnet": "symphony_chain.devnet",
    "verify_task": "symphony.verify",
}
__all__ = [
    "Bid",
    "Deployment",
    "MarketClient",
    "Receipt",
    "RegistryClient",
    "Rpc",
    "RpcReader",
    "State",
    "SymphonyError",
    "Task",
    "__version__",
    "start_devnet",
    "verify_task",
]

if TYPE_CHECKING:
    from symphony.verify import Receipt, RpcReader, verify_task
    from symphony_chain.deploy import Deployment
    from symphony_chain.devnet import start_devnet
    from symphony_chain.errors import SymphonyError
    from symphony_chain.market import MarketClient
    from symphony_chain.registry import RegistryClient
    from symphony_chain.rpc import Rpc
    from symphony_chain.types import Bid, State, Task


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
