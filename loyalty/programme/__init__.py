"""The declaration of a programme: its model, loading it with every finding at once, and admitting events to it."""
