"""
What was redeemed and claimed: how often, when, and which share of what was available.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from attrs import frozen

from loyalty.batch.running import run
from loyalty.batch.tables import AMOUNT, CURRENCY, REDEEM, missing_of
from loyalty.core.calendar import FIRST_DAY, Period, month_tables
from loyalty.core.holders import Layer
from loyalty.programme.model import FieldSpec, FieldType
from loyalty.programme.revisions import currencies_of, currency_of
from loyalty.settlement.runtime import AVAILABLE
from loyalty.simulation.behaviour import MOST_WISHED, Wish
from loyalty.simulation.draws import Floats, Integers
from loyalty.simulation.fitting.following import as_fraction
from loyalty.simulation.fitting.history import History
from loyalty.simulation.fitting.values import fit_numbers

#: Where shares of what was available differ by less than this, a share is what is wished; else an amount.
_ALIKE: Final = 0.15

#: Of wishes at month ends so many lie there.
_MOSTLY: Final = 0.9


@frozen(eq=False)
class WishFit:
    """A fitted wish, and how many redemptions it was estimated from."""

    wish: Wish
    count: int


def fit_wishes(history: History, there: Floats, persons: Floats) -> list[WishFit]:
    """
    Estimate how each currency is spent, by partners and by their people.

    Args:
        there: By partner and month, the probability of being there.
        persons: How many people each partner has.
    """
    events = history.events
    rows = history.rows[events.kind[history.rows] == REDEEM]
    if not len(rows):
        return []
    asked, available = _shares(history, rows)
    fits = []
    for place, name in enumerate(sorted(currencies_of(history.programme))):
        currency = currency_of(history.programme, name)
        for layer in Layer:
            own = (events.values[CURRENCY][rows] == place) & ((events.person[rows] >= 0) == (layer is Layer.PERSON))
            taken = own & (asked > 0)
            if currency is None or not taken.any():
                continue
            wallets = there * (persons[:, np.newaxis] if layer is Layer.PERSON else 1.0)
            every, rate, chance = _timing(history, rows[taken], wallets)
            share = asked[taken] / np.maximum(available[taken], 1)
            alike = float(np.abs(share - np.median(share)).mean()) < _ALIKE * float(np.median(share))
            spec = FieldSpec(
                name=name, type=FieldType.MONEY if currency.unit else FieldType.INT, unit=currency.unit, lowest=1,
                highest=MOST_WISHED,
            )  # fmt: skip
            wish = Wish(
                currency=name,
                share=as_fraction(float(asked[taken].sum() / max(available[taken].sum(), 1)), 3) if alike else None,
                amount=None if alike else fit_numbers(asked[taken].astype(np.float64), spec)[0],
                per=layer,
                every=every,
                rate=as_fraction(rate, 4),
                chance=as_fraction(chance, 3),
                claim=currency.unit is not None,
            )
            fits.append(WishFit(wish, int(taken.sum())))
    return fits


def _shares(history: History, rows: Integers) -> tuple[Integers, Integers]:
    """Give for each redemption what was taken and what was available then, by settling the history."""
    events = history.events
    journal = run(history.programme, events, until_day=history.last_day, journal=True).journal
    assert journal is not None
    column = {name: np.asarray(journal[name]) for name in journal.column_names}
    change = column["amount"] * ((column["target"] == AVAILABLE).astype(np.int64) - (column["source"] == AVAILABLE))
    wallet = np.unique(
        (column["holder"] * 2 + column["layer"]) * (int(column["asset"].max(initial=0)) + 1) + column["asset"],
        return_inverse=True,
    )[1]
    order = np.argsort(wallet, kind="stable")
    running = np.cumsum(change[order])
    first = np.flatnonzero(np.diff(wallet[order], prepend=-1))
    before_wallet = np.repeat(running[first] - change[order][first], np.diff(np.append(first, len(order))))
    before = np.empty(len(order), dtype=np.int64)
    before[order] = running - change[order] - before_wallet
    taken = np.zeros(len(events), dtype=np.int64)
    held = np.zeros(len(events), dtype=np.int64)
    own = np.flatnonzero((column["row"] >= 0) & (column["source"] == AVAILABLE))
    own = own[events.kind[column["row"][own]] == REDEEM]
    np.add.at(taken, column["row"][own], column["amount"][own])
    np.maximum.at(held, column["row"][own], before[own])
    if AMOUNT in events.values:
        # What was refused was wished all the same, and nothing of it is known but that.
        given = events.values[AMOUNT][rows] != missing_of(events.values[AMOUNT])
        taken[rows] = np.where(given & (taken[rows] == 0), 0, taken[rows])
    return taken[rows], held[rows]


def _timing(history: History, rows: Integers, wallets: Floats) -> tuple[Period | None, float, float]:
    """Tell whether it comes at the end of each month or quarter, with which chance; else how often a month."""
    day = history.day[rows]
    first_days = np.array(month_tables()[1])
    month_of_day = np.array(month_tables()[0])
    last = first_days[month_of_day[day - FIRST_DAY] - month_of_day[0] + 1] - 1
    month = month_of_day[day - FIRST_DAY]
    turns = month - history.first_month
    if (day == last).mean() >= _MOSTLY:
        into = (month + 1 - (history.programme.year_starts_month - 1)) % 3
        ends = np.unique(turns)
        if (into == 0).mean() >= _MOSTLY:
            return Period.QUARTER, 0.0, min(len(rows) / max(float(wallets[:, ends].sum()), 1e-9), 1.0)
        return Period.MONTH, 0.0, min(len(rows) / max(float(wallets.sum()), 1e-9), 1.0)
    return None, len(rows) / max(float(wallets.sum()), 1e-9), 1.0
