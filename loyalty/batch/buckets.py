"""
Events in buckets: Parquet files of which each has whole histories, so that each is settled by itself.

A partner is in bucket *h* mod *n*, where *h* is the number that the first eight hexadecimal digits of the SHA-256 of
its id (UTF-8) write. Any tool can compute that, and it never changes. Partners who share a person go where the one of
them goes whose id is the first; what speaks of another event goes where that is.

>>> bucket_of("acme", 64)
45
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from attrs import asdict, frozen

from loyalty.errors import UsageError

#: The version of the form in which buckets are kept.
FORM: Final = 2

_MANIFEST: Final = "buckets.json"


def bucket_of(partner: str, count: int) -> int:
    """Give the bucket of a partner among so many."""
    return int(hashlib.sha256(partner.encode()).hexdigest()[:8], 16) % count


@frozen(kw_only=True)
class Buckets:
    """
    A folder of buckets, as its manifest describes it.

    Attributes:
        folder: Where they are.
        revision: Of the programme under which their events were checked; they are checked again when they are settled.
        source: What they were made from: its name, how many rows and how many bytes.
        rows: How many rows each bucket has.
        last_at: UTC microseconds: when the last event occurred.
    """

    folder: Path
    revision: str
    source: dict[str, Any]
    rows: tuple[int, ...]
    last_at: int

    def file(self, number: int) -> Path:
        """Give the file of a bucket."""
        return self.folder / f"bucket-{number:05}.parquet"

    @classmethod
    def of(cls, folder: Path | str) -> Buckets:
        """
        Open a folder of buckets.

        Raises:
            UsageError: there are none, or writing them came to no end.
        """
        found = cls.at(Path(folder))
        if found is None:
            raise UsageError(
                f"{folder} has no {_MANIFEST}, so it holds no whole buckets; write them with write_buckets"
            )
        return found

    @classmethod
    def at(cls, folder: Path) -> Buckets | None:
        """Give what the manifest of a folder says, or None where there is none."""
        kept = read_manifest(folder / _MANIFEST)
        if kept is None:
            return None
        return cls(
            folder=folder,
            revision=kept["revision"],
            source=kept["source"],
            rows=tuple(kept["rows"]),
            last_at=kept["last_at"],
        )

    def save(self) -> None:
        """Write the manifest, which says that the buckets are whole."""
        kept = asdict(self) | {"form": FORM, "hash": "sha256, first 8 hexadecimal digits, mod buckets"}
        del kept["folder"]
        write_manifest(self.folder / _MANIFEST, kept)


def read_manifest(path: Path) -> dict[str, Any] | None:
    """
    Read a manifest, or give None where there is none.

    Raises:
        UsageError: it is of a form that this version does not know, or damaged.
    """
    if not path.is_file():
        return None
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} is damaged; remove the folder {path.parent}, which is then written again") from error
    if kept.get("form") != FORM:
        raise UsageError(f"{path} is of form {kept.get('form')!r} and this version knows {FORM}; use another folder")
    return kept


def write_manifest(path: Path, kept: dict[str, Any]) -> None:
    """Write a manifest whole or not at all."""
    half = path.with_suffix(".half")
    half.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    half.replace(path)
