"""
JSON Lines: one object a line. Numbers with a fraction are read as decimals, and a key that comes twice is refused.

What is nested is named with dots: ``{"amount": {"value": 5}}`` has the column ``amount.value``.

Source: jsonlines.org.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

from loyalty.sources.tables import FileFormat, Row, Table, flatten, refusal


def open_json_lines(path: Path, file_format: FileFormat) -> Table:
    """Open a file of one JSON object a line; it has no header."""
    return Table(columns=None, rows=_rows(path, file_format.encoding))


def _rows(path: Path, encoding: str) -> Iterator[Row]:
    encoding = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
    try:
        # Only a line feed ends a line here: the other separators of Unicode may stand inside a text.
        with path.open(encoding=encoding, errors="surrogateescape", newline="\n") as file:
            for line, text in enumerate(file, 1):
                if text.strip():
                    yield _row(line, text, encoding)
    except OSError as error:
        raise refusal(path, "no-file", "a file that cannot be opened", str(error), "check its permissions") from error
    except (UnicodeError, LookupError) as error:
        fix = "write the file's encoding under `format: {encoding: ...}`, for example utf-8"
        raise refusal(path, "encoding", f"encoding {encoding}", str(error), fix) from error


def _row(line: int, text: str, encoding: str) -> Row:
    raw = {"text": text.strip().encode("utf-8", "backslashreplace").decode()}
    if any("\udc80" <= sign <= "\udcff" for sign in text):
        return Row(line=line, cells=raw, problem=f"it has bytes that are not {encoding}")
    try:
        record = json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        return Row(line=line, cells=raw, problem=f"it is no JSON: {error}")
    if not isinstance(record, dict):
        return Row(line=line, cells=raw, problem="it is no JSON object; write {...} with a key for each column")
    return Row(line=line, cells=flatten(record))


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} comes twice")
    return record


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
