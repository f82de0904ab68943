"""
What a programme promises, as laws that anyone can run on their own programme.

>>> from loyalty import loads
>>> from loyalty.settlement.settle import EXAMPLE
>>> from loyalty.testing import check_programme_laws
>>> tests = {}
>>> check_programme_laws(loads(EXAMPLE), namespace=tests)
>>> "test_no_cliff" in tests
True

Without a namespace the same call in a test module writes one test a law into that module. ``events``, ``histories``,
``arrivals``, ``programmes`` and ``chains`` (programmes with earlier revisions) are the Hypothesis strategies behind
them; :func:`check_fairness` looks for counterexamples without a test runner.
"""

from loyalty.testing.fairness import FAIRNESS_LAWS, check_fairness
from loyalty.testing.later_revisions import chains, later_revisions
from loyalty.testing.laws import Counterexample, Law, LawResult, Verdict
from loyalty.testing.programmes import programme_texts, programmes
from loyalty.testing.promises import ENGINE_LAWS, check_programme_laws
from loyalty.testing.strategies import arrivals, events, grants, histories

__all__ = [
    "ENGINE_LAWS",
    "FAIRNESS_LAWS",
    "Counterexample",
    "Law",
    "LawResult",
    "Verdict",
    "arrivals",
    "chains",
    "check_fairness",
    "check_programme_laws",
    "events",
    "grants",
    "histories",
    "later_revisions",
    "programme_texts",
    "programmes",
]
