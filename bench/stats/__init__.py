"""Numbers in, numbers out: tests, groups, trends, variance; no torch."""
