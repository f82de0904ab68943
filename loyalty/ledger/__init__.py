"""The double-entry ledger: entries that balance or cannot be built, lots, and stores that keep them."""
