"""Names have one number each, however many come and in whatever dictionaries."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.batch import naming
from loyalty.batch.naming import Names

#: Names that are alike, empty, long, with a NUL and beyond ASCII.
TEXTS = st.one_of(
    st.sampled_from(["", "a", "a\0", "\0", "aa", "P000001-1", "P000001-10", "партнёр"]), st.text(max_size=20)
)


def numbered(dictionaries: list[pa.Array], first: list[str]) -> tuple[list[list[int]], list[str]]:
    """Give the numbers of all names, and the names by number."""
    names = Names(first)
    numbers = [names.add(texts) for texts in dictionaries]
    told = [
        list(range(len(texts))) if found is None else found.tolist()
        for texts, found in zip(dictionaries, numbers, strict=True)
    ]
    return told, names.texts().to_pylist()


def told_by_hand(dictionaries: list[pa.Array], first: list[str]) -> tuple[list[list[int]], list[str]]:
    """Give the same from a dictionary of Python."""
    known = {name: number for number, name in enumerate(first)}
    told = [[known.setdefault(text, len(known)) for text in texts.to_pylist()] for texts in dictionaries]
    return told, list(known)


@given(
    drawn=st.lists(st.tuples(st.lists(TEXTS, max_size=8), st.integers(0, 3)), max_size=5),
    first=st.lists(TEXTS, max_size=3, unique=True),
    many=st.sampled_from([0, 3, 1 << 16]),
)
def test_few_and_many_names_have_the_numbers_in_which_they_came(
    drawn: list[tuple[list[str], int]], first: list[str], many: int
) -> None:
    """Few names are told by Python and many by what is compiled, from any dictionary on; parts of arrays too."""
    dictionaries = [pa.array(texts, pa.string()).slice(start) for texts, start in drawn]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(naming, "_MANY", many)
        assert numbered(dictionaries, first) == told_by_hand(dictionaries, first)


def test_a_table_of_names_grows_with_them() -> None:
    """A hundred thousand names, half of them known from the batch before, keep their numbers while room is made."""
    batches = [
        pa.array([f"P{number:06d}-{number % 10}" for number in range(start, start + 100_000)])
        for start in (0, 50_000, 100_000, 0)
    ]
    told, names = numbered(batches, ["acme"])
    assert names == ["acme", *(f"P{number:06d}-{number % 10}" for number in range(200_000))]
    for start, numbers in zip((0, 50_000, 100_000, 0), told, strict=True):
        assert (np.array(numbers) == np.arange(start + 1, start + 100_001)).all()
