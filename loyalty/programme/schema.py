"""
The JSON Schema of the programme file, for editors: derived from the very table by which files are read.

It knows keys, words and the form of values; what values mean together, the loader checks.

>>> json_schema()["required"]
['language', 'programme', 'currencies', 'events', 'earn']
"""

from __future__ import annotations

from typing import Any, Final

from loyalty.programme.language import FILE
from loyalty.programme.language_of_standing import DEFINITIONS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Give the schema of a programme file, draft 2020-12."""
    return {
        "$schema": DIALECT,
        "title": "Loyalty programme",
        **FILE.schema(),
        "$defs": {name: shape.schema() for name, shape in DEFINITIONS.items()},
    }
