"""Only what a programme declares gets in, and everything wrong with an event is said at once."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from loyalty.core.events import Event
from loyalty.errors import EventRejected
from loyalty.programme.admission import admit, read_event
from loyalty.programme.loading import load
from loyalty.programme.model import Programme

DEAL: dict[str, Any] = {
    "on": "deal.won", "at": "2026-02-03", "id": "D-1", "partner": "acme", "amount": "1000.00 EUR",
}  # fmt: skip
TYPED = Event(
    id="D-1",
    kind="deal.won",
    partner="acme",
    occurred_at=1_770_073_200_000_000,
    fields={"amount": 100_000, "registered": False, "segment": "smb", "seats": 0},
)


@pytest.fixture(scope="module")
def programme() -> Programme:
    return load(Path(__file__).parent / "full.yaml")


def reasons(programme: Programme, raw: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(EventRejected) as caught:
        read_event(programme, raw)
    return caught.value.reasons


def test_a_raw_event_becomes_a_typed_one_with_its_defaults(programme: Programme) -> None:
    """Money becomes minor units, a date the start of its local day, and defaults stand in."""
    assert read_event(programme, DEAL) == TYPED


def test_a_complete_event_passes_as_it_is(programme: Programme) -> None:
    """Nothing is copied where nothing is missing."""
    assert admit(programme, TYPED) is TYPED


def test_defaults_are_filled_into_typed_events(programme: Programme) -> None:
    """An event that leaves fields out gets their defaults; optional fields stay absent."""
    assert admit(programme, evolve(TYPED, fields={"amount": 100_000})) == TYPED


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("1_000.5 EUR", 100_050),
        (Decimal("12.34"), 1234),
        (7, 700),
        ("1000 USD", 90_000),
        ("1000.00 GBP", 115_000),
    ],
)
def test_money_is_read_exactly(programme: Programme, amount: object, expected: int) -> None:
    """Texts carry their unit; plain numbers are major units of the declared one; declared units are exchanged."""
    assert read_event(programme, {**DEAL, "amount": amount}).fields["amount"] == expected


def test_the_rate_of_the_events_day_is_used(programme: Programme) -> None:
    """A dated table gives the rate in force, with its own rounding."""
    event = read_event(programme, {**DEAL, "at": "2026-07-01", "amount": "0.50 USD"})
    assert event.fields["amount"] == 46  # 0.50 x 0.9251 = 0.46255


@pytest.mark.parametrize(
    ("at", "hour"),
    [
        ("2026-02-03T14:30", 13.5),
        ("2026-02-03T14:30:00+01:00", 13.5),
        (datetime(2026, 2, 3, 13, 30, tzinfo=UTC), 13.5),
        (datetime(2026, 2, 3, 14, 30), 13.5),
        (date(2026, 2, 3), -1),
        (1_770_076_800_000_000, 0),
    ],
)
def test_instants_are_read_in_the_programmes_zone(programme: Programme, at: object, hour: float) -> None:
    """Dates and local times are of the programme's zone; whole numbers are microseconds."""
    event = read_event(programme, {**DEAL, "at": at})
    assert event.occurred_at == 1_770_076_800_000_000 + hour * 3_600_000_000


@pytest.mark.parametrize(
    ("change", "field", "hint"),
    [
        ({"on": "deal.wonn"}, "on", "did you mean `deal.won`?"),
        ({"on": None}, "on", "deal.won"),
        ({"at": "2026-02-30"}, "at", "2026-02-03"),
        ({"at": None}, "at", "missing"),
        ({"at": "1066-10-14"}, "at", "years"),
        ({"id": None}, "id", "missing"),
        ({"id": ""}, "id", "missing"),
        ({"id": "x" * 300}, "id", "shorten"),
        ({"partner": None}, "partner", "missing"),
        ({"partner": 1.5}, "partner", "quotes"),
        ({"person": ""}, "person", "leave it out"),
        ({"of": "D-0"}, "of", "leave `of` out"),
        ({"amount": None}, "amount", "need it"),
        ({"amount": 1000.0}, "amount", '"1000.00 EUR"'),
        ({"amount": "1000.00"}, "amount", "1000.00 EUR"),
        ({"amount": "1.000,00 EUR"}, "amount", "decimal"),
        ({"amount": "1000.001 EUR"}, "amount", "digits"),
        ({"amount": "1000.00 CHF"}, "amount", "declare an exchange rate"),
        ({"amount": "5 USD", "at": "2024-12-31"}, "amount", "2025-01-01"),
        ({"amount": "1000000.01 EUR"}, "amount", "0.00 to 1000000.00 EUR"),
        ({"amount": "-1 EUR"}, "amount", "outside"),
        ({"amount": Decimal("NaN")}, "amount", "1000.00 EUR"),
        ({"amount": True}, "amount", "1000.00 EUR"),
        ({"seats": True}, "seats", "int"),
        ({"seats": "many"}, "seats", "int"),
        ({"seats": 10001}, "seats", "0 to 10000"),
        ({"registered": 1}, "registered", "bool"),
        ({"registered": "yes"}, "registered", "bool"),
        ({"segment": "small"}, "segment", "smb"),
        ({"region": 5}, "region", "text"),
        ({"regin": "north"}, "regin", "did you mean `region`?"),
        ({"amount": None, "amont": "5 EUR"}, "amont", "did you mean `amount`?"),
        ({"source": "crm/eu"}, "source", "'crm-eu'"),
        ({"source": "crm\0"}, "source", "take that character out"),
        ({"id": "D\0"}, "id", "take that character out"),
        ({"id": "D\ud800"}, "id", "surrogate"),
        ({"partner": "\udfff"}, "partner", "surrogate"),
        ({"person": "a\ud83d"}, "person", "surrogate"),
        ({"region": "a\0b"}, "region", "NUL"),
        ({"region": "\ud800"}, "region", "surrogate"),
    ],
)
def test_each_fault_of_an_event_is_named(programme: Programme, change: dict[str, Any], field: str, hint: str) -> None:
    """A reason begins with the field, and says what to write."""
    (reason,) = reasons(programme, {**DEAL, **change})
    assert reason.startswith(f"{field}: ")
    assert hint in reason


def test_all_faults_are_said_at_once(programme: Programme) -> None:
    """An event with several faults is refused once, with a reason for each."""
    raw = {"on": "deal.won", "at": "soon", "amount": 1.5, "seats": -1, "colour": "red"}
    assert sorted(reason.split(":")[0] for reason in reasons(programme, raw)) == [
        "amount", "at", "colour", "id", "partner", "seats",
    ]  # fmt: skip


def test_texts_are_read_as_the_declared_type(programme: Programme) -> None:
    """A table of texts can be read without knowing its types."""
    event = read_event(programme, {**DEAL, "seats": "12", "registered": "true"})
    assert (event.fields["seats"], event.fields["registered"]) == (12, True)


def test_events_that_speak_of_others_need_not_name_the_partner(programme: Programme) -> None:
    """A refund reaches the partner of what it refunds; without `of` it is refused."""
    refund = {"on": "deal.refunded", "at": "2026-03-01", "id": "R-1", "of": "D-1", "reason": "returned"}
    assert read_event(programme, refund).partner == ""
    assert reasons(programme, {**refund, "of": None, "partner": "acme"})[0].startswith("of: ")


def test_built_in_kinds(programme: Programme) -> None:
    """Every programme knows voids, and tiers given by hand."""
    assert read_event(programme, {"on": "void", "at": "2026-03-01", "id": "V", "of": "D-1"}).of == "D-1"
    override = {
        "on": "tier.override", "at": "2026-03-01", "id": "T", "partner": "acme", "tier": "gold", "until": "2026-12-31",
    }  # fmt: skip
    assert read_event(programme, override).fields == {"tier": "gold", "until": "2026-12-31"}
    faults = reasons(programme, {**override, "tier": "golden", "until": "2026-13-01"})
    assert [fault.split(":")[0] for fault in faults] == ["tier", "until"]
    assert "until" in reasons(programme, {key: value for key, value in override.items() if key != "until"})[0]


@pytest.mark.parametrize(
    "change",
    [
        {"occurred_at": True},
        {"occurred_at": 1.5},
        {"occurred_at": -(10**18)},
        {"id": 5},
        {"partner": ""},
        {"person": 5},
        {"fields": {"amount": 1, "segment": 5}},
        {"fields": {"amount": "1"}},
        {"kind": "other"},
        {"source": "a/b"},
        {"id": "\ud800"},
        {"partner": "\0"},
        {"person": "\udc00"},
        {"fields": {"amount": 1, "region": "\ud800"}},
        {"fields": {"amuont": 1}},
    ],
)
def test_typed_events_are_checked_as_well(programme: Programme, change: dict[str, Any]) -> None:
    """What a host builds itself passes through the same gate."""
    with pytest.raises(EventRejected) as caught:
        admit(programme, evolve(TYPED, **change))
    assert len(caught.value.reasons) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"id": "D\ud800"},
        {"source": "\ud800"},
        {"on": "\ud800"},
        {"\ud800": 1},
        {"segment": "\ud800"},
        {"amount": "\ud800"},
        {"at": "\ud800"},
    ],
)
def test_what_is_said_of_an_event_can_always_be_printed(programme: Programme, change: dict[str, Any]) -> None:
    """A message about a text that has no form in UTF-8 has one itself."""
    with pytest.raises(EventRejected) as caught:
        read_event(programme, {**DEAL, **change})
    assert str(caught.value).encode()
    assert caught.value.identity.encode()


def test_other_texts_of_all_the_world_are_taken(programme: Programme) -> None:
    """Line breaks, signs beyond the first plane and right-to-left marks are texts like any other."""
    names = {
        "id": "D\u200f/1",
        "source": "müller\t1",
        "partner": "\U0001f600",
        "person": "a\nb",
        "region": "\x7f\uffff",
    }
    event = read_event(programme, {**DEAL, **names})
    assert (event.id, event.source, event.partner, event.person) == tuple(list(names.values())[:4])


def test_identities_are_never_ambiguous(programme: Programme) -> None:
    """Without a slash in the source, source and id can be read from the identity."""
    event = read_event(programme, {**DEAL, "source": "crm", "id": "a/b/c"})
    assert event.identity.partition("/")[::2] == ("crm", "a/b/c")
