"""
What partners and their people wish to spend: redemptions of points, claims of funds.

A wish is a row of the table of events, decided when its turn comes, because what is available then depends on
everything before it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from loyalty.batch.tables import AMOUNT, CURRENCY, MISSING, REDEEM, SHARE
from loyalty.core.calendar import PERIOD_MONTHS
from loyalty.core.holders import Layer
from loyalty.programme.model import Programme
from loyalty.programme.revisions import currencies_of
from loyalty.simulation.behaviour import Wish
from loyalty.simulation.draws import Integers, Keys, ranks, sample
from loyalty.simulation.partners import Partners
from loyalty.simulation.rows import Rows
from loyalty.simulation.span import Span

_NOON_SECOND: Final = 12 * 3600
_MILLIONTHS: Final = 1_000_000


def draw_wishes(
    programme: Programme,
    wish: Wish,
    place: int,
    partners: Partners,
    present: NDArray[np.bool_],
    span: Span,
    part: range,
) -> Rows:
    """
    Draw when some partners wish, and what.

    Args:
        place: Of the wish in its scenario; it tells apart wishes of one currency.
        present: In which months each partner does something.
        part: The months that are wanted, the first of the simulation being 0.
    """
    names = wish_names(wish, place)
    name = names[0]
    owner = np.arange(len(partners))
    keys, person = partners.keys.on(name), np.full(len(partners), -1, dtype=np.int64)
    if wish.per is Layer.PERSON:
        owner, person = np.repeat(owner, partners.persons), ranks(partners.persons)
        keys = keys[owner].at(person)
    wallet, month, number, keys = _turns(programme, wish, owner, keys, present, span, part)
    happens = np.flatnonzero(keys.on("chance").happens(float(wish.chance)))
    wallet, month, number, keys = wallet[happens], month[happens], number[happens], keys[happens]
    day = span.day_in(month, keys.on("day")) if wish.every is None else span.first_days[month + 1] - 1
    if wish.after is not None:
        day = span.later(day, wish.after, keys.on("after"))
    if wish.every is not None and wish.after is None:
        at = span.second_of(day, _NOON_SECOND)
    else:
        at = span.instant_on(day, keys.on("second"))
    missing = np.full(len(at), MISSING, dtype=np.int64)
    asked = missing if wish.amount is None else sample(wish.amount, keys.on("amount"), int)
    share = missing if wish.share is None else np.full(len(at), int(wish.share * _MILLIONTHS), dtype=np.int64)
    currency = sorted(currencies_of(programme)).index(wish.currency)
    rows = Rows(
        kind=REDEEM,
        names=names,
        partner=owner[wallet],
        person=person[wallet],
        at=at,
        month=span.first_month + month,
        number=number,
        values={CURRENCY: np.full(len(at), currency, dtype=np.int64), AMOUNT: asked, SHARE: share},
    )
    return rows.take(np.flatnonzero((at >= span.start_us) & (at < span.end_us)))


def wish_names(wish: Wish, place: int) -> tuple[str, str]:
    """Give the names of a wish's rows."""
    return f"@redeem {wish.currency} {place}", ""


def _turns(
    programme: Programme,
    wish: Wish,
    owner: Integers,
    keys: Keys,
    present: NDArray[np.bool_],
    span: Span,
    part: range,
) -> tuple[Integers, Integers, Integers, Keys]:
    """Give the wallet, the month and the number of each wish that may be made, and its key."""
    months = np.arange(part.start, part.stop)
    if wish.every is not None:
        # The last month of each period, whose periods are counted from the programme's year.
        into_year = span.first_month + months - (programme.year_starts_month - 1)
        months = months[(into_year + 1) % PERIOD_MONTHS[wish.every] == 0]
    cells = Keys(keys.words[:, np.newaxis]).at(span.first_month + months[np.newaxis])
    there = present[:, months][owner]
    if wish.every is not None:
        wallet, column = np.nonzero(there)
        return wallet, months[column], np.zeros(len(wallet), dtype=np.int64), cells[there]
    flat = Keys(cells.words.reshape(-1))
    counts = flat.on("count").count(there.reshape(-1).astype(np.float64) * float(wish.rate))
    cell = np.repeat(np.arange(len(flat)), counts)
    number = ranks(counts)
    width = max(len(months), 1)
    month = months[cell % width] if len(cell) else cell
    return cell // width, month, number, flat[cell].at(number)
