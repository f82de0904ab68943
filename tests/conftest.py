"""
How much Hypothesis draws: ``quick`` by default, ``laws`` for the long run. And the fixtures of databases.

States of holders are marked every few items, so that late events go back to marks in histories as short as those of
tests.

Set LOYALTY_HYPOTHESIS_PROFILE to choose; under CI nothing is left to chance. A test that counts its examples under the
property ``examples`` has a line of its own at the end of the run.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from loyalty.engine import histories
from tests.databases import *  # noqa: F403

_COMMON = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    "derandomize": bool(os.environ.get("CI")),
}

settings.register_profile("quick", max_examples=40, **_COMMON)
settings.register_profile("laws", max_examples=10_000, **_COMMON)
settings.load_profile(os.environ.get("LOYALTY_HYPOTHESIS_PROFILE", "quick"))

histories.ITEMS_APART = 4


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many examples each law was given that counts them."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, ())]
    counted = [(report.nodeid, dict(report.user_properties).get("examples")) for report in reports]
    lines = [f"{examples:>7,} {nodeid}" for nodeid, examples in sorted(counted) if examples is not None]
    if lines:
        terminalreporter.section("examples of the laws")
        terminalreporter.write_line("\n".join(lines))
