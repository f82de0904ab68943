"""What leaves a book: journals, rows, the trial balance and the liability."""
