"""
Changing numbers of a programme file: each is known by a readable path, and the changed text is loaded like any file.

A path names keys from the outside in. An item of a list is named by its first value (the rule, the tier), or by its
number from 1; an expression in a list by the first name in it. Steps may be left out where one number alone fits, so
``tiers.gold.multiplier`` finds ``tiers.ladder.gold.multiplier``. Of several numbers in a text ``#2`` names the second.

>>> from loyalty.programme.loading import loads
>>> from loyalty.settlement.settle import EXAMPLE
>>> programme = loads(EXAMPLE)
>>> number = find_number(programme, "deal-base.points")
>>> number.path, number.text, number.value
('earn.deal-base.give.partner.points', '1 per 100 EUR', Decimal('1'))
>>> "points: 2 per 100 EUR" in changed(programme, {"deal-base.points": Decimal(2)}).source
True
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Final

from attrs import evolve, frozen

from loyalty.errors import LoyaltyError, ProgrammeError
from loyalty.programme.loading import loads
from loyalty.programme.model import Programme
from loyalty.programme.nodes import Mapping as MappingNode
from loyalty.programme.nodes import Node, Scalar, Sequence, shorten
from loyalty.programme.notes import Notes, join_words, nearest
from loyalty.programme.renumbering import Edit, renumbered
from loyalty.programme.yaml_reading import read_yaml

#: A number that is no part of a name or a date.
_NUMBER: Final = re.compile(r"(?<![\w.-])\d[\d_]*(?:\.\d+)?(?![\w-]|\.\d)")

_NAME: Final = re.compile(r"[A-Za-z_][\w.-]*|\d{4}-\d\d-\d\d")

#: Sections that change no posting.
_SKIPPED: Final = frozenset({"language", "fairness", "examples"})

#: So many paths a message lists at most.
_MOST_LISTED: Final = 8


class PathError(LoyaltyError):
    """A path that leads to no number of a programme file, or to several."""

    code = "no-such-number"


@frozen
class FileNumber:
    """
    One number of a programme file.

    Args:
        path: Its whole path.
        text: The text that it stands in.
        value: The number as it is written.
        start, end: Where it stands in the text of the file.
        steps: The steps of the path, each with the names that it can be called by.
        place: Which number of its text it is, from 1.
    """

    path: str
    text: str
    value: Decimal
    start: int
    end: int
    steps: tuple[tuple[str, ...], ...]
    place: int = 1


def find_number(programme: Programme, path: str) -> FileNumber:
    """
    Give the number that a path leads to.

    Raises:
        PathError: it leads to none, or to several equally well.
    """
    numbers = numbers_of(programme)
    asked, _, place = path.strip().partition("#")
    if place and not place.strip().isdigit():
        raise PathError(f"{path!r}: got #{place}; write which number of the text is meant, such as #2")
    if not asked.strip():
        raise PathError("the path is empty; write one such as tiers.gold.multiplier")
    tokens = tuple(asked.strip().split("."))
    fits = [number for number in numbers if number.place == int(place or 1) and _leads_to(number.steps, tokens)]
    whole = [number for number in fits if asked.strip() == number.path.partition("#")[0]]
    if not fits:
        # A path may end above its number, where there is but one below it.
        below = [number for number in numbers if number.place == int(place or 1) and _leads_into(number.steps, tokens)]
        fits = below if len(below) == 1 else []
    if len(whole or fits) == 1:
        return (whole or fits)[0]
    if fits:
        paths = join_words((number.path for number in fits[:_MOST_LISTED]), "or")
        raise PathError(f"{path!r} leads to {len(fits)} numbers of {programme.file}; write {paths}")
    raise PathError(f"{path!r} leads to no number of {programme.file}; {_hint(numbers, path, tokens)}")


def changed(programme: Programme, values: Mapping[str, Decimal]) -> Programme:
    """
    Give the programme as it is with other numbers: its file is loaded anew, with all checks of the language.

    Args:
        values: By path; a number is written with the digits that it has.

    Raises:
        PathError: a path leads to no number, or two lead to the same.
        ProgrammeError: the language does not allow the values; each finding says which were set.
    """
    numbers = {path: find_number(programme, path) for path in values}
    places = [number.start for number in numbers.values()]
    if len(set(places)) < len(places):
        twice = [path for path, number in numbers.items() if places.count(number.start) > 1]
        raise PathError(f"{join_words(twice)} are the same number; give it one value")
    source = text = programme.source
    edits = []
    for path, number in sorted(numbers.items(), key=lambda item: -item[1].start):
        written = format(values[path], "f")
        text = text[: number.start] + written + text[number.end :]
        line_start = source.rfind("\n", 0, number.start) + 1
        line = source.count("\n", 0, number.start) + 1
        edits.append(Edit(line, number.start - line_start + 1, source[number.start : number.end], written))
    node = _read(source, programme.file)
    node = None if node is None else renumbered(node, source.split("\n"), edits)
    try:
        return loads(text, programme.file, before=programme.earlier[-1] if programme.earlier else None, node=node)
    except ProgrammeError as error:
        given = join_words(f"{path} = {value:f}" for path, value in values.items())
        raise ProgrammeError(evolve(one, why=f"{one.why} (with {given})") for one in error.findings) from None


@lru_cache(maxsize=8)
def _read(source: str, file: str) -> Node | None:
    return read_yaml(source, Notes(source, file))


@lru_cache(maxsize=8)
def _numbers_in(source: str, file: str) -> tuple[FileNumber, ...]:
    node = _read(source, file)
    starts = [0]
    for line in source.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    found: dict[int, FileNumber] = {}
    for steps, scalar in _scalars(node, ()) if node is not None else ():
        begin = starts[scalar.place.line - 1] + scalar.place.column - 1
        end = min(starts[scalar.end_line - 1] + scalar.end_column - 1, len(source))
        if scalar.style in ("|", ">"):
            begin = source.find("\n", begin, end)
        path = ".".join(names[0] for names in steps)
        for place, match in enumerate(_NUMBER.finditer(source, max(begin, 0), end), start=1):
            # What an alias repeats is the number that it was written as first.
            found.setdefault(
                match.start(),
                FileNumber(
                    path if place == 1 else f"{path}#{place}",
                    shorten(scalar.text),
                    Decimal(match[0].replace("_", "")),
                    match.start(),
                    match.end(),
                    steps,
                    place,
                ),
            )
    return tuple(found.values())


def numbers_of(programme: Programme) -> tuple[FileNumber, ...]:
    """Give every number of a programme's own file, in the order of the file, those of its examples left out."""
    return _numbers_in(programme.source, programme.file)


def _scalars(node: Node, steps: tuple[tuple[str, ...], ...]) -> Iterator[tuple[tuple[tuple[str, ...], ...], Scalar]]:
    if isinstance(node, Scalar):
        if not node.broken:
            yield steps, node
    elif isinstance(node, MappingNode):
        for key, value in node.entries:
            if steps or key.text not in _SKIPPED:
                yield from _scalars(value, (*steps, (key.text,)))
    else:
        for names, item in zip(_item_names(node), node.items, strict=True):
            yield from _scalars(item, (*steps, names))


def _item_names(sequence: Sequence) -> list[tuple[str, ...]]:
    """Give what each item of a list can be called, the best name first."""
    names = [_item_name(item) for item in sequence.items]
    return [
        (name, str(number)) if name is not None and names.count(name) == 1 else (str(number),)
        for number, name in enumerate(names, start=1)
    ]


def _item_name(item: Node) -> str | None:
    if isinstance(item, MappingNode) and item.entries and isinstance(item.entries[0][1], Scalar):
        text = item.entries[0][1].text
        return text if _NAME.fullmatch(text) else None
    match = _NAME.search(item.text) if isinstance(item, Scalar) else None
    return None if match is None else match[0]


def _leads_to(steps: tuple[tuple[str, ...], ...], asked: tuple[str, ...]) -> bool:
    """Tell whether a path leads here, steps that it leaves out aside; the last step must be there."""
    if not asked or not steps:
        return not asked and not steps
    for name in steps[0]:
        tokens = tuple(name.split("."))
        if asked[: len(tokens)] == tokens and _leads_to(steps[1:], asked[len(tokens) :]):
            return True
    return len(steps) > 1 and _leads_to(steps[1:], asked)


def _hint(numbers: Iterable[FileNumber], path: str, tokens: tuple[str, ...]) -> str:
    """Say which path may be meant: what stands below the one that was got, or the nearest."""
    paths = [number.path for number in numbers]
    below = [number.path for number in numbers if _leads_into(number.steps, tokens)]
    if below:
        return f"below it there are {join_words(below[:_MOST_LISTED])}"
    near = nearest(path, paths)
    if near is None:
        last = tokens[-1]
        near = next((each for each in paths if each.rpartition(".")[2] == last), None)
    if near is not None:
        return f"did you mean {near}?"
    return f"its first numbers are {join_words(paths[:_MOST_LISTED])}" if paths else "the file has no number"


def _leads_into(steps: tuple[tuple[str, ...], ...], tokens: tuple[str, ...]) -> bool:
    return any(_leads_to(steps[:length], tokens) for length in range(1, len(steps)))
