"""
What changed between two revisions of a programme, in words that a manager reads.

:mod:`loyalty.programme.differences` finds it; here each option of the model and each of its values has its words. The
texts stand under ``CLASS.OPTION`` and ``ENUM.MEMBER``, so that a test can see that none is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from fractions import Fraction
from typing import Any, Final

from attrs import evolve, frozen

from loyalty.core.calendar import Calendar, Duration, Unit
from loyalty.explaining import differences_en, differences_ru
from loyalty.explaining.languages import ENGLISH, RUSSIAN, Language
from loyalty.explaining.said import Amount, Day, Listed, Noun, Number, Said, Value, said
from loyalty.explaining.words import amount_of, key_said, rate_said, unit_amount
from loyalty.programme.differences import Change, Difference
from loyalty.programme.model import AcceptLate, Example, ExchangeRate, Expiry, FieldSpec, Programme
from loyalty.programme.units import digits_of
from loyalty.rules.declaration import (
    Bands,
    ByField,
    ByTier,
    Cap,
    Cooldown,
    Fixed,
    Multiplier,
    Pending,
    Rate,
    Rule,
    Streak,
    Validity,
)
from loyalty.rules.expressions import Expression
from loyalty.tiers.declaration import Needs, Review, Window

#: Both catalogues behind that of explanations, whose words for amounts, rates and keys are used here too.
LANGUAGES: Final[Mapping[str, Language]] = {
    base.code: evolve(base, texts={**base.texts, **own.TEXTS}, nouns={**base.nouns, **own.NOUNS})
    for base, own in ((ENGLISH, differences_en), (RUSSIAN, differences_ru))
}

#: The sections in the order in which they are told; what is in none is the programme's own.
SECTIONS: Final = (
    "programme", "currencies", "events", "metrics", "rules", "campaigns", "groups", "tiers", "badges", "allotments",
    "refunds",
)  # fmt: skip

#: Where options of classes stand that have no section.
_SECTION_OF: Final = {"Ladder": "tiers", "Review": "tiers"}

#: Options that hold local days.
_DAYS: Final = frozenset({("Programme", "first_day"), ("Programme", "last_day"), ("Programme", "from_day")})

#: Options of amounts in a currency: which one, from the option's owner and keys.
_AMOUNTS: Final[Mapping[tuple[str, str], Callable[[Any, tuple[str, ...]], str]]] = {
    ("Currency", "arrears_limits"): lambda owner, _: str(owner.name),
    ("Tier", "gift"): lambda _, keys: keys[0],
    ("Badge", "give"): lambda _, keys: keys[0],
    ("Allotment", "amounts"): lambda owner, _: str(owner.currency),
}


@frozen
class Told:
    """
    A difference in words, in no language yet.

    Attributes:
        difference: What it tells.
        section: One of :data:`SECTIONS`.
        thing: What it is about, or None for the section as a whole.
        text: What became of it.
        details: What a new thing says, line by line.
    """

    difference: Difference
    section: str
    thing: Said | None
    text: Said
    details: tuple[Said, ...] = ()


def tell_differences(found: Iterable[Difference], before: Programme, after: Programme) -> tuple[Told, ...]:
    """Say all differences of two programmes, by section."""
    told = [_told(one, before, after) for one in found]
    return tuple(sorted(told, key=lambda one: (SECTIONS.index(one.section), one.thing is not None)))


def _told(one: Difference, before: Programme, after: Programme) -> Told:
    section = one.things[0][0] if one.things else _SECTION_OF.get(one.option[0] if one.option else "", "programme")
    thing = said(f"thing.{one.things[0][0]}", name=one.things[0][1]) if one.things else None
    details = tuple(_inside(detail, _text(detail, before, after), 1) for detail in _all_details(one))
    return Told(one, section, thing, _inside(one, _text(one, before, after), 1), details)


def _all_details(one: Difference) -> Iterable[Difference]:
    """Give the details of a thing, and those of the things in it."""
    for detail in one.details:
        if detail.option is None:
            yield from _all_details(detail)
        else:
            yield detail


def _inside(one: Difference, text: Said, depth: int) -> Said:
    """Name what in a thing it is, such as the field of an event."""
    for section, name in reversed(one.things[depth:]):
        text = said("inside", thing=said(f"thing.{section}", name=name), text=text)
    return text


def _text(one: Difference, before: Programme, after: Programme) -> Said:
    if one.option is None:
        return said(one.change.value)
    cls, name = one.option
    keys: tuple[Value, ...] = one.keys
    if one.option == ("Rule", "give"):
        keys = (said(f"Layer.{one.keys[0].upper()}"), *one.keys[1:])
    label = said(f"{cls}.{name}", **dict(zip("ab", keys, strict=False)))
    values = [
        _value(_Context(programme, owner, one.option, one.keys), value)
        for programme, owner, value in ((before, one.owners[0], one.before), (after, one.owners[1], one.after))
    ]
    if one.owners[0] is None:
        return said("said", label=label, after=values[1])
    key = "order" if one.change is Change.ORDER else "changed"
    return said(key, label=label, before=values[0], after=values[1])


@frozen
class _Context:
    """Whose option a value is of: what says which currency and unit amounts are in."""

    programme: Programme
    owner: Any
    option: tuple[str, str]
    keys: tuple[str, ...]

    @property
    def currency(self) -> str:
        """The currency of an award."""
        return self.keys[-1]

    @property
    def unit(self) -> str:
        """The unit of what a rule measures."""
        return self.owner.of.type.unit if isinstance(self.owner, Rule) and self.owner.of is not None else ""


def _value(of: _Context, value: Any) -> Value:
    """Say a value of the model."""
    if value is None:
        absent = f"{of.option[0]}.{of.option[1]}.none"
        return said(absent if absent in differences_en.TEXTS else "none")
    if isinstance(value, bool):
        return said("yes" if value else "no")
    if isinstance(value, int) and not isinstance(value, Enum):
        return _number(of, value)
    if isinstance(value, Enum):
        return said(f"{type(value).__name__}.{value.name}")
    if isinstance(value, tuple):
        return _several(of, value)
    writer = _WRITERS.get(type(value))
    return writer(of, value) if writer is not None else str(value)


def _number(of: _Context, value: int) -> Value:
    if of.option == ("Programme", "from_day") and value == 0:
        return said("from_start")
    if of.option in _DAYS:
        return Day(value)
    if of.option in _AMOUNTS:
        return amount_of(of.programme, _AMOUNTS[of.option](of.owner, of.keys), value)
    if isinstance(of.owner, FieldSpec) and of.owner.unit is not None:
        return Amount(value, digits_of(of.owner.unit), of.owner.unit)
    return Amount(value)


def _several(of: _Context, values: tuple[Any, ...]) -> Value:
    if of.option in (("Rule", "once_per"), ("EventKind", "by")):
        return key_said(values) if values else said("once")
    if values and isinstance(values[0], Example):
        return said("examples.count", count=len(values), unit=Noun("example", len(values)))
    joint = "join.factors" if values and isinstance(values[0], Multiplier) else "join.list"
    parts = tuple(_value(of, getattr(item, "name", item)) for item in values)
    return Listed(parts, joint) if parts else said("none")


def _length(_: _Context, length: Duration) -> Said:
    unit = "hour" if length.unit is Unit.HOURS else length.unit.value[:-1]
    return said("length", count=length.count, unit=Noun(unit, length.count))


def _rate(of: _Context, rate: Rate) -> Value:
    words: Value = rate_said(of.programme, of.currency, of.unit, rate)
    for key, bound in (("rate.at_least", rate.at_least), ("rate.at_most", rate.at_most)):
        if bound is not None:
            words = said(key, rate=words, bound=amount_of(of.programme, of.currency, bound))
    return words


def _bands(of: _Context, bands: Bands) -> Said:
    steps = tuple(
        said("band", start=unit_amount(of.programme, of.unit, band.start), award=_value(of, band.award))
        for band in bands.bands
    )
    return said(f"bands.{bands.mode.name}", steps=Listed(steps, "join.steps"))


def _table(of: _Context, table: Mapping[Any, Any]) -> Listed:
    entries = ((str(_plain(key)), award) for key, award in table.items())
    return Listed(tuple(said("at", value=key, award=_value(of, award)) for key, award in entries), "join.list")


def _plain(key: Any) -> Any:
    return str(key).lower() if isinstance(key, bool) else key


def _multiplier(of: _Context, factor: Multiplier) -> Value:
    if factor.constant is not None:
        return Number(factor.constant)
    if factor.by_tier:
        return said("factor.tier")
    return said(
        "by_field", field=str(factor.field), awards=_table(of, factor.table), otherwise=Number(factor.otherwise)
    )


def _cap(of: _Context, cap: Cap) -> Said:
    limit = amount_of(of.programme, cap.currency, cap.amount)
    if cap.per_event:
        return said("cap.event", limit=limit)
    return said("cap.key", limit=limit, key=key_said(cap.per)) if cap.per else said("cap.ever", limit=limit)


def _cooldown(of: _Context, cooldown: Cooldown) -> Said:
    length = _length(of, cooldown.length)
    return said("cooldown.key", length=length, key=key_said(cooldown.per)) if cooldown.per else length


def _streak(_: _Context, streak: Streak) -> Said:
    key = "streak.repeat" if streak.repeat else "streak.once"
    return said(key, length=streak.length, periods=Noun(streak.every.value, streak.length))


def _validity(_: _Context, valid: Validity) -> Said:
    days: dict[str, Value] = {}
    for name, day in (("first", valid.first_day), ("last", valid.last_day)):
        if day is not None:
            days[name] = Day(day)
    which = {(): "always", ("first",): "from", ("last",): "through", ("first", "last"): "both"}[tuple(days)]
    return said(f"valid.{which}", **days)


def _pending(of: _Context, pending: Pending) -> Said:
    if pending.duration is not None:
        return said("pending.length", length=_length(of, pending.duration))
    return said("pending.until", kind=str(pending.until_kind))


def _window(of: _Context, window: Window) -> Said:
    values = {} if window.period is None else {"period": _value(of, window.period)}
    if window.length is not None:
        values["length"] = _length(of, window.length)
    return said(f"window.{window.kind.name}", **values)


def _expiry(of: _Context, expiry: Expiry) -> Said:
    after = _length(of, expiry.after)
    return said("expiry.end", after=after, period=_value(of, expiry.at_end_of)) if expiry.at_end_of else after


def _exchange(of: _Context, rate: ExchangeRate) -> Said:
    return said(
        "exchange", unit=rate.unit, rate=Number(rate.rate), into=rate.into, day=Day(rate.first_day),
        round=_value(of, rate.round),
    )  # fmt: skip


def _needs(of: _Context, needs: Needs) -> Value:
    parts = tuple(_value(of, part) for part in needs.parts)
    if needs.every and len(parts) == 1:
        return parts[0]
    return said("needs.all" if needs.every else "needs.any", parts=Listed(parts, "join.needs"))


def _late(of: _Context, late: AcceptLate) -> Said:
    return said("late", within=_length(of, late.within), otherwise=_value(of, late.otherwise))


def _review(of: _Context, review: Review) -> Said:
    options = ("every", "grace", "landing", "floor")
    values = {name: _value(evolve(of, option=("Review", name)), getattr(review, name)) for name in options}
    return said("review", **values)


#: What says the values of a class, whole.
_WRITERS: Final[Mapping[type[Any], Callable[[_Context, Any], Value]]] = {
    Fraction: lambda _, value: Number(value),
    Expression: lambda _, value: " ".join(value.source.split()),
    Calendar: lambda _, value: str(value.timezone),
    Duration: _length,
    Fixed: lambda of, fixed: amount_of(of.programme, of.currency, fixed.amount),
    Rate: _rate,
    Bands: _bands,
    ByTier: lambda of, table: said("by_tier", awards=_table(of, table.awards)),
    ByField: lambda of, table: said(
        "by_field", field=table.field, awards=_table(of, table.awards), otherwise=_value(of, table.otherwise)
    ),
    Multiplier: _multiplier,
    Cap: _cap,
    Cooldown: _cooldown,
    Streak: _streak,
    Validity: _validity,
    Pending: _pending,
    Window: _window,
    Expiry: _expiry,
    ExchangeRate: _exchange,
    Needs: _needs,
    Review: _review,
    AcceptLate: _late,
}

#: The classes whose values are said whole; every other class has words for each option.
WHOLE: Final = frozenset(_WRITERS)
