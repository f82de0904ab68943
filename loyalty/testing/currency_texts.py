"""
Random sections ``currencies``: expiry, and what becomes of points that come back, move, or are owed.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from hypothesis import strategies as st

from loyalty.testing.rule_texts import PERIODS, durations

Section: TypeAlias = dict[str, Any]


@st.composite
def currencies(draw: st.DrawFn, tiers: tuple[str, ...]) -> Section:
    """
    Draw points, status points and a fund.

    Args:
        tiers: Names of the tiers above the base, lowest first, for limits of what may be owed.
    """
    points: Section = {}
    if draw(st.booleans()):
        points["worth"] = "0.01 EUR"
    if draw(st.booleans()):
        points["expires"] = draw(_expiries())
    mdf: Section = {"unit": "EUR"}
    if draw(st.booleans()):
        mdf["expires"] = draw(_expiries())
    status: Section = {"spendable": False}
    if draw(st.integers(0, 3)) == 3:
        status["expires"] = draw(_expiries())
    if draw(st.integers(0, 3)) == 3:
        points |= draw(_wallet_terms(tiers, 0, 20))
    if draw(st.integers(0, 3)) == 3:
        mdf |= draw(_wallet_terms(tiers, "0.50", "20.00"))
    if draw(st.integers(0, 3)) == 3:
        status |= draw(_limits(tiers, 3, 100))
    return {"points": points, "status": status, "mdf": mdf}


def expiries_of(section: Section) -> dict[str, str]:
    """
    Give how long points live, by currency; those without end are left out.

    >>> expiries_of({"points": {"expires": {"after": "1 year"}}, "mdf": {}})
    {'points': '1 year'}
    """
    return {name: spec["expires"]["after"] for name, spec in section.items() if "expires" in spec}


@st.composite
def _expiries(draw: st.DrawFn) -> Section:
    expiry: Section = {"after": draw(durations())}
    if draw(st.booleans()):
        expiry["at"] = f"end_of_{draw(st.sampled_from(PERIODS[1:]))}"
    return expiry


@st.composite
def _wallet_terms(draw: st.DrawFn, tiers: tuple[str, ...], low: Any, high: Any) -> Section:
    terms: Section = draw(_limits(tiers, low, high)) if draw(st.booleans()) else {}
    if draw(st.booleans()):
        terms["returns"] = draw(st.sampled_from(("reissue", "expired", "grace")))
        if terms["returns"] == "grace":
            terms["returns"] = {"grace": draw(durations())}
    if draw(st.booleans()):
        terms["transfer"] = draw(st.sampled_from(("people", "anyone")))
    return terms


@st.composite
def _limits(draw: st.DrawFn, tiers: tuple[str, ...], low: Any, high: Any) -> Section:
    by_tier: Section = {"base": low, **dict.fromkeys(tiers[-1:], high)}
    return {"arrears": {"limit": by_tier if draw(st.booleans()) else high}}
