"""Integer amounts and rounding, instants and periods, events and holders: what everything else is made of."""
