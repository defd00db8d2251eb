"""Settings of one API process. Opens nothing: `app.create_app` does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class ApiSettings:
    """Where an API finds its index, node, contracts and content, and how much it lets one client do.

    Attributes:
        content_dir: folder of the content store that the gateway serves; the relay's journal lies beside it.
        public_url: base URL under which others reach the gateway; drafts name it as their bid endpoint.
        relayer_keystore: folder with one keystore file that pays the gas of relayed orders; None: no relaying of orders.
        write_rate_per_s, write_burst: token bucket of each client for everything that is not a read.
        ready_lag_blocks: `/v1/ready` is green up to this lag of the index.
    """

    db_url: str
    rpc_url: str
    deployment_path: Path
    content_dir: Path
    public_url: str | None = None
    relayer_keystore: Path | None = None
    relayer_password_file: Path | None = None
    max_content_bytes: int = 1 << 30
    write_rate_per_s: float = 5.0
    write_burst: int = 40
    ready_lag_blocks: int = 5
    poll_s: float = 0.4
    ping_s: float = 15.0

    @property
    def relay_journal(self) -> Path:
        """SQLite file with the idempotency keys of relayed transactions."""
        return self.content_dir / "relay.sqlite"
