"""Routing: which bids get the seats, in two stages: a cheap Top-L screen, then a choice among the candidates.

Importing it imports no model library. Knows nothing of chains and keys.
"""

from __future__ import annotations

from agent_runtime.routing.screen import Candidate, Router, Scored, ScreenRouter, ScreenWeights, screen

__all__ = ["Candidate", "Router", "Scored", "ScreenRouter", "ScreenWeights", "screen"]
