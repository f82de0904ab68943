"""A chain of programme files: how it is followed, and everything that a later one must keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from loyalty.core.calendar import parse_day
from loyalty.errors import EventRejected, Finding, ProgrammeError
from loyalty.programme.admission import read_event
from loyalty.programme.loading import load, loads
from loyalty.programme.model import Programme
from loyalty.programme.revisions import chain_of, in_force, revisions_of

FIRST = """\
language: 1
programme: {id: acme, starts: 2026-01-01, timezone: Europe/Berlin}
limits: {events_per_holder: 1000}
currencies:
  points: {expires: {after: 60 days}}
  status: {spendable: false}
  mdf: {unit: EUR}
events:
  deal.won:
    amount: {type: money, unit: EUR, max: 1000.00}
    seats: {type: int, max: 50}
    region: {type: text, optional: true}
  deal.paid: {follows: deal.won}
  deal.refunded: {refunds: deal.won}
  exam.passed: {track: text}
  exam.expired: {ends: exam.passed, by: [person, track]}
metrics:
  deals: {count: deal.won, window: lifetime}
  seats: {sum: event.seats, of: deal.won, window: lifetime}
earn:
  - rule: base
    on: deal.won
    when: event.seats > 0
    of: event.amount
    give: {partner: {points: 1 per 100 EUR, status: 1, mdf: 1 %}}
tiers:
  ladder:
    - {tier: silver, needs: deals >= 2}
    - {tier: gold, needs: deals >= 5}
"""

SECOND = FIRST.replace("limits:", "revision: {from: 2026-07-01, after: first.yaml}\nlimits:").replace(
    "1 per 100", "2 per 100"
)

BEFORE = loads(FIRST, file="first.yaml")


def findings_of(text: str, before: Programme = BEFORE) -> tuple[Finding, ...]:
    with pytest.raises(ProgrammeError) as caught:
        loads(text, file="second.yaml", before=before)
    return caught.value.findings


def written(folder: Path, **files: str) -> Path:
    """Write files into a folder, and give the path of the last."""
    for name, text in files.items():
        path = folder / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_loaded_with_those_before_it(tmp_path: Path) -> None:
    """The chain is followed by paths beside each file; the last one knows all before it, each with its first day."""
    third = SECOND.replace("2026-07-01", "2027-01-01").replace("first.yaml", "old/second.yaml")
    (tmp_path / "old").mkdir()
    written(tmp_path / "old", first=FIRST, second=SECOND)
    programme = load(written(tmp_path, third=third))
    assert [Path(one.file).name for one in revisions_of(programme)] == ["first.yaml", "second.yaml", "third.yaml"]
    assert [one.from_day for one in revisions_of(programme)][1:] == [parse_day("2026-07-01"), parse_day("2027-01-01")]
    assert [one.earlier for one in programme.earlier] == [(), (programme.earlier[0],)]
    assert in_force(programme, parse_day("2026-06-30")).revision == BEFORE.revision


def test_a_revision_is_identified_by_its_first_day_too() -> None:
    """The same rules from another day are another revision, and another chain."""
    second, later = (loads(SECOND.replace("2026-07-01", day), before=BEFORE) for day in ("2026-07-01", "2026-08-01"))
    assert second.revision != later.revision
    assert len({chain_of(one) for one in (BEFORE, second, later)}) == 3
    assert chain_of(BEFORE) == BEFORE.revision


def test_a_host_gives_the_revision_before_itself() -> None:
    """A declaration that is kept elsewhere than in files names no file."""
    programme = loads(SECOND.replace(", after: first.yaml", ""), before=BEFORE)
    assert programme.earlier == (BEFORE,)


def test_each_event_is_admitted_by_the_revision_of_its_day() -> None:
    """A kind that comes with the second revision is unknown on the day before, and one that goes is known till then."""
    text = SECOND.replace("  deal.paid: {follows: deal.won}", "  lead.registered: {}")
    programme = loads(text, before=BEFORE)
    lead = {"id": "L", "on": "lead.registered", "partner": "p"}
    assert read_event(programme, {**lead, "at": "2026-07-01"}).kind == "lead.registered"
    with pytest.raises(EventRejected, match=r"no kind 'lead\.registered'"):
        read_event(programme, {**lead, "at": "2026-06-30"})
    paid = {"id": "P", "on": "deal.paid", "of": "D"}
    assert read_event(programme, {**paid, "at": "2026-06-30"}).kind == "deal.paid"
    with pytest.raises(EventRejected, match=r"no kind 'deal\.paid'"):
        read_event(programme, {**paid, "at": "2026-07-01"})


def test_findings_of_earlier_files_come_with_those_of_the_later(tmp_path: Path) -> None:
    """Whoever mends the files sees everything at once, each with its own file."""
    path = written(
        tmp_path, first=FIRST.replace("max: 50", "max: many"), second=SECOND.replace("silver, needs", "silver, neds")
    )
    with pytest.raises(ProgrammeError) as caught:
        load(path)
    assert [Path(finding.place.file).name for finding in caught.value.findings] == ["first.yaml", "second.yaml"]


@pytest.mark.parametrize(
    ("second", "code", "place"),
    [
        (SECOND.replace("first.yaml", "second.yaml"), "revision-cycle", "second.yaml:3:37"),
        (SECOND.replace("first.yaml", "gone.yaml"), "no-file", "second.yaml:3:37"),
        (SECOND.replace(", after: first.yaml", ""), "no-earlier", "second.yaml:3:11"),
    ],
)
def test_a_chain_that_cannot_be_followed_is_a_finding(tmp_path: Path, second: str, code: str, place: str) -> None:
    """A file that comes after itself, one that is missing, and one that is not named."""
    path = written(tmp_path, first=FIRST, second=second)
    with pytest.raises(ProgrammeError) as caught:
        load(path)
    found = [(one.code, str(one.place)) for one in caught.value.findings]
    assert found == [(code, f"{tmp_path}/{place}")]


def test_a_longer_cycle_is_found_where_it_closes(tmp_path: Path) -> None:
    """The second comes after the third, which comes after the second."""
    third = SECOND.replace("first.yaml", "second.yaml").replace("2026-07-01", "2027-01-01")
    path = written(tmp_path, second=SECOND.replace("first.yaml", "third.yaml"), third=third)
    with pytest.raises(ProgrammeError) as caught:
        load(path)
    assert [(one.code, Path(one.place.file).name) for one in caught.value.findings] == [
        ("revision-cycle", "second.yaml")
    ]


def test_a_text_alone_needs_the_revision_before_it() -> None:
    """Without it nothing can be said; and a later one says from when it is in force."""
    with pytest.raises(ProgrammeError) as caught:
        loads(SECOND)
    assert [finding.code for finding in caught.value.findings] == ["no-earlier"]
    assert [finding.code for finding in findings_of(FIRST)] == ["missing-key"]


KEPT = [
    ("id: acme", "id: other", "not-as-before", 2),
    ("Europe/Berlin", "UTC", "not-as-before", 2),
    ("starts: 2026-01-01", "starts: 2026-01-01, year_starts: 4", "not-as-before", 2),
    ("points: {exp", "points: {scale: 2, exp", "not-as-before", 6),
    ("points: {exp", "points: {spendable: false, exp", "not-as-before", 6),
    ("mdf: {unit: EUR}", "mdf: {unit: USD}", "not-as-before", 8),
    ("seats: {type: int, max: 50}", "seats: {type: money, unit: EUR, max: 50.00}", "not-as-before", 12),
    ("deal.refunded: {refunds: deal.won}", "deal.refunded: {follows: deal.won}", "not-as-before", 15),
    ("by: [person, track]", "by: [person]", "not-as-before", 17),
    ("region: {type: text, optional: true}", "region: text", "field-not-always", 13),
    ("    seats: {type: int, max: 50}\n", "", "field-not-always", 10),
    ("  deal.paid:", "    sort: text\n  deal.paid:", "field-not-always", 14),
]


@pytest.mark.parametrize(("old", "new", "code", "line"), KEPT, ids=[new[:40].strip() for _, new, _, _ in KEPT])
def test_what_all_revisions_have_alike_is_kept(old: str, new: str, code: str, line: int) -> None:
    """Another unit, type, role or key would make one thing of two; each is said where it stands."""
    assert SECOND.count(old) == 1
    found = [(one.code, one.place.line, one.place.file) for one in findings_of(SECOND.replace(old, new))]
    # What reads a field that is gone is a finding of its own.
    assert (code, line, "second.yaml") in found


def test_what_may_change_is_no_finding() -> None:
    """Dates, expiry, bounds, tiers that come and go, new fields that need not be there, kinds and currencies."""
    changes = {
        "starts: 2026-01-01": "starts: 2026-03-01, ends: 2027-12-31",
        "after: 60 days": "after: 1 year",
        "  mdf: {unit: EUR}": "  mdf: {unit: EUR}\n  stars: {scale: 1}",
        "max: 1000.00": "max: 9000.00",
        "optional: true}": "optional: true}\n    direct: {type: bool, default: false}",
        "  deal.paid: {follows: deal.won}\n": "",
        "    - {tier: silver, needs: deals >= 2}\n": "    - {tier: bronze, needs: deals >= 1}\n",
    }
    text = SECOND
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    assert loads(text, before=BEFORE).earlier == (BEFORE,)


def test_tiers_keep_their_order() -> None:
    """Two revisions cannot disagree about which of two tiers is higher."""
    swapped = SECOND.replace("silver, needs: deals >= 2", "gold, needs: deals >= 2").replace(
        "{tier: gold, needs: deals >= 5}", "{tier: silver, needs: deals >= 5}"
    )
    assert [(one.code, one.place.line) for one in findings_of(swapped)] == [("tier-order", 30)]


def test_a_revision_begins_after_the_one_before_it() -> None:
    """Not on the same day, and not earlier."""
    second = loads(SECOND, before=BEFORE)
    for day in ("2026-07-01", "2026-06-30"):
        found = findings_of(SECOND.replace("2026-07-01", day), before=second)
        assert [(one.code, one.place.line) for one in found] == [("revision-order", 3)]


def test_a_grandfathered_rule_meets_no_more_than_it_was_proven_for() -> None:
    """Its field may hold more only under a rule of another name; nor may the events be more that its metrics count."""
    first = loads(FIRST.replace("    on: deal.won\n", "    on: deal.won\n    grandfather: joined\n"), file="first.yaml")
    wider = SECOND.replace("max: 1000.00", "max: 2000.00")
    assert [(one.code, one.place.line) for one in findings_of(wider, before=first)] == [("outgrown", 11)]
    assert loads(SECOND.replace("max: 1000.00", "max: 900.00"), before=first).earlier == (first,)
    reading = loads(
        FIRST.replace("    on: deal.won\n", "    on: deal.won\n    grandfather: joined\n").replace(
            "event.seats > 0", "seats < 40000"
        )
    )
    found = findings_of(SECOND.replace("holder: 1000", "holder: 5000"), before=reading)
    assert [(one.code, one.place.line) for one in found] == [("outgrown", 4)]


def test_grandfather_by_origin_needs_a_kind_that_speaks_of_another() -> None:
    """A deal is its own origin."""
    text = FIRST.replace("    on: deal.won\n", "    on: deal.won\n    grandfather: origin\n")
    with pytest.raises(ProgrammeError) as caught:
        loads(text)
    assert [finding.code for finding in caught.value.findings] == ["no-origin"]


def test_what_all_revisions_pay_together_stays_within_what_is_counted_in() -> None:
    """Each alone fits into a balance, and one after the other they do not."""
    huge = "give: {partner: {points: 4000000000000}}\n"
    first = FIRST.replace("give: {partner: {points: 1 per 100 EUR, status: 1, mdf: 1 %}}\n", huge)
    second = SECOND.replace("give: {partner: {points: 2 per 100 EUR, status: 1, mdf: 1 %}}\n", huge)
    before = loads(first.replace("    of: event.amount\n", ""))
    found = findings_of(second.replace("    of: event.amount\n", "").replace("4000000000000", "6000000000000"), before)
    assert [finding.code for finding in found] == ["possible-overflow"]
    assert "earlier revisions are counted in" in found[0].why


def test_metrics_are_proven_for_the_events_of_all_revisions() -> None:
    """The first revision takes larger deals than the second, whose metric counts them too."""
    first = FIRST.replace("max: 50}", "max: 9000000000000}").replace(
        "of: deal.won, window: lifetime", "of: deal.won, window: calendar_year"
    )
    second = SECOND.replace("sum: event.seats", "sum: event.seats * 2000")
    assert loads(second, before=BEFORE).earlier == (BEFORE,)
    assert [finding.code for finding in findings_of(second, before=loads(first))] == ["possible-overflow"]
