"""From a history to the scenario that it may have come from, and how well it fits."""
