"""
The identity of a revision: a digest of what can change a posting.

Places, titles, declared worth, opt-outs, examples and who may transfer are not part of it, and neither is the order in
which things are written where the order has no meaning. How late or early events may come is none of it either: it is
asked once, when an event is recorded, and the answer is kept with the event, which settles to the same ever after.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import Any, Final

from attrs import fields, has
from cattrs import Converter
from cattrs.gen import make_dict_unstructure_fn, override

from loyalty.core.calendar import Calendar
from loyalty.core.events import canonical_json
from loyalty.programme.model import Programme
from loyalty.rules.expressions import Expression

_DIGITS: Final = 16

#: Spaces between the parts of an expression; those inside its strings are kept.
_SPACES: Final = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|\s+""")

#: Names of attributes that change no posting, wherever they stand.
IRRELEVANT: Final = frozenset(
    {
        *("place", "title", "worth", "worth_unit", "examples", "fairness", "file", "revision", "doc", "transfer"),
        *("earlier", "source", "most_earned", "most_held", "accept_late", "accept_early"),
    }
)


def revision_of(programme: Programme) -> str:
    """
    Give the digest of a programme, in hexadecimal digits.

    Two files that differ only in words for people have the same one.
    """
    return hashlib.sha256(canonical_json(written(programme)).encode()).hexdigest()[:_DIGITS]


def written(declaration: object) -> Any:
    """Give a part of a programme as plain JSON types, without what changes no posting."""
    return _converter().unstructure(declaration)


def form_of(value: Any) -> str:
    """Give what the digest of a programme takes of a value that is declared in it."""
    return canonical_json(_converter().unstructure(value))


@cache
def _converter() -> Converter:
    """Make the converter from declarations to plain JSON types; it is made at the first use."""
    converter = Converter()
    converter.register_unstructure_hook(Fraction, str)
    converter.register_unstructure_hook(Calendar, lambda calendar: calendar.timezone)
    converter.register_unstructure_hook(Expression, _source)
    # The class is named as well: a key may have the period `month`, or a field of that name.
    converter.register_unstructure_hook(Enum, lambda member: f"{type(member).__name__}.{member.name}")
    converter.register_unstructure_hook_factory(has, _without_words)
    return converter


def _without_words(cls: type[Any], converter: Converter) -> Callable[[Any], Mapping[str, Any]]:
    """Make what unstructures a class, without the attributes that change no posting."""
    left_out: dict[str, Any] = {field.name: override(omit=True) for field in fields(cls) if field.name in IRRELEVANT}
    # An option that came later is left out where it is not used, so that older programmes keep their revision.
    left_out |= {field.name: override(omit_if_default=True) for field in fields(cls) if "silent" in field.metadata}
    return make_dict_unstructure_fn(cls, converter, **left_out)


def _source(expression: Expression) -> str:
    """Give an expression as it is written, on one line."""
    return _SPACES.sub(lambda match: match[1] or " ", expression.source.strip())
