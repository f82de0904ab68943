"""Tests of files of events: formats, mappings, and the examples."""
