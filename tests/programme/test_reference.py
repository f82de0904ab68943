"""The reference of the programme file is true: its blocks load, and it names every key and every finding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from loyalty.programme.language import FILE, LAWS
from loyalty.programme.language_of_standing import DEFINITIONS
from loyalty.programme.loading import loads
from loyalty.programme.schema import json_schema

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/programme-file.md").read_text(encoding="utf-8")
PROGRAMME = "".join(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))


def keys_of(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        yield from (word for word in schema.get("enum", []))
        for part in schema.values():
            yield from keys_of(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from keys_of(part)


def test_the_blocks_of_the_page_are_one_programme() -> None:
    """Put together in their order, the examples load."""
    programme = loads(PROGRAMME, file="programme-file.md")
    assert programme.id == "reference"
    # A revision comes after another file, which the page is not.
    assert set(FILE.keys) - {"revision"} <= set(re.findall(r"^(\w+):", PROGRAMME, re.MULTILINE))


@pytest.mark.parametrize("key", sorted(set(keys_of(json_schema()))))
def test_every_key_and_word_is_on_the_page(key: str) -> None:
    """Nothing of the language goes unmentioned."""
    assert re.search(rf"(?<![\w]){re.escape(key)}(?![\w])", PAGE)


def test_every_finding_is_on_the_page() -> None:
    """Each code that reading a programme can give is in the table."""
    sources = [*ROOT.glob("loyalty/programme/*.py"), *ROOT.glob("loyalty/programme/building/*.py")]
    # Changing a number of a file is no reading of it, and refuses a call by a code of its own.
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources if path.name != "changing.py")
    codes = set(re.findall(r'"([a-z]+(?:-[a-z0-9]+)+)"', text)) - {"utf-8-sig"}
    assert sorted(code for code in codes if f"`{code}`" not in PAGE) == []


def test_every_law_is_on_the_page() -> None:
    """The laws that can be opted out of are listed."""
    assert [law for law in LAWS if f"`{law}`" not in PAGE] == []
    assert set(DEFINITIONS) == {"conditions"}
