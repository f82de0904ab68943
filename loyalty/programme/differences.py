"""
What differs between two revisions of a programme, as values: which rule, tier or currency, which option, before, after.

The walk goes over what the model declares, so that an option that comes later is compared like all others. Values are
compared by what they are to the revision's digest: where the digests differ, something is found here.

>>> from loyalty.programme.loading import loads
>>> from loyalty.settlement.settle import EXAMPLE
>>> [one] = differences(loads(EXAMPLE), loads(EXAMPLE.replace("1 per", "2 per")))
>>> one.things, one.option, one.keys, one.before.amount, one.after.amount, one.posts
((('rules', 'deal-base'),), ('Rule', 'give'), ('partner', 'points'), 1, 2, True)
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from enum import Enum
from typing import Any, Final

from attrs import Attribute, fields, frozen, has

from loyalty.core.holders import Layer
from loyalty.programme.arguments import programme_of
from loyalty.programme.model import ExchangeRate, Programme
from loyalty.programme.revision import IRRELEVANT, form_of
from loyalty.programme.revisions import revisions_of
from loyalty.rules.declaration import Cap, Roundings, Rule
from loyalty.tiers.declaration import Ladder, Needs, Review

#: What is not compared: where it was read, and what names it.
UNCOMPARED: Final = frozenset(
    {"place", "file", "source", "revision", "doc", "name", "earlier", "most_earned", "most_held"}
)

#: What has no name and is compared option by option, as a part of what holds it.
PARTS: Final = (Ladder, Review, Roundings)

#: The option that names a thing of a class, where that is not ``name``; examples have no names of their own.
_NAMES: Final[Mapping[str, str]] = {"RefundPolicy": "kind", "Example": ""}


class Change(Enum):
    """What became of a thing or an option."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    ORDER = "order"


@frozen
class Difference:
    """
    One difference.

    Attributes:
        things: What it is about, from the outside in: the section, and the name in it; the programme itself has none.
        option: The class and the attribute that differ; None where the thing itself was added or removed.
        keys: Which entry of an option that has several, such as the layer and the currency of an award.
        change: What became of it.
        before, after: The values; None where there is none.
        owners: What has the option, before and after, which says what amounts are of.
        posts: Whether it can change a posting; otherwise it is words for people.
        details: Of a thing that was added: what it says.
    """

    things: tuple[tuple[str, str], ...]
    option: tuple[str, str] | None
    keys: tuple[str, ...]
    change: Change
    before: Any
    after: Any
    owners: tuple[Any, Any]
    posts: bool
    details: tuple[Difference, ...] = ()


def differences(before: Programme, after: Programme) -> tuple[Difference, ...]:
    """
    Give all that differs between two programmes, in the order of the model; nothing where they are the same.

    Raises:
        UsageError: one of them is no programme.
    """
    found = tuple(_compare(programme_of(before), programme_of(after), (), posts=True))
    first, second = sorted((revisions_of(before), revisions_of(after)), key=len)
    known = [(one.from_day, one.revision) for one in first]
    if known[:-1] == [(one.from_day, one.revision) for one in second[: len(known) - 1]]:
        return found
    # One of them does not go on where the other ends: what happened earlier settles otherwise as well.
    old, new = (tuple(one.revision for one in chain.earlier) for chain in (before, after))
    option = ("Programme", "earlier")
    return (*found, Difference((), option, (), Change.CHANGED, old, new, (before, after), posts=True))


def name_of(thing: Any) -> str | None:
    """Give the name under which a thing is known in its section, or None where it is no thing."""
    name = getattr(thing, _NAMES.get(type(thing).__name__, "name"), None) if has(type(thing)) else None
    return name if isinstance(name, str) else None


def options_of(cls: type[Any]) -> Iterator[Attribute[Any]]:
    """Give the attributes of a class of the model that are compared."""
    return (one for one in fields(cls) if one.name not in UNCOMPARED and one.name != _NAMES.get(cls.__name__))


def _compare(before: Any, after: Any, things: tuple[tuple[str, str], ...], *, posts: bool) -> Iterator[Difference]:
    """Compare two things of one class option by option; one of them can be None."""
    cls = type(before if after is None else after)
    for option in options_of(cls):
        one, other = (None if side is None else getattr(side, option.name) for side in (before, after))
        if one is other or (before is None and other == _default_of(option)):
            continue
        matters = posts and option.name not in IRRELEVANT
        found = list(_options(option.name, one, other, things, (before, after), cls, posts=matters))
        yield from found
        both = before is not None and after is not None
        if both and (_order_differs(one, other) or (not found and _differ(one, other, posts=matters))):
            named = (cls.__name__, option.name)
            yield Difference(things, named, (), Change.ORDER, one, other, (before, after), posts=matters)


def _options(
    name: str, one: Any, other: Any, things: tuple[tuple[str, str], ...], owners: tuple[Any, Any], cls: type[Any],
    *, posts: bool,
) -> Iterator[Difference]:  # fmt: skip
    """Compare the values of one option."""
    named, others = _things_in(one), _things_in(other)
    if named or others:
        for key in dict.fromkeys((*named, *others)):
            yield from _things(named.get(key), others.get(key), (*things, (name, key)), owners, posts=posts)
        return
    if isinstance(one, PARTS) and isinstance(other, PARTS):
        yield from _compare(one, other, things, posts=posts)
        return
    values, new_values = _entries_of_both(one, other)
    for match in dict.fromkeys((*values, *new_values)):
        shown, value = values.get(match, ((), None))
        new_shown, new_value = new_values.get(match, ((), None))
        if _differ(value, new_value, posts=posts):
            change = Change.ADDED if value is None else Change.REMOVED if new_value is None else Change.CHANGED
            yield Difference(
                things, (cls.__name__, name), shown or new_shown, change, value, new_value, owners, posts=posts
            )


def _things(
    one: Any, other: Any, things: tuple[tuple[str, str], ...], owners: tuple[Any, Any], *, posts: bool
) -> Iterator[Difference]:
    """Compare two things of one name, of which one can be None."""
    if one is not None and other is not None:
        yield from _compare(one, other, things, posts=posts)
        return
    change = Change.ADDED if one is None else Change.REMOVED
    details = tuple(_compare(None, other, things, posts=posts)) if one is None else ()
    yield Difference(things, None, (), change, one, other, owners, posts, details)


def _things_in(value: Any) -> dict[str, Any]:
    """Give the named things that a value holds, by their names."""
    listed = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple) else ()
    names = [(name_of(item), item) for item in listed]
    return {name: item for name, item in names if name is not None} if all(name for name, _ in names) else {}


#: Entries of an option: what they are matched by, with the keys that are shown and the value.
_Entries = dict[Hashable, tuple[tuple[str, ...], Any]]


def _entries_of_both(one: Any, other: Any) -> tuple[_Entries, _Entries]:
    """Give the entries of an option before and after, cut alike on both sides."""
    if any(isinstance(side, Needs) and not side.every for side in (one, other)):
        # What is needed together and what is needed instead have no parts in common: both are told whole.
        return _whole(one), _whole(other)
    if _is_numbered(one) or _is_numbered(other):
        return _entries(one or None), _entries(other or None)
    return _entries(one), _entries(other)


def _is_numbered(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], Cap | ExchangeRate)


def _entries(value: Any) -> _Entries:
    """Give the entries of an option; one that has but a value has one."""
    if isinstance(value, Mapping):
        return {
            (key, match): ((_shown(key), *shown), item)
            for key, nested in value.items()
            for match, (shown, item) in _entries(nested).items()
        }
    if _is_numbered(value):
        return _numbered((_matched_by(item), item) for item in value)
    if isinstance(value, Needs) and value.every:
        return _numbered((_matched_by(part), part) for part in value.parts)
    return _whole(value)


def _whole(value: Any) -> _Entries:
    return {} if value is None else {"": ((), value)}


def _matched_by(item: Any) -> Hashable:
    """Give what two values have in common of which one replaces the other."""
    if isinstance(item, Cap):
        return (item.currency, item.per, item.per_event)
    if isinstance(item, ExchangeRate):
        return (item.unit, item.into, item.first_day)
    return "any" if isinstance(item, Needs) else tuple(sorted(item.names))


def _numbered(items: Iterator[tuple[Hashable, Any]]) -> _Entries:
    seen: dict[Hashable, int] = {}
    entries: _Entries = {}
    for match, item in items:
        seen[match] = seen.get(match, 0) + 1
        entries[match, seen[match]] = ((), item)
    return entries


def _order_differs(one: Any, other: Any) -> bool:
    """Tell whether tiers or other things stand in another order; rules stand in that of their names, which is none."""
    if not isinstance(one, tuple) or any(isinstance(item, Rule) for item in one):
        return False
    named, others = _things_in(one), _things_in(other)
    return [name for name in named if name in others] != [name for name in others if name in named]


def _differ(one: Any, other: Any, *, posts: bool) -> bool:
    return bool(form_of(one) != form_of(other)) if posts else bool(one != other)


def _shown(key: Any) -> str:
    if isinstance(key, Layer):
        return key.name.lower()
    return str(key.value if isinstance(key, Enum) else key).lower() if not isinstance(key, str) else key


def _default_of(option: Attribute[Any]) -> Any:
    default: Any = option.default
    return default.factory() if hasattr(default, "factory") else default
