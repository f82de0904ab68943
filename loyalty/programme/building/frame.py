"""The frame of a programme: its dates and zone, its limits, its currencies and exchange rates."""

from __future__ import annotations

from fractions import Fraction

from loyalty.core.amounts import Rounding
from loyalty.core.calendar import FIRST_DAY, LAST_DAY, Calendar, Duration, format_day
from loyalty.programme.building.draft import Draft
from loyalty.programme.language import LANGUAGE_VERSION
from loyalty.programme.model import AcceptLate, Currency, ExchangeRate, Expiry, TooLate
from loyalty.programme.nodes import Scalar
from loyalty.programme.sections import Section
from loyalty.programme.units import digits_of
from loyalty.rules.declaration import Validity


def build_frame(draft: Draft) -> None:
    """Read the language version, the programme's dates and zone, and the limits."""
    notes = draft.notes
    language = draft.root.get("language")
    if language is not None and language.value != LANGUAGE_VERSION:
        notes.add(
            "unknown-language", language.node, f"this library reads language {LANGUAGE_VERSION}",
            f"write `language: {LANGUAGE_VERSION}`, or install the library that reads language {language.value}",
        )  # fmt: skip
    programme: Section | None = draft.root.get("programme")
    if programme is None:
        return
    draft.first_day = programme.value("starts", FIRST_DAY)
    draft.last_day = programme.value("ends")
    if draft.last_day is not None and draft.last_day < draft.first_day:
        notes.add(
            "dates-reversed", programme.at("ends"), f"the programme starts on {format_day(draft.first_day)}",
            "write a later date, or leave `ends` out",
        )  # fmt: skip
        draft.last_day = None
    zone = programme.get("timezone")
    if zone is not None:
        try:
            draft.calendar = Calendar.of(zone.value)
        except ValueError:
            notes.add(
                "unknown-timezone", zone.node, "it is no IANA time zone", "write for example Europe/Berlin, or UTC"
            )
    limits: Section | None = draft.root.get("limits")
    if limits is not None:
        draft.events_per_holder = limits.value("events_per_holder", draft.events_per_holder)


def build_currencies(draft: Draft) -> None:
    """Read the currencies."""
    for key, section in draft.root.get("currencies") or ():
        if section is None:
            continue
        # Without its unit and scale, nothing can be said about its amounts.
        unclear = section.has_strays and not section.has("unit")
        if not unclear and all(section.get(name) is not None for name in ("unit", "scale") if section.has(name)):
            draft.currencies[key.text] = _currency(key, section, draft)
    if draft.root.get("currencies") == []:
        draft.notes.add("missing-key", draft.root.at("currencies"), "a programme needs a currency", "declare one")


def build_exchange(draft: Draft) -> tuple[ExchangeRate, ...]:
    """Read the dated exchange rates, by unit and day."""
    rates = []
    for key, sections in draft.root.get("exchange") or ():
        days: set[int] = set()
        for section in sections or ():
            day, rate = section.value("from"), section.value("rate")
            if day is None or rate is None:
                continue
            value, into = rate
            if day in days:
                draft.notes.add(
                    "duplicate-name", section.at("from"), f"{key.text} has a rate from that day already", "keep one"
                )
            if into == key.text or value == 0:
                why = "a unit is not exchanged into itself" if value else "a rate is above 0"
                draft.notes.add("bad-rate", section.at("rate"), why, f"write what 1 {key.text} is worth: 0.92 EUR")
            days.add(day)
            draft.unit_scale(into)
            rates.append(
                ExchangeRate(
                    unit=key.text,
                    into=into,
                    first_day=day,
                    rate=value,
                    round=section.value("round", Rounding.HALF_EVEN),
                )
            )
    return tuple(sorted(rates, key=lambda rate: (rate.unit, rate.first_day)))


def build_arrival(draft: Draft) -> tuple[AcceptLate | None, Duration | None]:
    """Read how late and how early events may come; None for any time."""
    late: Section | None = draft.root.get("accept_late")
    early: Section | None = draft.root.get("accept_early")
    within = late.value("within") if late is not None else None
    otherwise = late.value("else", TooLate.REJECT) if late is not None else TooLate.REJECT
    accept_late = None if within is None else AcceptLate(within=within, otherwise=otherwise)
    return accept_late, early.value("within") if early is not None else None


def build_validity(section: Section | None, draft: Draft) -> Validity:
    """Read the days on which a rule or campaign is valid."""
    if section is None:
        return Validity()
    first, last = section.value("from"), section.value("through")
    if not section.names:
        draft.notes.add(
            "missing-key", section.node, "valid needs `from`, `through` or both", "add the one that is meant"
        )
    if first is not None and last is not None and last < first:
        draft.notes.add(
            "dates-reversed", section.at("through"), f"it is before {format_day(first)}", "write the later date here"
        )
    ends = draft.last_day if draft.last_day is not None else LAST_DAY
    if (first is not None and first > ends) or (last is not None and last < draft.first_day):
        draft.notes.add(
            "never-valid", section.node, "none of these days lies within the programme's own dates",
            f"the programme starts on {format_day(draft.first_day)}"
            + (f" and ends on {format_day(ends)}" if draft.last_day is not None else ""),
            got=f"{format_day(first) if first is not None else '…'} to {format_day(last) if last is not None else '…'}",
        )  # fmt: skip
    return Validity(first_day=first, last_day=last)


def _currency(key: Scalar, section: Section, draft: Draft) -> Currency:
    unit: str | None = section.value("unit")
    scale: int = section.value("scale", 0)
    if unit is not None:
        if section.get("scale") is not None and scale != digits_of(unit):
            draft.notes.add(
                "wrong-scale", section.at("scale"), f"{unit} has {digits_of(unit)} digits after the point",
                "leave `scale` out: money has the digits of its unit",
            )  # fmt: skip
        scale = draft.unit_scale(unit)
    elif scale:
        draft.scales[key.text] = scale
    worth, worth_unit = section.value("worth", (Fraction(unit is not None), unit))
    return Currency(
        name=key.text,
        scale=scale,
        unit=unit,
        worth=worth,
        worth_unit=worth_unit,
        spendable=section.value("spendable", True),
        expires=_expiry(section.get("expires")),
        place=key.place,
    )


def _expiry(section: Section | None) -> Expiry | None:
    if section is None or section.value("after") is None:
        return None
    return Expiry(after=section.value("after"), at_end_of=section.value("at"))
