"""From a checked programme and a history to journal entries: one generated step, and what surrounds it."""
