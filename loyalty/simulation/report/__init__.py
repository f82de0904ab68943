"""
Reports: one HTML file each that a manager can read and print, in English and in Russian.

:func:`render_report` is of one run, :func:`render_comparison` of a base and its variants, :func:`render_sweep` and
:func:`render_tuning` of a number that was turned, :func:`render_forecast` of where today leads, and
:func:`render_fit` of a scenario that was estimated. Whatever comes from outside, such as the names of partners, is
escaped. The same results give the same bytes.
"""

from loyalty.simulation.report.comparing import render_comparison
from loyalty.simulation.report.fitting import render_fit
from loyalty.simulation.report.forecasting import render_forecast
from loyalty.simulation.report.single import render_report
from loyalty.simulation.report.sweeping import render_sweep, render_tuning

__all__ = [
    "render_comparison",
    "render_fit",
    "render_forecast",
    "render_report",
    "render_sweep",
    "render_tuning",
]
