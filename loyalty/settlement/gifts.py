"""
The source of gifts: what comes once with a tier or a badge, remembered as it was paid, so that it can be taken back.

What was allotted for the running period is taken back by the same look at the tier, down to what the lower tier gets.
"""

from __future__ import annotations

from functools import partial

from loyalty.mdf.declaration import Allotment
from loyalty.programme.model import Clawback
from loyalty.settlement.clawback import write_take_back
from loyalty.settlement.layout import Gift, Layout
from loyalty.settlement.versions import by_revision
from loyalty.settlement.windows import correct_at, count_now, month_of_day, period_source
from loyalty.settlement.writer import Writer


def write_tier_gifts(w: Writer, layout: Layout) -> None:
    """Write ``give_gifts``: a rise of standing from ``stood`` on ``day`` pays the gift of each tier passed."""
    if not layout.tier_gifts:
        return
    with w.block("def give_gifts(s, m, o, stood, day, at)"), month_of_day(w):
        w.line("p = m.p")
        with w.block("if s.closed != 0"):
            w.line("return")
        by_revision(w, layout, "day", lambda view: _write_gifts_passed(w, view))
    w.line("")


def _write_gifts_passed(w: Writer, layout: Layout) -> None:
    for gift in (own for gift in layout.tier_gifts if (own := layout.own_gift(gift)) is not None):
        with w.block(f"if stood < {gift.number} and s.tier >= {gift.number}"):
            write_gift(w, layout, gift, "at")


def write_gift(w: Writer, layout: Layout, gift: Gift, at: str) -> None:
    """Write the payment of a gift on ``day``, unless it was paid before; *at* is the clock's day, or -1."""
    label = layout.label(gift.label)
    with w.block(f"if s.gift{gift.index} < 0"):
        w.line(f"s.gift{gift.index} = day")
        for currency in gift.currencies:
            c = layout.currency[currency]
            amount = gift.amounts.get(currency)
            if amount is None:
                w.line(f"s.gift{gift.index}_{c} = 0")
                continue
            w.line(f"gift = {layout.parameter(f'{gift.label}: gift', amount)}")
            w.line(f"lot = lot_day(m, {c}, day)")
            w.line(f"s.gift{gift.index}_{c} = gift")
            w.line(f"s.gift{gift.index}_{c}_lot = lot")
            w.line(f"earn_available(m, o, {label}, {c}, gift, lot, {at}, ISSUED)")
            w.line("s.next_due = min(s.next_due, lot)")
            if w.traced:
                with w.when(None if at == "-1" else f"{at} < 0"):
                    w.trace(f"{gift.of}_gift", gift.number, layout.currency_number(currency), "gift", "lot")
            for index, metric in layout.earned_metrics(currency):
                count_now(w, layout, index, metric, "gift")


def write_taking_back(w: Writer, layout: Layout) -> None:
    """Write ``take_back_gifts``: gifts of tiers above the standing, the highest first, and what was allotted."""
    if not layout.takes_back_gifts:
        return
    with w.block("def take_back_gifts(s, m, o, today)"):
        w.line("p = m.p")
        for gift in reversed(layout.tier_gifts):
            with w.block(f"if s.tier < {gift.number}"):
                write_gift_back(w, layout, gift)
        for index, name in enumerate(layout.allotments):
            # What was paid is lowered to what the declaration that paid it gives the tier that is in force now.
            by_revision(w, layout, f"s.allotted{index}_day", partial(_write_allotment_back, w, index=index, name=name))
    w.line("")


def write_gift_back(w: Writer, layout: Layout, gift: Gift) -> None:
    """Write how a gift is taken back whole on the day ``today``, if it was paid and is still the holder's."""
    label, day = layout.label(gift.label), f"s.gift{gift.index}"
    with w.block(f"if {day} >= 0"):
        for currency in gift.currencies:
            c = layout.currency[currency]
            w.line(f"undo = {day}_{c}")
            # A gift that another revision declares may have none of the currency.
            with w.when("undo > 0" if len(layout.views) > 1 else None):
                number = layout.currency_number(currency)
                w.trace(f"{gift.of}_gift_back", gift.number, number, "undo")
                lot = f"{day}_{c}_lot, -1, {day}"
                write_take_back(w, layout, currency, label, lot, Clawback.ARREARS, ("gift_written_off", number))
                for index, metric in layout.earned_metrics(currency):
                    correct_at(w, layout, index, metric, day, "-undo")
        w.line(f"{day} = -1")


def write_allotted(w: Writer, layout: Layout, index: int, currency: str) -> None:
    """Write how what was allotted on ``day`` is remembered, if any refund can take it back."""
    if layout.takes_back_gifts:
        w.line(f"s.allotted{index} = amount")
        w.line(f"s.allotted{index}_day = day")
        w.line(f"s.allotted{index}_lot = lot_day(m, {layout.currency[currency]}, day)")


def write_allotment_of_tier(w: Writer, layout: Layout, allotment: Allotment) -> None:
    """Write what the tier in force gets of an allotment into ``amount``."""
    amount = 0
    head = "if"
    for place, tier in enumerate(layout.programme.ladder.tiers):
        amount = allotment.amounts.get(tier.name, amount)
        with w.block(f"{head} {layout.tier('s.effective')} == {place}"):
            w.line(f"amount = {layout.parameter(f'{allotment.name}: {tier.name}', amount)}")
        head = "elif"


def _write_allotment_back(w: Writer, layout: Layout, index: int, name: str) -> None:
    allotment = next((one for one in layout.programme.allotments if one.name == name), None)
    if allotment is None:
        return
    label, number = layout.label(f"@allotment.{allotment.name}"), layout.currency_number(allotment.currency)
    began, now = (period_source(layout, allotment.every, day) for day in (f"s.allotted{index}_day", "today"))
    with w.block(f"if s.allotted{index} > 0 and {began} == {now}"):
        w.line("amount = 0")
        write_allotment_of_tier(w, layout, allotment)
        w.line(f"undo = s.allotted{index} - amount")
        with w.block("if undo > 0"):
            w.line(f"s.allotted{index} = amount")
            w.trace("allotment_back", index, number, "undo", "amount")
            lot = f"s.allotted{index}_lot, -1, s.allotted{index}_day"
            write_take_back(w, layout, allotment.currency, label, lot, Clawback.ARREARS, ("gift_written_off", number))
