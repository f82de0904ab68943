"""YAML's own meaning of signs that expressions use: explained where it gets in the way, and read on from there."""

from __future__ import annotations

import pytest

from loyalty.errors import Finding, ProgrammeError
from loyalty.programme.loading import loads
from loyalty.programme.nodes import Mapping, Scalar, plain_value
from loyalty.programme.notes import Notes
from loyalty.programme.yaml_reading import read_yaml

TEMPLATE = """\
language: 1
programme: {id: traps, starts: 2026-01-01, timezone: UTC}
currencies: {points: {}}
events:
  deal.won: {amount: {type: money, unit: EUR, max: 100.00}, direct: bool, seats: {type: int, max: 9}, track: text}
metrics:
  deals: {count: deal.won, window: lifetime}
earn:
  - rule: trap
    on: deal.won
    WHEN
    give: {partner: {points: 1}}
tiers:
  ladder:
    - tier: gold
      needs: NEEDS
fairness: {no_clif: {except: this fault is found as well}}
"""

# What stands at WHEN, with » before the place of the finding, its code, and a part of what to write.
CONDITIONS = [
    ("when: »!event.direct", "yaml-tag", "'!event.direct'"),
    ("when: »!event.direct && event.seats > 1", "yaml-tag", "'!event.direct && event.seats > 1'"),
    ("when: »!(event.seats > 1)", "yaml-tag", "'!(event.seats > 1)'"),
    ("when: event.direct ? event.seats > 1 »: true", "yaml-colon", "'event.direct ? event.seats > 1 : true'"),
    ('when: "a" »== event.track', "yaml-quote", "'\"a\" == event.track'"),
    ('when: »"event.direct', "yaml-quote", "close it"),
    ("when: event.seats > 1 # few\n      »&& event.direct", "yaml-comment", "indent"),
    ("when: »event.seats > 1 #&& event.direct", "yaml-comment", "quotes"),
    ('when: event.track == »"a #b"', "unterminated-string", "` #`"),
    ("»\twhen: event.direct", "yaml-tab", "spaces"),
    ("when: »&event.direct", "yaml-anchor", "'&event.direct'"),
    ("when: »*event.direct", "yaml-sign", "'*event.direct'"),
    ("when: »%event", "yaml-sign", "'%event'"),
    ("when: »@event", "yaml-sign", "'@event'"),
    ("when: »| event.direct", "yaml-sign", "'| event.direct'"),
    ("when: »[event.direct]", "yaml-flow-list", "quotes"),
    ("when: {»event.direct: true}", "yaml-colon", "quotes"),
    ("when:»event.direct", "yaml-colon", "`when: event.direct`"),
    (" »when: event.direct", "yaml-indentation", "same indentation"),
    ("when»: # nothing", "missing-value", "expression"),
]

# What stands at NEEDS, likewise.
LISTS = [
    ("»[min(deals, 5) >= 1]", "yaml-flow-list", "`- `"),
    ("[deals in »[1, 2], deals > 1]", "yaml-flow-list", "`- `"),
    ("\n        - »deals > 1 ? deals < 5 : false", "yaml-colon", "'deals > 1 ? deals < 5 : false'"),
    ("\n        - »!(deals > 1)", "yaml-tag", "'!(deals > 1)'"),
]


def text_of(when: str = "when: event.direct", needs: str = "[deals > 1]") -> str:
    return TEMPLATE.replace("WHEN", when).replace("NEEDS", needs)


def findings_of(text: str) -> list[Finding]:
    with pytest.raises(ProgrammeError) as caught:
        loads(text)
    return list(caught.value.findings)


def check(text: str, code: str, fix: str) -> None:
    offset = text.index("»")
    line, column = text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
    findings = findings_of(text.replace("»", ""))
    assert [(f.code, f.place.line, f.place.column) for f in findings if f.place.line <= line] == [(code, line, column)]
    assert fix in findings[0].fix
    assert findings[-1].got == "`no_clif`", "what stands below the trap is checked too"


@pytest.mark.parametrize(("when", "code", "fix"), CONDITIONS)
def test_a_trap_in_a_condition_is_explained(when: str, code: str, fix: str) -> None:
    """One finding says what YAML read and what to write, and the faults below are found as well."""
    check(text_of(when=when), code, fix)


@pytest.mark.parametrize(("needs", "code", "fix"), LISTS)
def test_a_trap_in_a_list_is_explained(needs: str, code: str, fix: str) -> None:
    """A list in brackets is cut at commas; the finding says to write it as a block."""
    check(text_of(needs=needs), code, fix)


@pytest.mark.parametrize(
    ("when", "line", "column"),
    [
        ("when: event.amont > 1", 11, 11),
        ("when: 'event.amont > 1'", 11, 12),
        ("when: event.direct\n      && event.amont > 1", 12, 10),
        ("when: |\n      event.direct\n        && event.amont > 1", 13, 12),
        ("when: >\n      event.direct &&\n      event.amont > 1", 13, 7),
    ],
)
def test_places_inside_an_expression_are_those_of_the_file(when: str, line: int, column: int) -> None:
    """However an expression is written, a fault in it is shown where it stands in the file."""
    finding = findings_of(text_of(when=when))[0]
    assert (finding.code, finding.place.line, finding.place.column) == ("unknown-name", line, column)
    assert "event.amount" in finding.fix


def test_a_repeated_key_names_both_places() -> None:
    """Of two equal keys neither is lost silently."""
    finding = findings_of(text_of().replace("language: 1", "language: 1\nlanguage: 1"))[0]
    assert (finding.code, str(finding.place)) == ("duplicate-key", "<text>:2:1")
    assert "<text>:1:1" in finding.why


def test_a_second_document_is_refused() -> None:
    """One file is one programme."""
    assert findings_of("language: 1\n---\nlanguage: 1\n")[0].code == "yaml-document"


def test_an_empty_file_is_refused() -> None:
    """Nothing at all is one finding, not a crash."""
    assert [finding.code for finding in findings_of("# only a comment\n")] == ["empty-file"]


def test_an_alias_that_contains_itself_is_refused() -> None:
    """A file cannot make the loader run for ever."""
    assert "yaml-alias" in [finding.code for finding in findings_of("language: &a [*a]\n")]


def test_aliases_cannot_multiply_a_file() -> None:
    """A small file that aliases blow up is refused, quickly."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 12)]
    assert "yaml-alias" in [finding.code for finding in findings_of("\n".join(lines))]


def test_scalars_stay_what_was_written() -> None:
    """YAML makes no float, date or truth value of a text; each has its place."""
    notes = Notes("a: 1.10\nb: no\nc: 2026-01-01\nd: 'it''s'\n", "f")
    node = read_yaml("a: 1.10\nb: no\nc: 2026-01-01\nd: 'it''s'\n", notes)
    assert isinstance(node, Mapping)
    scalars = [value for _, value in node.entries if isinstance(value, Scalar)]
    assert [scalar.text for scalar in scalars] == ["1.10", "no", "2026-01-01", "it's"]
    assert [str(scalar.place) for scalar in scalars] == ["f:1:4", "f:2:4", "f:3:4", "f:4:4"]
    assert plain_value(node) == {"a": 1.1, "b": "no", "c": "2026-01-01", "d": "it's"}
