"""Memory that is not used any more, which libraries keep for what comes next."""

from __future__ import annotations

import pyarrow as pa


def give_back() -> None:
    """Give the system back what Arrow keeps of what it decoded, and what lies free between what numpy has."""
    for pool in (pa.default_memory_pool(), pa.system_memory_pool()):
        pool.release_unused()
