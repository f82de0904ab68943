"""
The JSON Schema of mapping files, by which editors complete and underline them.

It knows the shape alone. Columns, kinds of events, fields and tables are held against the programme and the file when
the mapping is loaded.
"""

from __future__ import annotations

from typing import Any


def mapping_schema() -> dict[str, Any]:
    """Give the schema (draft 2020-12) as plain JSON types."""
    value = {"$ref": "#/$defs/value"}
    entry = _object(
        {
            "on": _text("The declared kind of event, `void` or `tier.override`."),
            "where": {
                "type": "object",
                "description": "What the row must have, by column; all must hold.",
                "additionalProperties": {"$ref": "#/$defs/condition"},
            },
            "id": {**value, "description": "The event's id, unique within the source."},
            "at": {**value, "description": "When it occurred; a date is 00:00 in the programme's zone."},
            "partner": {**value, "description": "The partner's id; left out where `of` names the earlier event."},
            "person": {**value, "description": "The id of the partner's member who acted."},
            "of": {**value, "description": "The id of the earlier event that this one speaks of."},
            "fields": {
                "type": "object",
                "description": "The declared fields of the event.",
                "additionalProperties": value,
            },
        },
        required=["on", "id", "at"],
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Mapping of raw exports to the events of a loyalty programme",
        **_object(
            {
                "source": _text("The constant source of all events of the file."),
                "format": _format(),
                "values": {
                    "type": "object",
                    "description": "Tables of texts to replace, by name.",
                    "additionalProperties": {"type": "object", "additionalProperties": _SCALAR},
                },
                "rows": {"type": "array", "items": entry, "minItems": 1, "description": "One event for each match."},
                "otherwise": {"enum": ["skip", "refuse"], "description": "What becomes of rows without a match."},
            },
            required=["source", "rows"],
        ),
        "$defs": _definitions(),
    }


_SCALAR = {"type": ["string", "number", "boolean"]}
_TEMPLATE = {"type": "string", "pattern": r"\{[^{}]+\}", "description": 'A template of columns: "deal-{id}".'}


def _definitions() -> dict[str, Any]:
    column = _object(
        {
            "column": _text("The column in the file."),
            "table": _text("The table of `values` that replaces its texts."),
            "unlisted": {"enum": ["keep", "refuse"], "description": "What becomes of texts that are not in the table."},
            "default": {**_SCALAR, "description": "What stands in for an empty cell."},
            "unit": {
                "description": "The unit of an amount whose cell does not say it.",
                "anyOf": [_SCALAR, {"$ref": "#/$defs/unit"}],
            },
            "format": _text("Of dates: as of strptime, unix_seconds or unix_milliseconds."),
            "timezone": _text("Of local times, where it is not the programme's: an IANA name."),
        },
        required=["column"],
    )
    unit = _object(
        {name: column["properties"][name] for name in ("column", "table", "unlisted", "default")}, ["column"]
    )
    texts = {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]}
    return {
        "value": {"anyOf": [_TEMPLATE, column, _object({"constant": _SCALAR}, ["constant"])]},
        "unit": unit,
        "condition": {"anyOf": [*texts["anyOf"], _object({"not": texts}, ["not"])]},
    }


def _format() -> dict[str, Any]:
    sign = {"type": "string", "minLength": 1, "maxLength": 1}
    return {
        "description": "How the file is written.",
        **_object(
            {
                "encoding": _text("Of CSV and JSON Lines; utf-8 if left out."),
                "delimiter": {"type": "string", "description": r"Between the cells of CSV; \t is the tab."},
                "decimal": {**sign, "description": "Before the fraction, in numbers that are text."},
                "thousands": {**sign, "description": "Between groups of three digits."},
                "sheet": _text("Of a workbook; the first if left out."),
            },
            required=[],
        ),
    }


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}
