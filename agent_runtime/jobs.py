"""Slow work beside a worker's pass: thinking and fetching run in an executor, results are collected by name.

With `Inline` as executor the same code is single-threaded and deterministic. Knows nothing of what the work is.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Jobs(Generic[K, T]):
    """Named jobs of one kind, at most ``limit`` at a time."""

    def __init__(self, executor: Executor, *, limit: int = 1) -> None:
        self._executor = executor
        self._limit = limit
        self._futures: dict[K, Future[T]] = {}

    def __contains__(self, key: K) -> bool:
        return key in self._futures

    @property
    def full(self) -> bool:
        """No place for another job until a result is taken."""
        return len(self._futures) >= self._limit

    def start(self, key: K, work: Callable[[], T]) -> None:
        """Begins a job; one that runs already goes on."""
        if key not in self._futures:
            self._futures[key] = self._executor.submit(work)

    def done(self) -> list[tuple[K, Future[T]]]:
        """Takes the finished jobs."""
        finished = [(key, future) for key, future in self._futures.items() if future.done()]
        for key, _ in finished:
            del self._futures[key]
        return finished


class Inline(Executor):
    """Runs each job at once in the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # the caller finds it in the future, as with every executor
            future.set_exception(error)
        return future
