"""
Delimited text (CSV, TSV): one record a row, which quotes may spread over several lines.

A row's line is the physical one on which it begins, so that an editor finds it. Bytes that the encoding does not know
make their row bad, not the file.

Source: RFC 4180, and Python's :mod:`csv` in its strict mode.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from loyalty.sources.tables import FileFormat, Row, Table, check_header, clean, refusal


def open_delimited(path: Path, file_format: FileFormat) -> Table:
    """
    Open a delimited file.

    Raises:
        SourceError: it cannot be opened or decoded, or has no usable header.
    """
    encoding = "utf-8-sig" if file_format.encoding.lower() in ("utf-8", "utf8") else file_format.encoding
    delimiter = file_format.delimiter or ("\t" if path.suffix.lower() == ".tsv" else ",")
    records = _records(path, encoding, delimiter)
    line, first = next(records, (1, []))
    if isinstance(first, str):
        raise refusal(path, "no-header", "a first row that cannot be read", first, "mend the header", line)
    header = check_header(path, first, line)
    return Table(columns=header, rows=_rows(header, records, encoding, delimiter))


def _records(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Give each record with the line it begins on; a record that cannot be split is the reason."""
    try:
        with path.open(encoding=encoding, errors="surrogateescape", newline="") as file:
            yield from _split(file, delimiter)
    except OSError as error:
        raise refusal(path, "no-file", "a file that cannot be opened", str(error), "check its permissions") from error
    except (UnicodeError, LookupError) as error:
        fix = "write the file's encoding under `format: {encoding: ...}`, for example utf-8, cp1252 or utf-16"
        raise refusal(path, "encoding", f"encoding {encoding}", str(error), fix) from error


def _split(file: TextIO, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"the quotes of the row that begins here do not fit: {error}"
            continue
        if record:
            yield line, record


def _rows(
    header: tuple[str, ...], records: Iterator[tuple[int, list[str] | str]], encoding: str, delimiter: str
) -> Iterator[Row]:
    for line, record in records:
        if isinstance(record, str):
            yield Row(line=line, problem=record)
            continue
        cells = {name: cleaned for name, text in zip(header, record, strict=False) if (cleaned := clean(text))}
        extra = [text for text in record[len(header) :] if text.strip()]
        problem = ""
        if not _is_decoded(record):
            cells = {name: text.encode("utf-8", "backslashreplace").decode() for name, text in cells.items()}
            problem = f"it has bytes that are not {encoding}; write its encoding under `format: {{encoding: ...}}`"
        elif extra:
            problem = (
                f"it has {len(record)} cells and the header {len(header)}; put text that has {delimiter!r} in quotes, "
                "or name the delimiter under `format: {delimiter: ...}`"
            )
        elif len(record) < len(header) and cells:
            problem = f"it has {len(record)} cells and the header {len(header)}; it may have been cut off"
        if cells or problem:
            yield Row(line=line, cells=cells, problem=problem)


def _is_decoded(record: list[str]) -> bool:
    """Whether no byte was smuggled past the decoder (as a lone surrogate)."""
    return not any("\udc80" <= sign <= "\udcff" for text in record for sign in text if not text.isascii())
