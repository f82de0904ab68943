"""Why something was posted, for people: what a book keeps about it, read back and told in a language."""
