"""Market development funds: allotments at the start of each period (accrual by deals is an earning rule)."""
