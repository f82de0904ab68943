"""
Columns as CSV: the bytes that the row-by-row writer gives, for tables of millions of rows.

A field is quoted only where it would break its row, nothing stands for null, and lines end as on Unix.

>>> import io, pyarrow as pa
>>> file = io.BytesIO()
>>> write_header(file, ["who", "amount"])
>>> write_columns(file, [pa.array(["a", None, 'a "b" c']), decimals_text(np.array([5, -120, 7]), 2)])
>>> print(file.getvalue().decode(), end="")
who,amount
a,0.05
,-1.20
"a ""b"" c",0.07
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

#: Rows that are joined to lines at a time, so that a large table needs no second copy of itself.
_AT_ONCE: Final = 200_000

#: A field in which one of these stands is quoted.
_TO_QUOTE: Final = r'[",\r\n]'


def write_header(file: BinaryIO, names: Sequence[str]) -> None:
    """Write the first line."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(names)
    file.write(line.getvalue().encode())


def write_columns(file: BinaryIO, columns: Sequence[Any]) -> None:
    """Write rows whose fields are texts, one array of them for each column."""
    quoted = [_quoted(column) for column in columns]
    for start in range(0, len(quoted[0]) if quoted else 0, _AT_ONCE):
        parts = [column.slice(start, _AT_ONCE) for column in quoted]
        lines = pc.binary_join_element_wise(pc.binary_join_element_wise(*parts, ","), "", "\n")
        for chunk in lines.chunks if hasattr(lines, "chunks") else [lines]:
            file.write(chunk.buffers()[2])


def decimals_text(amounts: Any, scale: int) -> Any:
    """Write minor units in major units, with every digit that the currency has."""
    if scale == 0:
        return pa.array(amounts).cast(pa.string())
    # What is smallest has no counterpart above 0; as unsigned it is written rightly all the same.
    size = np.where(amounts < 0, -amounts.astype(np.uint64), amounts.astype(np.uint64)).astype(np.uint64)
    whole, part = np.divmod(size, np.uint64(10**scale))
    signs = pa.array(["", "-"]).take(pa.array(amounts < 0).cast(pa.int8()))
    digits = pc.utf8_lpad(pa.array(part).cast(pa.string()), scale, "0")
    return pc.binary_join_element_wise(
        pc.binary_join_element_wise(signs, pa.array(whole).cast(pa.string()), ""), digits, "."
    )


def _quoted(texts: Any) -> Any:
    """Quote the fields that would break a row, and let nothing stand for null."""
    texts = pc.fill_null(texts, "") if texts.null_count else texts
    needed = pc.match_substring_regex(texts, _TO_QUOTE)
    if not pc.any(needed).as_py():
        return texts
    inner = pc.replace_substring(texts, '"', '""')
    return pc.if_else(needed, pc.binary_join_element_wise('"', inner, '"', ""), texts)
