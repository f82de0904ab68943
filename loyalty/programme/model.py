"""
A checked programme: the declaration as values, nothing of which can fail any more.

The reference of the programme file (``docs/reference/programme-file.md``) says how each is written in YAML.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from fractions import Fraction
from typing import Any

from attrs import field, frozen

from loyalty.core.amounts import Rounding
from loyalty.core.calendar import Calendar, Duration, Period
from loyalty.core.events import FieldValue
from loyalty.core.holders import Layer
from loyalty.errors import Place
from loyalty.gamification.declaration import Badge
from loyalty.mdf.declaration import Allotment
from loyalty.rules.declaration import Campaign, Group, Rule
from loyalty.tiers.declaration import Ladder, Metric


@frozen(kw_only=True)
class Expiry:
    """Points expire ``after`` a duration from earning, moved to the end of the period ``at_end_of`` it falls in."""

    after: Duration
    at_end_of: Period | None = None


class Returns(Enum):
    """What becomes of points that come back from a hold or a reversal after their expiry day."""

    EXPIRED = "expired"
    GRACE = "grace"
    REISSUE = "reissue"


class TransferGroup(Enum):
    """Between whose wallets points may move."""

    PEOPLE = "people"
    ANYONE = "anyone"


#: Marks an option that came later: a programme that does not use it keeps the revision that it had.
_SILENT = {"silent": True}


@frozen(kw_only=True)
class Currency:
    """
    One kind of points or money.

    Args:
        scale: Digits after the point; amounts are whole multiples of 10**-scale.
        unit: The money unit where the currency is money (MDF), else None.
        worth: The declared value of one major unit, in major units of ``worth_unit``; for fairness and reports.
        spendable: False for status points, which are only measured.
        returns: What becomes of points that come back after their expiry day.
        returns_grace: How long they are usable then, for ``Returns.GRACE``.
        transfer: Between whose wallets they may move, or None.
        arrears_limits: Minor units that a clawback may leave owed, by tier; an unnamed tier has the nearest lower
            one's. Empty for no limit.
    """

    name: str
    scale: int = 0
    unit: str | None = None
    worth: Fraction = Fraction(0)
    worth_unit: str | None = None
    spendable: bool = True
    expires: Expiry | None = None
    returns: Returns = field(default=Returns.EXPIRED, metadata=_SILENT)
    returns_grace: Duration | None = field(default=None, metadata=_SILENT)
    transfer: TransferGroup | None = None
    arrears_limits: Mapping[str, int] = field(factory=dict, hash=False, metadata=_SILENT)
    place: Place = field(eq=False, factory=Place)


class FieldType(Enum):
    """What an event's field holds."""

    MONEY = "money"
    INT = "int"
    BOOL = "bool"
    TEXT = "text"
    ONE_OF = "one_of"


@frozen(kw_only=True)
class FieldSpec:
    """
    One declared field of an event.

    Args:
        unit: Of money fields.
        lowest, highest: Bounds of int and money fields (minor units), both included.
        values: Of one_of fields.
        required: False where the event may leave it out; ``default`` then stands in, or it is absent (``has()``).
    """

    name: str
    type: FieldType
    unit: str | None = None
    lowest: int = 0
    highest: int = 0
    values: tuple[str, ...] = ()
    required: bool = True
    default: FieldValue | None = None
    place: Place = field(eq=False, factory=Place)


class Role(Enum):
    """What an event is to an earlier one of its ``origin_kind``."""

    NONE = "none"
    REFUNDS = "refunds"
    ENDS = "ends"
    FOLLOWS = "follows"


@frozen(kw_only=True)
class EventKind:
    """
    One declared kind of event.

    Args:
        role: Whether it refunds, ends or follows events of ``origin_kind``.
        part: Of a refund: the field (of both kinds) that says how much is refunded; None: only as a whole. In the
            refund the field is optional: without it all that is left is refunded.
        by: Of an ending kind: the subjects and fields that together say which certification ends.
    """

    name: str
    fields: Mapping[str, FieldSpec]
    role: Role = Role.NONE
    origin_kind: str | None = None
    part: str | None = None
    by: tuple[Any, ...] = ()
    place: Place = field(eq=False, factory=Place)


class Clawback(Enum):
    """How far a refund may reach for what was given."""

    KEEP = "keep"
    PENDING_ONLY = "pending_only"
    WITHIN_BALANCE = "within_balance"
    ARREARS = "arrears"


class TierOnRefund(Enum):
    """What a refund does to the tier: nothing until the next review, or a look at once."""

    KEEP_TO_PERIOD_END = "keep_to_period_end"
    RE_EVALUATE = "re_evaluate"
    RE_EVALUATE_AND_TAKE_BACK = "re_evaluate_and_take_back"


class BadgesOnRefund(Enum):
    """What a refund does to badges whose needs are no longer met, and to what came with them."""

    KEEP = "keep"
    RE_EVALUATE = "re_evaluate"
    RE_EVALUATE_AND_TAKE_BACK = "re_evaluate_and_take_back"


class CapsOnRefund(Enum):
    """Whether what a refund reverses no longer counts as used of the caps."""

    REVERSE = "reverse"
    KEEP = "keep"


@frozen(kw_only=True)
class RefundPolicy:
    """
    The declared effects of one refunding kind; currencies not named are clawed back into arrears.

    Of an ending kind ``tier`` and ``badges`` alone mean something: what becomes of awards is each rule's ``on_end``.
    """

    kind: str
    clawback: Mapping[str, Clawback]
    tier: TierOnRefund = TierOnRefund.KEEP_TO_PERIOD_END
    badges: BadgesOnRefund = field(default=BadgesOnRefund.KEEP, metadata=_SILENT)
    caps: CapsOnRefund = field(default=CapsOnRefund.REVERSE, metadata=_SILENT)
    within: Duration | None = None
    place: Place = field(eq=False, factory=Place)


class TooLate(Enum):
    """What becomes of an event that comes later than is taken."""

    REJECT = "reject"
    FROM_NOW = "from_now"


@frozen(kw_only=True)
class AcceptLate:
    """Events come at most ``within`` late; a later one is refused, or counts from when it came."""

    within: Duration
    otherwise: TooLate = TooLate.REJECT


@frozen(kw_only=True)
class ExchangeRate:
    """From ``first_day`` on one major unit of ``unit`` is ``rate`` major units of ``into``."""

    unit: str
    into: str
    first_day: int
    rate: Fraction
    round: Rounding = Rounding.HALF_EVEN


@frozen(kw_only=True)
class Given:
    """One item of an example: the raw mapping of an event or a command, read like an event of a file."""

    raw: Mapping[str, Any]
    place: Place = field(eq=False, factory=Place)


@frozen(kw_only=True)
class Expected:
    """
    What an example expects at the end of a day.

    Args:
        holder: ``partner:ID`` or ``person:ID``.
        day: The day; everything due by it, and events on it, have happened.
        balances: Minor units by (currency, account name); accounts not named are not looked at.
        tier: The expected tier's name, or None.
        badges: Badges that the holder must have.
    """

    holder: str
    day: int
    balances: Mapping[tuple[str, str], int]
    tier: str | None = None
    badges: tuple[str, ...] = ()
    place: Place = field(eq=False, factory=Place)


@frozen(kw_only=True)
class Example:
    """A given history and what is expected of it, run by ``loyalty check``."""

    name: str
    given: tuple[Given, ...]
    expect: tuple[Expected, ...]
    place: Place = field(eq=False, factory=Place)


@frozen(kw_only=True)
class Programme:
    """
    One revision of a programme, checked.

    Args:
        revision: The digest (hex) of all that can change a posting; places, titles, worth, examples and opt-outs are
            not part of it.
        year_starts_month: 1 to 12; quarters, half-years and years are counted from it.
        events_per_holder: More events of one holder are refused; overflow was proven impossible up to it.
        fairness: Laws opted out of, by name, with the reason.
        accept_late: How late an event may come, or None for any time.
        accept_early: How long before its day an event may be recorded, or None for any time.
        from_day: The first day on which this revision is in force; of the first revision it is not looked at.
        earlier: The revisions before this one, the earliest first.
        most_earned: Minor units that a holder can have earned by layer and currency, in all revisions up to this one.
        most_held: Minor units that it can hold, likewise.
        source: The text of the file.
    """

    id: str
    language: int
    revision: str
    calendar: Calendar = field(repr=lambda calendar: repr(calendar.timezone))
    first_day: int
    currencies: Mapping[str, Currency]
    events: Mapping[str, EventKind]
    rules: tuple[Rule, ...]
    metrics: Mapping[str, Metric]
    ladder: Ladder
    title: str = ""
    last_day: int | None = None
    year_starts_month: int = 1
    events_per_holder: int = 100_000
    campaigns: Mapping[str, Campaign] = {}
    groups: Mapping[str, Group] = {}
    badges: tuple[Badge, ...] = ()
    allotments: tuple[Allotment, ...] = ()
    refunds: Mapping[str, RefundPolicy] = {}
    exchange: tuple[ExchangeRate, ...] = ()
    fairness: Mapping[str, str] = {}
    examples: tuple[Example, ...] = ()
    accept_late: AcceptLate | None = None
    accept_early: Duration | None = None
    from_day: int = field(default=0, metadata=_SILENT)
    earlier: tuple[Programme, ...] = ()
    most_earned: Mapping[tuple[Layer, str], int] = field(factory=dict, repr=False, eq=False)
    most_held: Mapping[tuple[Layer, str], int] = field(factory=dict, repr=False, eq=False)
    source: str = field(default="", repr=False, eq=False)
    file: str = "<text>"
