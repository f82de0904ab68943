"""Files that nobody wrote on purpose, and what importing costs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from loyalty.errors import SourceError
from loyalty.programme.model import Programme
from loyalty.sources import loads_mapping, mapping_schema, read_events

Write = Callable[[str, str | bytes], Path]

CELLS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["1e999999999", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", '"', "\n", "\r", "\x00", "-0"]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(CELLS, min_size=1, max_size=12), raw=st.binary(max_size=20))
@example(cells=["deal.won", "0001-01-01T00:00+14:00", "D", "acme", "1"], raw=b"")
def test_any_csv_gives_events_or_findings(programme: Programme, write: Write, cells: list[str], raw: bytes) -> None:
    """No content of a file raises anything but a SourceError."""
    text = "on,at,id,partner,amount\n" + ",".join(cells)
    path = write("a.csv", text.encode("utf-8", "surrogatepass") + raw)
    reading = read_events(path, programme, skip_bad_rows=True)
    assert reading.rows_read == len(reading.events) + len(reading.bad) + reading.rows_filtered


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), CELLS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.tuples(JSON, JSON, JSON, JSON), amount=st.sampled_from(["1e999999999", "1E-999999999", "9" * 5_000]))
def test_any_json_gives_events_or_findings(
    programme: Programme, write: Write, values: tuple[object, ...], amount: str
) -> None:
    """Nor does any value of a JSON line, however long its digits."""
    at, id, partner, channel = (json.dumps(value) for value in values)
    line = (
        f'{{"on": "deal.won", "at": {at}, "id": {id}, "partner": {partner}, "channel": {channel}, "amount": {amount}}}'
    )
    reading = read_events(write("a.jsonl", line), programme, skip_bad_rows=True)
    assert (reading.rows_read, len(reading.bad)) == (1, 1)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet="abcd:{}[]\"' \n-|>&*!%#,?\t", max_size=60))
def test_any_mapping_text_loads_or_gives_findings(programme: Programme, text: str) -> None:
    """Nor does any text that is given as a mapping file."""
    with pytest.raises(SourceError):
        loads_mapping("source: " + text, programme)


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "utf-8"])
def test_the_mapping_names_the_encoding(programme: Programme, write: Write, encoding: str) -> None:
    """The same text in three encodings is the same events."""
    mapping = loads_mapping(
        f"source: s\nformat: {{encoding: {encoding}}}\nrows:\n"
        '  - {on: lead.registered, id: "{Nr}", at: {column: Datum}, partner: {column: Händler}}\n',
        programme,
    )
    path = write("a.csv", "Nr,Datum,Händler\n1,2026-02-03,Müller\n".encode(encoding))
    assert [event.partner for event in read_events(path, programme, mapping).events] == ["Müller"]


def test_a_file_in_another_encoding_than_named_is_refused(programme: Programme, write: Write) -> None:
    """UTF-8 that is read as UTF-16 ends with a finding that says what to write."""
    text = (
        "source: s\nformat: {encoding: utf-16}\nrows:\n"
        "  - {on: lead.registered, id: '{a}', at: {column: a}, partner: {column: a}}\n"
    )
    with pytest.raises(SourceError, match="encoding"):
        read_events(write("a.csv", "a,b,\n"), programme, loads_mapping(text, programme))


def test_importing_sources_loads_no_format() -> None:
    """openpyxl and pyarrow wait for the first file of their kind."""
    code = "import sys, loyalty.sources; print(sorted({'openpyxl', 'pyarrow', 'numpy', 'click'} & sys.modules.keys()))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_schema_beside_the_examples_is_the_present_one() -> None:
    """The file that the examples point editors at is what the library gives."""
    root = Path(__file__).parents[2] / "examples"
    assert json.loads((root / "mapping.schema.json").read_text(encoding="utf-8")) == mapping_schema()
    first = (root / "crm_sales" / "mapping.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first.endswith("$schema=../mapping.schema.json")
