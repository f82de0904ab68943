"""
Files of events: CSV, XLSX, JSON Lines and Parquet, as they are or through a mapping of raw exports.

Nothing is imported for a format before a file of it is opened.
"""

from loyalty.sources.mapping import SourceMapping
from loyalty.sources.mapping_file import load_mapping, loads_mapping
from loyalty.sources.mapping_schema import mapping_schema
from loyalty.sources.reading import BadRow, Reading, read_events, save_bad_rows

__all__ = [
    "BadRow",
    "Reading",
    "SourceMapping",
    "load_mapping",
    "loads_mapping",
    "mapping_schema",
    "read_events",
    "save_bad_rows",
]
