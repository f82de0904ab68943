"""
How much Hypothesis draws: ``quick`` by default, ``laws`` for the long run. And the fixtures of databases.

Set LOYALTY_HYPOTHESIS_PROFILE to choose; under CI nothing is left to chance.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from tests.databases import *  # noqa: F403

_COMMON = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    "derandomize": bool(os.environ.get("CI")),
}

settings.register_profile("quick", max_examples=40, **_COMMON)
settings.register_profile("laws", max_examples=10_000, **_COMMON)
settings.load_profile(os.environ.get("LOYALTY_HYPOTHESIS_PROFILE", "quick"))
