"""The kernel, compiled by numba, moves what the core moves: every movement of every holder, and all that is counted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from rich.console import Console

from loyalty import load, loads
from loyalty.batch import EventTable, Response, in_turn, packing, run
from loyalty.batch.compiling import kernels_of
from loyalty.batch.kinds import kinds_for
from loyalty.batch.results import Batch
from loyalty.batch.tables import REDEEM, kinds_of, missing_of
from loyalty.cli.progress import Meter
from loyalty.core.events import Event
from loyalty.core.holders import Holder, Layer
from loyalty.errors import EventRejected
from loyalty.ledger.store import Grant
from loyalty.programme.model import Programme
from loyalty.settlement.runtime import (
    ARREARS,
    AVAILABLE,
    EXPIRED,
    HELD,
    ISSUED,
    PENDING,
    REDEEMED,
    TRANSFERRED,
    WRITTEN_OFF,
)
from loyalty.settlement.settle import EXAMPLE
from tests.settlement.histories import history

pytest.importorskip("numba", reason="needs the [sim] extra: pip install 'loyalty-engine[sim]'")

PROGRAMMES = Path(__file__).parents[1] / "settlement" / "programmes"
HISTORIES = 30

#: Each takes ten to sixty seconds to compile.
NAMES = (
    ["matrix"]
    if os.environ.get("LOYALTY_HYPOTHESIS_PROFILE", "quick") == "quick"
    else sorted(file.stem for file in PROGRAMMES.glob("*.yaml"))
)


@pytest.fixture(scope="module", autouse=True)
def _kernels(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Kernels of tests are kept where those of the user are not, unless a folder is named."""
    os.environ.setdefault("LOYALTY_CACHE", str(tmp_path_factory.mktemp("kernels")))


def assert_equal(compiled: Batch, plain: Batch) -> None:
    """See that two batches have the same movements and figures, and say where they first differ."""
    assert compiled.journal is not None
    assert plain.journal is not None
    for ours, cores in zip(compiled.journal.to_pylist(), plain.journal.to_pylist(), strict=False):
        assert ours == cores
    assert len(compiled.journal) == len(plain.journal)
    for layer in Layer:
        for column in ("cells", "tier", "badges", "events", "sums", "first_month"):
            got, expected = (getattr(batch.layers[layer], column) for batch in (compiled, plain))
            assert np.array_equal(got, expected), (layer, column)
    for table in ("flows", "tiers", "tier_moves", "funds", "rules", "outstanding"):
        assert np.array_equal(getattr(compiled, table), getattr(plain, table)), table
    assert compiled.digest() == plain.digest()


def with_wishes(table: EventTable, rng: Random) -> EventTable:
    """Give a table with a wish to redeem beside some of its rows, and draws for all that respond."""
    count = len(table)
    wishes = rng.sample(range(count), count // 4)
    names = sorted({*table.values, "@currency", "@amount", "@share"})
    currencies = len(table.programme.currencies)
    own: dict[str, Any] = {
        "@currency": lambda: rng.randrange(currencies),
        "@amount": lambda: rng.choice((-(2**63), rng.randrange(2000))),
        "@share": lambda: rng.choice((0, 333_333, 1_000_000)),
    }

    def column(name: str) -> Any:
        old = table.values.get(name, np.full(count, -128, np.int8))
        wide = np.where(old == missing_of(old), -(2**63), old.astype(np.int64))
        return np.concatenate([wide, [own[name]() if name in own else -(2**63) for _ in wishes]]).astype(np.int64)

    def longer(values: Any, more: Any) -> Any:
        return None if values is None else np.concatenate([values, np.broadcast_to(more, len(wishes))])

    return evolve(
        table,
        kind=longer(table.kind, REDEEM).astype(np.int16),
        partner=longer(table.partner, np.maximum(table.partner[wishes], 0)),
        person=longer(table.person, -1),
        at=longer(table.at, table.at[wishes]),
        of=longer(table.of, -1),
        order=longer(table.order, np.arange(count, count + len(wishes))),
        ids=None,
        values={name: column(name) for name in names},
        chance=np.array([rng.choice((-1, rng.randrange(1_000_000))) for _ in range(count + len(wishes))], np.int32),
    )


def both(table: EventTable, grants: list[Grant], until_day: int, **how: Any) -> tuple[Batch, Batch]:
    """Run a table both ways and see that the movements are the same."""
    compiled = run(table.programme, table, grants=grants, until_day=until_day, journal=True, kernel=True, **how)
    plain = run(table.programme, table, grants=grants, until_day=until_day, journal=True, kernel=False, **how)
    assert_equal(compiled, plain)
    return compiled, plain


def responding(programme: Programme) -> Response:
    """Let every kind respond that speaks of nothing."""
    return Response(np.array([0 if kind.speaks else 700_000 for kind in kinds_for(programme)], np.int32))


@pytest.mark.parametrize("name", NAMES)
def test_compiled_moves_what_the_core_moves(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With commands of every kind, wishes, draws that respond, cut in time or not, in one thread or three, all holders at
    once or in turns.
    """
    programme = load(PROGRAMMES / f"{name}.yaml")
    moved, wished, silent, cut = 0, 0, 0, 0
    ways: set[tuple[int, int]] = set()
    for seed in range(HISTORIES):
        rng = Random(f"{name}/{seed}")
        drawn = history(programme, rng, size=40)
        table = EventTable.from_events(programme, drawn.events)
        compiled, _ = both(table, drawn.grants, drawn.until_day)
        moved += compiled.postings
        assert compiled.journal is not None
        columns = compiled.journal.select(["source", "target"]).to_pydict()
        ways |= set(zip(columns["source"], columns["target"], strict=True))
        monkeypatch.setattr(packing, "_MOST_PACKED", 200 if seed % 2 else 2**30)
        threaded = run(
            programme, table, grants=drawn.grants, until_day=drawn.until_day, kernel=True, threads=3, journal=True
        )
        assert_equal(threaded, compiled)
        richer = with_wishes(table, rng)
        some, _ = both(richer, drawn.grants, drawn.until_day, response=responding(programme))
        wished += some.entries
        silent += int(some.layers[Layer.PARTNER].events.sum() < compiled.layers[Layer.PARTNER].events.sum())
        day = rng.randrange(programme.first_day, max(drawn.until_day, programme.first_day + 1))
        how: Mapping[str, Any] = {"grants": drawn.grants, "response": responding(programme), "kernel": True}
        first = run(programme, richer, until_day=min(day, drawn.until_day), keep_states=True, **how)
        second = run(programme, richer, until_day=drawn.until_day, from_state=first.states, **how)
        assert in_turn(first, second).digest() == some.digest()
        cut += first.postings > 0 and second.postings > 0
    assert moved > 1000
    assert name != "matrix" or ways >= {
        (HELD, REDEEMED), (HELD, AVAILABLE), (REDEEMED, AVAILABLE), (PENDING, AVAILABLE), (AVAILABLE, EXPIRED),
        (EXPIRED, AVAILABLE), (ARREARS, ISSUED), (AVAILABLE, ARREARS), (ARREARS, REDEEMED), (AVAILABLE, TRANSFERRED),
    }  # fmt: skip
    assert wished > 100
    assert silent > HISTORIES // 4
    assert cut > HISTORIES // 3
    assert len(kinds_of(programme)) > 3


SMALL = """
language: 1
programme: {id: small, starts: 2026-01-01, timezone: UTC}
currencies:
  points: {arrears: {limit: {base: 5, gold: 12}}}
events:
  deal.won: {amount: {type: money, unit: EUR, max: 1000.00}}
  deal.refunded: {refunds: deal.won}
metrics:
  sales: {sum: event.amount, of: deal.won, window: calendar_year}
earn:
  - rule: base
    on: deal.won
    of: event.amount
    give: {partner: {points: 1 per 1 EUR}, person: {points: 1 per 10 EUR}}
tiers:
  ladder:
    - {tier: gold, needs: ['sales >= money("200 EUR")']}
  review: {every: calendar_year, landing: one_tier_down}
refunds:
  deal.refunded: {points: arrears, tier: re_evaluate}
"""


def deals(programme: Programme, *amounts: int, person: str | None = None) -> list[Event]:
    """Give a deal of acme a second, in cents, from the first."""
    start = programme.calendar.day_start_us(programme.first_day)
    return [
        Event(id=f"D-{number}", kind="deal.won", partner="acme", person=person, occurred_at=start + number * 1_000_000,
              fields={"amount": amount})
        for number, amount in enumerate(amounts)
    ]  # fmt: skip


@pytest.mark.parametrize(("amount", "limit"), [(10_000, 5), (20_000, 12)])
def test_what_a_clawback_leaves_beyond_the_limit_of_arrears_is_written_off(amount: int, limit: int) -> None:
    """All that a deal gave was redeemed when it is refunded: the tier's limit is owed, the rest is forgiven."""
    programme = loads(SMALL)
    [deal] = deals(programme, amount)
    at = deal.occurred_at
    refund = Event(id="R-1", kind="deal.refunded", partner="acme", occurred_at=at + 9_000_000, of="D-0", fields={})
    gift = Grant(key="gift", kind="redeem", holder=Holder.partner("acme"), currency="points", amount=amount // 100,
                 at=at + 5_000_000)  # fmt: skip
    table = EventTable.from_events(programme, [deal, refund])
    compiled, _ = both(table, [gift], programme.first_day + 10)
    # What is forgiven did not come back: it was redeemed and paid for, and only what is owed is reversed.
    assert compiled.layers[Layer.PARTNER].cells[0, 0].tolist() == [
        amount // 100, 0, 0, amount // 100, limit, 0, 0, 0, limit,
    ]  # fmt: skip
    assert compiled.journal is not None
    forgiven = [row for row in compiled.journal.to_pylist() if row["source"] == WRITTEN_OFF]
    assert [(row["target"], row["amount"]) for row in forgiven] == [(ARREARS, amount // 100 - limit)]


@pytest.mark.parametrize("person", [None, "ann"])
def test_with_a_response_what_happened_is_what_a_holder_may_have(person: str | None) -> None:
    """Four deals are drawn and three happen: a limit of three takes them, one of two refuses the third, both ways."""
    programme = loads(SMALL)
    drawn = deals(programme, 10_000, 100, 100, 100, person=person)
    response = Response.of(programme, {"deal.won": 10**6})
    chance = np.array([-1, 999_999, 0, 0], np.int32)
    for most in (3, 2):
        limited = evolve(programme, events_per_holder=most)
        table = evolve(EventTable.from_events(limited, drawn), chance=chance)
        if most == 3:
            compiled, _ = both(table, [], limited.first_day + 10, response=response)
            assert compiled.layers[Layer.PARTNER].events[0].tolist() == [3, 0]
            assert compiled.silent is not None
            assert compiled.silent.tolist() == [1]
            continue
        for kernel in (True, False):
            with pytest.raises(EventRejected, match="event /D-3: partner:acme has 2 events already"):
                run(limited, table, until_day=limited.first_day + 10, response=response, kernel=kernel)


def test_compiling_is_told_on_the_screen_and_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for the first compilation reads why, and where it is kept; the second run says nothing."""
    monkeypatch.setenv("LOYALTY_CACHE", str(tmp_path))
    programme = loads(EXAMPLE.replace("id: example", "id: told"))
    deal = Event(id="D", kind="deal.won", partner="acme", occurred_at=1_770_000_000_000_000, fields={"amount": 25_000})
    table = EventTable.from_events(programme, [deal])
    said = []
    for _ in range(2):
        screen = Console(file=StringIO(), width=400)
        with Meter(screen):
            run(programme, table, until_day=20_600, kernel=True)
        said.append(screen.file.getvalue())
    assert said[0].startswith("told is compiled")
    assert str(tmp_path) in said[0]
    assert said[1] == ""


def test_numbers_alone_make_no_new_kernel() -> None:
    """Rates, caps, thresholds, windows, durations and expiry change, and the generated module is the same."""
    text = (Path(__file__).parents[2] / "benchmarks" / "programmes" / "hard.yaml").read_text(encoding="utf-8")
    other = text
    for before, after in {
        "1 per 100 EUR": "2 per 90 EUR",
        "30 days": "20 days",
        "1000 EUR": "1500 EUR",
        "year_status >= 300": "year_status >= 350",
        "60 days": "50 days",
        "after: 12 months": "after: 18 months",
        "points: 5000": "points: 4000",
        "trailing: 12 months": "trailing: 6 months",
        "7 days": "9 days",
        "multiplier: 1.25": "multiplier: 1.3",
    }.items():
        assert before in other
        other = other.replace(before, after)
    for ours, others in zip(*(kernels_of(loads(each), list(Layer)).values() for each in (text, other)), strict=True):
        assert ours.source == others.source
        assert ours.module is others.module
        assert ours.layout.parameters != others.layout.parameters


def test_the_kernel_of_a_programme_is_generated_once() -> None:
    """Runs of one programme share its kernel, and another of the same text has its own."""
    text = (Path(__file__).parents[2] / "benchmarks" / "programmes" / "ten_rules.yaml").read_text(encoding="utf-8")
    programme, other = loads(text), loads(text)
    ours = kernels_of(programme, [Layer.PARTNER])[Layer.PARTNER]
    assert kernels_of(programme, [Layer.PARTNER])[Layer.PARTNER] is ours
    assert kernels_of(other, [Layer.PARTNER])[Layer.PARTNER] is not ours
