"""What a simulation needs that an embedding application does not pay for."""

from __future__ import annotations

from importlib.util import find_spec

from loyalty.errors import UsageError


def require_arrays(what: str, *others: str) -> None:
    """
    Stop here where numpy or pyarrow is not installed.

    Args:
        what: What is wanted, for the error.
        others: More packages that it needs.

    Raises:
        UsageError: one of them is missing; it says how both are installed.
    """
    missing = [name for name in ("numpy", "pyarrow", *others) if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"{what} works on arrays, and {' and '.join(missing)} is not installed; "
            "run pip install 'loyalty-engine[sim]'"
        )
