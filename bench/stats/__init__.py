"""Numbers in, numbers out: tests, groups, trends, variance, order; no torch."""
