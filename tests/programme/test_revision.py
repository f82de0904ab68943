"""The identity of a revision follows what can change a posting, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from loyalty.programme.loading import loads

FULL = (Path(__file__).parent / "full.yaml").read_text(encoding="utf-8")
REVISION = loads(FULL).revision


def test_it_is_sixteen_hexadecimal_digits() -> None:
    """Short enough to be shown, long enough never to repeat."""
    assert re.fullmatch(r"[0-9a-f]{16}", REVISION)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: Every feature", "title: Another title"),
        ("worth: 0.01 EUR", "worth: 0.02 EUR"),
        ("no_merge_gain: {except: small deals are not counted}", "no_merge_gain: {except: another reason}"),
        ("name: a deal and its payment", "name: another name"),
        ("# A programme with every feature", "\n\n# A programme with every feature"),
        ("      has(event.region)\n      && event.region", "      has(event.region)  &&  event.region"),
        (
            "quarter_points:   {earned: points, window: calendar_quarter}",
            "quarter_points: {window: calendar_quarter, earned: points}",
        ),
        ("1 per 100 EUR, status", "1 per 100.00 EUR, status"),
    ],
)
def test_words_for_people_do_not_change_it(old: str, new: str) -> None:
    """Titles, reasons, examples, worth, places and the order of keys change no posting."""
    assert FULL.count(old) == 1
    assert loads(FULL.replace(old, new)).revision == REVISION


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("id: full", "id: other"),
        ("timezone: Europe/Berlin", "timezone: Europe/Paris"),
        ("year_starts: 2", "year_starts: 3"),
        ("{after: 24 months, at: end_of_month}", "{after: 25 months, at: end_of_month}"),
        ("rate: 0.90 EUR", "rate: 0.91 EUR"),
        ("month_deals > 3", "month_deals > 4"),
        ("1 per 100 EUR, status", "2 per 100 EUR, status"),
        ("[tier.multiplier, 1.1]", "[tier.multiplier, 1.2]"),
        ("{rate: half_up, multiply: half_even}", "{rate: half_up, multiply: half_up}"),
        ("every: month, length: 3, repeat: true", "every: month, length: 3"),
        ("grace: 90 days", "grace: 91 days"),
        ("within: 180 days", "within: 181 days"),
        ("stack:  all", "stack:  first"),
        ('["north", "south"]', '["no rth", "south"]'),
    ],
)
def test_what_changes_a_posting_changes_it(old: str, new: str) -> None:
    """Amounts, conditions, dates, roundings and policies are all part of it."""
    assert FULL.count(old) == 1
    assert loads(FULL.replace(old, new)).revision != REVISION


def test_spaces_inside_strings_are_part_of_it() -> None:
    """Only the spaces between the parts of an expression are without meaning."""
    one, two = (loads(FULL.replace('"north"', text)).revision for text in ('"the north"', '"the  north"'))
    assert one != two


def test_a_period_and_a_field_of_its_name_are_told_apart() -> None:
    """A cap for each month is another than a cap for each value of a field that is called month."""
    text = """\
language: 1
programme: {id: small, starts: 2026-01-01, timezone: UTC}
currencies: {points: {}}
events: {deal.won: {month: text}}
earn: [{rule: deal, on: deal.won, give: {partner: {points: 1}}, cap: {points: 5, per: [PART]}}]
"""
    assert loads(text.replace("PART", "month")).revision != loads(text.replace("PART", "event.month")).revision


def test_it_is_the_same_in_every_process() -> None:
    """Neither the order of sets nor anything else of one process is part of it."""
    code = f"from loyalty.programme.loading import loads; print(loads({FULL!r}).revision)"
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert seen == {REVISION}
