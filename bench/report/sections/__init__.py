"""Sections of a report: each makes words of results."""
