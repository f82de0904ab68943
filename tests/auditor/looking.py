"""Short looks at what an audit found, for the auditor's own tests."""

from __future__ import annotations

from loyalty.core.holders import Holder
from tests.auditor import Audit
from tests.auditor.building import ACME, day


def wallet(result: Audit, at: str, asset: str = "points", holder: Holder = ACME) -> tuple[int, int, int]:
    """Give pending, available and arrears at the end of a day."""
    pending, available, arrears = (
        result.balance(holder, account, asset, day(at)) for account in ("pending", "available", "arrears")
    )
    return pending, available, arrears


def available(result: Audit, *dates: str) -> list[int]:
    """Give what is available at the end of some days."""
    return [wallet(result, at)[1] for at in dates]


def tiers(result: Audit, *dates: str) -> list[str]:
    """Give the tier at the end of some days."""
    return [result.tier(ACME, day(at)) for at in dates]
