"""
The identity of a revision: a digest of what can change a posting.

Places, titles, declared worth, opt-outs and examples are not part of it, and neither is the order in which things
are written where the order has no meaning.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from enum import Enum
from fractions import Fraction
from typing import Any, Final

from attrs import fields, has

from loyalty.core.calendar import Calendar
from loyalty.core.events import canonical_json
from loyalty.programme.model import Programme
from loyalty.rules.expressions import Expression

_DIGITS: Final = 16

#: Spaces between the parts of an expression; those inside its strings are kept.
_SPACES: Final = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|\s+""")

#: Names of attributes that change no posting, wherever they stand.
_IRRELEVANT: Final = frozenset(
    {"place", "title", "worth", "worth_unit", "examples", "fairness", "file", "revision", "doc"}
)


def revision_of(programme: Programme) -> str:
    """
    Give the digest of a programme, in hexadecimal digits.

    Two files that differ only in words for people have the same one.
    """
    return hashlib.sha256(canonical_json(_plain(programme)).encode()).hexdigest()[:_DIGITS]


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, Calendar):
        return value.timezone
    if isinstance(value, Expression):
        return _SPACES.sub(lambda match: match[1] or " ", value.source.strip())
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in value]
    if has(type(value)):
        return {
            "type": type(value).__name__,
            **{
                attribute.name: _plain(getattr(value, attribute.name))
                for attribute in fields(type(value))
                if attribute.name not in _IRRELEVANT
            },
        }
    return value
