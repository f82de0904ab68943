"""
What a programme promises, as laws that anyone can run on their own programme.

>>> from loyalty.testing import check_programme_laws       # doctest: +SKIP
>>> check_programme_laws(load("acme.yaml"))                # doctest: +SKIP

in a test module writes one test a law into it. ``events``, ``histories`` and ``programmes`` are the Hypothesis
strategies behind them; :func:`check_fairness` looks for counterexamples without a test runner.
"""

from loyalty.testing.fairness import FAIRNESS_LAWS, check_fairness
from loyalty.testing.laws import Counterexample, Law, LawResult, Verdict
from loyalty.testing.programmes import programme_texts, programmes
from loyalty.testing.promises import ENGINE_LAWS, check_programme_laws
from loyalty.testing.strategies import events, grants, histories

__all__ = [
    "ENGINE_LAWS",
    "FAIRNESS_LAWS",
    "Counterexample",
    "Law",
    "LawResult",
    "Verdict",
    "check_fairness",
    "check_programme_laws",
    "events",
    "grants",
    "histories",
    "programme_texts",
    "programmes",
]
