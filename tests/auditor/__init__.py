"""
The slow auditor: settlement written a second time, from ``docs/explanation/semantics.md`` alone.

It shares no code with ``loyalty.settlement`` or ``loyalty.engine``. Nothing is kept that can be computed again: metrics
are summed from lists, lots are single lots, days are visited one by one. Numbers in brackets name the paragraphs of
the page.

>>> from tests.auditor import audit  # audit(programme, events, grants, until_day=...).balance(holder, ...)
"""

from tests.auditor.auditing import Audit, audit
from tests.auditor.book import Transfer

__all__ = ["Audit", "Transfer", "audit"]
