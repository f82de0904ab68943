"""
Looking for unfairness: first where the declaration points, then at random, then shrunk to what a person can read.

The search counts histories, not seconds, so that it finds the same on every machine; time only ends it. Directed leads
come first, for all laws; what they leave is drawn by Hypothesis from a fixed seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

from attrs import evolve
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as with_seed
from hypothesis import strategies as st

from loyalty.core.events import Event
from loyalty.errors import LoyaltyError
from loyalty.programme import boundaries
from loyalty.programme.model import Programme
from loyalty.testing.laws import Bench, Counterexample, EnoughError, Law, LawResult, Lead, OutOfTimeError, Verdict
from loyalty.testing.stories import tell
from loyalty.testing.strategies import histories

#: How many histories are settled for one law along directed leads, and for drawn ones.
DIRECTED, DRAWN = 3000, 300

#: How many histories are drawn, once for all laws.
DRAWN_HISTORIES = 40

#: What a counterexample may cost to make small.
SHRINKING = 400

#: A counterexample that a person can take in at a glance.
READABLE_EVENTS = 4


def check_fairness(
    programme: Programme, *, laws: tuple[Law, ...], budget_seconds: float = 15.0, seed: int = 0
) -> list[LawResult]:
    """
    Look for histories that break the laws of fairness.

    Args:
        programme: The checked programme.
        laws: The laws, in the order of the results.
        budget_seconds: When to stop; laws that were not looked through by then are ``unfinished``.
        seed: What random histories are drawn from.

    Returns:
        One result for each law; those that the programme opts out of carry its reason.
    """
    bench = Bench(programme, monotonic() + budget_seconds)
    results: dict[str, LawResult] = {}
    for law in laws:
        if law.name in programme.fairness:
            results[law.name] = LawResult(law=law, verdict=Verdict.OPTED_OUT, reason=programme.fairness[law.name])
        else:
            results[law.name] = _look(bench, law, law.leads(bench), DIRECTED)
    drawn_leads = _drawn(programme, seed)
    for law in laws:
        if results[law.name].verdict is Verdict.HOLDS:
            drawn = _look(bench, law, iter(drawn_leads), DRAWN)
            # The drawn histories are a gleaning: where the time ends in them, the directed search stands.
            verdict = Verdict.HOLDS if drawn.verdict is Verdict.UNFINISHED else drawn.verdict
            results[law.name] = evolve(drawn, verdict=verdict, histories=drawn.histories + results[law.name].histories)
    return [results[law.name] for law in laws]


def _look(bench: Bench, law: Law, leads: Iterator[Lead], settlements: int) -> LawResult:
    bench.allowance = bench.settled + settlements
    looked = 0
    best: Counterexample | None = None
    verdict = Verdict.HOLDS
    try:
        for lead in leads:
            looked += 1
            found = law.check(bench, lead)
            if found is not None:
                bench.allowance = bench.settled + SHRINKING
                found = shrink(bench, law, lead, found)
                best = found if best is None or len(found.events) < len(best.events) else best
                if len(best.events) <= READABLE_EVENTS:
                    break
    except EnoughError:
        pass
    except OutOfTimeError:
        verdict = Verdict.UNFINISHED
    if best is not None:
        return LawResult(
            law=law, verdict=Verdict.VIOLATED, histories=looked, counterexample=best, story=tell(bench.programme, best)
        )
    return LawResult(law=law, verdict=verdict, histories=looked)


def _drawn(programme: Programme, seed: int) -> list[Lead]:
    """Draw histories as Hypothesis does, from the seed alone, and look at them afterwards."""
    drawn: list[Lead] = []

    @with_seed(seed)
    @settings(max_examples=DRAWN_HISTORIES, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.data())
    def draw(data: st.DataObject) -> None:
        drawn.append(Lead(tuple(data.draw(histories(programme, max_events=5)))))

    draw()
    return drawn


def shrink(bench: Bench, law: Law, lead: Lead, found: Counterexample) -> Counterexample:
    """Leave out events, then bring days together and make numbers smaller, as long as the law stays broken."""
    best, best_lead = found, lead
    progress, probes = True, 0
    while progress and probes < 150:
        progress = False
        for candidate in _simpler(bench.programme, best_lead):
            probes += 1
            try:
                smaller = law.check(bench, candidate)
            except (EnoughError, OutOfTimeError):
                return best
            except LoyaltyError:
                continue
            if smaller is not None:
                best, best_lead, progress = smaller, candidate, True
                break
    return best


def _simpler(programme: Programme, lead: Lead) -> Iterator[Lead]:
    for place, event in enumerate(lead.events):
        rest = (*lead.events[:place], *lead.events[place + 1 :])
        if rest and not any(other.origin == event.identity for other in rest):
            yield evolve(lead, events=rest)
    for place, event in enumerate(lead.events):
        for simpler in _simpler_events(programme, event):
            yield evolve(lead, events=(*lead.events[:place], simpler, *lead.events[place + 1 :]))


def _simpler_events(programme: Programme, event: Event) -> Iterator[Event]:
    if event.person is not None:
        yield evolve(event, person=None)
    kind = programme.events.get(event.kind)
    for spec in boundaries.numeric_fields(kind) if kind else []:
        value = event.fields.get(spec.name)
        if isinstance(value, int):
            telling = [n for n in boundaries.numbers(programme, kind, spec) if n < value] if kind else []
            for smaller in dict.fromkeys((*telling[:3], *telling[-3:], value // 2)):
                if spec.lowest <= smaller < value:
                    yield evolve(event, fields={**event.fields, spec.name: smaller})
