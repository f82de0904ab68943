"""What a programme would do: populations of partners, tables of results, and a report for those who decide."""
