"""A process that goes on for months meets millions of holders and many programmes: what it remembers has a bound."""

from __future__ import annotations

from loyalty.core.holders import Holder
from loyalty.settlement import state
from loyalty.settlement.journal import accounts_of


def test_holders_who_are_not_met_again_are_forgotten() -> None:
    """Of 20,000 holders, one after the other, the accounts of the last are at hand, and those of the first are not."""
    accounts_of.cache_clear()
    for number in range(20_000):
        accounts_of(Holder.partner(f"p{number}"))
    assert accounts_of.cache_info().currsize < 20_000
    accounts_of(Holder.partner("p19999"))
    assert accounts_of.cache_info().hits == 1


def test_tables_of_expiry_days_are_bounded() -> None:
    """A sweep over lengths of expiry, or over revisions, does not keep the table of each that it tried."""
    for remembered in (state._expiry_table, state._joined_tables):
        assert remembered.cache_info().maxsize is not None
