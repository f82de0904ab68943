"""
Which bucket each event goes to: partners who share a person go together, and so does what speaks of another event.

Partners, persons and events are known by hashes of 64 bits while this is found out, so that memory holds a few numbers
of each. Two that shared a hash would only be kept together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loyalty.batch.buckets import bucket_of
from loyalty.batch.decoding import coded, codes_of, text_of
from loyalty.batch.identities import hashes_of, identities_of
from loyalty.batch.tables import Ints

#: So many pairs of persons and partners, and as many as there were then, are gathered before those that came again
#: are dropped.
_GATHERED = 1 << 18


class Places:
    """
    The buckets of partners and events; first all batches are learnt, then they are asked for.

    Args:
        buckets: How many there are.
    """

    def __init__(self, buckets: int) -> None:
        self._count = buckets
        self._bucket: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._together: dict[str, str] = {}
        self._pairs = np.zeros((0, 2), np.uint64)
        self._gathered: list[Any] = []
        #: Hashes of the identities that others speak of, the bucket of each, and of which it speaks itself.
        self._spoken = np.zeros(0, np.uint64)
        self._bucket_of = np.zeros(0, np.int32)
        self._origin = np.zeros(0, np.int64)

    def learn(self, batch: pa.RecordBatch) -> None:
        """Note for whom persons act, and which events are spoken of."""
        named = dict(zip(batch.schema.names, batch.columns, strict=True))
        if "of" in named:
            self._spoken = np.union1d(self._spoken, _hashes(named, "of")[1])
        if "person" not in named:
            return
        partners, persons = coded(named["partner"]), coded(named["person"])
        partner, person = codes_of(partners), codes_of(persons)
        rows = (partner >= 0) & (person >= 0)
        both = np.unique((person[rows].astype(np.int64) << 32) + partner[rows])
        if not len(both):
            return
        partner_hashes, person_hashes = _text_hashes(partners.dictionary), _text_hashes(persons.dictionary)
        for number, name in zip(partner_hashes.tolist(), partners.dictionary.to_pylist(), strict=True):
            self._names.setdefault(number, name)
        self._gathered.append(np.stack([person_hashes[both >> 32], partner_hashes[both & 0xFFFFFFFF]], axis=1))
        if sum(map(len, self._gathered)) > len(self._pairs) + _GATHERED:
            self._drop_repeats()

    def join(self) -> None:
        """Put those together who share a person."""
        self._drop_repeats()
        pairs = self._pairs
        shared = np.flatnonzero(pairs[1:, 0] == pairs[:-1, 0])
        for one, other in zip(pairs[shared, 1].tolist(), pairs[shared + 1, 1].tolist(), strict=True):
            first, last = sorted((self._first(self._names[one]), self._first(self._names[other])))
            if first != last:
                self._together[last] = first
        self._pairs, self._names = np.zeros((0, 2), np.uint64), {}
        self._bucket_of = np.full(len(self._spoken) + 1, -1, np.int32)
        self._origin = np.arange(len(self._spoken) + 1)

    def _drop_repeats(self) -> None:
        pairs = np.concatenate([self._pairs, *self._gathered])
        self._gathered.clear()
        pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
        self._pairs = pairs[np.append(True, (pairs[1:] != pairs[:-1]).any(axis=1))[: len(pairs)]]

    def learn_origins(self, batch: pa.RecordBatch) -> None:
        """Note where the events are that others speak of."""
        named = dict(zip(batch.schema.names, batch.columns, strict=True))
        if "id" not in named or not len(self._spoken):
            return
        rows, hashes = _hashes(named, "id")
        found = self._places(hashes)
        here = np.flatnonzero(found < len(self._spoken))
        own = self._own(named["partner"])
        self._bucket_of[found[here]] = own[rows[here]]
        speaking, origins = _hashes(named, "of")
        origin = np.full(len(batch), -1)
        origin[speaking] = self._places(origins)
        chained = here[origin[rows[here]] >= 0]
        self._origin[found[chained]] = origin[rows[chained]]

    def of(self, batch: pa.RecordBatch) -> Ints:
        """Give the bucket of each row."""
        named = dict(zip(batch.schema.names, batch.columns, strict=True))
        number = self._own(named["partner"])
        if len(self._spoken):
            rows, hashes = _hashes(named, "of")
            place = self._places(hashes)
            for _ in range(64):
                # What is spoken of may speak of another itself.
                further = self._origin[place]
                if (further == place).all():
                    break
                place = further
            found = self._bucket_of[place]
            number[rows[found >= 0]] = found[found >= 0]
        return number

    def _places(self, hashes: Any) -> Ints:
        """Give the places of hashes among those spoken of; one more for those that are not."""
        found = np.searchsorted(self._spoken, hashes)
        there = np.append(self._spoken, np.uint64(0))[found] == hashes
        return np.where(there & (found < len(self._spoken)), found, len(self._spoken))

    def _own(self, column: pa.Array) -> Ints:
        """Give the bucket of each row's partner; what names none goes to that of an empty name."""
        names, known = coded(column), self._bucket
        texts = names.dictionary.to_pylist()
        numbers = [self._number(name) if known.get(name) is None else known[name] for name in texts]
        return np.array([*numbers, self._number("")], np.int32)[codes_of(names)]

    def _number(self, name: str) -> int:
        return self._bucket.setdefault(name, bucket_of(self._first(name), self._count))

    def _first(self, name: str) -> str:
        """Give the partner that stands for all who go together with this one."""
        while (further := self._together.get(name, name)) != name:
            name = further
        return name


def _text_hashes(texts: pa.Array) -> Any:
    # The sign before each makes none of them empty.
    return hashes_of(pa.chunked_array([pc.binary_join_element_wise("", texts, "/")]))


def _hashes(named: dict[str, pa.Array], column: str) -> tuple[Ints, Any]:
    """Give the rows that have a column of identities, and the hash of each."""
    rows = np.flatnonzero(np.asarray(named[column].is_valid()))
    taken = pa.array(rows)
    source = text_of(named["source"].take(taken)).fill_null("") if "source" in named else None
    identities = identities_of(source, text_of(named[column].take(taken)))
    return rows, hashes_of(pa.chunked_array([identities]))
