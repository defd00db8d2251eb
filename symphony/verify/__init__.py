"""Recompute instead of believe: a task's whole story from the chain's logs, checked against the reference model."""

from __future__ import annotations

from symphony.verify.checks import Check
from symphony.verify.history import Entry, Position, TaskHistory, load_history, resolve_task_id
from symphony.verify.reader import ChainReader, RpcReader
from symphony.verify.receipt import Receipt, verify_task

__all__ = [
    "ChainReader",
    "Check",
    "Entry",
    "Position",
    "Receipt",
    "RpcReader",
    "TaskHistory",
    "load_history",
    "resolve_task_id",
    "verify_task",
]
