"""The explorer: server-rendered pages over the same documents as `/v1`, live through the event stream."""

from __future__ import annotations

from api.explorer.pages import install_explorer

__all__ = ["install_explorer"]
