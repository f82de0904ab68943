"""The audit of a book in tables: raw rows in passing, sums by the database, all of it in parts that can run apart."""
