"""Feature sets in, distances out."""
