"""Counters of the API in Prometheus' text format 0.0.4. Knows nothing of who scrapes them."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable

from api.schema.base import Status

METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Requests by method, route and status, the time they took, and the open event streams."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self.streams = 0

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Notes one answered request; `route` is the pattern, never the path, so that labels stay few."""
        method = method if method in METHODS else "OTHER"
        with self._lock:
            self._requests[(method, route, status)] += 1
            self._seconds[route] += seconds

    def render(self, status: Status | None) -> str:
        """The text that a scrape gets."""
        with self._lock:
            requests, seconds = dict(self._requests), dict(self._seconds)
        lines = _family("symphony_api_requests_total", "counter", "Answered requests.")
        for (method, route, code), number in sorted(requests.items()):
            lines.append(f'symphony_api_requests_total{{method="{method}",route="{route}",status="{code}"}} {number}')
        lines += _family("symphony_api_request_seconds_total", "counter", "Time spent answering, by route.")
        lines += [f'symphony_api_request_seconds_total{{route="{r}"}} {s:.6f}' for r, s in sorted(seconds.items())]
        lines += _gauge("symphony_api_event_streams", "Open event streams.", self.streams)
        return "\n".join([*lines, *(_index(status) if status else [])]) + "\n"


def _index(status: Status) -> list[str]:
    lines = [*_gauge("symphony_index_lag_blocks", "Blocks between the chain's head and the index.", status.lag_blocks)]
    if status.indexed:
        lines += _gauge("symphony_index_block", "Height of the index.", status.indexed.number)
    if status.head_number is not None:
        lines += _gauge("symphony_chain_head_block", "Height of the chain's head.", status.head_number)
    lines += _gauge("symphony_index_following", "1 while the index follows the chain.", status.state == "following")
    return lines


def _family(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def _gauge(name: str, text: str, value: int | bool) -> Iterable[str]:
    return [*_family(name, "gauge", text), f"{name} {int(value)}"]
