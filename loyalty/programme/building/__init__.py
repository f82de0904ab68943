"""From what was read to a checked programme: one module for each part of the file."""
