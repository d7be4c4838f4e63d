"""Several runs at once: a process for each seed, one view of all.

May import: errors, run, terminal.
"""
