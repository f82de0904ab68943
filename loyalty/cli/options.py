"""Values of options that are read as programme files read them."""

from __future__ import annotations

import click

from loyalty.core.calendar import parse_day


class _Day(click.ParamType[int]):
    """A date, as a day number."""

    name = "date"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_day(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


DAY = _Day()
