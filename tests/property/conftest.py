"""Hypothesis profiles of the property tests: `--hypothesis-profile long` drives the state machine for over 10,000 steps."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "long", max_examples=250, stateful_step_count=80, deadline=None, suppress_health_check=list(HealthCheck)
)
