"""Every number of a programme file has a path of its own, and changing it changes nothing else of the file."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import astuple

from loyalty import Programme, load, loads
from loyalty.errors import ProgrammeError
from loyalty.programme import changing
from loyalty.programme.changing import PathError, changed, find_number, numbers_of
from loyalty.programme.nodes import Mapping, Node, Sequence
from loyalty.programme.notes import Notes
from loyalty.programme.yaml_reading import read_yaml

ROOT = Path(__file__).resolve().parents[2]
ACME = load(ROOT / "examples/acme/programme.yaml")
FULL = loads((Path(__file__).parent / "full.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("programme", [ACME, FULL, load(ROOT / "examples/crm_sales/programme.yaml")])
def test_each_number_is_found_by_its_path_and_stands_where_it_is_said_to(programme: Programme) -> None:
    numbers = numbers_of(programme)
    assert len({number.path for number in numbers}) == len(numbers) > 10
    for number in numbers:
        assert find_number(programme, number.path) == number
        assert Decimal(programme.source[number.start : number.end].replace("_", "")) == number.value


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        ("tiers.gold.multiplier", "1.4", "multiplier: 1.25", "multiplier: 1.4"),
        ("earn.deal-base.give.partner.status#2", "200", "status: 1 per 100 EUR", "status: 1 per 200 EUR"),
        ("earn.deal-base.when", "1500", 'event.amount >= money("1000 EUR")\n', 'event.amount >= money("1500 EUR")\n'),
        ("deal-base.cap.points", "4000", "{points: 5000, per: quarter}", "{points: 4000, per: quarter}"),
        ("exchange.USD.2025-07-01.rate", "0.9", "rate: 0.85 EUR", "rate: 0.9 EUR"),
        ("tiers.gold.needs.certified_people", "3", "- certified_people >= 2", "- certified_people >= 3"),
        ("tiers.silver.needs.1", "400", "year_status >= 300", "year_status >= 400"),
        ("campaigns.cloud-spring", "9", "cap: {points: 1500}", "cap: {points: 9}"),
    ],
)
def test_a_change_is_that_of_one_number_in_the_file(path: str, value: str, old: str, new: str) -> None:
    assert ACME.source.count(old) == 1
    after = changed(ACME, {path: Decimal(value)})
    assert after.source == ACME.source.replace(old, new)
    assert after.revision != ACME.revision


def test_several_numbers_change_together() -> None:
    after = changed(ACME, {"tiers.gold.multiplier": Decimal("1.30"), "tiers.silver.multiplier": Decimal("1.2")})
    assert [str(tier.multiplier) for tier in after.ladder.tiers] == ["1", "6/5", "13/10", "3/2"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("tiers.gld.multiplier", "did you mean tiers.ladder.gold.multiplier?"),
        ("earn.deal-base.points", "leads to 4 numbers of"),
        ("deal-base.give.partner", "below it there are earn.deal-base.give.partner.points"),
        ("nonsense", "its first numbers are currencies.points.worth"),
        ("tiers.gold.multiplier#3", "leads to no number"),
        ("tiers.gold.multiplier#two", "write which number of the text is meant"),
        ("", "the path is empty"),
    ],
)
def test_a_path_that_leads_nowhere_says_what_may_be_meant(path: str, message: str) -> None:
    with pytest.raises(PathError, match=message.replace("?", r"\?")):
        find_number(ACME, path)


def test_two_paths_to_one_number_are_refused() -> None:
    with pytest.raises(PathError, match="are the same number"):
        changed(ACME, {"tiers.gold.multiplier": Decimal(2), "tiers.ladder.gold.multiplier": Decimal(3)})


def test_what_the_language_does_not_allow_names_the_change() -> None:
    with pytest.raises(ProgrammeError) as caught:
        changed(ACME, {"tiers.gold.multiplier": Decimal(-1)})
    [finding] = caught.value.findings
    assert finding.code == "out-of-range"
    assert finding.why.endswith("(with tiers.gold.multiplier = -1)")
    assert "multiplier: -1" in finding.excerpt


def test_a_later_revision_keeps_those_before_it(tmp_path: Path) -> None:
    first = tmp_path / "one.yaml"
    first.write_text(ACME.source, encoding="utf-8")
    later = ACME.source.replace("\ncurrencies:", "\nrevision: {from: 2026-01-01, after: one.yaml}\n\ncurrencies:", 1)
    (tmp_path / "two.yaml").write_text(later, encoding="utf-8")
    programme = load(tmp_path / "two.yaml")
    after = changed(programme, {"tiers.gold.multiplier": Decimal("1.3")})
    assert after.earlier == programme.earlier
    assert after.from_day == programme.from_day


def test_numbers_in_quotes_blocks_and_behind_anchors_are_changed_where_they_stand() -> None:
    text = """\
language: 1
programme: {id: example, starts: 2026-01-01, timezone: Europe/Berlin}
currencies: {points: {}}
events:
  deal.won: {amount: {type: money, unit: EUR, max: &most 1000000.00}}
  deal.lost: {amount: {type: money, unit: EUR, max: *most}}
earn:
  - rule: one
    on: deal.won
    when: "event.amount >= money('10 EUR')"
    give: {partner: {points: 1_000}}
  - rule: two
    on: deal.won
    when: |
      event.amount >= money("20 EUR")
    give: {partner: {points: 5}}
"""
    programme = loads(text)
    values = {"one.when": "11", "two.when": "21", "one.points": "7", "events.deal.won.amount.max": "999.00"}
    expected = text
    for old, new in (
        ("'10 EUR", "'11 EUR"),
        ('"20 EUR', '"21 EUR'),
        ("1_000}", "7}"),
        ("&most 1000000.00", "&most 999.00"),
    ):
        expected = expected.replace(old, new)
    assert changed(programme, {path: Decimal(value) for path, value in values.items()}).source == expected


@pytest.mark.parametrize("programme", [ACME, FULL])
def test_what_is_changed_is_what_the_changed_text_says_when_it_is_read(
    programme: Programme, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is read once for all changes; texts and places of every node are those of the changed text."""
    known = []

    def compared(text: str, file: str, *, node: Node | None, **_: object) -> Programme:
        known.append(node is not None)
        assert node is None or _flat(node) == _flat(read_yaml(text, Notes(text, file)))
        return programme

    monkeypatch.setattr(changing, "loads", compared)
    numbers = numbers_of(programme)
    for number in numbers[::4]:
        changed(programme, {number.path: Decimal("12345.75")})
    changed(programme, {number.path: Decimal(place) for place, number in enumerate(numbers[::7])})
    assert known.count(False) <= 1


def _flat(node: Any) -> object:
    if isinstance(node, Mapping):
        return node.place, node.flow, [(_flat(key), _flat(value)) for key, value in node.entries]
    return (node.place, node.flow, [*map(_flat, node.items)]) if isinstance(node, Sequence) else astuple(node)
