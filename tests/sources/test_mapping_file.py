"""Mapping files: each kind of fault with its line, the schema, and the example of the reference."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from loyalty.core.amounts import format_minor_units
from loyalty.core.events import Event
from loyalty.errors import SourceError
from loyalty.programme.model import Programme
from loyalty.sources import load_mapping, loads_mapping, mapping_schema, read_events

ROOT = Path(__file__).parents[2]

GOOD = """\
source: crm
format: {encoding: cp1252, delimiter: ";", decimal: ",", thousands: "."}
values:
  lines: {Cloud Suite: cloud}
rows:
  - on: deal.won
    where: {stage: Won}
    id: "{number}"
    at: {column: closed, format: "%d.%m.%Y"}
    partner: {column: account}
    fields:
      amount: {column: sum, unit: EUR}
      line: {column: line, table: lines}
  - on: deal.refunded
    where: {stage: [Returned, Cancelled], reason: present}
    id: "refund-{number}"
    of: "{number}"
    at: {column: closed}
    partner: {column: account}
otherwise: refuse
"""


def test_a_good_mapping_loads(programme: Programme) -> None:
    """The columns that it reads are known before the file is opened."""
    mapping = loads_mapping(GOOD, programme)
    assert set(mapping.columns) == {"stage", "number", "closed", "account", "sum", "line", "reason"}
    assert mapping.refuses_others


FAULTS = [
    ("source: crm", "sorce: crm", "unknown-key", 1),
    ("source: crm\n", "", "missing-key", 1),
    ("encoding: cp1252", "encoding: cp12520", "bad-format", 2),
    ("encoding: cp1252", "encoding: rot13", "bad-format", 2),
    ('delimiter: ";"', 'delimiter: ";;"', "bad-format", 2),
    ('decimal: ","', 'decimal: "."', "bad-format", 2),
    ('decimal: ","', 'decimal: "5"', "bad-format", 2),
    ("Cloud Suite: cloud", "Cloud Suite: clod", "bad-value", 4),
    ("Cloud Suite: cloud", "Cloud Suite: [cloud]", "wrong-shape", 4),
    ("on: deal.won", "on: deal.one", "unknown-event", 6),
    ("  - on: deal.won\n    where", "  - where", "missing-key", 6),
    ("{stage: Won}", "{stage: {nt: Won}}", "unknown-key", 7),
    ("{stage: Won}", "stage", "wrong-shape", 7),
    ('"{number}"\n    at', "{number}\n    at", "bad-template", 8),
    ('id: "{number}"', "id: number", "bad-template", 8),
    ('id: "{number}"', 'id: "{number"', "bad-template", 8),
    ('id: "{number}"', 'id: "{}"', "bad-template", 8),
    ('id: "{number}"', "id: {constant: one}", "bad-constant", 8),
    ('id: "{number}"', "ident: x", "unknown-key", 8),
    ("%d.%m.%Y", "%d.%m", "bad-date-format", 9),
    ("%d.%m.%Y", "%d.%m.%Q", "bad-date-format", 9),
    ('format: "%d.%m.%Y"', "timezone: Mars/Olympus", "unknown-timezone", 9),
    ("partner: {column: account}\n    fields", "partner: {colum: account}\n    fields", "unknown-key", 10),
    ("partner: {column: account}\n    fields", "partner: {table: lines}\n    fields", "missing-key", 10),
    ("partner: {column: account}\n    fields", "partner: {column: a, unit: EUR}\n    fields", "unknown-key", 10),
    ("amount: {", "amout: {", "unknown-field", 12),
    ("      amount: {column: sum, unit: EUR}\n", "", "missing-field", 6),
    ("unit: EUR", "unit: {colum: x}", "unknown-key", 12),
    ("unit: EUR", "default: much", "bad-value", 12),
    ("table: lines", "table: line", "unknown-table", 13),
    ("column: line, table: lines", "constant: clod", "bad-value", 13),
    ("column: line, table: lines", "constant: cloud, table: lines", "unknown-key", 13),
    ("column: line, table: lines", "column: line, unlisted: refuse", "unknown-key", 13),
    ("table: lines", "table: lines, unlisted: drop", "unknown-word", 13),
    ('    of: "{number}"\n', "", "missing-key", 14),
    ("otherwise: refuse", "otherwise: drop", "unknown-word", 20),
    ("otherwise: refuse", "source: crm", "duplicate-key", 20),
]


@pytest.mark.parametrize(("good", "bad", "code", "line"), FAULTS)
def test_each_kind_of_fault_is_found_on_its_line(
    programme: Programme, good: str, bad: str, code: str, line: int
) -> None:
    """One change to a good file gives a finding of its kind, there, with a fix."""
    assert good in GOOD
    with pytest.raises(SourceError) as caught:
        loads_mapping(GOOD.replace(good, bad, 1), programme, file="m.yaml")
    found = {(finding.code, finding.place.line): finding for finding in caught.value.findings}
    assert (code, line) in found, list(found)
    assert found[code, line].fix
    assert found[code, line].place.file == "m.yaml"


def test_all_faults_are_found_at_once(programme: Programme) -> None:
    """Five faults give five findings, in the order of the file."""
    text = GOOD.replace("cp1252", "cp12520").replace("%d.%m.%Y", "%d.%m").replace("amount: {", "amout: {")
    with pytest.raises(SourceError) as caught:
        loads_mapping(text.replace("otherwise: refuse", "otherwise: drop"), programme)
    assert [finding.place.line for finding in caught.value.findings] == [2, 6, 9, 12, 20]


@pytest.mark.parametrize("text", ["", "- a\n", "source: [", "source: crm\nrows: []\n", "source: crm\nrows: {a: b}\n"])
def test_what_is_no_mapping_file_is_refused(programme: Programme, text: str) -> None:
    """Nothing, a list, broken YAML, and no entries."""
    with pytest.raises(SourceError):
        loads_mapping(text, programme)


def test_a_file_that_is_not_there_is_named(programme: Programme, tmp_path: Path) -> None:
    """The finding has the path."""
    with pytest.raises(SourceError, match=r"none\.yaml"):
        load_mapping(tmp_path / "none.yaml", programme)


def plain(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_the_schema_takes_good_mappings_and_refuses_what_the_loader_does() -> None:
    """Editors underline unknown keys, missing ones and values of another shape."""
    schema = mapping_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(plain(GOOD))
    validator.validate(plain((ROOT / "examples/crm_sales/mapping.yaml").read_text(encoding="utf-8")))
    shapes = {"unknown-key", "missing-key", "wrong-shape", "unknown-word"}
    # An editor does not know that a unit is for amounts alone, that a table is declared, or what a kind must have.
    beyond = ("unit: EUR}\n    fields", "of:", "unlisted: refuse", "  - on: deal.won")
    for good, bad, code, _ in FAULTS:
        if code in shapes and not any(part in good or part in bad for part in beyond):
            assert not validator.is_valid(plain(GOOD.replace(good, bad, 1))), bad


def show(event: Event, programme: Programme) -> str:
    specs = programme.events[event.kind].fields
    parts = [programme.calendar.local(event.occurred_at).date().isoformat(), event.kind, event.identity]
    parts += [event.partner, event.person or "-"]
    for name, value in sorted(event.fields.items()):
        if name in ("amount", "channel", "line"):
            unit = specs[name].unit
            parts.append(f"{name}={f'{format_minor_units(int(value), 2)} {unit}' if unit else value}")
    return " ".join(parts)


def test_the_example_of_the_reference_gives_what_it_says(programme: Programme, tmp_path: Path) -> None:
    """The page's own file and mapping are read, and compared with the events that it prints."""
    page = (ROOT / "docs/reference/mapping-file.md").read_text(encoding="utf-8")
    for name, text in re.findall(r"```\w+ file=(\S+)\n(.*?)```", page, re.DOTALL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    mapping = load_mapping(tmp_path / "mapping.yaml", programme)
    reading = read_events(tmp_path / "deals.csv", programme, mapping)
    expected = re.search(r"```text\n(.*?)```", page, re.DOTALL)
    assert expected
    assert [show(event, programme) for event in reading.events] == expected[1].splitlines()
    assert reading.rows_filtered == 2
