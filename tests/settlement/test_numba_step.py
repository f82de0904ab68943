"""The generated step, compiled as it is, does under numba what it does as Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from loyalty import loads
from loyalty.core.calendar import NEVER
from loyalty.core.events import TIER_OVERRIDE, Event
from loyalty.core.holders import Holder, Layer
from loyalty.ledger.store import Grant, GrantedLot
from loyalty.settlement.generate import steps_of
from loyalty.settlement.history import place_events
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.runtime import (
    ARREARS,
    AVAILABLE,
    EXPIRED,
    HELD,
    INTO_ARREARS,
    ISSUED,
    REDEEMED,
    WRITTEN_OFF,
    take_back,
)
from loyalty.simulation.population import population
from loyalty.simulation.scenario import default_scenario

pytest.importorskip("numba", reason="needs the [sim] extra: pip install 'loyalty-engine[sim]'")

from loyalty.simulation.compiled import (
    compile_step,
    drain,
    items_array,
    output_array,
    scalars_array,
    tables,
)

EVERY_FEATURE = Path(__file__).parents[1] / "programme" / "full.yaml"
CAPACITY = 4096

#: The file's currencies, and the same with what becomes of points that come back late.
RETURNS = {
    "{worth: 0.01 EUR, expires": "{returns: {grace: 2 months}, worth: 0.01 EUR, expires",
    "mdf:    {unit: EUR, expires": "mdf:    {unit: EUR, returns: reissue, expires",
}


#: What a second revision of it has otherwise: a tier goes, rates, caps, gifts, refunds and what returns change.
CHANGES = {
    "limits: {events": "revision: {from: 2026-09-01}\nlimits: {events",
    "returns: {grace: 2 months}, worth": "returns: {grace: 10 days}, worth",
    "expires: {after: 24 months, at: end_of_month}": "expires: {after: 18 months}",
    "      gift: {points: 20}\n": "",
    "    - tier: invited\n      multiplier: 1.5\n      needs: [false]\n": "",
    "gift: {points: 250, stars: 1.50}": "gift: {points: 300, status: 2}",
    "needs: year_status >= 100": "needs: year_status >= 50",
    "partner: {points: 1 per 100 EUR, status: 1 per 100 EUR": "partner: {points: 2 per 100 EUR, status: 1 per 100 EUR",
    "{points: 20000, per: [partner, quarter]}": "{points: 5000, per: [partner, quarter]}",
}


@pytest.mark.parametrize("revisions", [1, 2])
def test_compiled_step_equals_the_core_on_a_thousand_events(revisions: int) -> None:
    """Both runtimes put out the same movements, event by event, for a programme with every feature, and for two."""
    text = EVERY_FEATURE.read_text(encoding="utf-8")
    for before, after in RETURNS.items():
        assert text.count(before) == 1
        text = text.replace(before, after)
    programme = loads(text)
    if revisions == 2:
        for before, after in CHANGES.items():
            assert text.count(before) == 1, before
            text = text.replace(before, after)
        text = text.replace("    on: deal.won\n", "    on: deal.won\n    grandfather: joined\n", 1)
        programme = loads(text, before=programme)
    steps = steps_of(programme)
    drawn = population(programme, default_scenario(programme), 24, 24, 7, programme.first_day, ids=True)
    events = drawn.to_events()
    events += [
        Event(
            id=f"override-{number}",
            kind=TIER_OVERRIDE,
            partner=event.partner,
            occurred_at=event.occurred_at + 1,
            fields={"tier": programme.ladder.tiers[-1].name, "until": "2026-12-31"},
        )
        for number, event in enumerate(events[::40])
    ]
    compared = granted = 0
    ways: set[tuple[int, int]] = set()
    taken_back: set[str] = set()
    rng = Random(7)
    for layer in Layer:
        layer_step = steps.layers[layer]
        compiled = compile_step(layer_step)
        item, output = items_array(layer_step, 1), output_array(CAPACITY)
        runs: dict[Holder, tuple[HolderRun, object, object]] = {}
        for placed in place_events(programme, events):
            for holder in placed.holders:
                if holder.layer is not layer:
                    continue
                if holder not in runs:
                    runs[holder] = (HolderRun(steps, holder), scalars_array(layer_step), tables(layer_step, CAPACITY))
                run, scalars, memory = runs[holder]
                expected, _ = run.apply(placed, tier=compared % 2)
                movements = _compiled_movements(compiled, run, item, scalars, memory, output)
                assert movements == expected, placed.event
                taken_back |= {steps.names.labels[label] for label, _, _, to, *_ in expected if to == ISSUED}
                ways.update((source, target) for _, _, source, target, *_ in expected)
                compared += 1
                if compared % 7 == 0:
                    code = rng.randrange(len(programme.currencies))
                    available, currency = run.available(code), steps.names.assets[code]
                    for grant in _grants(compared, run, placed.instant, currency, available, rng):
                        expected = run.grant(grant)
                        movements = _compiled_movements(compiled, run, item, scalars, memory, output)
                        assert movements == expected, grant
                        ways.update((source, target) for _, _, source, target, *_ in expected)
                        granted += 1
        for run, scalars, memory in runs.values():
            # Clawbacks beyond a limit are rare in a population, so one is asked for.
            back = (0, 0, run.available(0) + 50, NEVER, -1, 0, run.through_day, INTO_ARREARS, -1, 7)
            expected = []
            assert take_back(run.memory, expected, *back) == compiled["take_back"](memory, output, *back) > 0
            assert drain(output) == expected
            assert expected[-1][2:4] == (WRITTEN_OFF, ARREARS)
            _close(compiled, run, item, scalars, memory, output)
            expected = run.advance(programme.first_day + 2000)
            compiled["boundary"](scalars[0], memory, output, programme.first_day + 2000)
            assert drain(output) == expected, run.holder
    assert len(events) >= 1000
    assert compared >= len(events)
    assert granted >= 400
    assert taken_back >= {"@tier.silver", "@badge.first-star", "@allotment.yearly-mdf"}
    assert ways >= {
        (HELD, REDEEMED),
        (HELD, AVAILABLE),
        (REDEEMED, AVAILABLE),
        (EXPIRED, AVAILABLE),
        (ARREARS, REDEEMED),
    }


def _grants(number: int, run: HolderRun, at: int, currency: str, available: int, rng: Random) -> Iterator[Grant]:
    """
    Give one command after the other of every kind.

    Some ask for more than there is: what is lacking becomes arrears, which later credits repay. Some holds end by
    time, and some of what comes back has expired meanwhile.
    """
    day = at // 86_400_000_000 + 1

    def grant(kind: str, amount: int, of: str | None = None, **more: object) -> Grant:
        key = f"{run.holder}-{kind}-{number}-{rng.random()}"
        return Grant(key=key, kind=kind, holder=run.holder, currency=currency, amount=amount, at=at, of=of, **more)

    def lot(amount: int) -> dict[str, object]:
        return {"lots": (GrantedLot(day + rng.choice((1, 40, 400)), at, amount),)}

    for key in run.open_holds()[:2]:
        left = run.left(key)
        yield grant("capture", rng.randint(1, left), key)
        if run.left(key) and rng.random() < 0.5:
            yield grant("release", run.left(key), key)
    hold = grant("hold", available // 2 + 2, until_day=day + rng.choice((1, 30, 500)))
    yield hold
    redeemed = grant(rng.choice(("redeem", "debit", "send")), available // 2 + 1)
    yield redeemed
    yield grant("restore", rng.randint(1, redeemed.amount), redeemed.key)
    paid_in = grant(rng.choice(("credit", "open", "receive")), 30, **lot(30))
    yield paid_in
    yield grant("revoke", 10, paid_in.key, lots=(GrantedLot(paid_in.lots[0].expires_day, at, 10),))
    yield grant("send", 5, **lot(5))


def _close(compiled, run, item, scalars, memory, output) -> None:
    """Close every other holder at its end, with what is pending matured or forfeited."""
    at = (run.through_day + 1) * 86_400_000_000
    fate = "mature" if run.events % 2 else "forfeit"
    closing = Grant(
        key=f"{run.holder}-close", kind="close", holder=run.holder, currency="", amount=1, at=at,
        note={"pending": fate},
    )  # fmt: skip
    expected = run.grant(closing)
    assert _compiled_movements(compiled, run, item, scalars, memory, output) == expected


def _compiled_movements(compiled, run, item, scalars, memory, output):
    """Settle under numba the item that the run has just settled as Python."""
    for field in item.dtype.names:
        item[0][field] = getattr(run.item, field)
    compiled["step"](item[0], scalars[0], memory, output)
    return drain(output)
