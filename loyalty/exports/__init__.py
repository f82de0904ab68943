"""
What leaves a book for others: journals for hledger and Beancount, rows, the trial balance, the liability.

>>> [format.value for format in Format]
['hledger', 'beancount', 'csv', 'parquet']
"""

from loyalty.exports.files import Format, export_file
from loyalty.exports.journals import Exported
from loyalty.exports.liability import Cohort, Liability, liability, opened_in
from loyalty.exports.trial_balance import TrialBalance, TrialRow, trial_balance

__all__ = [
    "Cohort",
    "Exported",
    "Format",
    "Liability",
    "TrialBalance",
    "TrialRow",
    "export_file",
    "liability",
    "opened_in",
    "trial_balance",
]
