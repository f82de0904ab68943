"""The nearest ways to a tier: what is missing, and the smallest sets of actions that settling them finds enough."""
