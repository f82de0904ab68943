"""
Which version of a rule pays: that of the event's day, or of an earlier day that a grandfathered rule looks at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from loyalty.rules.declaration import Grandfather, Rule
from loyalty.settlement.layout import Layout

#: The days that decide, as the step reads them: of the first event of the chain, and of the holder's first event.
_ORIGIN, _ANCHOR = "e.origin", "s.anchor"


def paying_versions(
    versions: Sequence[tuple[Layout, Rule]], view: Layout, views: Sequence[Layout]
) -> Iterator[tuple[Rule, str]]:
    """
    Give the versions of a rule that can pay on the days of a view, each with the source of when it does, "" for always.

    Args:
        versions: All versions up to the view, with the views that they are of.
        views: All views, the earliest first.
    """
    by_place = {views.index(home): rule for home, rule in versions}
    now = views.index(view)
    # Neither the origin nor the holder's first event lies behind the event.
    places = range(now + 1)
    for place, rule in by_place.items():
        anchors = [[a for a in places if _paying(by_place, now, origin, a) == place] for origin in places]
        if any(anchors):
            yield rule, _source(anchors, views[: now + 1])


def _paying(versions: dict[int, Rule], now: int, origin: int, anchor: int) -> int:
    """Give the place of the version that pays, which there may not be, by those of the days that can decide."""
    for other, word in ((origin, Grandfather.ORIGIN), (anchor, Grandfather.JOINED)):
        if any(place in versions and versions[place].grandfather is word for place in (now, other)):
            return other
    return now


def _source(anchors: Sequence[list[int]], views: Sequence[Layout]) -> str:
    """Give the source of when a version pays; for the revision of each origin, *anchors* has those of the anchors."""
    parts = []
    for allowed, run in groupby(range(len(views)), key=lambda origin: anchors[origin]):
        if allowed:
            tests = [_within(_ORIGIN, list(run), views), _within(_ANCHOR, allowed, views)]
            parts.append(" and ".join(test for test in tests if test))
    return _either(parts)


def _within(day: str, places: Sequence[int], views: Sequence[Layout]) -> str:
    """Give the source of whether a day lies in one of these revisions; it lies in none behind the last."""
    runs = [[place for _, place in run] for _, run in groupby(enumerate(places), key=lambda pair: pair[1] - pair[0])]
    return _either([_between(day, views[run[0]], views[run[-1]], views) for run in runs])


def _between(day: str, first: Layout, last: Layout, views: Sequence[Layout]) -> str:
    if first is views[0]:
        return "" if last is views[-1] else f"{day} < {last.ends}"
    return f"{day} >= {first.begins}" if last is views[-1] else f"{first.begins} <= {day} < {last.ends}"


def _either(tests: Sequence[str]) -> str:
    return tests[0] if len(tests) == 1 else f"({' or '.join(f'({test})' for test in tests)})"
