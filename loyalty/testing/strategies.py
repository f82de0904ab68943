"""
Hypothesis strategies for what happens to a programme: events, histories and decisions.

Dates gather at the edges of months, at shifts of the clock and where the programme begins or ends something; amounts
gather around its thresholds. Refunds, follows, ends and voids speak mostly of events that are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import evolve
from hypothesis import strategies as st

from loyalty.core.calendar import format_day
from loyalty.core.events import TIER_OVERRIDE, VOID, Event, FieldValue
from loyalty.core.holders import Holder
from loyalty.ledger.store import Grant, GrantedLot
from loyalty.programme import boundaries
from loyalty.programme.model import EventKind, FieldSpec, Programme, Role
from loyalty.programme.revisions import in_force_at
from loyalty.rules.declaration import Subject
from loyalty.testing.arrivals import Anew, Arrival, Batch, Clock, Command, commands_of

PARTNERS = ("acme", "birch", "cedar", "dune")
PERSONS = (None, "ann", "bo")
SOURCES = ("", "crm")


def instants(programme: Programme, *, years: int = 3) -> st.SearchStrategy[int]:
    """Draw instants, many of them at the edges of telling days, some equal to each other."""
    calendar, start = programme.calendar, programme.first_day
    edges = boundaries.telling_days(programme, years)
    days = st.one_of(
        st.integers(start, start + 20),
        st.sampled_from(edges),
        st.tuples(st.sampled_from(edges[:12]), st.sampled_from(boundaries.gaps(programme))).map(sum),
        st.integers(start - 2, start + 366 * years),
    )

    def at(day: int, moment: int) -> int:
        lowest, highest = calendar.day_start_us(day), calendar.day_start_us(day + 1)
        return (lowest, lowest + 43_200_000_000, highest - 1, lowest + 1)[moment]

    return st.builds(at, days, st.integers(0, 3))


def field_values(programme: Programme, kind: EventKind, spec: FieldSpec) -> st.SearchStrategy[FieldValue]:
    """Draw values of one field, numbers around the programme's thresholds."""
    if spec.type not in boundaries.NUMBERS:
        return st.sampled_from(boundaries.choices(programme, kind, spec))
    telling = boundaries.numbers(programme, kind, spec)
    return st.one_of(
        st.sampled_from(telling),
        st.integers(spec.lowest, min(spec.highest, max(spec.lowest, 100_000))),
        st.integers(spec.lowest, spec.highest),
    )


@st.composite
def events(
    draw: st.DrawFn, programme: Programme, *, partners: int = 2, earlier: Sequence[Event] = (), number: int = 0
) -> Event:
    """
    Draw one event that the programme accepts.

    Args:
        programme: What declares the kinds.
        partners: How many partners there are.
        earlier: Events that it may speak of.
        number: Makes its id ``e-number`` unique.
    """
    same_instant = [event.occurred_at for event in earlier[-1:]]
    at = draw(st.one_of(instants(programme), *([st.sampled_from(same_instant)] if same_instant else [])))
    declared = in_force_at(programme, at)
    possible = [k for k in declared.events.values() if k.role in (Role.NONE, Role.ENDS) or _origins(k, earlier)]
    names = [kind.name for kind in possible]
    if any(event.kind != VOID for event in earlier):
        names.append(VOID)
    if len(declared.ladder.tiers) > 1:
        names.append(TIER_OVERRIDE)
    return draw(_event_of(programme, draw(st.sampled_from(names)), partners, tuple(earlier), number, at))


@st.composite
def _event_of(
    draw: st.DrawFn, programme: Programme, name: str, partners: int, earlier: tuple[Event, ...], number: int, at: int
) -> Event:
    partner = draw(st.sampled_from(PARTNERS[:partners]))
    person = draw(st.sampled_from(PERSONS))
    source = draw(st.sampled_from(SOURCES)) if number % 3 == 2 else ""
    identifier = f"e-{number}"
    if name == VOID:
        origin = draw(st.sampled_from([event for event in earlier if event.kind != VOID]))
        return Event(
            id=identifier, kind=VOID, partner=origin.partner, occurred_at=at, source=origin.source, of=origin.id
        )
    if name == TIER_OVERRIDE:
        tier = draw(st.sampled_from([tier.name for tier in in_force_at(programme, at).ladder.tiers]))
        until = programme.calendar.day_of(at) + draw(st.sampled_from((0, 1, 30, 400)))
        return Event(
            id=identifier, kind=TIER_OVERRIDE, partner=partner, occurred_at=at, source=source,
            fields={"tier": tier, "until": format_day(until)},
        )  # fmt: skip
    kind = in_force_at(programme, at).events[name]
    of = None
    later = st.just(at)
    copied: dict[str, FieldValue] = {}
    if kind.role in (Role.REFUNDS, Role.FOLLOWS):
        origin = draw(st.sampled_from(_origins(kind, earlier)))
        partner, person, source, of = origin.partner, origin.person, origin.source, origin.id
        later = st.one_of(later, st.sampled_from(_after(programme, origin)))
    elif kind.role is Role.ENDS and _origins(kind, earlier) and draw(st.integers(0, 4)):
        origin = draw(st.sampled_from(_origins(kind, earlier)))
        partner = origin.partner if Subject.PARTNER in kind.by or draw(st.booleans()) else partner
        person = origin.person
        copied = {part: origin.fields[part] for part in kind.by if isinstance(part, str) and part in origin.fields}
        later = st.one_of(later, st.sampled_from(_after(programme, origin)))
    moved = draw(later)
    declared = in_force_at(programme, moved)
    if name in declared.events:
        # What an event says is what the revision of its day asks for.
        at, kind = moved, declared.events[name]
    fields = draw(_fields(in_force_at(programme, at), kind))
    fields.update({field: value for field, value in copied.items() if field in kind.fields})
    return Event(
        id=identifier, kind=name, partner=partner, person=person, occurred_at=at, source=source, of=of, fields=fields
    )


@st.composite
def _fields(draw: st.DrawFn, programme: Programme, kind: EventKind) -> dict[str, FieldValue]:
    fields: dict[str, FieldValue] = {}
    for spec in kind.fields.values():
        optional = not spec.required or spec.name == kind.part
        if not (optional and draw(st.booleans())):
            origin = programme.events.get(kind.origin_kind or "", kind) if spec.name == kind.part else kind
            telling = origin if spec.name in origin.fields else kind
            value = draw(field_values(programme, telling, spec))
            fields[spec.name] = value
    return fields


@st.composite
def histories(draw: st.DrawFn, programme: Programme, *, max_events: int = 8, partners: int = 2) -> list[Event]:
    """
    Draw what happened to a few partners: events of every kind that the programme knows, in any order.

    Args:
        programme: What declares the kinds.
        max_events: At most so many events.
        partners: At most so many partners, 4 or fewer.
    """
    drawn: list[Event] = []
    for number in range(draw(st.integers(0, max_events))):
        drawn.append(draw(events(programme, partners=partners, earlier=drawn, number=number)))
    return drawn


@st.composite
def grants(draw: st.DrawFn, programme: Programme, history: Sequence[Event], *, max_grants: int = 4) -> list[Grant]:
    """
    Draw decisions for the holders of a history, in the order of recording, as they were decided.

    They redeem, hold, adjust and open, and carry on what came before: captures, releases and reversals of a part or of
    the whole. What a wallet lacks becomes arrears.
    """
    holders = sorted(
        {Holder.partner(event.partner) for event in history}
        | {Holder.person(event.person) for event in history if event.person}
    )
    drawn: list[Grant] = []
    if not holders:
        return drawn
    left: dict[str, int] = {}
    for number, at in enumerate(sorted(draw(st.lists(instants(programme), max_size=max_grants)))):
        day = programme.calendar.day_of(at)
        open_ones = [grant for grant in drawn if left[grant.key] and (grant.until_day is None or day < grant.until_day)]
        goes_on = draw(st.booleans())
        if open_ones and goes_on:
            grant = draw(_carrying_on(draw(st.sampled_from(open_ones)), left, f"g-{number}", at))
        else:
            grant = draw(_new_grant(programme, holders, f"g-{number}", at, day))
        left[grant.key] = 0 if grant.kind in ("release", "restore", "revoke") else grant.amount
        drawn.append(grant)
    return drawn


@st.composite
def _new_grant(draw: st.DrawFn, programme: Programme, holders: Sequence[Holder], key: str, at: int, day: int) -> Grant:
    currency = draw(st.sampled_from(sorted(programme.currencies)))
    kinds = ("redeem", "hold", "debit", "credit", "open")
    kind = draw(st.sampled_from(kinds if programme.currencies[currency].spendable else kinds[2:]))
    amount = draw(st.sampled_from((1, 10, 500, 1_000_000)))
    later = day + draw(st.sampled_from((1, 2, 31, 400)))
    return Grant(
        key=key,
        kind=kind,
        holder=draw(st.sampled_from(list(holders))),
        currency=currency,
        amount=amount,
        at=at,
        until_day=later if kind == "hold" and draw(st.booleans()) else None,
        lots=(GrantedLot(later, at, amount),) if kind in ("credit", "open") else (),
    )


@st.composite
def _carrying_on(draw: st.DrawFn, earlier: Grant, left: dict[str, int], key: str, at: int) -> Grant:
    """Draw what carries an earlier decision on, and take it off what is left of that."""
    kinds = {"hold": ("capture", "release"), "credit": ("revoke",), "open": ("revoke",)}
    kind = draw(st.sampled_from(kinds.get(earlier.kind, ("restore",))))
    amount = draw(st.one_of(st.just(left[earlier.key]), st.integers(1, left[earlier.key])))
    is_final = amount == left[earlier.key] or (kind == "capture" and draw(st.booleans()))
    left[earlier.key] = 0 if is_final else left[earlier.key] - amount
    lots = (evolve(earlier.lots[0], amount=amount),) if kind == "revoke" else ()
    return evolve(
        earlier, key=key, kind=kind, amount=amount, at=at, of=earlier.key, final=is_final, until_day=None, lots=lots
    )


@st.composite
def arrivals(draw: st.DrawFn, programme: Programme, history: Sequence[Event], grants: Sequence[Grant] = ()) -> Arrival:
    """
    Draw a way in which a history comes to a book: an order, what comes twice, transactions, and the clock between them.

    Args:
        programme: What it is settled under.
        history: Events, each once.
        grants: Decisions, in the order of recording; what carries another on comes after it.
    """
    again = draw(st.lists(st.sampled_from(list(history)), max_size=3)) if history else []
    commands = commands_of(grants)
    items: list[Event | Command] = [*history, *again, *commands]
    days = sorted(
        {programme.calendar.day_of(at) for at in [*(e.occurred_at for e in history), *(g.at for g in grants)]}
    )
    steps: list[Batch | Command | Clock | Anew] = []
    waiting: list[Event] = []

    def submit() -> None:
        if waiting:
            steps.append(Batch(tuple(waiting), draw(st.sampled_from((0, 1, 2, 3, 100)))))
            waiting.clear()

    for item in _as_recorded(draw(st.permutations(items)), commands):
        if isinstance(item, Event):
            waiting.append(item)
            between = draw(st.sampled_from(("", "", "", "submit", "clock", "anew")))
        else:
            submit()
            steps.append(item)
            between = draw(st.sampled_from(("", "", "clock", "anew")))
        if between:
            submit()
        if between == "clock":
            steps.append(Clock(draw(st.sampled_from(days)) + draw(st.sampled_from((0, 0, 1, 31, 95, 400)))))
        elif between == "anew":
            steps.append(Anew())
    submit()
    return Arrival(tuple(steps))


def _as_recorded(items: Sequence[Event | Command], commands: Sequence[Command]) -> Iterator[Event | Command]:
    """Put off each command until those have come that it carries on, or that its holder gave in the same instant."""
    waiting: list[Command] = []
    given: set[str] = set()
    before = {command[0].key: _before(command, commands) for command in commands}
    for item in items:
        if isinstance(item, Event):
            yield item
            continue
        waiting.append(item)
        while (ready := next((one for one in waiting if before[one[0].key] <= given), None)) is not None:
            waiting.remove(ready)
            given.add(ready[0].key)
            yield ready


def _before(command: Command, commands: Sequence[Command]) -> set[str]:
    """Give the first key of each command that was recorded before this one and has to come before it."""
    carried_on = {grant.of for grant in command}
    holders = {grant.holder for grant in command}
    return {
        other[0].key
        for other in commands[: commands.index(command)]
        if any(grant.key in carried_on for grant in other)
        or (other[0].at == command[0].at and any(grant.holder in holders for grant in other))
    }


def _origins(kind: EventKind, earlier: Sequence[Event]) -> list[Event]:
    return [event for event in earlier if event.kind == kind.origin_kind]


def _after(programme: Programme, origin: Event) -> list[int]:
    """Instants at which what an event gave is in another state: at once, pending over, expired."""
    calendar = programme.calendar
    day = calendar.day_of(origin.occurred_at)
    return [origin.occurred_at, *(calendar.day_start_us(day + gap) for gap in boundaries.gaps(programme))]
