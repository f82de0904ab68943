"""The JSON Schema and the loader come from one table and agree on good and bad files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from loyalty.programme.nodes import plain_value
from loyalty.programme.notes import Notes
from loyalty.programme.schema import json_schema
from loyalty.programme.yaml_reading import read_yaml

ROOT = Path(__file__).parents[2]
GOOD = [Path(__file__).parent / "full.yaml", *sorted(ROOT.glob("examples/*/programme*.yaml"))]


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return Draft202012Validator(json_schema())


def values_of(path: Path) -> Any:
    node = read_yaml(path.read_text(encoding="utf-8"), Notes("", str(path)))
    assert node is not None
    return plain_value(node)


def mappings_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from mappings_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from mappings_in(part)


def test_the_schema_is_a_schema() -> None:
    """It is valid by its own dialect."""
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.parent.name)
def test_good_programmes_pass(path: Path, validator: Draft202012Validator) -> None:
    """What the loader takes, an editor does not underline."""
    assert [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(values_of(path))] == []


def test_unknown_keys_fail_wherever_keys_are_the_languages_own(validator: Draft202012Validator) -> None:
    """A key of no meaning is underlined in every mapping of the whole test programme."""
    values = values_of(GOOD[0])
    for mapping in list(mappings_in(values)):
        mapping["no such key!"] = [None]
        assert not validator.is_valid(values), sorted(mapping)
        del mapping["no such key!"]
    assert validator.is_valid(values)


@pytest.mark.parametrize("key", ["language", "programme", "currencies", "events", "earn"])
def test_missing_parts_fail(key: str, validator: Draft202012Validator) -> None:
    """The parts that every programme has are required."""
    values = values_of(GOOD[0])
    del values[key]
    assert not validator.is_valid(values)
