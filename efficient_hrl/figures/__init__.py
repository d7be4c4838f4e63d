"""Figures of a run, as PNG with their numbers as CSV."""
