"""
The benchmark's files: seeded histories of a programme as time-ordered Parquet, made once into a folder.

Two years, 10 million events and 100,000 partners of lognormal sizes unless asked otherwise. Rows stand by time, as a
CRM or a data lake would hand them over, and not by holder; texts are dictionary-coded, pages compressed with zstd. A
redemption is a row of kind ``@redeem`` that asks for a share of what is available then; it stands behind the events
of its instant. In the hard file every row has an id, and refunds name the deal that they refund.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from attrs import frozen

from loyalty.core.calendar import Calendar, parse_day
from loyalty.programme.loading import load
from loyalty.programme.model import Programme

#: The programmes by the name of their benchmark.
PROGRAMMES = {
    "easy": Path(__file__).parents[1] / "programmes" / "ten_rules.yaml",
    "hard": Path(__file__).parents[1] / "programmes" / "hard.yaml",
}
EVENTS, PARTNERS, DAYS = 10_000_000, 100_000, 730
SEED = 20_260_101

_PRODUCTS, _LEVELS, _FORMATS = ("core", "cloud", "services"), ("associate", "expert"), ("online", "on_site")
_TRACKS = {"easy": ("sales", "presales", "technical", "cloud", "security"), "hard": ("sales", "technical", "cloud")}
#: What 1,000 rows are of: the kinds that speak of no other, then those that do and take from them.
_MIX = {
    "easy": {"deal.won": 680, "certification.passed": 116, "event.attended": 174, "@redeem": 30},
    "hard": {"deal.won": 545, "certification.passed": 130, "event.attended": 190, "@redeem": 30},
}
_ABOUT = {
    "hard": {
        "deal.refunded": ("deal.won", 70, 40.0),
        "certification.expired": ("certification.passed", 35, 200.0),
    }
}
_MAX_AMOUNT = 1_000_000_000
#: Instants are quarters of an hour, so that some events of a partner are of one instant.
_SLOT_US, _SLOTS_A_DAY = 900_000_000, 96
_MILLION = 1_000_000
_ROW_GROUP = 1 << 20


@frozen(eq=False)
class Drawn:
    """
    One row an event, by time.

    Attributes:
        kinds: The names behind ``kind``.
        columns: Arrays by name; a person, or a field that the kind does not have, is -1.
        people: How many persons the partners before each one have; the last is the number of all.
    """

    name: str
    kinds: tuple[str, ...]
    columns: dict[str, Any]
    people: Any


def programme(name: str) -> Programme:
    """Load the programme of a benchmark."""
    return load(PROGRAMMES[name])


def default_folder() -> Path:
    """Give the folder in which files are kept that no ``--data`` names: under the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "loyalty-benchmarks"


def made(name: str, folder: Path, events: int = EVENTS, partners: int | None = None) -> Path:
    """
    Give the file of a benchmark, made if it is not there yet.

    Args:
        name: ``easy`` or ``hard``.
        folder: Where files are kept.
        events: How many rows it has.
        partners: How many partners; one for each hundred events unless said.
    """
    count = partners or max(1, events // (EVENTS // PARTNERS))
    path = folder / f"{name}-{events}-{count}-{SEED}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # Whoever is interrupted leaves no half of a file under the name.
        half = path.with_suffix(f".{os.getpid()}.half")
        write(draw(name, events, count), half)
        half.replace(path)
    return path


def draw(name: str, events: int, partners: int, seed: int = SEED) -> Drawn:
    """Draw the rows of a benchmark: exactly *events*, of up to *partners* partners."""
    rng = np.random.default_rng([seed, len(name), events, partners])
    sizes = rng.lognormal(-0.5, 1.0, partners)
    mix, about = _MIX[name], _ABOUT.get(name, {})
    kinds = (*mix, *about)
    taken = {kind: events * share // 1000 for kind, (_, share, _) in about.items()}
    own = events - sum(taken.values())
    kind = rng.choice(len(mix), own, p=np.array([*mix.values()]) / sum(mix.values())).astype(np.int8)
    slot = rng.integers(0, DAYS * _SLOTS_A_DAY, own, dtype=np.int32)
    partner = np.searchsorted(np.cumsum(sizes) / sizes.sum(), rng.random(own)).astype(np.int32)
    partner = np.minimum(partner, partners - 1)
    columns = _fields(name, rng, kinds, kind, partner, sizes)
    people = np.concatenate(([0], np.cumsum(1 + np.bincount(partner, minlength=partners) // 20))).astype(np.int32)
    person = people[partner] + (rng.random(own) * (people[partner + 1] - people[partner])).astype(np.int32)
    # In the easy file deals name no person; in the hard one most do. Redemptions are the partner's.
    named = kind != kinds.index("@redeem")
    named &= (kind != kinds.index("deal.won")) | (rng.random(own) < (0.6 if name == "hard" else 0.0))
    person[~named] = -1
    columns |= {"kind": kind, "slot": slot, "partner": partner, "person": person}
    columns["of"] = np.full(own, -1, np.int32)
    for verb, (origin, _, mean_days) in about.items():
        later = _speaking(rng, columns, kinds.index(origin), taken[verb], mean_days)
        later["kind"] = np.full(taken[verb], kinds.index(verb), np.int8)
        if verb == "deal.refunded":
            # A refund of the whole names no amount; one in part a share, so that three of them may exceed the whole.
            share = rng.integers(10, 90, taken[verb])
            part = np.maximum(1, columns["amount"][later["of"]] * share // 100)
            later["amount"] = np.where(rng.random(taken[verb]) < 0.6, part, -1)
            later |= {field: np.full(taken[verb], -1, np.int8) for field in ("product", "registered")}
            later["person"] = np.full(taken[verb], -1, np.int32)
        else:
            later["of"] = np.full(taken[verb], -1, np.int32)
        columns = {field: np.concatenate((values, later[field])) for field, values in columns.items()}
    return _by_time(name, kinds, columns, people)


def write(drawn: Drawn, path: Path) -> None:
    """Write the rows as Parquet, a million a row group."""
    partners = len(drawn.people) - 1
    names = np.char.add("P", np.char.zfill(np.arange(partners).astype(str), 6))
    partner_names = pa.array(names)
    rows = len(drawn.columns["kind"])
    writer = None
    for start in range(0, rows, _ROW_GROUP):
        part = {name: values[start : start + _ROW_GROUP] for name, values in drawn.columns.items()}
        table = _table(drawn, part, start, names, partner_names)
        if writer is None:
            writer = pq.ParquetWriter(
                path,
                table.schema,
                compression="zstd",
                use_dictionary=[name for name in table.schema.names if pa.types.is_dictionary(table[name].type)],
                dictionary_pagesize_limit=1 << 26,
            )
        writer.write_table(table, row_group_size=_ROW_GROUP)
    if writer is not None:
        writer.close()


def _fields(name: str, rng: Any, kinds: Any, kind: Any, partner: Any, sizes: Any) -> dict[str, Any]:
    """Draw the fields of rows of kinds that speak of no other; those of another kind's are -1."""
    count = len(kind)

    def choice(of_kind: str, shares: tuple[float, ...]) -> Any:
        drawn = np.searchsorted(np.cumsum(shares)[:-1], rng.random(count)).astype(np.int8)
        return np.where(kind == kinds.index(of_kind), drawn, np.int8(-1))

    scale = 0.5 + sizes[partner] / 2
    amount = 1 + (100 * rng.lognormal(9.0, 1.2, count) * scale).astype(np.int64)
    amount = np.where(kind == kinds.index("deal.won"), np.minimum(amount, _MAX_AMOUNT), -1)
    # Three in ten redeem all that they have, so that a refund finds some wallets empty.
    share = np.where(rng.random(count) < 0.3, 100, rng.integers(20, 101, count)) * (_MILLION // 100)
    share = np.where(kind == kinds.index("@redeem"), share, -1)
    tracks = len(_TRACKS[name])
    columns = {
        "amount": amount,
        "product": choice("deal.won", (0.5, 0.35, 0.15)),
        "registered": choice("deal.won", (0.6, 0.4)),
        "track": choice("certification.passed", (1 / tracks,) * tracks),
        "level": choice("certification.passed", (0.7, 0.3)),
        "format": choice("event.attended", (0.6, 0.4)),
        "@share": share.astype(np.int32),
    }
    if name == "easy":
        columns["new_customer"] = choice("deal.won", (0.7, 0.3))
    return columns


def _speaking(rng: Any, columns: dict[str, Any], origin: int, count: int, mean_days: float) -> Any:
    """Draw which rows of a kind others speak of, and when: later, in the two years, on average so many days."""
    last = DAYS * _SLOTS_A_DAY - 1
    rows = np.flatnonzero((columns["kind"] == origin) & (columns["slot"] < last))
    of = rng.choice(rows, count)
    slot = columns["slot"][of] + 1 + (rng.exponential(mean_days * _SLOTS_A_DAY, count)).astype(np.int32)
    # What would come after the end comes somewhere between.
    between = columns["slot"][of] + 1 + (rng.random(count) * (last - columns["slot"][of])).astype(np.int32)
    later = {field: values[of] for field, values in columns.items()}
    return later | {"of": of.astype(np.int32), "slot": np.where(slot <= last, slot, between)}


def _by_time(name: str, kinds: tuple[str, ...], columns: dict[str, Any], people: Any) -> Drawn:
    """Sort rows by instant, redemptions last in each, and point what speaks of others at their new rows."""
    key = columns["slot"].astype(np.int64) * 2 + (columns["kind"] == kinds.index("@redeem"))
    order = np.argsort(key, kind="stable")
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    of = columns["of"]
    columns["of"] = np.where(of >= 0, place[of], np.int32(-1))
    columns = {field: values[order] for field, values in columns.items()}
    starts = Calendar.of("Europe/Berlin").day_start_us(parse_day("2025-01-01"))
    columns["at"] = starts + columns.pop("slot").astype(np.int64) * _SLOT_US
    return Drawn(name, kinds, columns, people)


def _table(drawn: Drawn, part: dict[str, Any], start: int, names: Any, partner_names: Any) -> Any:
    """Give rows as an Arrow table in the form that :class:`EventTable` reads."""

    def coded(codes: Any, texts: Any) -> Any:
        codes = codes.astype(np.int32)
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), pa.array(texts))

    def number(values: Any, kind: Any) -> Any:
        return pa.array(values, kind, mask=values < 0)

    used, persons = np.unique(part["person"], return_inverse=True)
    absent = int(len(used) > 0 and used[0] < 0)
    used = used[absent:]
    employers = np.searchsorted(drawn.people, used, side="right") - 1
    badge = (used - drawn.people[employers]).astype(str)
    columns: dict[str, Any] = {
        "kind": coded(part["kind"], list(drawn.kinds)),
        "partner": pa.DictionaryArray.from_arrays(pa.array(part["partner"]), partner_names),
        "person": coded(persons - absent, np.char.add(np.char.add(names[employers], "-"), badge)),
        "occurred_at": pa.array(part["at"], pa.timestamp("us", "UTC")),
        "amount": number(part["amount"], pa.int64()),
        "product": coded(part["product"], _PRODUCTS),
        "registered": pa.array(part["registered"] == 1, mask=part["registered"] < 0),
    }
    if drawn.name == "easy":
        columns["new_customer"] = pa.array(part["new_customer"] == 1, mask=part["new_customer"] < 0)
    else:
        ids = np.char.add("E", np.char.zfill(np.arange(start, start + len(part["kind"])).astype(str), 8))
        named = np.char.add("E", np.char.zfill(np.maximum(part["of"], 0).astype(str), 8))
        columns |= {"id": pa.array(ids), "of": pa.array(named, mask=part["of"] < 0)}
    share = part["@share"]
    currency = np.where(share < 0, -1, 0)
    return pa.table(
        columns
        | {
            "track": coded(part["track"], _TRACKS[drawn.name]),
            "level": coded(part["level"], _LEVELS),
            "format": coded(part["format"], _FORMATS),
            "@currency": coded(currency, ["points"]),
            "@share": number(share, pa.int32()),
        }
    )
