"""The command line of mer. Only `console`, `live` and `grid` know rich."""
