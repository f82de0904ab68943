"""The command line: check, backtest, simulate, explain, schema and init; nothing below it knows that it exists."""
