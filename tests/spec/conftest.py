"""Settings of the format tests. Knows nothing of what they test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Machines under load must not turn a slow example into a failure.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
