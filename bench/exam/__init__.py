"""The exam of the measures: data changed in a known way, and what must come of it."""
