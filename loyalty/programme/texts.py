"""
Texts that every store and every file can keep.

>>> can_be_stored("Zürich"), can_be_stored("a\\x00b"), can_be_stored("\\ud800")
(True, False, False)
"""

from __future__ import annotations

import re
from typing import Final

#: What a text must not hold: databases refuse NUL, and half of a surrogate pair has no form in UTF-8.
UNSTORABLE: Final = "NUL or half of a surrogate pair, which no store can keep"

_UNSTORABLE: Final = re.compile("[\\x00\\ud800-\\udfff]")


def can_be_stored(text: str) -> bool:
    """Whether a text has a form in every store."""
    return text.isprintable() or _UNSTORABLE.search(text) is None


def writable(text: str) -> str:
    """Give a text as it is, but for characters that no store can keep, which are written as escapes."""
    return _UNSTORABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
