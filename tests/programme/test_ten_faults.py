"""A file with ten faults of ten kinds: ten findings, each on its line, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from loyalty import ProgrammeError, loads
from loyalty.cli.main import main

#: Each fault has its code in a comment on its line.
TEN_FAULTS = """\
language: 1
programme: {id: ten, starts: 2026-01-01, timezone: Europe/Berlinn}  # unknown-timezone
currencies:
  points: {worth: 0.01 EUR, expires: {after: 24 months, at: end_of_month}}
  mdf: {unit: EUR, expire: {after: 1 year}}  # unknown-key
events:
  deal.won:
    amount: {type: money, unit: EUR, max: 5000000.00}
    seats: {type: int, max: 1000}
    seats: {type: int, max: 1000}  # duplicate-key
earn:
  - rule: one
    on: deal.won
    when: event.amuont >= money("1000 EUR")  # unknown-name
    give: {partner: {points: 5}}
  - rule: two
    on: deal.won
    when: event.amount >= 1000  # mixed-types
    give: {partner: {points: 5}}
  - rule: three
    on: deal.won
    when: 100 / event.seats > 3  # possible-zero-division
    give: {partner: {points: 5}}
  - rule: four
    on: deal.won
    when: event.seats * 9223372036854775807 > 5  # possible-overflow
    give: {partner: {points: 5}}
  - rule: five
    on: deal.won
    give: {partner: {points: 10.5}}  # bad-amount
  - rule: six
    on: deal.won
    of: event.amount
    give: {partner: {points: 3 %}}  # wrong-unit
  - rule: seven
    on: deal.won
    give: {partner: {points: 7}}
    cap: {points: 100, per: [partner, quater]}  # bad-name
"""

PLANTED = [
    (number, line.partition("  # ")[2])
    for number, line in enumerate(TEN_FAULTS.splitlines(), start=1)
    if "  # " in line
]


def test_ten_faults_are_ten_findings_on_their_lines() -> None:
    """Nothing hides another, nothing is told twice, and each says what was got, why, and what to write."""
    with pytest.raises(ProgrammeError) as caught:
        loads(TEN_FAULTS)
    findings = caught.value.findings
    assert len(PLANTED) == 10
    assert [(finding.place.line, finding.code) for finding in findings] == PLANTED
    assert all(finding.got and finding.why and finding.fix and finding.place.column for finding in findings)


def test_the_command_line_prints_all_ten(tmp_path: Path) -> None:
    """`loyalty check` prints each with its line, counts them, and leaves with 1."""
    file = tmp_path / "ten.yaml"
    file.write_text(TEN_FAULTS, encoding="utf-8")
    result = CliRunner().invoke(main, ["check", str(file)])
    assert result.exit_code == 1
    assert "10 findings" in result.output
    for line, code in PLANTED:
        assert any(f"{line}:" in row and code in row for row in result.output.splitlines()), code
