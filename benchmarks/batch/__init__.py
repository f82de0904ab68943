"""Ten million events as a file, and what is measured on them: twins written by hand, and the same in data frames."""
