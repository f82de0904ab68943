"""
What a late event costs: one partner with many refundable deals under ten capped rules, in a SQLite file.

The partner's history is given to the engine once, in order. Then deals and refunds come that are a day late, a week,
and so on to a year, several of each at different instants; and for each lateness one to an engine that has just been
started. The baseline is the same engine taking the next event in order. Time is the processor's, SQLite's included, so
that other programs hardly count; what stands on the wall besides is the wait for the disk, once for each event, and is
said beside it.

    python -m benchmarks late --plot docs/explanation/late-events.svg
"""

from __future__ import annotations

import gc
import random
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cache
from operator import attrgetter
from pathlib import Path
from statistics import median

from attrs import frozen

from benchmarks.harness import Figure, peak_mib
from loyalty.core.events import Event
from loyalty.core.holders import Holder
from loyalty.engine import Engine
from loyalty.ledger.sql import SqlStore, create_tables, sqlite_engine
from loyalty.programme.loading import load
from loyalty.programme.model import Programme

PROGRAMME = Path(__file__).parent / "programmes" / "refundable.yaml"

#: The size that the figures are taken at, over so many days.
EVENTS = 100_000
_DAYS = 1_000
_DAY_US = 86_400_000_000

#: How late: the figure's name, and days.
LATENESS = {"1_day": 1, "1_week": 7, "1_month": 30, "3_months": 91, "6_months": 182, "1_year": 365}

#: One event a day late takes at most a fiftieth of a second.
_LEAST_RATE = 50.0

_IN_ORDER = 50
_ROUNDS = 7


@frozen
class Taken:
    """
    What late events of one lateness took.

    Attributes:
        days: How late they were.
        items: How many events of the holder came after them, the median.
        warm_ms: Processor's milliseconds in an engine that knew the holder, the median.
        wall_ms: The same on the wall.
        cold_ms: Processor's milliseconds in an engine that was just started.
    """

    days: int
    items: int
    warm_ms: float
    wall_ms: float
    cold_ms: float


@cache
def programme() -> Programme:
    """Load the programme of the benchmark."""
    return load(PROGRAMME)


def drawn_events(count: int) -> Iterator[Event]:
    """Give a partner's events in the order in which they occur, one in seven a refund of an earlier deal."""
    rng = random.Random(11)
    first = programme().calendar.day_start_us(programme().first_day) + _DAY_US
    between = _DAYS * _DAY_US // count
    deals: list[tuple[str, int]] = []
    for number in range(count):
        at = first + number * between
        if deals and rng.random() < 1 / 7:
            deal, amount = rng.choice(deals[-2_000:])
            part = {"amount": rng.randint(1, amount)} if rng.random() < 0.5 else {}
            yield Event(id=f"R-{number}", kind="deal.refunded", partner="acme", occurred_at=at, of=deal, fields=part)
        else:
            deals.append((f"D-{number}", amount := int(rng.lognormvariate(13, 1.2)) + 100))
            yield _deal(f"D-{number}", at, amount, rng)


def run(events: int = EVENTS, plot: str | None = None) -> list[Figure]:
    """
    Take the figures ``late_...``, warm and cold.

    Args:
        events: How many events the holder has.
        plot: A file for a chart of them, SVG.
    """
    with tempfile.TemporaryDirectory() as folder:
        taken, in_order_ms = _measure(Path(folder) / "book.db", events)
    if plot is not None:
        draw(taken, in_order_ms, events, Path(plot))
    against = "the same engine, the next event in order"
    figures = []
    for name, one in zip(LATENESS, taken, strict=True):
        of = f"an event {one.days} days late on a holder with {events:,} events, {one.items:,} of them after it"
        ways = (
            ("", one.warm_ms, f"{one.wall_ms:.1f} ms on the wall"),
            ("_cold", one.cold_ms, "to an engine that was just started"),
        )
        for kind, ms, more in ways:
            figures.append(
                Figure(
                    name=f"late_{name}{kind}",
                    ratio=in_order_ms / ms,
                    rate=1_000 / ms,
                    baseline_rate=1_000 / in_order_ms,
                    unit="events/s",
                    peak_mib=peak_mib(),
                    of=f"{of}; {more}",
                    against=against,
                    least_rate=_LEAST_RATE if one.days == 1 and not kind else None,
                )
            )
    return figures


def draw(taken: list[Taken], in_order_ms: float, events: int, file: Path) -> None:
    """Draw milliseconds over what was settled again, as SVG; the same figures give the same file."""
    import matplotlib as mpl
    from matplotlib.figure import Figure as Drawing

    with mpl.rc_context({"svg.hashsalt": "loyalty", "svg.fonttype": "none", "font.size": 10}):
        drawing = Drawing(figsize=(7.2, 4.2), layout="constrained")
        axes = drawing.add_subplot()
        items = [one.items for one in taken]
        axes.plot(items, [one.cold_ms for one in taken], "s--", color="#999999", label="engine just started")
        axes.plot(items, [one.warm_ms for one in taken], "o-", color="#1f6f5c", label="engine that knows the holder")
        axes.axhline(in_order_ms, color="#b5651d", linewidth=1, label=f"next event in order, {in_order_ms:.1f} ms")
        for one in taken:
            axes.annotate(f"{one.days} d: {one.warm_ms:,.0f} ms", (one.items, one.warm_ms), (8, -10),
                          textcoords="offset points", fontsize=8)  # fmt: skip
        axes.set_xscale("log")
        axes.set_xlim(right=3 * items[-1])
        axes.set_yscale("log")
        axes.set_xlabel(f"events of the holder after the late one, of {events:,}")
        axes.set_ylabel("milliseconds of the processor, one late event")
        axes.grid(visible=True, which="major", alpha=0.25)
        axes.legend(frameon=False, fontsize=9)
        drawing.savefig(file, format="svg", metadata={"Date": None, "Creator": None})


def _measure(path: Path, count: int) -> tuple[list[Taken], float]:
    database = sqlite_engine(path)
    create_tables(database)
    engine = Engine(programme(), SqlStore(database))
    events = list(drawn_events(count))
    for number, _ in enumerate(engine.submit_many(events), start=1):
        if number % 10_000 == 0:
            print(f"{number:,} events are there", file=sys.stderr, flush=True)
    rng = random.Random(5)
    now = events[-1].occurred_at
    in_order = []
    for number in range(_IN_ORDER):
        now += 60_000_000
        in_order.append(_ms(engine, _deal(f"N-{number}", now, 500_000, rng))[0])
    taken = []
    for days in LATENESS.values():
        timed, items = [], []
        for number in range(_ROUNDS):
            at = now - days * _DAY_US - number * 600_000_000
            with engine.store.transaction(read_only=True) as book:
                items.append(len(book.received(_HOLDER, since=at)))
            timed.append(_ms(engine, _late(f"L-{days}-{number}", at, events, rng)))
        cold_ms, _ = _ms(
            Engine(programme(), SqlStore(database)), _late(f"C-{days}", now - days * _DAY_US - 7_000_000, events, rng)
        )
        # What another engine did, this one learns by itself; that is no part of what comes next.
        now += 60_000_000
        engine.submit(_deal(f"M-{days}", now, 500_000, rng))
        warm_ms, wall_ms = (median(column) for column in zip(*timed, strict=True))
        taken.append(Taken(days, round(median(items)), warm_ms, wall_ms, cold_ms))
        print(taken[-1], file=sys.stderr, flush=True)
    database.dispose()
    return taken, median(in_order)


def _late(id: str, at: int, events: Sequence[Event], rng: random.Random) -> Event:
    """Give a deal, or a refund of one of the week before, that occurred at an instant."""
    if rng.random() < 0.5:
        return _deal(id, at, 250_000, rng)
    week = bisect_left(events, at - 7 * _DAY_US, key=_OCCURRED_AT), bisect_left(events, at, key=_OCCURRED_AT)
    won = [event for event in events[slice(*week)] if event.kind == "deal.won"]
    of = rng.choice(won or events[:1]).id
    return Event(id=id, kind="deal.refunded", partner="acme", occurred_at=at, of=of)


def _ms(engine: Engine, event: Event) -> tuple[float, float]:
    """Submit an event, and give the milliseconds of the processor and of the wall."""
    gc.collect()
    gc.disable()
    try:
        wall, processor = time.perf_counter(), time.process_time()
        engine.submit(event)
        return (time.process_time() - processor) * 1_000, (time.perf_counter() - wall) * 1_000
    finally:
        gc.enable()


def _deal(id: str, at: int, amount: int, rng: random.Random) -> Event:
    fields = {"amount": amount, "product": rng.choice(("core", "cloud", "services"))}
    fields |= {"registered": rng.random() < 0.4, "new_customer": rng.random() < 0.2}
    return Event(id=id, kind="deal.won", partner="acme", occurred_at=at, fields=fields)


_OCCURRED_AT = attrgetter("occurred_at")
_HOLDER = Holder.partner("acme")
