"""Badges and streaks: recognition that is not money."""
