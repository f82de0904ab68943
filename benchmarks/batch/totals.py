"""What a twin adds up, and whether a Batch says the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import frozen


@frozen(eq=False, kw_only=True)
class Totals:
    """
    The totals of one layer under the names of :class:`loyalty.batch.results.Batch` and its ``HolderTotals``.

    Attributes:
        took_part: By holder, whether it has any row.
        kinds, labels: The names of what ``events`` and ``sums``, and ``rules``, have columns of.
        outstanding: Like the Batch's, with fewer months; the last column never expires.
    """

    took_part: Any
    kinds: Sequence[str]
    labels: Sequence[str]
    cells: Any
    tier: Any
    events: Any
    sums: Any
    flows: Any
    tier_moves: Any
    funds: Any
    rules: Any
    outstanding: Any
    entries: int
    postings: int


def differences(batch: Any, layers: Sequence[Totals]) -> list[str]:
    """Give the names of the totals in which a Batch and what a twin gave by layer are not the same."""
    different = []
    kinds = list(batch.programme.events)
    for totals, own, layer in zip(layers, batch.layers.values(), batch.layers, strict=False):
        columns = [kinds.index(kind) for kind in totals.kinds]
        pairs = {
            "cells": (own.cells, totals.cells),
            "tier": (own.tier, totals.tier),
            "events": (own.events[:, columns], totals.events),
            "sums": (own.sums[:, columns], totals.sums),
        }
        different += [
            f"{name} of {layer.name.lower()}s"
            for name, (ours, theirs) in pairs.items()
            if not np.array_equal(ours, theirs[totals.took_part])
        ]
        for place, label in enumerate(totals.labels):
            if not np.array_equal(batch.rules[batch.names.label_code[label], layer], totals.rules[place]):
                different.append(f"rule {label} of {layer.name.lower()}s")
    for name in ("flows", "tier_moves", "funds", "entries", "postings"):
        if not np.array_equal(getattr(batch, name), sum(getattr(totals, name) for totals in layers)):
            different.append(name)
    theirs = sum(totals.outstanding for totals in layers)
    months = theirs.shape[1] - 1
    dated, never = batch.outstanding[:, :-1], batch.outstanding[:, -1]
    same = np.array_equal(dated[:, :months], theirs[:, :-1]) and not dated[:, months:].any()
    if not (same and np.array_equal(never, theirs[:, -1])):
        different.append("outstanding")
    return different
