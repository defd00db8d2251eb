"""Symphony's HTTP face: REST `/v1`, event stream, content gateway and explorer over one index. Holds no user's keys."""

from __future__ import annotations

from api.app import create_app
from api.settings import ApiSettings

__all__ = ["ApiSettings", "create_app"]
