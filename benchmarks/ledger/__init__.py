"""The ledger against a floor of hand-written SQL and against other ledgers, on the same database in one run."""
