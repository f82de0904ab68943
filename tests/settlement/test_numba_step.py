"""The generated step, compiled as it is, does under numba what it does as Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from loyalty import load
from loyalty.core.events import TIER_OVERRIDE, Event
from loyalty.core.holders import Holder, Layer
from loyalty.settlement.generate import steps_of
from loyalty.settlement.history import place_events
from loyalty.settlement.holder_run import HolderRun
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


def test_compiled_step_equals_the_core_on_a_thousand_events() -> None:
    """Both runtimes put out the same movements, event by event, for a programme with every feature."""
    programme = load(EVERY_FEATURE)
    steps = steps_of(programme)
    events = list(population(programme, default_scenario(programme), 24, 24, 7, programme.first_day))
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
    compared = 0
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
                compared += 1
                if compared % 20 == 0:
                    # More than there is: what is lacking becomes arrears, which later credits repay.
                    expected = run.redeem(0, run.available(0) + 1, placed.instant)
                    movements = _compiled_movements(compiled, run, item, scalars, memory, output)
                    assert movements == expected, placed.event
        for run, scalars, memory in runs.values():
            expected = run.advance(programme.first_day + 2000)
            compiled["boundary"](scalars[0], memory, output, programme.first_day + 2000)
            assert drain(output) == expected, run.holder
    assert len(events) >= 1000
    assert compared >= len(events)


def _compiled_movements(compiled, run, item, scalars, memory, output):
    """Settle under numba the item that the run has just settled as Python."""
    for field in item.dtype.names:
        item[0][field] = getattr(run.item, field)
    compiled["step"](item[0], scalars[0], memory, output)
    return drain(output)
